import {afterAll, beforeAll, expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {readManifest} from '../../../src/archive/manifest.js'
import {BackupManager, connect, type Connection, Verifier, type Warning} from '../../../src/index.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {fillCollection, temporaryDirectory} from '../../support/collections.js'

let connection: Connection
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: EmbeddedWeaviate

beforeAll(async () => {
  server = await startEmbeddedWeaviate({replicas: [{name: 'node1'}, {name: 'node2'}, {name: 'node3'}]})
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  directory = await temporaryDirectory()
  for (const factor of [1, 3]) {
    const options = {className: `Factor${factor}`, dims: 4, objects: 30}
    await fillCollection(connection, {...makeClass(options), replicationConfig: {factor}}, makeObjects(options))
  }
})

afterAll(async () => {
  await connection.close()
  await server.close()
  await directory.remove()
})

it.each([
  {factor: 1, said: 0},
  {factor: 3, said: 1},
])('what was not compared is said and sealed: factor $factor', async ({factor, said}) => {
  const name = `Factor${factor}`
  const backup = await new BackupManager(connection, {directory: directory.path}).backupCollection(name)
  expect(backup.objectCount).toBe(30)
  expect(backup.warnings.filter(({code}) => code === 'replicas-not-compared')).toHaveLength(said)
  const store = new LocalStore(directory.path)
  const {seal} = await readManifest(store, (await store.list('')).find((entry) => entry.name.startsWith(name))!.name)
  expect(seal.guarantee!.includes('The collection has 3 replicas: the one that answered was read')).toBe(said === 1)
  const warnings: Warning[] = []
  const verifier = new Verifier({connection, directory: directory.path})
  const comparison = await verifier.verifyCollection(name, backup.path, {
    onWarning(warning) {
      warnings.push(warning)
    },
  })
  expect(comparison.equal).toBe(true)
  expect(warnings.filter(({code}) => code === 'replicas-not-compared')).toHaveLength(said)
})
