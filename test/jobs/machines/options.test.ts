/**
 * What a restore is asked for, given to several machines: what comes of it is what one process makes, though a worker is killed in each kind
 * of item; or it is refused when the job is created, and nothing is changed.
 */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {CreateRestoreJobOptions} from '../../../src/jobs/machines/options.js'
import type {WeaviateObject} from '../../../src/model/object.js'
import type {Store} from '../../../src/store/store.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {BackupManager, DataOpsError, RestoreManager, transforms} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {GRACE} from '../../../src/jobs/restore/checkpoint.js'
import {SMALLEST_ITEM} from '../../../src/jobs/restore/divide.js'
import {makeReferences, makeTenants, statesOf} from '../../fault/samples.js'
import {restDump, startTestServer, type TestServer, writeAll} from '../../support/collections.js'
import {fasterClock} from '../../support/faster-clock.js'
import {memoryStore} from '../../support/memory-store.js'
import {objectId} from '../../support/object-id.js'

const NAME = 'MachinesAsked'
const TENANTS = 'MachinesAskedTenants'
const REFERRING = 'MachinesAskedReferring'
const GONE = 'MachinesAskedGone'
const COPY = 'MachinesAskedCopy'
const ALIAS = `${TENANTS}Alias`
const COUNT = 90
const USUAL = {grace: GRACE.ms, rows: SMALLEST_ITEM.rows}

fasterClock()
let server: TestServer
let objects: NonNullable<Parameters<typeof memoryStore>[0]>
/** Where each test begins. */
let taken: typeof objects
let store: Store
/** Of a collection that refers to itself, one with tenants, one that refers to a collection that is gone. */
let backups: {gone: string; plain: string; tenants: string}

beforeAll(async () => {
  GRACE.ms = 20
  SMALLEST_ITEM.rows = 20
  server = await startTestServer()
  const {connection} = server
  objects = new Map()
  store = memoryStore(objects)
  const manager = new BackupManager(connection, {store})
  const take = async (name: string): Promise<string> => (await manager.backupCollection(name, {format: 'parquet'})).id
  await makeReferences(connection, NAME, {dims: 4, objects: COUNT, references: 3})
  await makeTenants(connection, TENANTS, {objects: COUNT, tenants: 6})
  await connection.createCollection({class: GONE, vectorizer: 'none'})
  const properties = [
    {dataType: [GONE], name: 'to'},
    {dataType: [REFERRING], name: 'next'},
  ]
  await connection.createCollection({class: REFERRING, properties, vectorizer: 'none'})
  const refer = (name: string, index: number): Array<{beacon: string}> => [
    {beacon: `weaviate://localhost/${name}/${objectId(index)}`},
  ]
  const referring = Array.from({length: 60}, (_, index): WeaviateObject => ({
    id: objectId(index),
    properties: {next: refer(REFERRING, (index + 1) % 60), to: refer(GONE, index)},
  }))
  await writeAll(connection, REFERRING, referring)
  backups = {gone: await take(REFERRING), plain: await take(NAME), tenants: await take(TENANTS)}
  taken = new Map(objects)
  await connection.deleteAlias(ALIAS)
  for (const name of [NAME, TENANTS, REFERRING, GONE]) await connection.deleteCollection(name)
}, 60_000)

afterAll(async () => {
  GRACE.ms = USUAL.grace
  SMALLEST_ITEM.rows = USUAL.rows
  await forgetAll()
  await server.close()
})

beforeEach(async () => {
  objects = new Map(taken)
  store = memoryStore(objects)
  await forgetAll()
})

/** All that a test may have made. */
async function forgetAll(): Promise<void> {
  const {connection} = server
  for (const {alias, collection} of await connection.listAliases())
    if (collection.startsWith('MachinesAsked')) await connection.deleteAlias(alias)
  for (const {class: name} of await connection.listCollections())
    if (name.startsWith('MachinesAsked')) await connection.deleteCollection(name)
}

