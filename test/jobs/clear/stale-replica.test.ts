/** A clear with a backup first, through a node that was away while objects were changed: its replica has them as they were. */
import {expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {connect} from '../../../src/index.js'
import {ClearManager} from '../../../src/jobs/clear/manager.js'
import {startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {temporaryDirectory, writeAll} from '../../support/collections.js'

const NAME = 'ClearStale'
const OPTIONS = {className: NAME, dims: 4, objects: 12}

it('what was changed meanwhile is in no backup, and is not deleted; nor is the collection dropped', async () => {
  const objects = makeObjects(OPTIONS)
  const changed = objects
    .slice(0, 5)
    .map((object) => ({...object, properties: {...object.properties, property0: 'new'}}))
  const ids = changed.map(({id}) => id)
  let time = 1_700_000_000_000
  const server = await startEmbeddedWeaviate({
    now: () => ++time,
    replicas: [{name: 'node1', outdated: ({id}) => ids.includes(id)}, {name: 'node2'}, {name: 'node3'}],
  })
  const connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  const directory = await temporaryDirectory()
  try {
    await connection.createCollection({...makeClass(OPTIONS), replicationConfig: {factor: 3}})
    await writeAll(connection, NAME, objects)
    await writeAll(connection, NAME, changed)
    const clears = new ClearManager(connection, {directory: directory.path})
    await expect(clears.clearCollection(NAME, {backupFirst: true, keepSchema: false})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: {factor: 3, listed: 1},
    })
    expect(await connection.count(NAME)).toBe(12)
    const cleared = await clears.clearCollection(NAME, {backupFirst: true})
    expect(cleared).toMatchObject({backup: {complete: true, objectCount: 12}, deleted: 7, kept: 5, remaining: 5})
    const collection = planCollection(makeClass(OPTIONS))
    const left = await connection.getObjects({collection, ids})
    expect(left.map(({properties}) => properties.property0)).toEqual(ids.map(() => 'new'))
  } finally {
    await connection.close()
    await server.close()
    await directory.remove()
  }
})

it('nor is what is newer on replicas that are not listed, where some are', async () => {
  const objects = makeObjects(OPTIONS)
  const changed = objects
    .slice(0, 5)
    .map((object) => ({...object, properties: {...object.properties, property0: 'new'}}))
  const ids = new Set(changed.map(({id}) => id))
  const outdated = ({id}: {id: string}): boolean => ids.has(id)
  let time = 1_700_000_000_000
  const names = ['node1', 'node2', 'node3', 'node4', 'node5']
  const server = await startEmbeddedWeaviate({
    now: () => ++time,
    replicas: names.map((name, index) => ({name, ...(index < 2 && {outdated})})),
  })
  const nodes = server.nodes.slice(1, 2).map(({grpcUrl, url}) => `${url},${grpcUrl}`)
  const connection = await connect({grpcUrl: server.grpcUrl, nodes, url: server.url})
  const directory = await temporaryDirectory()
  try {
    await connection.createCollection({...makeClass(OPTIONS), replicationConfig: {factor: 5}})
    await writeAll(connection, NAME, objects)
    await writeAll(connection, NAME, changed)
    const clears = new ClearManager(connection, {directory: directory.path})
    const cleared = await clears.clearCollection(NAME, {backupFirst: true})
    expect(cleared).toMatchObject({backup: {complete: true, objectCount: 12}, deleted: 7, kept: 5, remaining: 5})
  } finally {
    await connection.close()
    await server.close()
    await directory.remove()
  }
})
