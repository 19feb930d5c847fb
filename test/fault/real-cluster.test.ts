/** Three real nodes, every object on each, one of them away for a while. Runs with WEAVIATE_BINARY set. */
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../bench/data.js'
import {BackupManager, ClearManager, connect, type Connection, RestoreManager, Verifier} from '../../src/index.js'
import {type ClearResult} from '../../src/jobs/clear/options.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {temporaryDirectory} from '../support/collections.js'
import {BINARY, type RealServer, startRealCluster} from './real-server.js'

/** Nothing but what is asked for changes its replicas. */
const NAME = 'Replicated'
/** The server mends it by itself, some half a minute later. */
const HEALING = 'Healing'
/** Cleared while a node is away. */
const CLEARED = 'Cleared'
const SHAPE = {className: NAME, dims: 4, objects: 3500}
const DELETED = 10
const HOUR_MS = 3_600_000

describe.skipIf(!BINARY)('a cluster of three, factor 3', {timeout: 300_000}, () => {
  let cluster: [RealServer, RealServer, RealServer]
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>
  let folder: {directory: string}
  let cleared: ClearResult
  const open: Connection[] = []
  const connected = async (options: Parameters<typeof connect>[0]): Promise<Connection> => {
    const connection = await connect(options)
    open.push(connection)
    return connection
  }

  const named = ({grpcUrl, url}: RealServer): string => `${url},${grpcUrl}`

  /** Objects in the replica of each node, as it lists them. */
  const listed = async (className: string): Promise<number[]> =>
    Promise.all(
      cluster.map(async ({url}) => {
        let objects = 0
        for (let after = ''; ;) {
          const reply = await fetch(`${url}/v1/objects?class=${className}&limit=1000&after=${after}`)
          const page = ((await reply.json()) as {objects: Array<{id: string}>}).objects
          objects += page.length
          if (page.length === 0) return objects
          after = page.at(-1)!.id
        }
      }),
    )

  beforeAll(async () => {
    cluster = await startRealCluster()
    directory = await temporaryDirectory()
    folder = {directory: directory.path}
    const objects = [...makeObjects(SHAPE)]
    const first = await connected(cluster[0])
    const schemas = [NAME, HEALING, CLEARED].map((className) => ({
      ...makeClass({...SHAPE, className}),
      replicationConfig: {
        // 1.39 mends each collection whose factor is above one, whatever `asyncEnabled` says.
        ...(className !== HEALING && {asyncConfig: {frequency: HOUR_MS, propagationDelay: HOUR_MS}}),
        deletionStrategy: 'TimeBasedResolution',
        factor: 3,
      },
    }))
    const write = async (from: number, to: number): Promise<void> => {
      for (const schema of schemas) {
        const collection = planCollection(schema)
        const refused = await first.writeObjects({collection, consistency: 'QUORUM', objects: objects.slice(from, to)})
        expect(refused).toEqual([])
      }
    }

    for (const schema of schemas) await first.createCollection(schema)
    for (let at = 0; at < 3000; at += 500) await write(at, at + 500)
    await sleep(2000)
    expect(await listed(NAME)).toEqual([3000, 3000, 3000])
    // It says good-bye: the others do not wait for it.
    await cluster[2].kill('SIGTERM')
    await sleep(3000)
    await write(3000, 3500)
    const ids = objects.slice(0, DELETED).map(({id}) => id)
    for (const collection of [NAME, HEALING]) {
      const {deleted} = await first.deleteObjects({collection, consistency: 'QUORUM', ids})
      expect(deleted).toBe(DELETED)
    }

    cleared = await new ClearManager(first, folder).clearCollection(CLEARED)
    await cluster[2].start()
  }, 180_000)

  afterAll(async () => {
    for (const connection of open) await connection.close()
    await Promise.all((cluster ?? []).map(async (node) => node.remove()))
    await directory?.remove()
  })

  it('right after one is back: one address says what it has not compared, three have every object, and nothing is written', async () => {
    expect(await listed(NAME)).toEqual([3490, 3490, 3000])
    const alone = await connected(cluster[2])
    const short = await new BackupManager(alone, folder).backupCollection(NAME, {includeData: true})
    expect(short).toMatchObject({complete: false, objectCount: 3000})
    expect(short.warnings.map(({code}) => code)).toEqual(
      expect.arrayContaining(['incomplete', 'replicas-not-compared']),
    )
    expect(short.replicas).toMatchObject({addresses: [cluster[2].url]})

    const all = await connected({...cluster[2], nodes: [named(cluster[0]), named(cluster[1])]})
    const [first, second] = [await connected(cluster[0]), await connected(cluster[1])]
    const backup = await new BackupManager(all, folder).backupCollection(NAME, {format: 'parquet'})
    expect(backup).toMatchObject({
      complete: true,
      counted: {after: 3490, read: 3490},
      objectCount: 3490,
      replicas: {counts: {kept: 500, 'left out': DELETED, newest: 0}, unasked: []},
    })
    const healthy = await new BackupManager(first, folder).backupCollection(NAME)
    expect(healthy.objectCount).toBe(3490)
    expect(backup.digest).toBe(healthy.digest)

    const comparison = await new Verifier({connection: all, ...folder}).verifyCollection(NAME, backup.path)
    expect(comparison).toMatchObject({counts: {live: 3490}, equal: true, replicas: {counts: {kept: 500}}})
    expect(await new ClearManager(all, folder).count(NAME)).toBe(3490)
    const settled = await new BackupManager(all, folder).backupCollection(NAME, {settle: true})
    expect(settled).toMatchObject({digest: healthy.digest, objectCount: 3490})

    // REST of the one, gRPC of the other: one server, although hardly anything is the same.
    const crossed = await connected({grpcUrl: cluster[2].grpcUrl, url: cluster[1].url})
    await new BackupManager(crossed, folder).backupCollection(NAME)
    const {objects} = await second.readPage({collection: planCollection(makeClass(SHAPE)), include: 'ids', limit: 1})
    expect(objects).toHaveLength(1)
    expect(await listed(NAME)).toEqual([3490, 3490, 3000])
  })

  it('once the server has found them equal, one address has every object too', async () => {
    const alone = await connected(cluster[2])
    const backup = await new BackupManager(alone, folder).backupCollection(HEALING, {waitReplicasMs: 200_000})
    expect(backup.warnings.filter(({code}) => code === 'replicas-not-settled')).toEqual([])
    expect(backup).toMatchObject({complete: true, objectCount: 3490})
    expect(await listed(HEALING)).toEqual([3490, 3490, 3490])
  })

  it('a restore says what its confirmation rests on, and reads no other server into two nodes', async () => {
    const all = await connected({...cluster[0], nodes: [named(cluster[1]), named(cluster[2])]})
    const backup = await new BackupManager(all, folder).backupCollection(NAME)
    const listedThrough = await new RestoreManager(all, folder).restoreCollection(backup.path, {
      consistency: 'ALL',
      name: 'Copy',
      verify: true,
    })
    expect(listedThrough).toMatchObject({
      confirmation: {by: 'listing', consistency: 'ALL'},
      restored: 3490,
      verification: {equal: true},
    })
    expect(await listed('Copy')).toEqual([3490, 3490, 3490])
    const crossed = await connected({grpcUrl: cluster[1].grpcUrl, url: cluster[0].url})
    const sampled = await new RestoreManager(crossed, folder).restoreCollection(backup.path, {name: 'CopyTwo'})
    expect(sampled).toMatchObject({confirmation: {by: 'sample', consistency: 'QUORUM', sample: 20}, restored: 3490})
    const emptied = await new ClearManager(crossed, folder).clearCollection('CopyTwo')
    expect(emptied).toMatchObject({confirmation: {by: 'sample', sample: 20}, deleted: 3490, remaining: 0})
  })

  it('a clear while one was away said so: what it deleted is shown there until the server has compared replicas', () => {
    expect(cleared).toMatchObject({deleted: 3500, remaining: 0})
    expect(cleared.warnings).toContainEqual(
      expect.objectContaining({
        code: 'replicas-away',
        details: expect.objectContaining({away: 1, factor: 3}) as object,
      }),
    )
  })
})
