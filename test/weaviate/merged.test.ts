/** Replicas that disagree: one node missed writes and deletions, and all of them are listed. */
import {afterAll, beforeAll, describe, expect, it, vi} from 'vitest'

import {makeClass, makeObjects} from '../../bench/data.js'
import {readManifest} from '../../src/archive/manifest.js'
import {ParallelReader} from '../../src/flow/parallel-reader.js'
import {Throttle} from '../../src/flow/throttle.js'
import {
  BackupManager,
  ClearManager,
  connect,
  type Connection,
  CopyManager,
  RestoreManager,
  Verifier,
  type Warning,
} from '../../src/index.js'
import {MAX_UUID} from '../../src/model/uuid-range.js'
import {LocalStore} from '../../src/store/local/store.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {fillCollection, temporaryDirectory} from '../support/collections.js'

// Looking again is what counts here, not the time in between.
const sleep = vi.hoisted(() => vi.fn(async () => {}))
vi.mock('../../src/weaviate/retry.js', async (original) => ({
  ...(await original<Record<string, unknown>>()),
  sleep,
}))

const NAME = 'Replicated'
const SHAPE = {className: NAME, dims: 4, objects: 360}
const OBJECTS = [...makeObjects(SHAPE)]
/** Written while node3 was away. */
const MISSED = new Set(OBJECTS.filter((_, index) => index % 7 === 0).map(({id}) => id))
const GONE = OBJECTS.filter((_, index) => index % 36 === 1).map(({id}) => id)
const LEFT = OBJECTS.length - GONE.length

let server: EmbeddedWeaviate
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let folder: {directory: string}
/** What does more than read. */
let writes: string[]
const open: Connection[] = []

async function at(node: number, others: readonly number[] = []): Promise<Connection> {
  const address = (index: number) => server.nodes[index]!
  const nodes = others.map((index) => `${address(index).url},${address(index).grpcUrl}`)
  const connection = await connect({grpcUrl: address(node).grpcUrl, nodes, url: address(node).url})
  open.push(connection)
  return connection
}

beforeAll(async () => {
  writes = []
  server = await startEmbeddedWeaviate({
    onRequest({method, path, transport}) {
      const byId = /^\/v1\/objects\/\w+\/[\da-f-]{36}/.test(path)
      const repairs = byId && method === 'GET' && !/node_name=|consistency_level=ONE/.test(path)
      const isRead =
        transport === 'grpc' ? /^(Search|Aggregate|Check)$/.test(method) : method === 'GET' || path === '/v1/graphql'
      if (repairs || !isRead) writes.push(`${method} ${path}`)
    },
    replicas: [
      {name: 'node1'},
      {name: 'node2'},
      {keeps: ({collection}) => collection === NAME, misses: ({id}) => MISSED.has(id), name: 'node3'},
    ],
  })
  directory = await temporaryDirectory()
  folder = {directory: directory.path}
  const first = await at(0)
  const replicationConfig = {deletionStrategy: 'TimeBasedResolution', factor: 3}
  await fillCollection(first, {...makeClass(SHAPE), replicationConfig}, OBJECTS)
  await first.deleteObjects({collection: NAME, consistency: 'QUORUM', ids: GONE})
  writes.length = 0
})

afterAll(async () => {
  for (const connection of open) await connection.close()
  await server.close()
  await directory.remove()
})