/** All that is there: objects with vectors and references, tenants' states, what of the schema was asked for, aliases. */
async function shown(): Promise<unknown> {
  const {connection, url} = server
  const collections = (await connection.listCollections()).filter((one) => one.class.startsWith('MachinesAsked'))
  const found = collections.map(async (schema) => {
    const tenants = schema.multiTenancyConfig?.enabled ? await statesOf(connection, schema.class) : undefined
    const active = tenants?.map(({name}) => ({name, status: 'HOT' as const})) ?? []
    if (tenants) await connection.setTenantStatus(schema.class, active)
    const dumps: unknown[] = []
    for (const tenant of tenants?.map(({name}) => name) ?? [undefined])
      dumps.push(await restDump(url, schema.class, tenant))
    return {dumps, name: schema.class, properties: schema.properties, tenants}
  })
  const aliases = (await connection.listAliases()).filter(({alias}) => alias.startsWith('MachinesAsked'))
  return {aliases, collections: (await Promise.all(found)).toSorted((a, b) => a.name.localeCompare(b.name))}
}

/** Where a worker dies: once the server has done this call, or once this item is its own. */
type Death = 'createAlias' | 'end' | 'updateAlias' | 'writeObjects' | 'writeReferences'

/** A worker that is gone from there on: nothing that it does arrives, and its process is seen to have ended. */
function mortal(
  death: Death,
  ends: ReadonlySet<number>,
): {died: Promise<void>; end: () => void; of: [Connection, Store]} {
  const {promise: died, resolve: die} = Promise.withResolvers<void>()
  const grave = Promise.withResolvers<never>()
  grave.promise.catch(() => {})
  let isDead = false
  const call = async <T>(isLast: boolean, make: () => Promise<T>): Promise<T> => {
    if (isDead) return grave.promise
    if (!isLast) return make()
    isDead = true
    await make()
    die()
    return grave.promise
  }

  const connection = new Proxy(server.connection, {
    get(target, name): unknown {
      const own: unknown = Reflect.get(target, name)
      if (typeof own !== 'function') return own
      return async (...given: unknown[]) =>
        call(name === death, async () => Reflect.apply(own as (...all: unknown[]) => Promise<unknown>, target, given))
    },
  })
  const dying: Store = {
    ...store,
    async put(key, bytes, condition) {
      const [, number] = /\/items\/\d+\/(\d+)$/.exec(key) ?? []
      const isEnd = death === 'end' && number !== undefined && ends.has(Number(number))
      const written = number === undefined ? bytes : buried(bytes)
      return call(isEnd, async () => store.put(key, written, condition))
    },
  }
  return {
    died,
    end() {
      grave.reject(new DataOpsError('INTERRUPTED', 'Killed.'))
    },
    of: [connection, dying],
  }
}

/** As a process has written it that is not there any more. */
function buried(bytes: Uint8Array): Uint8Array {
  const record = JSON.parse(Buffer.from(bytes).toString()) as {holder?: object}
  // More than any system gives.
  return Buffer.from(JSON.stringify({...record, holder: {...record.holder, pid: 2 ** 30}}))
}

/** By workers one after another, each killed at one of these, and a last one. Returns how many were killed. */
async function restoreByDying(ids: readonly string[], options: CreateRestoreJobOptions, deaths: readonly Death[]) {
  const created = await new JobManager({store}).createRestore(server.connection, ids, {
    items: 3,
    leaseMs: 2400,
    ...options,
  })
  const plan = JSON.parse(String(objects.get(`.jobs/${created.id}/plan.json`)?.bytes)) as {
    items: Array<{payload: {do: string}}>
  }
  const ends = new Set(plan.items.flatMap(({payload}, number) => (payload.do === 'end' ? [number] : [])))
  let killed = 0
  for (const death of deaths) {
    const worker = mortal(death, ends)
    const [connection, dying] = worker.of
    const working = new JobManager({store: dying}).work(connection, created.id, {concurrency: 1, hint: 0})
    const isKilled = await Promise.race([worker.died.then(() => true), working.then(() => false)])
    if (isKilled) killed++
    worker.end()
    await working.catch(() => {})
  }

  const {end, restored} = await new JobManager({store}).work(server.connection, created.id)
  return {end, killed, restored}
}

