/**
 * Exports that a real Weaviate makes (1.37 and later), into a folder and into S3: exported, dropped, restored, REST dumps equal; by hand and
 * by `col backup --via export`. Runs with WEAVIATE_BINARY set.
 */
import {mkdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../bench/data.js'
import {connect, type Connection} from '../../src/index.js'
import {cli, type CliRun, root} from '../cli/run-cli.js'
import {createKitchenSink, fillKitchenSink, vectorsOfSinks} from '../lossless/kitchen-sink.js'
import {dumpDifferences, Rest, tailId} from '../lossless/support.js'
import {fillCollection, temporaryDirectory, writeAll} from '../support/collections.js'
import {type S3Server, startS3} from '../support/s3-server.js'
import {BINARY, type RealServer, startRealServer} from './real-server.js'

const FRIEND = 'ExportFriend'
const SINK = 'ExportSink'
const SHARDED = 'ExportSharded'
const TENANTS = 'ExportTenants'
const NAMES = [FRIEND, SHARDED, SINK, TENANTS]
const ALIAS = 'ExportAlias'
const OBJECTS = 1500
/** By tenant: its state, and its objects. */
const STATES: Record<string, {objects: number; status: string}> = {
  cold_1: {objects: 40, status: 'COLD'},
  empty: {objects: 0, status: 'HOT'},
  hot: {objects: 60, status: 'HOT'},
  off: {objects: 20, status: 'FROZEN'},
}
const WHOLE = Object.keys(STATES).filter((name) => name !== 'off')

type Dumps = Record<string, Map<string, unknown>>

let s3: S3Server
let folder: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  if (!BINARY) return
  folder = await temporaryDirectory()
  s3 = await startS3()
  for (const bucket of ['exports', 'offload']) s3.buckets.set(bucket, {objects: new Map(), uploads: new Map()})
})

afterAll(async () => {
  await s3?.close()
  await folder?.remove()
})

/** Where the server puts its exports; a path in a bucket may begin with a slash, and then so do the keys. */
const PLACES = [
  {backend: 'filesystem', directory: 'exports', placed: 'a folder'},
  {backend: 's3', directory: 'nightly', placed: 'a bucket'},
  {backend: 's3', directory: '/nightly/rooted', placed: 'a bucket, from its root'},
] as const