describe('a backup through the node that was away', () => {
  it('holds what a majority has, says what differed, and writes nothing to the cluster', async () => {
    const healthy = await new BackupManager(await at(0), folder).backupCollection(NAME)
    expect(healthy.objectCount).toBe(LEFT)
    const all = await at(2, [0, 1])
    for (const format of ['json', 'parquet'] as const) {
      const backup = await new BackupManager(all, folder).backupCollection(NAME, {batchSize: 17, format})
      expect(backup).toMatchObject({complete: true, digest: healthy.digest, objectCount: LEFT})
      expect(backup.warnings.map(({code}) => code)).toEqual(['replicas-differ'])
      const missed = [...MISSED].filter((id) => !GONE.includes(id)).length
      expect(backup.replicas).toMatchObject({
        addresses: [server.nodes[2]!.url, server.nodes[0]!.url, server.nodes[1]!.url],
        counts: {kept: missed, 'left out': GONE.length, newest: 0},
        nodes: ['node1', 'node2', 'node3'],
      })
      const store = new LocalStore(directory.path)
      const {seal} = await readManifest(store, backup.path.slice(directory.path.length + 1))
      expect(seal.guarantee).toContain('listed and compared were those of 3 nodes')
      expect(seal.guarantee).toContain(`${missed} that some replicas lack were taken`)
      expect(seal.guarantee).toContain('as the newest of the compared replicas had it')
    }

    const settled = await new BackupManager(all, folder).backupCollection(NAME, {settle: true})
    expect(settled).toMatchObject({digest: healthy.digest, objectCount: LEFT})
    const comparison = await new Verifier({connection: all, ...folder}).verifyCollection(NAME, healthy.path)
    expect(comparison).toMatchObject({counts: {extra: 0, live: LEFT, missing: 0}, equal: true})
    expect(comparison.replicas!.counts.kept).toBeGreaterThan(0)
    expect(await new ClearManager(all, folder).count(NAME)).toBe(LEFT)
    expect(writes).toEqual([])
  })

  it('is copied as it is backed up: what differed, or was not compared, is said once, and of the source', async () => {
    const target = await startEmbeddedWeaviate()
    const to = await connect({grpcUrl: target.grpcUrl, url: target.url})
    try {
      // The target has one node: it keeps one copy.
      const overrides = {'replicationConfig.factor': 1}
      const all = await at(2, [0, 1])
      const told: Warning[] = []
      const onWarning = (warning: Warning): void => {
        told.push(warning)
      }

      const copied = await new CopyManager(all, to, folder).copyCollection(NAME, {onWarning, overrides})
      expect(copied).toMatchObject({complete: true, restored: LEFT})
      const ofReplicas = (warnings: readonly Warning[]): string[] =>
        warnings.map(({code}) => code).filter((code) => code !== 'schema-changed')
      expect(ofReplicas(copied.warnings)).toEqual(['replicas-differ'])
      expect(ofReplicas(told)).toEqual(['replicas-differ'])
      expect(told.at(-1)!.message).toMatch(/^Source: Replicas of /)
      expect(copied.source.replicas).toMatchObject({
        addresses: [server.nodes[2]!.url, server.nodes[0]!.url, server.nodes[1]!.url],
        counts: {kept: [...MISSED].filter((id) => !GONE.includes(id)).length, 'left out': GONE.length},
      })
      const alone = await new CopyManager(await at(2), to, folder).copyCollection(NAME, {name: `${NAME}One`, overrides})
      expect(alone.complete).toBe(false)
      expect(ofReplicas(alone.warnings)).toEqual(['replicas-not-compared', 'incomplete-copy'])
      expect(writes).toEqual([])
    } finally {
      await to.close()
      await target.close()
    }
  })

  it('alone is incomplete, and says so', async () => {
    const backup = await new BackupManager(await at(2), folder).backupCollection(NAME)
    expect(backup.complete).toBe(false)
    expect(backup.objectCount).toBeLessThan(LEFT)
    expect(backup.warnings.map(({code}) => code)).toEqual(['replicas-not-compared', 'incomplete'])
    expect(backup.warnings[0]!.details).toMatchObject({factor: 3})
    expect(writes).toEqual([])
  })

  it('two of three: what the third alone has is said not to be seen', async () => {
    const backup = await new BackupManager(await at(2, [0]), folder).backupCollection(NAME)
    expect(backup).toMatchObject({complete: true, objectCount: LEFT})
    expect(backup.warnings.map(({code}) => code)).toEqual(['replicas-not-compared', 'replicas-differ'])
  })
})

it('what was just written is looked at again whatever this machine takes for the time', async () => {
  const all = await at(2, [0, 1])
  const read = async (): Promise<number> => {
    sleep.mockClear()
    const collection = planCollection((await all.getCollection(NAME))!)
    await all.readPage({collection, include: 'ids', limit: 100})
    return sleep.mock.calls.length
  }

  const looks = await read()
  expect(looks).toBeGreaterThan(0)
  const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 7_200_000)
  try {
    expect(await read()).toBe(looks)
  } finally {
    clock.mockRestore()
  }
})

it('a page of objects that replicas differ in is bounded by bytes as any other', async () => {
  const name = 'ReplicatedLarge'
  const large = await startEmbeddedWeaviate({
    replicas: [{name: 'node1'}, {name: 'node2'}, {misses: ({collection}) => collection === name, name: 'node3'}],
  })
  const connection = await connect({
    grpcUrl: large.nodes[2]!.grpcUrl,
    nodes: large.nodes.slice(0, 2).map(({grpcUrl, url}) => `${url},${grpcUrl}`),
    url: large.nodes[2]!.url,
  })
  try {
    await connection.createCollection({
      class: name,
      properties: [{dataType: ['text'], name: 'title'}],
      replicationConfig: {factor: 3},
      vectorizer: 'none',
    })
    const collection = planCollection((await connection.getCollection(name))!)
    const objects = Array.from({length: 20}, (_, index) => ({
      id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      properties: {title: 'x'.repeat(50_000)},
    }))
    expect(await connection.writeObjects({collection, objects})).toEqual([])
    const page = async (limit: number, include: 'ids' | 'objects') =>
      connection.readPage({collection, include, limit, maxBytes: 500_000})
    await expect(page(20, 'objects')).rejects.toMatchObject({details: {tooLarge: true}})
    const {bytes, objects: some} = await page(2, 'objects')
    expect(some).toMatchObject(objects.slice(0, 2))
    // Of two replicas, and of the newest once more.
    expect(bytes).toBeGreaterThan(6 * 50_000)
    const reader = new ParallelReader({
      batchSize: 20,
      concurrency: 1,
      connection,
      expectedObjects: 20,
      include: 'objects',
      plan: collection,
      slices: [{until: MAX_UUID}],
      throttle: new Throttle({concurrency: 1}),
    })
    const found: string[] = []
    for await (const {done, objects: read, release} of reader.pages()) {
      found.push(...read.map(({id}) => id))
      done()
      release()
    }

    expect(found).toEqual(objects.map(({id}) => id))
  } finally {
    await connection.close()
    await large.close()
  }
})