interface Asked {
  backup: keyof typeof backups
  deaths?: readonly Death[]
  /** What is there before. */
  given?: () => Promise<void>
  options: CreateRestoreJobOptions
  title: string
}

const WITH_REFERENCES: readonly Death[] = ['writeObjects', 'writeReferences', 'end']
const WITHOUT: readonly Death[] = ['writeObjects', 'end']

/** A collection that holds some objects of the backup, others in their place, and more. */
async function givenMerge(): Promise<void> {
  const {connection} = server
  await new RestoreManager(connection, {store}).restoreCollection(backups.plain, {name: COPY})
  const all = [...(await restDump(server.url, COPY)).keys()]
  await connection.deleteObjects({collection: COPY, ids: all.filter((_, index) => index % 3 === 0)})
  const beacon = `weaviate://localhost/${COPY}/${all[1]}`
  await writeAll(connection, COPY, [
    {id: all[1] ?? '', properties: {follows: [{beacon}], property0: 'somebody else wrote this'}},
    {id: objectId(77_777), properties: {property0: 'more'}},
  ])
}

const ASKED: Asked[] = [
  {backup: 'plain', deaths: [...WITH_REFERENCES, 'createAlias'], options: {atomic: true}, title: 'atomic'},
  {
    backup: 'plain',
    deaths: [...WITH_REFERENCES, 'updateAlias'],
    async given() {
      await server.connection.createCollection({class: COPY, vectorizer: 'none'})
      await server.connection.createAlias(NAME, COPY)
    },
    options: {atomic: true},
    title: 'atomic, the name being an alias of another collection',
  },
  {backup: 'plain', given: givenMerge, options: {merge: true, name: COPY}, title: 'a merge'},
  {
    backup: 'plain',
    given: givenMerge,
    options: {merge: true, name: COPY, onConflict: 'skip'},
    title: 'a merge that leaves alone what is there',
  },
  {
    backup: 'plain',
    async given() {
      await new RestoreManager(server.connection, {store}).restoreCollection(backups.plain, {
        name: COPY,
        skipData: true,
      })
    },
    options: {merge: true, name: COPY, onConflict: 'fail'},
    title: 'a merge that fails where something is there, and nothing is',
  },
  {
    backup: 'plain',
    options: {
      overrides: {'properties.property2.dataType': ['number']},
      transforms: [
        transforms.where('property2 > 20'),
        transforms.rename({property0: 'title'}),
        transforms.drop(['cites']),
      ],
      verify: true,
    },
    title: 'choosing, renaming, leaving out and another type',
  },
  {backup: 'plain', options: {transforms: [transforms.sample(40, 'seed')]}, title: 'a sample'},
  {
    backup: 'tenants',
    deaths: WITHOUT,
    options: {tenants: ['tenant1=one', 'tenant?'], verify: true},
    title: 'some tenants, one by another name',
  },
  {backup: 'tenants', deaths: WITHOUT, options: {transforms: [transforms.outOfTenants()]}, title: 'out of tenants'},
  {
    backup: 'plain',
    options: {name: COPY, transforms: [transforms.drop(['follows', 'cites']), transforms.intoTenant('all')]},
    deaths: WITHOUT,
    title: 'into a tenant',
  },
  {
    backup: 'tenants',
    deaths: WITHOUT,
    async given() {
      await server.connection.createCollection({class: COPY, vectorizer: 'none'})
      await server.connection.createAlias(ALIAS, COPY)
    },
    options: {withAliases: true},
    title: 'with aliases that point elsewhere',
  },
  {
    backup: 'gone',
    options: {missingTarget: 'create', verify: true},
    title: 'collections that are referred to, made empty',
  },
  {backup: 'gone', options: {missingTarget: 'drop', verify: true}, title: 'references to what is gone left out'},
  {backup: 'plain', options: {batchSize: 7, consistency: 'ONE'}, title: 'in small batches'},
]

