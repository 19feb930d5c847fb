/** A writer with auto-schema makes the collection anew between the drop and its creation. */
import {readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {BackupCatalog} from '../../../src/catalog/catalog.js'
import {openArchive} from '../../../src/catalog/locate.js'
import {newIdentity} from '../../../src/codec/age/header.js'
import {ClearManager} from '../../../src/jobs/clear/manager.js'
import {openStore} from '../../../src/store/open.js'
import {startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {connect} from '../../../src/weaviate/connect.js'
import {fillCollection, temporaryDirectory} from '../../support/collections.js'

const NAME = 'ClearTaken'
const ID = '0b6f0a5e-35b8-4c5a-9a39-6f0f4c2b8d11'

let writes = 0
let isWriting = false
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: Awaited<ReturnType<typeof startEmbeddedWeaviate>>
let connection: Awaited<ReturnType<typeof connect>>
let manager: ClearManager

beforeAll(async () => {
  server = await startEmbeddedWeaviate({
    async onRequest({method, path: where}) {
      if (!isWriting || method !== 'POST' || where !== '/v1/schema') return
      isWriting = false
      await write()
    },
  })
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
})

afterAll(async () => {
  await connection.close()
  await server.close()
})

beforeEach(async () => {
  directory = await temporaryDirectory()
  manager = new ClearManager(connection, {directory: directory.path})
  const data = {className: NAME, dims: 4, objects: 10}
  await fillCollection(connection, {...makeClass(data), description: 'As it was.'}, makeObjects(data))
  writes = 0
  isWriting = true
  return directory.remove
})

async function write(): Promise<void> {
  const reply = await fetch(`${server.url}/v1/objects`, {
    body: JSON.stringify({class: NAME, id: ID, properties: {guessed: 'by the server'}}),
    headers: {'content-type': 'application/json'},
    method: 'POST',
  })
  if (!reply.ok) throw new Error(await reply.text())
  writes++
}

async function isMarked(): Promise<boolean> {
  return (await readdir(directory.path)).some((name) => name.startsWith('.drop-'))
}

describe('a collection that another program makes anew while it is dropped', () => {
  it('is not taken for the one that was dropped, and keeps its objects', async () => {
    const before = (await connection.getCollection(NAME))!
    const drop = {keepSchema: false, quietForMs: 1}
    const taken = {code: 'COLLECTION_EXISTS', details: {objects: 1}}
    await expect(manager.clearCollection(NAME, drop)).rejects.toMatchObject(taken)
    expect(writes).toBe(1)
    for (const options of [drop, {}]) {
      await expect(manager.clearCollection(NAME, options)).rejects.toMatchObject(taken)
      expect(await connection.count(NAME)).toBe(1)
      expect(await isMarked()).toBe(true)
    }

    const saved = await manager.clearCollection(NAME, {...drop, backupFirst: true})
    expect(saved).toMatchObject({backup: {objectCount: 1}, deleted: 1, remaining: 0})
    expect(saved.warnings.map(({code}) => code)).toEqual(['drop-finished', 'others-saved'])
    const {archive} = await openArchive(saved.backup!.path, openStore(directory.path))
    const ids: string[] = []
    for await (const page of archive.pages()) ids.push(...page.objects.map(({id}) => id))
    expect(ids).toEqual([ID])
    expect(await connection.getCollection(NAME)).toEqual(before)
    expect(await isMarked()).toBe(false)
  })

  it('is told of with the file that says so, also by one that would hide its name', async () => {
    const drop = {keepSchema: false, quietForMs: 1}
    await expect(manager.clearCollection(NAME, drop)).rejects.toThrow()
    const me = await newIdentity()
    const hiding = {encryptTo: [me.recipient], hideNames: true, identities: [me.identity]}
    await expect(
      new ClearManager(connection, {directory: directory.path, ...hiding}).clearCollection(NAME, drop),
    ).rejects.toMatchObject({
      code: 'COLLECTION_EXISTS',
      hint: expect.stringContaining(path.join(directory.path, `.drop-${NAME}.json`)) as unknown,
    })
  })

  it('gives way when it is empty', async () => {
    const before = (await connection.getCollection(NAME))!
    await expect(manager.clearCollection(NAME, {keepSchema: false, quietForMs: 1})).rejects.toMatchObject({
      code: 'COLLECTION_EXISTS',
    })
    await connection.deleteObjects({collection: NAME})
    const finished = await manager.clearCollection(NAME, {keepSchema: false, quietForMs: 1})
    expect(finished.warnings.map(({code}) => code)).toEqual(['drop-finished'])
    expect(await connection.getCollection(NAME)).toEqual(before)
    expect(await isMarked()).toBe(false)
  })

  it('leaves no marker once the collection stands as it was', async () => {
    await expect(manager.clearCollection(NAME, {keepSchema: false, quietForMs: 1})).rejects.toThrow()
    const schema = (await manager.clearCollection(NAME, {backupFirst: true, keepSchema: false, quietForMs: 1}))
      .schemaFile
    expect(schema).toBeDefined()
    expect(await manager.clearCollection(NAME, {keepSchema: false, quietForMs: 1})).toMatchObject({warnings: []})
  })

  it('that has got a property since is none of others, though the marker was left: the property stays', async () => {
    isWriting = false
    const {schemaFile = ''} = await manager.clearCollection(NAME, {keepSchema: false, quietForMs: 1})
    const marker = path.join(directory.path, `.drop-${NAME}.json`)
    await writeFile(marker, JSON.stringify({backup: path.basename(schemaFile), server: connection.describe}))
    const reply = await fetch(`${server.url}/v1/schema/${NAME}/properties`, {
      body: '{"name": "since", "dataType": ["text"]}',
      headers: {'content-type': 'application/json'},
      method: 'POST',
    })
    expect(reply.status).toBe(200)
    expect(await manager.clearCollection(NAME)).toMatchObject({deleted: 0, warnings: []})
    expect((await connection.getCollection(NAME))?.properties?.map(({name}) => name)).toContain('since')
    expect(await isMarked()).toBe(false)
  })

  it('nothing is deleted, nor is the marker written over, for one of another address', async () => {
    isWriting = false
    const {schemaFile = ''} = await manager.clearCollection(NAME, {keepSchema: false, quietForMs: 1})
    const marker = path.join(directory.path, `.drop-${NAME}.json`)
    const text = JSON.stringify({backup: path.basename(schemaFile), server: 'http://the-same-by-another-name:8080'})
    await writeFile(marker, text)
    // What auto-schema has made meanwhile, or another server's own.
    await fillCollection(connection, makeClass({className: NAME, dims: 4, objects: 3, properties: 1}), [])
    const there = await connection.getCollection(NAME)
    for (const options of [{}, {backupFirst: true}, {dryRun: true}, {keepSchema: false, quietForMs: 1}]) {
      await expect(manager.clearCollection(NAME, options)).rejects.toMatchObject({
        code: 'CHECKPOINT',
        details: {collection: NAME, path: marker, server: 'http://the-same-by-another-name:8080'},
      })
    }

    expect(await connection.getCollection(NAME)).toEqual(there)
    expect(await readFile(marker, 'utf8')).toBe(text)
  })

  it('nothing is dropped, nor a backup left, where one at another address has begun meanwhile', async () => {
    isWriting = false
    const marker = path.join(directory.path, `.drop-${NAME}.json`)
    const text = JSON.stringify({backup: `${NAME}_2026-01-01_000000`, server: 'http://another:8080'})
    const begun = {
      ...connection,
      async count(...of: Parameters<typeof connection.count>) {
        await writeFile(marker, text)
        return connection.count(...of)
      },
    }
    const clearing = new ClearManager(begun, {directory: directory.path})
    await expect(clearing.clearCollection(NAME, {keepSchema: false, quietForMs: 1})).rejects.toMatchObject({
      code: 'CHECKPOINT',
      details: {server: 'http://another:8080'},
    })
    expect(await connection.count(NAME)).toBe(10)
    expect(await readFile(marker, 'utf8')).toBe(text)
    expect(await new BackupCatalog(openStore(directory.path)).list()).toEqual([])
  })

  it('nothing is dropped for a marker whose backup is of another collection', async () => {
    isWriting = false
    const data = {className: 'ClearTakenToo', dims: 4, objects: 2}
    await fillCollection(connection, makeClass(data), makeObjects(data))
    const {schemaFile = ''} = await manager.clearCollection(data.className, {keepSchema: false, quietForMs: 1})
    const marker = path.join(directory.path, `.drop-${NAME}.json`)
    await writeFile(marker, JSON.stringify({backup: path.basename(schemaFile), server: connection.describe}))
    for (const options of [{}, {backupFirst: true}]) {
      await expect(manager.clearCollection(NAME, options)).rejects.toMatchObject({
        code: 'CHECKPOINT',
        details: {collection: NAME, path: marker},
      })
    }

    expect(await connection.count(NAME)).toBe(10)
    expect(await connection.getCollection(data.className)).toBeDefined()
  })
})
