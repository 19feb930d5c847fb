/** Backups whose objects the server exports by itself; the server's part is played by the export that a real one made. */
import {readdir, readFile, rm} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {BackupMetadata, BackupSeal} from '../../../src/codec/document.js'
import type {BackupRunResult} from '../../../src/jobs/backup/options.js'
import type {Store} from '../../../src/store/store.js'
import type {Connection, ExportState, ServerExports} from '../../../src/weaviate/connection.js'

import {readSeal} from '../../../src/archive/sealed-fields.js'
import {leftoversIn} from '../../../src/catalog/leftovers.js'
import {
  BackupCatalog,
  BackupManager,
  copyBackup,
  DataOpsError,
  RestoreManager,
  Verifier,
  type Warning,
} from '../../../src/index.js'
import {POLL} from '../../../src/jobs/backup/server-export.js'
import {Field} from '../../../src/model/fields.js'
import {withEnvironment} from '../../store/support.js'
import {startTestServer, temporaryDirectory, type TestServer, writeAll} from '../../support/collections.js'
import {dyingStore} from '../../support/dying-store.js'
import {memoryStore} from '../../support/memory-store.js'
import {copyExport, EXPORTED_CLASSES} from '../../support/native-export.js'
import {type StoredObject} from '../../support/s3-routes.js'
import {startS3} from '../../support/s3-server.js'

const STARTED = '2026-11-26T22:38:26.700Z'
const SHARDS = new Map([
  ['ExpTarget', [{name: 'P7hdLNQXmtZC', objects: 1, status: 'SUCCESS'}]],
  [
    'ExpMT',
    [
      {name: 'cold_1', objects: 1, status: 'SUCCESS'},
      {name: 'empty', objects: 0, skipReason: 'no data', status: 'SKIPPED'},
      {name: 'hot', objects: 1, status: 'SUCCESS'},
    ],
  ],
])

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let calls: string[]

beforeAll(async () => {
  POLL.ms = 1
  server = await startTestServer()
})

afterAll(async () => server.close())

beforeEach(async () => {
  calls = []
  directory = await temporaryDirectory()
  const {connection} = server
  await connection.deleteCollection('ExpMT')
  await connection.createCollection(EXPORTED_CLASSES.ExpMT)
  await connection.createTenants('ExpMT', [
    {name: 'cold_1', status: 'COLD'},
    {name: 'empty', status: 'HOT'},
    {name: 'hot', status: 'HOT'},
  ])
})

afterEach(async () => directory.remove())

/** A server that has exported, in `states`, and puts the export into a folder of that name under `place`. */
function exporting(
  states: readonly string[],
  {
    classes = ['ExpMT'],
    place = 'exports',
    said,
  }: {classes?: string[]; place?: string; said?: (id: string) => string} = {},
): Connection {
  const left = [...states]
  const state = (id: string): ExportState => ({
    classes,
    id,
    path: said?.(id) ?? path.join(directory.path, place, id),
    shards: SHARDS,
    startedAt: STARTED,
    status: left.shift() ?? 'SUCCESS',
  })
  const exports: ServerExports = {
    async cancel(_, id) {
      calls.push(`cancel ${id}`)
      left.unshift('CANCELED')
    },
    async start(_, id, collections) {
      calls.push(`start ${collections.join(',')}`)
      if (place === 'exports') await copyExport(path.join(directory.path, place), id)
      return state(id)
    },
    async state(_, id) {
      calls.push('state')
      return state(id)
    },
  }
  return {...server.connection, exports}
}

function managers(connection: Connection) {
  const options = {directory: path.join(directory.path, 'backups')}
  return {
    backups: new BackupManager(connection, options),
    catalog: new BackupCatalog(options.directory),
    restores: new RestoreManager(connection, options),
    verifier: new Verifier({connection, ...options}),
  }
}

