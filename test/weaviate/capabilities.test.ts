import {describe, expect, it} from 'vitest'

import {capabilitiesOf, isAtLeast, SINCE} from '../../src/weaviate/capabilities.js'

describe('isAtLeast', () => {
  it.each([
    ['1.28.5', '1.28.5', true],
    ['1.28.4', '1.28.5', false],
    ['1.9.0', '1.28.5', false],
    ['1.100.0', '1.28.5', true],
    ['2.0.0', '1.28.5', true],
    ['1.40.0-dev', '1.39.0', true],
    ['1.33.0-rc.0', '1.33.0', true],
    ['1.33', '1.33.0', true],
    ['v1.24.26', '1.25.0', false],
    ['', '1.33.0', true],
  ])('%s is at least %s: %s', (version, since, isLater) => {
    expect(isAtLeast(version, since)).toBe(isLater)
  })
})

describe('capabilitiesOf', () => {
  it('knows what old servers lack', () => {
    const had = (version: string) => {
      const capabilities = capabilitiesOf(version, 1)
      return Object.keys(SINCE).filter((name) => capabilities[name as keyof typeof SINCE])
    }

    expect(had('1.24.26')).toEqual([])
    expect(had('1.25.34')).toEqual(['deletionByTime', 'grpcTypedValues'])
    expect(had('1.27.27')).toEqual(['asyncReplication', 'deletionByTime', 'grpcTypedValues', 'offloading'])
    expect(had('1.32.0')).not.toContain('grpcBatchReferences')
    expect(had('1.39.0')).toEqual(Object.keys(SINCE))
  })
})
