/** Whether what is there now is what was read: by when some of it came into being. */
import {describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../../src/model/object.js'

import {checkParts, checkSince, Sample, type SampledObject} from '../../../src/jobs/backup/sample.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'

const plan = planCollection({class: 'Sampled', multiTenancyConfig: {enabled: true}, properties: []})
const object = (id: string, created: number): WeaviateObject => ({
  creationTimeUnix: created,
  id,
  properties: {},
  tenant: 'a',
})
const sampled = (id: string, created: number): SampledObject => ({created, id, tenant: 'a'})

/** A server with just these objects. */
const asking = (live: readonly WeaviateObject[]) => ({
  connection: {
    getObjects: async ({ids}: {ids: readonly string[]}) => live.filter(({id}) => ids.includes(id)),
  },
  plan,
})

describe('a part of a tenant that had few objects', () => {
  const parts = [[sampled('few', 50)], [sampled('many1', 10), sampled('many2', 90)]]

  it('that are all deleted is the same where something older is there', async () => {
    await checkParts(parts, asking([object('many1', 10), object('many2', 90)]))
  })

  it.each([
    ['nothing that old is there', [object('many2', 90)]],
    ['what was older is written anew', [object('many1', 95), object('many2', 90)]],
    ['nothing is there', []],
  ])('is taken for another where %s', async (_, live) => {
    await expect(checkParts(parts, asking(live))).rejects.toMatchObject({details: {recreated: true, tenant: 'a'}})
  })
})

describe('tenants that others have read since a time', () => {
  const since = 1_000_000
  const sample = [sampled('old', 500), sampled('young', since - 1)]
  const active = new Set(['a'])

  it.each([
    ['something is there that was before', [object('old', 500)], active],
    ['those with such objects sleep', [], new Set(['b'])],
  ])('are of one collection where %s', async (_, live, awake) => {
    await checkSince(since, sample, {...asking(live), active: awake})
  })

  it('are of one, as far as is known, where all that was read was young', async () => {
    await checkSince(since, sample.slice(1), {...asking([]), active})
  })

  it.each([[[object('young', since - 1)]], [[object('old', since + 1)]], [[]]])(
    'are of two where nothing is: %o',
    async (live) => {
      const check = checkSince(since, sample, {...asking(live), active})
      await expect(check).rejects.toMatchObject({details: {recreated: true}})
    },
  )
})

describe('a tenant of which the first page had few objects', () => {
  const sample = (): Sample => {
    const made = new Sample()
    made.add([object('first', 50)])
    made.add([object('second', 10), object('third', 90)])
    return made
  }

  it('that are all deleted is the same where what was read later is older', async () => {
    await sample().check(new Set(['a']), asking([object('second', 10)]))
  })

  it('is another where all that is there is younger', async () => {
    const check = sample().check(new Set(['a']), asking([object('third', 90)]))
    await expect(check).rejects.toMatchObject({details: {recreated: true}})
  })
})