describe('a backup that the server exports', () => {
  it('is listed, verified and restored like any other, with its tenants and their states', async () => {
    const {backups, catalog, restores, verifier} = managers(exporting(['STARTED', 'TRANSFERRING', 'SUCCESS']))
    const {backups: made} = await backups.exportCollections(['ExpMT'], {backend: 'filesystem'})
    expect(made).toMatchObject([{collection: 'ExpMT', complete: true, objectCount: 2, tenants: {count: 3}}])
    expect(calls).toEqual(['start ExpMT', 'state', 'state'])
    const id = made[0]?.id ?? ''
    expect(await catalog.list()).toMatchObject([{digest: made[0]?.digest, id, object_count: 2, status: 'sealed'}])
    expect(await verifier.verifyBackup(id)).toMatchObject({digest: made[0]?.digest, objectCount: 2, problems: []})
    // Nothing of the objects lies in the entry.
    expect(await readdir(made[0]?.path ?? '')).toEqual(['metadata.json', 'schema.json'])
    const {metadata, seal} = JSON.parse(await readFile(path.join(made[0]?.path ?? '', 'metadata.json'), 'utf8')) as {
      metadata: BackupMetadata
      seal: BackupSeal
    }
    // Tenants whose names differ in case alone have files whose names do.
    const parts = seal.parts.map((part, index) => ({...part, file: index === 0 ? 'ExpMT_A_0000' : 'ExpMT_a_0000'}))
    const sealOfTwo = new Field(
      {...seal, parts: parts.map((part) => ({...part, file: `${part.file}.parquet`}))},
      'seal',
    )
    expect(readSeal(sealOfTwo, 'directory', metadata.export).parts).toHaveLength(2)
    expect(() => readSeal(sealOfTwo, 'directory')).toThrow('names a file twice')
    await server.connection.deleteCollection('ExpMT')
    expect(await restores.restoreCollection(id, {verify: true})).toMatchObject({
      restored: 2,
      verification: {equal: true},
    })
    expect(await server.connection.listTenants('ExpMT')).toContainEqual({name: 'cold_1', status: 'COLD'})
  })

  it('that lacks objects of a tenant, or a tenant, that were there all the time says so', async () => {
    const {connection} = server
    await connection.createTenants('ExpMT', [{name: 'new', status: 'HOT'}])
    const objects = ['a', 'b', 'c'].map((digit) => ({
      id: `0000000${digit}-0000-4000-8000-000000000000`,
      properties: {t: digit},
      tenant: 'hot',
    }))
    await writeAll(connection, 'ExpMT', objects)
    const {backups, catalog, restores} = managers(exporting(['SUCCESS']))
    const {backups: made} = await backups.exportCollections(['ExpMT'], {backend: 'filesystem'})
    const skipped = [{name: 'new', reason: 'the export of the server does not have it'}]
    // One of those three may be in it.
    expect(made).toMatchObject([{complete: false, objectCount: 2, tenants: {count: 3, skipped}}])
    const metadata = await readFile(path.join(made[0]?.path ?? '', 'metadata.json'), 'utf8')
    expect(metadata).toContain('1 tenant was inactive and not counted. 2 that it counted both times')
    expect(await catalog.list()).toMatchObject([{complete: false}])
    await connection.deleteCollection('ExpMT')
    const restored = await restores.restoreCollection(made[0]?.id ?? '', {verify: true})
    expect(restored.warnings.map(({code}) => code)).toEqual(
      expect.arrayContaining(['incomplete-backup', 'tenants-not-in-backup']),
    )
  })

  it('of a collection that got a property meanwhile has the schema that its objects need', async () => {
    const {connection} = server
    const {properties, ...bare} = EXPORTED_CLASSES.ExpMT
    await connection.deleteCollection('ExpMT')
    await connection.createCollection(bare)
    const exporter = exporting(['SUCCESS'])
    const {start} = exporter.exports!
    exporter.exports!.start = async (...order) => {
      await connection.updateCollection({class: 'ExpMT', properties})
      return start(...order)
    }

    const {backups, restores} = managers(exporter)
    const warnings: string[] = []
    const {backups: made} = await backups.exportCollections(['ExpMT'], {
      backend: 'filesystem',
      onWarning({code}) {
        warnings.push(code)
      },
    })
    expect(warnings).toContain('schema-changed')
    await connection.deleteCollection('ExpMT')
    expect(await restores.restoreCollection(made[0]?.id ?? '', {verify: true})).toMatchObject({
      rejected: 0,
      restored: 2,
      verification: {equal: true},
    })
  })

  it('whose files cannot be read from here has no digest, says so, and serves as schema where they can be', async () => {
    const {backups, catalog, restores, verifier} = managers(exporting(['SUCCESS'], {place: 'elsewhere'}))
    const codes: string[] = []
    const {backups: made} = await backups.exportCollections(['ExpMT'], {
      backend: 's3',
      onWarning({code}) {
        codes.push(code)
      },
    })
    expect(codes).toContain('export-not-read')
    const id = made[0]?.id ?? ''
    expect(made).toMatchObject([{digest: '', objectCount: 2}])
    const [listed] = await catalog.list()
    expect(listed).toMatchObject({id, object_count: 2, status: 'sealed'})
    expect(listed?.digest).toBeUndefined()
    await server.connection.deleteCollection('ExpMT')
    await expect(restores.restoreCollection(id)).rejects.toMatchObject({code: 'STORAGE'})
    await expect(verifier.verifyBackup(id)).rejects.toMatchObject({code: 'STORAGE'})
    expect(await server.connection.getCollection('ExpMT')).toBeUndefined()
    const folder = await copyExport(directory.path)
    expect(await restores.restoreCollection(`${folder}#ExpMT`, {schemaFrom: [id], verify: true})).toMatchObject({
      restored: 2,
      verification: {equal: true},
    })
    expect(await server.connection.listTenants('ExpMT')).toContainEqual({name: 'cold_1', status: 'COLD'})
  })

  it('is found in a bucket where the server keeps keys that begin with a slash, and says that they do not', async () => {
    const s3 = await startS3()
    const restoreEnvironment = withEnvironment(s3.env)
    try {
      const objects = new Map<string, StoredObject>()
      s3.buckets.set('exports', {objects, uploads: new Map()})
      const connection = exporting(['SUCCESS'], {place: 'bucket', said: (id) => `s3://exports/nightly/all/${id}`})
      const {start} = connection.exports!
      connection.exports!.start = async (backend, id, collections) => {
        const folder = await copyExport(directory.path, id)
        for (const name of await readdir(folder))
          objects.set(`/nightly/all/${id}/${name}`, {
            bytes: await readFile(path.join(folder, name)),
            etag: `"${name}"`,
            metadata: {},
            modified: new Date(),
          })
        await rm(folder, {recursive: true})
        return start(backend, id, collections)
      }

      const {backups, restores, verifier} = managers(connection)
      const warnings: string[] = []
      const {backups: made} = await backups.exportCollections(['ExpMT'], {
        backend: 's3',
        onWarning({code}) {
          warnings.push(code)
        },
      })
      expect(warnings).not.toContain('export-not-read')
      const {digest, id} = made[0]!
      expect(digest).toMatch(/^[0-9a-f]{64}$/)
      expect(await verifier.verifyBackup(id)).toMatchObject({digest, objectCount: 2, problems: []})
      await server.connection.deleteCollection('ExpMT')
      expect(await restores.restoreCollection(id, {verify: true})).toMatchObject({
        restored: 2,
        verification: {equal: true},
      })
      const [folder = ''] = [...objects.keys()].map((key) => key.slice(0, key.lastIndexOf('/')))
      expect(await verifier.verifyBackup(`s3://exports/${folder}#ExpMT`)).toMatchObject({objectCount: 2, problems: []})
    } finally {
      restoreEnvironment()
      await s3.close()
    }
  })

  it('of several that dies at any call to the store leaves no entry that is not whole, and is taken again', async () => {
    const names = ['ExpMT', 'ExpTarget']
    await server.connection.deleteCollection('ExpTarget')
    await server.connection.createCollection(EXPORTED_CLASSES.ExpTarget)
    const connection = exporting(
      Array.from({length: 200}, () => 'SUCCESS'),
      {classes: names},
    )
    const run = async (store: Store): Promise<BackupRunResult> =>
      new BackupManager(connection, {stateDirectory: path.join(directory.path, 'state'), store}).exportCollections(
        names,
        {
          backend: 'filesystem',
        },
      )
    const {calls: all, store: first} = dyingStore(memoryStore())
    await run(first)
    const whole: number[] = []
    for (let at = 1; at <= all.length; at += process.env.SWEEP === 'all' ? 1 : 5) {
      const store = memoryStore()
      // What was sealed and only not listed, or not tidied up behind, is done.
      const told = await run(dyingStore(store, 'dies', at).store).catch((error: unknown) => error)
      if (told instanceof Error) expect(told).toMatchObject({code: 'STORAGE'})
      const left = (await new BackupCatalog(store).list()).filter(({status}) => status !== 'missing')
      whole.push(left.length)
      for (const {id} of [...left, ...(await run(store)).backups])
        expect(await new Verifier({store}).verifyBackup(id), `died at ${at}, ${all[at - 1]}`).toMatchObject({
          problems: [],
        })
      expect((await new BackupCatalog(store).list()).length).toBe(left.length + names.length)
    }

    expect(whole).toEqual(whole.toSorted((a, b) => a - b))
    expect([whole[0], whole.at(-1)]).toEqual([0, 2])
    await server.connection.deleteCollection('ExpTarget')
  })

  it('is neither locked nor copied: that would not be done to its objects', async () => {
    const s3 = await startS3()
    const restoreEnvironment = withEnvironment(s3.env)
    try {
      s3.buckets.set('locked', {objects: new Map(), uploads: new Map(), versions: new Map()})
      const place = 's3://locked/x'
      const connection = exporting(['SUCCESS'])
      const backups = new BackupManager(connection, {directory: place})
      const [made] = (await backups.exportCollections(['ExpMT'], {backend: 'filesystem'})).backups
      const id = made?.id ?? ''
      const refused = {code: 'INVALID_INPUT', details: {reason: 'export'}}
      const catalog = new BackupCatalog(place)
      await expect(catalog.extend(id, {forMs: 86_400_000, mode: 'compliance'})).rejects.toMatchObject(refused)
      const to = path.join(directory.path, 'copies')
      await expect(copyBackup(id, {directory: place, to})).rejects.toMatchObject(refused)
      expect(await readdir(to).catch(() => [])).toEqual([])
      // Nothing of it is locked: it can be removed.
      expect(await catalog.remove(id)).toMatchObject({id})
    } finally {
      restoreEnvironment()
      await s3.close()
    }
  })

  it('that fails, is interrupted, or leaves a collection out makes no backup', async () => {
    const {backups, catalog} = managers(exporting(['TRANSFERRING', 'FAILED']))
    await expect(backups.exportCollections(['ExpMT'], {backend: 'filesystem'})).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      message: expect.stringContaining('FAILED') as string,
    })
    const stop = new AbortController()
    const slow = managers(exporting(Array.from({length: 100}, () => 'TRANSFERRING'))).backups
    const running = slow.exportCollections(['ExpMT'], {
      backend: 'filesystem',
      onProgress() {
        stop.abort()
      },
      signal: stop.signal,
    })
    await expect(running).rejects.toMatchObject({
      code: 'INTERRUPTED',
      hint: expect.stringMatching(/^What it has written lies in .*elysia-.* and can be removed\.$/) as string,
    })
    expect(calls.some((call) => call.startsWith('cancel elysia-'))).toBe(true)
    const lacking = managers(exporting(['TRANSFERRING'], {classes: []})).backups
    await expect(lacking.exportCollections(['ExpMT'], {backend: 'filesystem'})).rejects.toMatchObject({
      code: 'NOT_ALLOWED',
    })
    expect(await catalog.list()).toEqual([])
  })

  it('that was killed has left an export of which list, doctor and the next run tell where it lies, until it is gone', async () => {
    const store = memoryStore()
    const ids: string[] = []
    const gone = new Set<string>()
    const connection = exporting([])
    const own = connection.exports!
    let isKilled = true
    const exports: ServerExports = {
      ...own,
      async start(backend, id, collections) {
        ids.push(id)
        return {...(await own.start(backend, id, collections)), status: 'STARTED'}
      },
      async state(backend, id, signal) {
        // Nothing of the process goes on.
        if (isKilled) throw new Error('killed')
        if (gone.has(id)) throw new DataOpsError('SERVER_REFUSED', 'Not found.', {details: {status: 404}})
        return own.state(backend, id, signal)
      },
    }
    const warnings: Warning[] = []
    const run = async (): Promise<BackupRunResult> =>
      new BackupManager({...connection, exports}, {store}).exportCollections(['ExpMT'], {
        backend: 'filesystem',
        onWarning(warning) {
          warnings.push(warning)
        },
      })
    await expect(run()).rejects.toThrow('killed')
    const [id = ''] = ids
    const left = path.join(directory.path, 'exports', id)
    const note = `.export-${id}.json`
    const told = expect.stringContaining(`the export ${id} of ExpMT to filesystem, in ${left}, by http://`) as string
    expect(await leftoversIn(store)).toMatchObject([{kind: 'export', name: note, what: told}])

    isKilled = false
    expect(await run()).toMatchObject({backups: [{objectCount: 2}]})
    expect(warnings).toMatchObject([
      {
        code: 'export-left',
        details: {export: id, file: store.describe(note), path: left, status: 'SUCCESS'},
        message: expect.stringContaining('it is whole, and can be restored from there') as string,
      },
    ])
    // It may be wanted; that of the run that has ended is in its backup.
    expect(await readdir(left)).toContain('export_metadata.json')
    expect((await leftoversIn(store)).map(({name}) => name)).toEqual([note])

    gone.add(id)
    await run()
    expect(warnings.slice(1)).toMatchObject([{code: 'export-left', details: {export: id}}])
    await rm(left, {recursive: true})
    await run()
    expect(warnings.slice(2)).toEqual([])
    expect(await leftoversIn(store)).toEqual([])
  })

  it('that the server refuses to begin has left nothing', async () => {
    const store = memoryStore()
    const connection = exporting([])
    const exports: ServerExports = {
      ...connection.exports!,
      async start() {
        throw new DataOpsError('SERVER_REFUSED', 'No such backend.')
      },
    }
    const run = new BackupManager({...connection, exports}, {store}).exportCollections(['ExpMT'], {backend: 's3'})
    await expect(run).rejects.toMatchObject({code: 'SERVER_REFUSED'})
    expect(await leftoversIn(store)).toEqual([])
  })
})
