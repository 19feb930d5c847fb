/**
 * As workers.test.ts, of restores: two collections whose objects refer to each other, to themselves and to nothing, one of them with
 * tenants, and objects that are refused. What comes of it is what one process makes of the same backups.
 */
import {afterAll, beforeAll, expect, it} from 'vitest'

import type {WeaviateObject} from '../../src/model/object.js'
import type {S3Server} from '../support/s3-server.js'

import {makeClass, makeObjects} from '../../bench/data.js'
import {BackupManager, type Connection, RestoreManager} from '../../src/index.js'
import {CONDITIONS_PROBE} from '../../src/store/temporary-name.js'
import {startTestServer, type TestServer, writeAll} from '../support/collections.js'
import {memoryStore} from '../support/memory-store.js'
import {objectId} from '../support/object-id.js'
import {randomFrom} from './harness.js'
import {statesOf} from './samples.js'
import {WorkerProcesses} from './worker-processes.js'
import {openWorkersPlace, type WorkersPlace} from './workers-place.js'

const ROUNDS = Number(process.env.WORKERS_ROUNDS ?? 1)
const IS_LONG = ROUNDS > 1
const WORKERS = IS_LONG ? 8 : 2
const PLAIN = 'WorkedPlain'
const TENANTS = 'WorkedTenants'
const COUNTS: Readonly<Record<string, number>> = IS_LONG
  ? {[PLAIN]: 4000, [TENANTS]: 1200}
  : {[PLAIN]: 600, [TENANTS]: 120}
const TENANT_NAMES = Array.from({length: 12}, (_, index) => `tenant${index}`)
/** In each of many rounds. */
const KILLS = 25
/** Objects a second of one worker, so that a round lasts for some kills. */
const RATE = 150
/** One object in so many has no vector, and a server that is to make one refuses it. A real server has no module for that. */
const REFUSED = process.env.WEAVIATE_URL === undefined ? 100 : Infinity
const VECTORIZER = 'text2vec-openai'
const OVERRIDES = Number.isFinite(REFUSED) ? {vectorizer: VECTORIZER} : undefined

let server: TestServer
let place: WorkersPlace
let backups: string[]
/** What one process makes. */
let expected: Restored
let before: Set<string>

interface Restored {
  digests: string[]
  /** `collection id`, as often as it stands in the files. */
  rejected: string[]
  states: unknown
}

const refusedOf = (collection: string): number => Math.ceil(((COUNTS[collection] ?? 0) - 7) / REFUSED)

/** Objects, some of which will be refused; `refer`: what each refers to. */
function objectsOf(className: string, refer: (index: number) => WeaviateObject['properties']): WeaviateObject[] {
  const objects = makeObjects({className, dims: 4, objects: COUNTS[className] ?? 0, properties: 3})
  for (const [index, object] of objects.entries()) {
    Object.assign(object.properties, refer(index))
    if (Number.isFinite(REFUSED) && index % REFUSED === 7) delete object.vector
  }

  return objects
}

const beacon = (className: string, id: string): {beacon: string} => ({
  beacon: `weaviate://localhost/${className}/${id}`,
})

async function makeSources(connection: Connection): Promise<void> {
  const random = randomFrom(7)
  const own = makeObjects({className: PLAIN, dims: 4, objects: COUNTS[PLAIN] ?? 0, properties: 3})
  const anyOf = (objects: readonly WeaviateObject[]): string =>
    objects[Math.floor(random() * objects.length)]?.id ?? objectId(1)
  const plain = makeClass({className: PLAIN, dims: 4, objects: 0, properties: 3})
  plain.properties?.push({dataType: [PLAIN], name: 'follows'})
  await connection.createCollection(plain)
  await writeAll(
    connection,
    PLAIN,
    objectsOf(PLAIN, (index) => ({
      follows: [
        ...(index % 5 === 0 ? [beacon(PLAIN, own[index]?.id ?? '')] : []),
        ...(index % 7 === 0 ? [beacon(PLAIN, objectId(4711))] : []),
        beacon(PLAIN, anyOf(own)),
        beacon(PLAIN, anyOf(own)),
      ],
    })),
  )
  const schema = makeClass({className: TENANTS, dims: 4, objects: 0, properties: 3, tenant: ''})
  schema.properties?.push({dataType: [TENANTS], name: 'to'}, {dataType: [PLAIN], name: 'knows'})
  await connection.createCollection(schema)
  await connection.createTenants(
    TENANTS,
    TENANT_NAMES.map((name) => ({name, status: 'HOT'})),
  )
  // What is referred to, and gone afterwards.
  const gone = TENANT_NAMES.map((tenant) => ({id: objectId(4712), properties: {}, tenant}))
  await writeAll(connection, TENANTS, gone)
  const objects = objectsOf(TENANTS, (index) => ({
    knows: [beacon(PLAIN, anyOf(own))],
    ...(index % 40 < TENANT_NAMES.length && {to: [beacon(TENANTS, objectId(4712))]}),
  }))
  for (const [index, object] of objects.entries()) object.tenant = TENANT_NAMES[index % TENANT_NAMES.length]
  await writeAll(connection, TENANTS, objects)
  for (const {id, tenant} of gone) await connection.deleteObjects({collection: TENANTS, ids: [id], tenant})
  await connection.setTenantStatus(
    TENANTS,
    TENANT_NAMES.filter((_, index) => index % 3 === 1).map((name) => ({name, status: 'COLD' as const})),
  )
}