it('a page that most of it is left out of does not end the listing', async () => {
  const all = await at(2, [0, 1])
  const collection = planCollection((await all.getCollection(NAME))!)
  const seen: string[] = []
  for (let after: string | undefined; ;) {
    const {objects} = await all.readPage({after, collection, include: 'ids', limit: 1})
    if (objects.length === 0) break
    expect(objects).toHaveLength(1)
    seen.push(objects[0]!.id)
    after = objects[0]!.id
  }

  expect(seen).toEqual(
    OBJECTS.map(({id}) => id)
      .filter((id) => !GONE.includes(id))
      .sort(),
  )
})

it('nothing is left out where the collection does not let deletions win', async () => {
  const all = await at(2, [0, 1])
  const schema = (await all.getCollection(NAME))!
  const collection = planCollection({
    ...schema,
    replicationConfig: {deletionStrategy: 'NoAutomatedResolution', factor: 3},
  })
  const {objects} = await all.readPage({collection, include: 'objects', limit: 1000})
  const kept = objects.filter(({id}) => GONE.includes(id))
  expect(kept).toHaveLength(GONE.length)
  expect(kept.every(({vector}) => vector?.byteLength === 16)).toBe(true)
  expect(objects).toHaveLength(LEFT + kept.length)
})

it('a restore is confirmed by every node, or by the count and a sample, and says which', async () => {
  const source = await new BackupManager(await at(0), folder).backupCollection(NAME)
  const all = await at(0, [1, 2])
  const listed = await new RestoreManager(all, folder).restoreCollection(source.path, {
    consistency: 'ALL',
    name: 'CopyA',
    verify: true,
  })
  expect(listed).toMatchObject({
    confirmation: {addresses: [{}, {}, {}].map(() => expect.any(String) as string), by: 'listing', consistency: 'ALL'},
    restored: LEFT,
    verification: {equal: true},
  })
  const one = await at(0)
  const sampled = await new RestoreManager(one, folder).restoreCollection(source.path, {name: 'CopyB'})
  expect(sampled).toMatchObject({confirmation: {by: 'sample', consistency: 'QUORUM', sample: 20}, restored: LEFT})
  expect(sampled.warnings.map(({code}) => code)).toContain('replicas-not-compared')
  const cleared = await new ClearManager(all, folder).clearCollection('CopyA')
  expect(cleared).toMatchObject({confirmation: {by: 'listing'}, deleted: LEFT, remaining: 0})
  const clearedAlone = await new ClearManager(one, folder).clearCollection('CopyB', {consistency: 'ONE'})
  expect(clearedAlone).toMatchObject({
    confirmation: {by: 'sample', consistency: 'ONE', sample: 20},
    deleted: LEFT,
    remaining: 0,
  })
  await expect(
    new ClearManager(one, folder).clearCollection('CopyB', {consistency: 'TWO' as 'ONE'}),
  ).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  })
})

it('a node of another cluster, or one that does not answer, is an error that names it', async () => {
  const other = await startEmbeddedWeaviate({replicas: [{name: 'elsewhere'}]})
  try {
    const {grpcUrl, url} = server
    await expect(connect({grpcUrl, nodes: [`${other.url},${other.grpcUrl}`], url})).rejects.toMatchObject({
      code: 'CANNOT_CONNECT',
      details: {node: other.url},
      exitCode: 6,
    })
  } finally {
    await other.close()
  }

  await expect(connect({grpcUrl: server.grpcUrl, nodes: [other.url], url: server.url})).rejects.toMatchObject({
    code: 'CANNOT_CONNECT',
    details: {node: other.url},
  })
  await expect(connect({grpcUrl: server.grpcUrl, nodes: ['nonsense'], url: server.url})).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  })
})
