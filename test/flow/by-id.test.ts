import {describe, expect, it} from 'vitest'

import {ObjectsById} from '../../src/flow/by-id.js'
import {type Cost, Throttle} from '../../src/flow/throttle.js'
import {DataOpsError} from '../../src/model/errors.js'
import {type WeaviateObject} from '../../src/model/object.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {type Connection} from '../../src/weaviate/connection.js'
import {embeddedServers} from '../support/embedded-servers.js'

const MIB = 1024 * 1024
const plan = planCollection({class: 'ById', properties: []})
const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
const idsUpTo = (count: number): string[] => Array.from({length: count}, (_, index) => idOf(index))

/** A server whose objects have so many bytes each; undefined: it has none of that id. */
function serverOf(bytesOf: (id: string) => number | undefined) {
  const asked: number[] = []
  const getObjects: Connection['getObjects'] = async ({ids, meter}) => {
    asked.push(ids.length)
    const found: WeaviateObject[] = []
    for (const id of ids) {
      const bytes = bytesOf(id)
      if (bytes === undefined) continue
      meter!.received += bytes
      if (meter!.received > (meter!.most ?? Infinity))
        throw new DataOpsError('UNEXPECTED', 'too long', {details: {tooLarge: true}})
      found.push({id, properties: {}})
    }

    return found
  }

  return {asked, connection: {getObjects}}
}

async function readAll(byId: ObjectsById, ids: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for await (const {objects} of byId.read(ids)) found.push(...objects.map(({id}) => id))
  return found
}

describe('objects by id', () => {
  it('are asked for in ever fewer where a reply of little is too long for the server', async () => {
    const asked: number[] = []
    const getObjects: Connection['getObjects'] = async ({ids}) => {
      asked.push(ids.length)
      if (asked.length > 50) throw new Error('it asks for ever')
      if (ids.length > 3) throw new DataOpsError('UNEXPECTED', 'larger than max', {details: {tooLarge: true}})
      return ids.map((id) => ({id, properties: {}}))
    }

    const byId = new ObjectsById({connection: {getObjects}, plan})
    expect(await readAll(byId, idsUpTo(24))).toEqual(idsUpTo(24))
    expect(asked.slice(0, 4)).toEqual([20, 10, 5, 2])
  })

  it.each([
    ['small', 1000, [20, 100, 100, 30]],
    ['that are not there', undefined, [20, 100, 100, 30]],
    // Twenty are refused, and two; what came till then says that one is enough.
    ['of 20 MB', 20_000_000, [20, 2, ...Array.from({length: 250}, () => 1)]],
    ['of 1 MiB', MIB, [20, ...Array.from({length: 125}, () => 2)]],
  ])('%s are asked for in such calls', async (_, bytes, calls) => {
    const {asked, connection} = serverOf(() => bytes)
    const found = await readAll(new ObjectsById({connection, plan}), idsUpTo(250))
    expect(found).toEqual(bytes === undefined ? [] : idsUpTo(250))
    expect(asked).toEqual(calls)
  })

  it('are asked for as was learned before, in the next read too', async () => {
    const {asked, connection} = serverOf(() => 1000)
    const byId = new ObjectsById({connection, most: 500, plan})
    await readAll(byId, idsUpTo(200))
    await readAll(byId, idsUpTo(600))
    expect(asked).toEqual([20, 160, 20, 500, 100])
  })

  it('that become large after small ones never bring more than a page of several may', async () => {
    const {asked, connection} = serverOf((id) => (id < idOf(120) ? 1000 : 20_000_000))
    expect(await readAll(new ObjectsById({connection, plan}), idsUpTo(125))).toEqual(idsUpTo(125))
    expect(asked).toEqual([20, 100, 5, 1, 1, 1, 1, 1])
  })

  it('count towards the rate that the user set: what came, by objects and by bytes', async () => {
    const {connection} = serverOf((id) => (id < idOf(15) ? 1000 : undefined))
    const paid: Cost[] = []
    const rate = {
      async take(cost: Cost) {
        paid.push(cost)
      },
    }
    const throttle = new Throttle({concurrency: 1, rate})
    expect(await readAll(new ObjectsById({connection, plan, throttle}), idsUpTo(30))).toEqual(idsUpTo(15))
    expect(paid).toEqual([
      {bytes: 15_000, objects: 15},
      {bytes: 0, objects: 0},
    ])
  })

  it('are not read further than it takes to find one', async () => {
    const {asked, connection} = serverOf(() => 20_000_000)
    expect(await new ObjectsById({connection, plan}).some(idsUpTo(100), {}, () => true)).toBe(true)
    expect(asked).toEqual([20, 2, 1])
  })
})

describe('of a server, over either way', () => {
  const servers = embeddedServers()

  it.each([
    ['gRPC', false, false],
    ['REST', true, false],
    ['REST, without their properties', true, true],
  ])('%s, come whole, and no more of them at a time than a page of several may have', async (_, viaRest, isBare) => {
    const {connection} = await servers.start()
    await connection.createCollection({
      class: 'ById',
      properties: [{dataType: ['blob'], name: 'scan'}],
      vectorizer: 'none',
    })
    const collection = planCollection((await connection.getCollection('ById'))!)
    const scan = 'QUJD'.repeat(750_000)
    for (const id of idsUpTo(8)) await connection.writeObjects({collection, objects: [{id, properties: {scan}}]})

    const calls: Array<{ids: number; received: number}> = []
    const getObjects: Connection['getObjects'] = async (request) => {
      try {
        return await connection.getObjects(request)
      } finally {
        calls.push({ids: request.ids.length, received: request.meter!.received})
      }
    }

    const read = isBare ? planCollection({class: 'ById', properties: []}) : collection
    const found: WeaviateObject[] = []
    for await (const {objects} of new ObjectsById({connection: {getObjects}, plan: read}).read(idsUpTo(8), {viaRest}))
      found.push(...objects)
    expect(found.map(({id}) => id)).toEqual(idsUpTo(8))
    expect(found.every(({properties}) => properties.scan === (isBare ? undefined : scan))).toBe(true)
    expect(calls.map(({ids}) => ids)).toEqual([8, 1, 1, 1, 1, 1, 1, 1, 1])
    // What came of the first until it was refused; over gRPC, what it was said to have.
    for (const {received} of calls) expect(received).toBeGreaterThan(3_000_000)
    if (viaRest) expect(calls[0]!.received).toBeLessThan(17 * MIB + 3_000_000)
  })
})
