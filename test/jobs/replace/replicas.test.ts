/** A collection whose replicas differ, of which one is listed: what the others alone have would be dropped, and be in no backup. */
import {expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {BackupManager, connect, ReplaceManager} from '../../../src/index.js'
import {startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {temporaryDirectory, writeAll} from '../../support/collections.js'

const NAME = 'ReplacedReplicas'
const OPTIONS = {className: NAME, dims: 4, objects: 12}

it('is replaced once every replica is listed, and what one alone has is saved', async () => {
  const objects = makeObjects(OPTIONS)
  const late = objects[11]!.id
  const server = await startEmbeddedWeaviate({
    replicas: [{misses: ({id}) => id === late, name: 'node1'}, {name: 'node2'}, {name: 'node3'}],
  })
  const {grpcUrl, url} = server
  const one = await connect({grpcUrl, url})
  const nodes = server.nodes.slice(1).map((node) => `${node.url},${node.grpcUrl}`)
  const all = await connect({grpcUrl, nodes, url})
  const directory = await temporaryDirectory()
  try {
    const {class: name, ...schema} = makeClass(OPTIONS)
    await one.createCollection({...schema, class: name, replicationConfig: {factor: 3}})
    await writeAll(one, NAME, objects.slice(0, 6))
    const {id} = await new BackupManager(all, {directory: directory.path}).backupCollection(NAME)
    await writeAll(one, NAME, objects.slice(6))
    const options = {quietForMs: 1}
    const refused = new ReplaceManager(one, {directory: directory.path}).replaceCollection(id, options)
    await expect(refused).rejects.toMatchObject({code: 'INVALID_INPUT', details: {factor: 3, listed: 1}})
    expect(await all.count(NAME)).toBe(12)
    const replaced = await new ReplaceManager(all, {directory: directory.path}).replaceCollection(id, options)
    expect(replaced).toMatchObject({replaced: {objectCount: 12}, restored: 6})
    expect(await all.count(NAME)).toBe(6)
  } finally {
    await one.close()
    await all.close()
    await server.close()
    await directory.remove()
  }
})
