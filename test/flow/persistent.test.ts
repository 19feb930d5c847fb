/** The level at which is written: where there is one copy it says nothing, and some servers cannot carry it out. */
import {expect, it} from 'vitest'

import type {WeaviateClass} from '../../src/model/schema.js'
import type {Connection} from '../../src/weaviate/connection.js'

import {directOf, persistent} from '../../src/flow/persistent.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {isTransientReason} from '../../src/weaviate/errors.js'

const classOf = (name: string, factor?: number): WeaviateClass => ({
  class: name,
  ...(factor !== undefined && {replicationConfig: {factor}}),
})
const CLASSES = [classOf('One', 1), classOf('Old'), classOf('Three', 3)]

function recording(): {connection: Connection; levels: string[]} {
  const levels: string[] = []
  const note = (name: string, consistency: string | undefined): void => {
    levels.push(`${name} ${consistency ?? 'none'}`)
  }

  const inner = {
    async deleteObjects({collection, consistency}) {
      note(collection, consistency)
      return {deleted: 0, failed: 0, matched: 0}
    },
    getCollection: async (name) => CLASSES.find((each) => each.class === name),
    async writeObjects({collection, consistency}) {
      note(collection.className, consistency)
      return []
    },
    async writeReferences({collection, consistency}) {
      note(collection.className, consistency)
      return []
    },
  } satisfies Partial<Connection> as unknown as Connection
  return {connection: persistent(inner, {consistency: 'QUORUM'}), levels}
}

it('is sent where there are several copies, and only there', async () => {
  const {connection, levels} = recording()
  for (const schema of CLASSES) {
    const request = {collection: planCollection(schema), objects: []}
    await connection.writeObjects(request)
    await connection.writeReferences(request)
    await connection.deleteObjects({collection: schema.class})
  }

  expect(levels).toEqual([
    'One none',
    'One none',
    'One none',
    'Old none',
    'Old none',
    'Old none',
    'Three QUORUM',
    'Three QUORUM',
    'Three QUORUM',
  ])
})

it('is sent to a collection of which nothing is known yet', async () => {
  const {connection, levels} = recording()
  await connection.deleteObjects({collection: 'One'})
  await connection.getCollection('One')
  await connection.deleteObjects({collection: 'One'})
  expect(levels).toEqual(['One QUORUM', 'One none'])
})

it('that cannot be reached now is tried again, and no object is put aside for it', () => {
  expect(isTransientReason('broadcast: cannot reach enough replicas')).toBe(true)
})

it('is laid over a connection that nobody can change, too', async () => {
  const inner = Object.freeze({
    describe: 'frozen',
    listTenants: async () => [],
    readPage: async () => ({bytes: 0, objects: []}),
  } satisfies Partial<Connection>) as unknown as Connection
  const connection = persistent(inner)
  expect(connection.describe).toBe('frozen')
  expect('listTenants' in connection && 'readPage' in connection && 'updateAlias' in connection).toBe(true)
  expect('replicas' in connection).toBe(false)
  expect(await connection.listTenants('One')).toEqual([])
  const request = {collection: planCollection(CLASSES[0]!), include: 'ids', limit: 1} as const
  expect(await connection.readPage(request)).toEqual({bytes: 0, objects: []})
  expect(directOf(connection)).toBe(inner)
})