/** What is there now, and nothing of it any more afterwards. */
async function takeRestored(): Promise<Restored> {
  const {connection} = server
  const states = await statesOf(connection, TENANTS)
  const digests: string[] = []
  for (const name of [PLAIN, TENANTS])
    digests.push((await new BackupManager(connection, {store: memoryStore()}).backupCollection(name)).digest)
  const rejected: string[] = []
  const files = (await place.keys()).filter((each) => each.includes('rejected') && !each.startsWith('.jobs/'))
  for (const key of files) {
    const lines = (await place.text(key)).trim().split('\n')
    rejected.push(...lines.map((line) => `${key} ${(JSON.parse(line) as {object: {id: string}}).object.id}`))
    await place.store.remove(key)
  }

  for (const name of [TENANTS, PLAIN]) await connection.deleteCollection(name)
  return {digests, rejected: rejected.toSorted(), states}
}

/** Every worker dies in the moment in which somebody has taken the first item of each kind, and nobody has the answer. */
async function killWhenBegun(workers: WorkerProcesses, job: string, s3: S3Server): Promise<void> {
  const plan = await place.text(`.jobs/${job}/plan.json`)
  const {items} = JSON.parse(plan) as {items: Array<{payload: {do: string}}>}
  const kinds = new Set(['end', 'references'])
  s3.fault = ({key, operation}) => {
    const [, number] = /\/\.jobs\/[^/]+\/items\/\d+\/(\d+)$/.exec(key) ?? []
    const kind = items[Number(number)]?.payload.do
    if (operation !== 'PutObject' || kind === undefined || !kinds.delete(kind)) return undefined
    workers.killAll()
    return undefined
  }
}

beforeAll(async () => {
  server = await startTestServer()
  place = await openWorkersPlace()
  const {connection} = server
  for (const name of [TENANTS, PLAIN]) await connection.deleteCollection(name)
  await makeSources(connection)
  const {store} = place
  const manager = new BackupManager(connection, {store})
  backups = []
  for (const name of [PLAIN, TENANTS]) backups.push((await manager.backupCollection(name, {format: 'parquet'})).id)
  for (const name of [TENANTS, PLAIN]) await connection.deleteCollection(name)
  before = new Set(await place.keys())
  await new RestoreManager(connection, {store}).restoreCollections(backups, {
    allowVectorization: true,
    overrides: OVERRIDES,
  })
  expected = await takeRestored()
  expect(expected.rejected).toHaveLength(
    Math.ceil((COUNTS[PLAIN] ?? 0) / REFUSED) + Math.ceil((COUNTS[TENANTS] ?? 0) / REFUSED),
  )
  expect((await place.keys()).filter((key) => !before.has(key))).toEqual([])
}, 120_000)

afterAll(async () => {
  for (const name of [TENANTS, PLAIN]) await server.connection.deleteCollection(name)
  await place.close()
  await server.close()
})

it.each(Array.from({length: ROUNDS}, (_, round) => round + 1))(
  'round %i: a restore by workers that are killed, or stand still, is the restore that one process makes, ended once',
  async (round) => {
    const {grpcUrl, url} = server
    const workers = new WorkerProcesses({apart: round % 2 === 0, grpcUrl, place, url, workers: WORKERS})
    const job = `restore-${round}`
    const at = ['-o', place.url, '--json']
    const created = await workers.run(
      'job',
      'create',
      'restore',
      ...backups,
      '--job',
      job,
      '--lease',
      '2',
      '--items',
      '16',
      ...at,
      ...(OVERRIDES ? ['--set', `vectorizer=${VECTORIZER}`, '--allow-vectorization'] : []),
    )
    expect(created, created.stderr + created.stdout).toMatchObject({code: 0})
    const work = ['job', 'work', job, '--timeout', '5', ...at]
    // A real S3 says nothing of the moments of its requests.
    const tellsMoments = IS_LONG ? undefined : place.own
    if (tellsMoments) await killWhenBegun(workers, job, tellsMoments)
    const {kills, runs, stops} = await (tellsMoments === undefined
      ? workers.untilDone([...work, '--max-rate', String(RATE)], {
          everyMs: IS_LONG ? 1000 : 2000,
          // Leases are doubled with each attempt: whoever is killed for ever waits for ever.
          kills: KILLS,
          ...(round % 3 === 2 && {stopMs: 6000}),
        })
      : workers.untilDone(work))
    if (tellsMoments) tellsMoments.fault = undefined
    // 3: objects were refused.
    const code = OVERRIDES ? 3 : 0
    for (const run of runs) expect(run, run.stderr + run.stdout).toMatchObject({code})
    expect(kills).toBeGreaterThan(tellsMoments ? 1 : 0)
    const shown = await workers.run('job', 'show', job, ...at)
    const results = [PLAIN, TENANTS].map((collection) => {
      const rejected = refusedOf(collection)
      return expect.objectContaining({collection, rejected, restored: (COUNTS[collection] ?? 0) - rejected}) as unknown
    })
    const state = shown.json() as {restored: unknown[]}
    expect(state).toMatchObject({aside: [], end: 'done', workers: []})
    expect(state.restored).toHaveLength(2)
    expect(state.restored).toEqual(expect.arrayContaining(results))
    expect(await takeRestored()).toEqual(expected)
    // One that is killed while it asks whether the place keeps conditions leaves what it asked with: `prune` removes that.
    const isOfAll = (key: string): boolean =>
      key === CONDITIONS_PROBE || /^\.jobs\/[^/]+\/(?:items\/|plan\.json$)/.test(key)
    const left = (await place.keys()).filter((key) => !before.has(key) && !isOfAll(key))
    expect(left.filter((key) => !key.endsWith('.restored.json'))).toEqual([])
    process.stderr.write(IS_LONG ? `round ${round}: ${kills} kills, ${stops} stops\n` : '')
  },
  600_000,
)
