/** Faults that a person meets, each made on purpose, each found and mended by what the finding says. */
import {mkdir, readFile, stat, unlink, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {Finding} from '../../../src/jobs/doctor/finding.js'
import type {Store} from '../../../src/store/store.js'

import {
  BackupCatalog,
  BackupManager,
  connect,
  type Connection,
  type DataOpsError,
  LocalStore,
} from '../../../src/index.js'
import {examine} from '../../../src/jobs/doctor/doctor.js'
import {JOB_PERMISSIONS} from '../../../src/jobs/doctor/server.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {root} from '../../support/root.js'
import {writeSealedBackup} from '../../support/sealed-backup.js'

const NAME = 'DoctorBook'

let server: TestServer
let other: TestServer
let folder: Awaited<ReturnType<typeof temporaryDirectory>>
let place: string
let store: Store
let run = 0

beforeAll(async () => {
  ;[server, other] = [await startTestServer(), await startTestServer()]
  folder = await temporaryDirectory()
  for (const {connection} of [server, other]) await makeCollection(connection, NAME, 5)
})
afterAll(async () => {
  for (const one of [server, other]) await one.close()
  await folder.remove()
})
beforeEach(() => {
  place = path.join(folder.path, `place-${run++}`)
  store = new LocalStore(place)
})

async function found(more: Partial<Parameters<typeof examine>[0]> = {}): Promise<Finding[]> {
  const findings = await examine({connection: server.connection, store, ...more})
  return findings.filter(({level}) => level === 'error' || level === 'warning')
}

/** A connection of which the server tells something else. */
function telling(about: Partial<Connection['about'] & object>): Connection {
  const own = server.connection.about
  if (!own) throw new Error('The connection tells nothing of its server')
  return {...server.connection, about: {...own, ...about}}
}

describe.skipIf(process.env.WEAVIATE_URL !== undefined)('doctor', () => {
  it('finds nothing where nothing is amiss, and leaves nothing', async () => {
    expect(await found()).toEqual([])
    expect(await store.list('')).toEqual([])
  })

  it('finds that nothing answers', async () => {
    const connection = await connect({url: 'http://127.0.0.1:9'}).catch((error: unknown) => error as DataOpsError)
    expect(await found({connection})).toMatchObject([
      {check: 'connection', code: 'CANNOT_CONNECT', hint: expect.any(String) as string, level: 'error'},
    ])
  })

  it('finds that gRPC is not there', async () => {
    const connection = await connect({grpcUrl: '127.0.0.1:9', url: server.url})
    expect(await found({connection})).toMatchObject([
      {check: 'grpc', hint: expect.stringContaining('grpcUrl') as string, level: 'warning'},
    ])
    await connection.close()
  })

  it('finds that REST and gRPC are two servers', async () => {
    const connection = await connect({grpcUrl: other.grpcUrl, url: server.url})
    expect(await found({connection})).toMatchObject([{check: 'one-server', code: 'CANNOT_CONNECT', level: 'error'}])
    await connection.close()
  })

  it('finds missing permissions, by job, as docs/permissions.md lists them', async () => {
    const connection = telling({permissions: async () => ['read_collections', 'read_data', 'read_aliases']})
    const findings = await found({connection})
    expect(findings.map(({details}) => details)).toEqual([
      {job: 'Backup of a collection with tenants', missing: ['read_tenants', 'update_tenants']},
      {job: 'Clear', missing: ['delete_data']},
      {job: 'Merge', missing: ['create_data', 'update_data']},
      {job: 'Restore', missing: ['create_collections', 'create_data', 'update_data']},
    ])
    const page = await readFile(path.join(root, 'docs', 'permissions.md'), 'utf8')
    for (const [job, needed] of Object.entries(JOB_PERMISSIONS)) {
      const [, section = ''] = page.split(`### ${job}\n`)
      const listed = [...section.split('\n#', 1)[0]!.matchAll(/^- `(\w+)`/gm)].map(([, name]) => name)
      expect(listed, job).toEqual(needed)
    }
  })

  it("finds that the server's clock is off, and a node, and replicas", async () => {
    const now = Date.now()
    expect(await found({connection: telling({time: async () => now - 3_600_000})})).toMatchObject([
      {check: 'clock', message: expect.stringMatching(/360\d seconds apart/) as string},
    ])
    const shard = (objects: number) => ({className: NAME, name: 's', objects})
    const nodes = async () => [
      {name: 'n1', shards: [shard(5)], status: 'HEALTHY', version: '1.39.0'},
      {name: 'n2', shards: [shard(4)], status: 'UNHEALTHY', version: '1.39.0'},
    ]
    expect(await found({connection: telling({nodes})})).toMatchObject([
      {check: 'replicas', details: {node: 'n2'}},
      {check: 'replicas', details: {counts: {n1: 5, n2: 4}}},
    ])
  })

  it('finds a place that cannot be written', async () => {
    await writeFile(place, 'not a folder')
    expect(await found()).toMatchObject([{check: 'place', code: 'STORAGE', level: 'error'}])
  })

  it('finds a place that writes over what is there', async () => {
    const careless = new LocalStore(place)
    const put: Store['put'] = async (key, bytes) => store.put(key, bytes)
    careless.put = put
    expect(await found({store: careless})).toMatchObject([{check: 'conditions', code: 'STORAGE', level: 'error'}])
    expect(await store.list('')).toEqual([])
  })

  it('finds that the next backup does not fit', async () => {
    await new BackupManager(server.connection, {directory: place}).backupCollection(NAME)
    expect(await found({freeBytes: async () => 10})).toMatchObject([
      {check: 'space', details: {free: 10, needed: expect.any(Number) as number}, level: 'warning'},
    ])
  })

  it('takes the largest of several servers, of each collection', async () => {
    const sizes: number[] = []
    const back = async (day: number, objects: number, metadata: Record<string, unknown>): Promise<void> => {
      const {file} = await writeSealedBackup(place, {metadata, objects, startedAt: new Date(Date.UTC(2024, 1, day))})
      sizes.push((await stat(file)).size)
    }

    await back(1, 900, {})
    await back(2, 500, {server: 'http://large'})
    await back(3, 90, {server: 'http://large'})
    await back(4, 9, {server: 'http://small'})
    const [space] = await found({freeBytes: async () => 10})
    expect(space).toMatchObject({check: 'space', details: {free: 10, needed: sizes[2]}})
  })

  it('finds what is gone, and what killed runs left; the mend mends', async () => {
    const {path: file} = await new BackupManager(server.connection, {directory: place}).backupCollection(NAME)
    await unlink(file)
    expect(await found()).toMatchObject([{check: 'catalog', details: {path: file}}])
    await new BackupCatalog(store).reindex()
    expect(await found()).toEqual([])

    await mkdir(path.join(place, `${NAME}_2026-01-01_000000.partial`))
    await writeFile(path.join(place, `${path.basename(file)}.${NAME}.checkpoint`), '{}')
    await writeFile(path.join(place, `.drop-${NAME}.json`), '{}')
    const findings = await found()
    expect(findings.map(({check}) => check)).toEqual(['leftovers', 'leftovers', 'leftovers'])
    for (const {hint} of findings) expect(hint).toBeTruthy()
  })
})