describe('a restore by several machines, killed in each kind of item, is what one process makes:', () => {
  it.each(ASKED)('$title', async ({backup, deaths = WITH_REFERENCES, given, options}) => {
    await given?.()
    const alone = await new RestoreManager(server.connection, {store}).restoreCollection(backups[backup], options)
    const expected = await shown()
    await forgetAll()
    await given?.()
    const {end, killed, restored} = await restoreByDying([backups[backup]], options, deaths)
    expect({end, killed}).toEqual({end: 'done', killed: deaths.length})
    const {seconds: _, warnings: __, ...told} = alone
    const {seconds: ___, warnings: ____, ...same} = restored[0] ?? alone
    // How many of them are read by id is each one's own.
    expect({...same, confirmation: same.confirmation?.by, verification: same.verification?.counts}).toEqual({
      ...told,
      confirmation: told.confirmation?.by,
      verification: told.verification?.counts,
    })
    expect(same.verification?.equal).toBe(told.verification?.equal)
    expect(await shown()).toEqual(expected)
    expect((await store.list('')).map(({name}) => name).filter((name) => /checkpoint|restore-/.test(name))).toEqual([])
  })
})

describe('refused when the job is created, with nothing changed, is', () => {
  const refused: Array<[string, CreateRestoreJobOptions, string, RegExp]> = [
    [
      'a merge that fails where something is there',
      {merge: true, name: COPY, onConflict: 'fail'},
      'COLLECTION_EXISTS',
      /objects? of the backup (?:is|are) in/,
    ],
    ['a target that is there', {name: COPY}, 'COLLECTION_EXISTS', /already a collection/],
    ['an atomic merge', {atomic: true, merge: true}, 'INVALID_INPUT', /cannot be atomic/],
    [
      'a function of the program',
      {name: `${COPY}2`, transforms: [transforms.transformObjects({object: (object) => object}, {name: 'own'})]},
      'INVALID_INPUT',
      /functions of a program/,
    ],
  ]
  it.each(refused)('%s', async (_, options, code, message) => {
    await givenMerge()
    const before = await shown()
    const kept = [...objects.keys()].toSorted()
    const creating = new JobManager({store}).createRestore(server.connection, [backups.plain], options)
    await expect(creating).rejects.toMatchObject({code, message: expect.stringMatching(message) as unknown})
    expect(await shown()).toEqual(before)
    expect([...objects.keys()].toSorted()).toEqual(kept)
    // Nothing holds the target.
    await new RestoreManager(server.connection, {store}).restoreCollection(backups.plain, {merge: true, name: COPY})
  })

  it('references to a collection that is gone, without a word of what becomes of them', async () => {
    const creating = new JobManager({store}).createRestore(server.connection, [backups.gone])
    await expect(creating).rejects.toMatchObject({code: 'SCHEMA_MISMATCH', details: {missing: [GONE]}})
    expect(await shown()).toMatchObject({collections: []})
  })

  it('whatever only one process does, is of those who work, or is no option at all', async () => {
    const manager = new JobManager({store})
    const ofOne = [
      'acceptChanged',
      'checkpointDirectory',
      'collections',
      'dryRun',
      'keepGoing',
      'onConfirmed',
      'restart',
    ]
    const ofWorkers = ['concurrency', 'maxRate', 'maxRetries', 'retryMaxWaitMs']
    const others = ['retryRejected', 'schemaFrom', 'skipData', 'whatever', 'workers', 'toString']
    for (const name of [...ofOne, ...ofWorkers, ...others]) {
      const creating = manager.createRestore(server.connection, [backups.plain], {[name]: true})
      const message = `A restore with \`${name}\` cannot be done by several machines.`
      await expect(creating, name).rejects.toMatchObject({code: 'INVALID_INPUT', message})
    }

    for (const name of ['dryRun', 'keepGoing', 'lockForMs', 'lockMode', 'maxRate', 'replacedBy', 'resume', 'settle']) {
      const creating = manager.createBackup(server.connection, 'all', {[name]: true})
      const message = `A backup with \`${name}\` cannot be done by several machines.`
      await expect(creating, name).rejects.toMatchObject({code: 'INVALID_INPUT', message})
    }

    expect([...objects.keys()].toSorted()).toEqual([...taken.keys()].toSorted())
    expect(await shown()).toMatchObject({collections: []})
  })
})
