/** A drop that was cut off, and in its place a collection of others, whose replicas differ. */
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {connect} from '../../../src/index.js'
import {ClearManager} from '../../../src/jobs/clear/manager.js'
import {startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {temporaryDirectory, writeAll} from '../../support/collections.js'

const NAME = 'ForeignReplicas'
const OPTIONS = {className: NAME, dims: 4, objects: 12}

it('what others have changed on replicas that are not listed is not dropped, though an older version was backed up', async () => {
  const objects = makeObjects(OPTIONS)
  const server = await startEmbeddedWeaviate({
    replicas: [{name: 'node1', outdated: () => true}, {name: 'node2'}, {name: 'node3'}],
  })
  const connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  const directory = await temporaryDirectory()
  try {
    await connection.createCollection(makeClass(OPTIONS))
    const clears = new ClearManager(connection, {directory: directory.path})
    const drop = {keepSchema: false, quietForMs: 1}
    const {schemaFile = ''} = await clears.clearCollection(NAME, drop)
    // As a run leaves it that was killed right after the drop.
    const marker = {backup: path.basename(schemaFile), server: connection.describe}
    await writeFile(path.join(directory.path, `.drop-${NAME}.json`), JSON.stringify(marker))
    await connection.deleteCollection(NAME)
    await connection.createCollection({class: NAME, replicationConfig: {factor: 3}, vectorizer: 'none'})
    await writeAll(connection, NAME, objects)
    const changed = objects.map((object) => ({...object, properties: {...object.properties, property0: 'new'}}))
    await writeAll(connection, NAME, changed)
    await expect(clears.clearCollection(NAME, {...drop, backupFirst: true})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: {factor: 3, listed: 1},
    })
    expect(await connection.count(NAME)).toBe(12)
  } finally {
    await connection.close()
    await server.close()
    await directory.remove()
  }
})
