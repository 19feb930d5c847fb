/** The memory of what is restored is used again once the server has it, and never before. */
import {afterAll, beforeAll, expect, it, vi} from 'vitest'

import type {WeaviateObject} from '../../../src/model/object.js'

import {BackupManager, RestoreManager} from '../../../src/index.js'
import {LocalReader} from '../../../src/store/local/reader.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {floats} from '../../codec/part-sample.js'
import {restDump, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'GivenBack'
const TARGET = `${NAME}Copy`
const objects: WeaviateObject[] = Array.from({length: 400}, (_, at) => ({
  id: `${(at * 7919).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
  properties: {title: `object ${at}`},
  vector: floats(at, -1, 0.5),
}))

let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
  const schema = {class: NAME, properties: [{dataType: ['text'], name: 'title'}], vectorizer: 'none'}
  await server.connection.deleteCollection(NAME)
  await server.connection.createCollection(schema)
  await server.connection.writeObjects({
    collection: planCollection((await server.connection.getCollection(NAME))!),
    objects,
  })
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.connection.deleteCollection(TARGET)
  await server.close()
})

async function vectorsOf(name: string): Promise<unknown> {
  const found = await restDump(server.url, name)
  return [...found].map(([id, object]) => [id, (object as {vector: unknown}).vector])
}

/** Memory that is given back is written over at once. */
function scribble(): {given: () => number; restore: () => void} {
  let given = 0
  const spy = vi.spyOn(LocalReader.prototype, 'giveBack').mockImplementation(({buffer}) => {
    new Uint8Array(buffer, 0, buffer.byteLength).fill(0xaa)
    given += buffer.byteLength
  })
  return {
    given: () => given,
    restore() {
      spy.mockRestore()
    },
  }
}

it('a restore whose memory is written over as soon as it is given back is whole', async () => {
  const directory = await temporaryDirectory()
  const {given, restore} = scribble()
  try {
    const options = {directory: directory.path}
    const backup = await new BackupManager(server.connection, options).backupCollection(NAME, {format: 'parquet'})
    await server.connection.deleteCollection(TARGET)
    const restored = await new RestoreManager(server.connection, options).restoreCollection(backup.path, {
      batchSize: 30,
      concurrency: 3,
      name: TARGET,
      verify: true,
      workers: 1,
    })
    expect(restored.restored).toBe(objects.length)
    expect(given()).toBeGreaterThan(objects.length * 12)
    expect(await vectorsOf(TARGET)).toEqual(await vectorsOf(NAME))
  } finally {
    restore()
    await directory.remove()
  }
})

it("a connection of somebody else's making may keep what it was given to write", async () => {
  const directory = await temporaryDirectory()
  const {given, restore} = scribble()
  const kept: WeaviateObject[] = []
  const recording = {
    ...server.connection,
    async writeObjects(request: Parameters<typeof server.connection.writeObjects>[0]) {
      kept.push(...request.objects)
      return server.connection.writeObjects(request)
    },
  }
  try {
    const options = {directory: directory.path}
    const backup = await new BackupManager(server.connection, options).backupCollection(NAME, {format: 'parquet'})
    await server.connection.deleteCollection(TARGET)
    await new RestoreManager(recording, options).restoreCollection(backup.path, {
      batchSize: 30,
      name: TARGET,
      workers: 1,
    })
    const vectors = new Map(kept.map(({id, vector}) => [id, vector]))
    expect(objects.map(({id}) => vectors.get(id))).toEqual(objects.map(({vector}) => vector))
    expect(given()).toBe(0)
  } finally {
    restore()
    await directory.remove()
  }
})
