import {describe, expect, it} from 'vitest'

import {checkProtected, protectingPattern} from '../../../src/jobs/clear/plan.js'

describe('protected names', () => {
  it.each([
    ['ELYSIACTL_State', 'ELYSIACTL_*'],
    ['Users_SYSTEM', '*_SYSTEM'],
    ['.internal_x', '.internal*'],
    ['Users', undefined],
    ['MYELYSIACTL_x', undefined],
    ['xinternal', undefined],
  ])('%s is protected by %s', (name, pattern) => {
    expect(protectingPattern(name)).toBe(pattern)
  })

  it('can be others, in which only * is special', () => {
    expect(protectingPattern('Prod.Users', ['Prod.*'])).toBe('Prod.*')
    expect(protectingPattern('ProdXUsers', ['Prod.*'])).toBeUndefined()
    expect(protectingPattern('ELYSIACTL_State', [])).toBeUndefined()
  })

  it('need allowProtected', () => {
    expect(() => {
      checkProtected('Users_SYSTEM', {})
    }).toThrow(expect.objectContaining({code: 'NOT_CONFIRMED', exitCode: 2}))
    expect(() => {
      checkProtected('Users_SYSTEM', {allowProtected: true})
    }).not.toThrow()
  })
})