describe.skipIf(!BINARY).each(PLACES)('an export to $placed', {timeout: 300_000}, (where) => {
  const {backend, directory, placed} = where
  let server: RealServer
  let connection: Connection
  let rest: Rest
  let before: Dumps
  let backups: string

  beforeAll(async () => {
    backups = path.join(folder.path, `backups-${placed}`)
    const files = path.join(folder.path, `files-${placed}`)
    await mkdir(files, {recursive: true})
    server = await startRealServer({
      ...s3.env,
      BACKUP_FILESYSTEM_PATH: files,
      BACKUP_S3_BUCKET: 'exports',
      BACKUP_S3_ENDPOINT: s3.endpoint.replace('http://', ''),
      BACKUP_S3_USE_SSL: 'false',
      ENABLE_MODULES: 'backup-filesystem,backup-s3,offload-s3',
      EXPORT_DEFAULT_BUCKET: 'exports',
      EXPORT_DEFAULT_PATH: backend === 's3' ? directory : path.join(files, directory),
      EXPORT_ENABLED: 'true',
      OFFLOAD_S3_BUCKET: 'offload',
      OFFLOAD_S3_ENDPOINT: s3.endpoint,
    })
    connection = await connect(server)
    rest = new Rest(server.url)
    before = await fill()
  }, 120_000)

  afterAll(async () => {
    await connection?.close()
    await server?.remove()
  })

  /** All data types, unnamed, named and multi vectors, references, three shards, tenants of every state. Returns what there is of it. */
  async function fill(): Promise<Dumps> {
    const {capabilities} = connection
    const [vectors = 'both'] = vectorsOfSinks(capabilities)
    const options = {capabilities, friend: FRIEND, sink: SINK, vectors}
    await createKitchenSink(rest, options)
    await fillKitchenSink(rest, options)
    const ofShards = {className: SHARDED, dims: 24, objects: OBJECTS}
    const sharded = makeClass(ofShards)
    sharded.properties!.push({dataType: [SHARDED, FRIEND], name: 'next'})
    const objects = makeObjects(ofShards)
    for (const [index, object] of objects.entries()) {
      const beacons = [`${SHARDED}/${objects[(index + 7) % OBJECTS]!.id}`, `${FRIEND}/${tailId(index % 5)}`]
      object.properties.next = beacons.map((one) => ({beacon: `weaviate://localhost/${one}`}))
    }

    await fillCollection(connection, {...sharded, shardingConfig: {desiredCount: 3}}, objects)
    await fillTenants()
    const dumps = await dump(Object.keys(STATES))
    await connection.setTenantStatus(TENANTS, [{name: 'cold_1', status: 'COLD'}])
    await connection.setTenantStatus(TENANTS, [{name: 'off', status: 'FROZEN'}])
    await connection.createAlias(ALIAS, TENANTS)
    while ((await states()).includes('off FREEZING')) await sleep(100)
    expect(await states()).toEqual(Object.entries(STATES).map(([name, {status}]) => `${name} ${status}`))
    return dumps
  }

  async function fillTenants(): Promise<void> {
    const options = {className: TENANTS, dims: 8, objects: 120}
    const schema = makeClass(options)
    schema.properties!.push({dataType: [TENANTS], name: 'first'})
    await fillCollection(connection, {...schema, multiTenancyConfig: {enabled: true}}, [])
    await connection.createTenants(
      TENANTS,
      Object.keys(STATES).map((name) => ({name, status: 'HOT' as const})),
    )
    for (const [tenant, {objects: count}] of Object.entries(STATES)) {
      const objects = makeObjects(options, 0, count).map((object) => ({...object, tenant}))
      for (const object of objects)
        object.properties.first = [{beacon: `weaviate://localhost/${TENANTS}/${objects[0]!.id}`}]
      await writeAll(connection, TENANTS, objects)
    }
  }

  /** Each object as REST tells it; the tenants must be active. */
  async function dump(tenants: readonly string[]): Promise<Dumps> {
    const dumps: Dumps = {}
    for (const name of NAMES) dumps[name] = await rest.dump(name, name === TENANTS ? tenants : undefined)
    return dumps
  }

  const states = async (): Promise<string[]> =>
    (await connection.listTenants(TENANTS)).map(({name, status}) => `${name} ${status}`).toSorted()

  async function drop(): Promise<void> {
    for (const name of NAMES) await connection.deleteCollection(name)
    for (const {alias} of await connection.listAliases()) await connection.deleteAlias(alias)
    expect(await connection.listCollections()).toEqual([])
  }

  /** After a restore: all of it but the tenant that was offloaded. */
  async function expectEqualDumps(): Promise<void> {
    await connection.setTenantStatus(TENANTS, [{name: 'cold_1', status: 'HOT'}])
    const after = await dump(WHOLE)
    for (const name of NAMES) {
      const expected = new Map([...before[name]!].filter(([id]) => !id.startsWith('off/')))
      expect(dumpDifferences(after[name]!, expected), name).toEqual([])
      expect(after[name]!.size).toBe(expected.size)
    }

    expect(after[SHARDED]!.size).toBe(OBJECTS)
    expect(after[TENANTS]!.size).toBe(100)
  }

  const run = async (argv: readonly string[]): Promise<CliRun> =>
    cli(argv, {...s3.env, WEAVIATE_GRPC_URL: server.grpcUrl, WEAVIATE_URL: server.url})

  async function json(argv: readonly string[], code = 0): Promise<Record<string, unknown>> {
    const done = await run([...argv, '--json'])
    expect(done.code, done.stdout + done.stderr).toBe(code)
    return done.json()
  }

  /** By the API of the server alone. Returns where it lies. */
  async function exportBy(id: string): Promise<string> {
    await rest.json('POST', `/export/${backend}`, {file_format: 'parquet', id, include: NAMES})
    for (;;) {
      const state = (await rest.json('GET', `/export/${backend}/${id}`)) as {path: string; status: string}
      // The server does not say that its keys begin with a slash.
      if (state.status === 'SUCCESS')
        return directory.startsWith('/') ? state.path.replace('s3://exports/', 's3://exports//') : state.path
      expect(['STARTED', 'TRANSFERRING']).toContain(state.status)
      await sleep(50)
    }
  }

  it('is shown, verified, and restored as it is: dumps are equal', async ({skip}) => {
    if (!connection.exports) skip(`Weaviate ${connection.version} has no exports: that takes 1.37`)
    const schemas = path.join(folder.path, `schema-${placed}.json`)
    await writeFile(schemas, JSON.stringify(await rest.json('GET', '/schema')))
    const place = await exportBy('by-hand')
    expect(await json(['backup', 'verify', place])).toMatchObject({problems: []})
    const shown = (await json(['backup', 'show', place])) as {collections: Array<Record<string, unknown>>}
    expect(new Set(shown.collections.map(({name}) => name))).toEqual(new Set(NAMES))
    for (const name of [SINK, SHARDED])
      expect(await json(['col', 'verify', name, '--against', place])).toMatchObject({equal: true})
    await drop()

    // The tenant that was offloaded is not in it: done, but not everything.
    const restored = await json(['col', 'restore', place, '--schema-from', schemas, '--verify'], 3)
    const collections = restored.collections as Array<Record<string, unknown>>
    expect(new Set(collections.map(({collection}) => collection))).toEqual(new Set(NAMES))
    for (const one of collections) expect(one).toMatchObject({rejected: 0, verification: {equal: true}})
    const ofTenants = collections.find(({collection}) => collection === TENANTS)
    expect(ofTenants?.warnings).toContainEqual(
      expect.objectContaining({
        code: 'tenants-not-in-backup',
        details: expect.objectContaining({
          count: 1,
          tenants: [{name: 'off', reason: 'tenant status is FROZEN'}],
        }) as object,
      }),
    )
    expect(await states()).toEqual(WHOLE.map((name) => `${name} HOT`))
    await expectEqualDumps()
    const {shardingConfig} = (await connection.getCollection(SHARDED))!
    expect(shardingConfig).toMatchObject({actualCount: 3})
  })

  it('is what a backup via export rests on: listed, verified, restored with aliases and states', async ({skip}) => {
    if (!connection.exports) skip(`Weaviate ${connection.version} has no exports: that takes 1.37`)
    await connection.setTenantStatus(TENANTS, [{name: 'cold_1', status: 'COLD'}])
    if ((await connection.listAliases()).every(({alias}) => alias !== ALIAS))
      await connection.createAlias(ALIAS, TENANTS)
    const guide = await readFile(path.join(root, 'docs/guides/native-export.md'), 'utf8')
    const line = /^elysia-data-ops (col backup .*)$/m.exec(guide)?.[1] ?? ''
    const argv = line.split(' ').flatMap((word) => (word === 'Article' ? NAMES : word === 's3' ? [backend] : [word]))
    const made = (await json([...argv, '-o', backups])).backups as Array<Record<string, unknown>>
    expect(new Set(made.map(({collection}) => collection))).toEqual(new Set(NAMES))
    const ids = made.map(({id}) => id as string)
    for (const [index, id] of ids.entries()) {
      expect(made[index]).toMatchObject({complete: true, digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string})
      expect(await json(['backup', 'show', id, '-o', backups])).toMatchObject({id})
      expect(await json(['backup', 'verify', id, '-o', backups])).toMatchObject({problems: []})
      const name = made[index]!.collection as string
      expect(await json(['col', 'verify', name, '--against', id, '-o', backups])).toMatchObject({equal: true})
    }

    // Comparing has left the tenants as they were.
    expect(await states()).toContain('cold_1 COLD')
    await drop()
    const restored = await json(['col', 'restore', ...ids, '-o', backups, '--verify'])
    for (const one of restored.collections as Array<Record<string, unknown>>)
      expect(one).toMatchObject({rejected: 0, verification: {equal: true}})
    expect(await states()).toEqual(WHOLE.map((name) => `${name} ${STATES[name]!.status}`))
    expect(await connection.listAliases()).toEqual([{alias: ALIAS, collection: TENANTS}])
    await expectEqualDumps()
  })
})
