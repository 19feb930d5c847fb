/** Nodes that are away while something is written: what they have is told, since they show it when they are back. */
import {expect, it} from 'vitest'

import type {Replica} from '../../src/testing/index.js'

import {makeClass, makeObjects} from '../../bench/data.js'
import {comesFromLacking, leavesSome} from '../../src/cli/unread.js'
import {BackupManager} from '../../src/jobs/backup/manager.js'
import {ClearManager} from '../../src/jobs/clear/manager.js'
import {RestoreManager} from '../../src/jobs/restore/manager.js'
import {Verifier} from '../../src/jobs/verify/verifier.js'
import {writeAll} from '../support/collections.js'
import {embeddedServers} from '../support/embedded-servers.js'

const NAME = 'Away'
const OPTIONS = {className: NAME, dims: 4, objects: 8}
const servers = embeddedServers()

async function start(third: Partial<Replica>) {
  const {connection} = await servers.start({replicas: [{name: 'node1'}, {name: 'node2'}, {name: 'node3', ...third}]})
  await connection.createCollection({...makeClass(OPTIONS), replicationConfig: {factor: 3}})
  await writeAll(connection, NAME, makeObjects(OPTIONS))
  return {connection, place: {directory: servers.directory}}
}

const codes = ({warnings}: {warnings: ReadonlyArray<{code: string}>}): string[] => warnings.map(({code}) => code)

it.each(['left', 'unavailable'] as const)(
  'a clear while one is away (%s) says that objects come back',
  async (state) => {
    const third: {state?: 'left' | 'unavailable'} = {}
    const {connection, place} = await start({away: () => third.state})
    const clears = new ClearManager(connection, place)
    const whole = await clears.clearCollection(NAME)
    expect(codes(whole)).not.toContain('replicas-away')
    expect(leavesSome(whole)).toBe(false)
    await writeAll(connection, NAME, makeObjects(OPTIONS))
    third.state = state
    const cleared = await clears.clearCollection(NAME)
    expect(cleared).toMatchObject({deleted: 8, remaining: 0})
    expect(cleared.warnings).toContainEqual(
      expect.objectContaining({
        code: 'replicas-away',
        details: {
          away: 1,
          collection: NAME,
          consistency: 'QUORUM',
          factor: 3,
          unwell: state === 'left' ? [] : ['node3'],
        },
      }),
    )
    expect(codes(cleared).filter((code) => code === 'replicas-away')).toHaveLength(1)
    expect(leavesSome(cleared)).toBe(true)
  },
)

it('a restore says so too, and is not all that was asked for where every replica had to have it', async () => {
  const {connection, place} = await start({away: () => 'left'})
  const backup = await new BackupManager(connection, place).backupCollection(NAME)
  const restores = new RestoreManager(connection, place)
  for (const consistency of ['QUORUM', 'ALL'] as const) {
    const restored = await restores.restoreCollection(backup.path, {consistency, name: `Away${consistency}`})
    expect(restored.restored).toBe(8)
    expect(codes(restored)).toContain('replicas-away')
    expect(comesFromLacking(restored)).toBe(consistency === 'ALL')
  }
})

it('replicas are not all found equal while one of them is not there', async () => {
  const {connection, place} = await start({away: () => 'left'})
  const {replicas} = connection
  const nodes = replicas?.nodes.bind(replicas)
  let at = 0
  // Those that are there have just been compared, and were equal.
  Object.assign(replicas ?? {}, {
    nodes: async (...request: Parameters<NonNullable<typeof nodes>>) =>
      (await nodes?.(...request))?.map((node) => ({
        ...node,
        rounds: node.rounds.map((round) => ({...round, equalAt: ++at})),
      })),
  })
  const backup = await new BackupManager(connection, place).backupCollection(NAME, {waitReplicasMs: 1})
  expect(codes(backup)).toContain('replicas-not-settled')
  expect(backup.warnings.find(({code}) => code === 'replicas-not-settled')?.message).toContain('1 of a shard were away')
})

it('a replica that shows more than the server counts is not equal to a backup of the same', async () => {
  let isCleared = false
  const {connection, place} = await start({})
  const backup = await new BackupManager(connection, place).backupCollection(NAME)
  const stale = await servers.start({
    count: (count) => (isCleared ? 0 : count),
    replicas: [{name: 'node1'}, {name: 'node2'}, {name: 'node3'}],
  })
  await new RestoreManager(stale.connection, place).restoreCollection(backup.path)
  const verifier = new Verifier({connection: stale.connection, ...place})
  expect(await verifier.verifyCollection(NAME, backup.path)).toMatchObject({equal: true})
  isCleared = true
  expect(await verifier.verifyCollection(NAME, backup.path)).toMatchObject({
    equal: false,
    notCompared: ['the server counts 0 objects and lists 8'],
  })
})
