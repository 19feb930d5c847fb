import {describe, expect, it} from 'vitest'

import {checkOptions} from '../../../src/jobs/backup/plan.js'
import {planTenants} from '../../../src/jobs/backup/tenants.js'
import {selectTenants} from '../../../src/jobs/options.js'

const tenants = [
  {name: 'hot', status: 'HOT' as const},
  {name: 'cold', status: 'COLD' as const},
  {name: 'frozen', status: 'FROZEN' as const},
]

describe('planTenants', () => {
  it('reads active tenants, activates inactive ones and skips offloaded ones, loudly', () => {
    expect(planTenants(tenants, {})).toEqual({
      activate: [[tenants[1]]],
      active: [tenants[0]],
      skipped: [{name: 'frozen', reason: 'offloaded'}],
    })
  })

  it('onloads offloaded ones when asked to', () => {
    expect(planTenants(tenants, {includeOffloaded: true})).toMatchObject({
      activate: [[tenants[1], tenants[2]]],
      skipped: [],
    })
  })

  it('activates a hundred at a time', () => {
    const many = Array.from({length: 250}, (_, index) => ({name: `t${index}`, status: 'COLD' as const}))
    expect(planTenants(many, {}).activate.map((group) => group.length)).toEqual([100, 100, 50])
  })

  it('takes a subset, each once, and refuses names that are not there', () => {
    expect(selectTenants(tenants, ['cold', 'hot', 'cold']).map(({name}) => name)).toEqual(['cold', 'hot'])
    expect(() => selectTenants(tenants, ['hot', 'nobody'])).toThrow(
      expect.objectContaining({code: 'INVALID_INPUT', message: 'There is no tenant "nobody".'}),
    )
  })
})

it.each([
  [{format: 'csv'}, '"csv" is not a backup format.'],
  [{batchSize: 0}, 'The batch size must be a whole number above 0, not 0.'],
  [{concurrency: 1.5}, 'The concurrency must be a whole number above 0, not 1.5.'],
])('refuses %o', (options, message) => {
  expect(() => {
    checkOptions(options as never)
  }).toThrow(expect.objectContaining({code: 'INVALID_INPUT', message}))
})
