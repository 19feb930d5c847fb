/**
 * Tries to make it lie: random situations with an oracle that knows what was written. Success is claimed if, and only if, everything is there.
 * `SITUATIONS` says how many (default 40, seeds from 1); `SITUATION_SEED` runs one.
 */
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {describe, expect, it} from 'vitest'

import {BackupManager, connect, type Connection, DataOpsError, RestoreManager} from '../../src/index.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {
  COLLECTION,
  hasReplicas,
  randomOf,
  serverOptions,
  type Situation,
  situationOf,
  spoilBackup,
  TTL_SECONDS,
} from './situations.js'

const FROM = Number(process.env.SITUATION_SEED ?? '1')
const MANY = process.env.SITUATION_SEED === undefined ? Number(process.env.SITUATIONS ?? '40') : 1
const AT_ONCE = 6

/** id/tenant → text */
type Contents = Map<string, string>

interface Outcome {
  /** What each step said. */
  claims: string[]
  isClaimed: boolean
  restored: Contents
  truth: Contents
}

describe('success is claimed if, and only if, everything is there', () => {
  it(`in ${MANY} random situations`, async () => {
    const wrong: string[] = []
    const seeds = Array.from({length: MANY}, (_, index) => FROM + index)
    const work = async (): Promise<void> => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const situation = situationOf(seed)
        const verdict = judge(situation, await play(situation))
        if (verdict !== undefined) wrong.push(`seed ${seed}: ${verdict}\n  ${JSON.stringify(situation)}`)
      }
    }

    await Promise.all(Array.from({length: AT_ONCE}, async () => work()))
    expect(wrong.join('\n')).toBe('')
  }, 1_200_000)
})

/** Where a server shows two things that cannot both be true, saying so is right even when all turned out to be there. */
const CAUTION_IS_RIGHT = new Set<string>([
  'hides-over-both',
  'counts-too-few',
  'counts-too-many',
  'hides-over-grpc',
  'repeats-a-page',
  'replica-keeps',
  'replica-misses',
  'reverses-a-page',
  'twice-in-a-page',
])

function judge(situation: Situation, {claims, isClaimed, restored, truth}: Outcome): string | undefined {
  const missing = [...truth].filter(([key, text]) => restored.get(key) !== text)
  const extra = [...restored.keys()].filter((key) => !truth.has(key))
  // A replica that keeps what was deleted shows it as if it were there: it is kept, not guessed away.
  const isWhole = missing.length === 0 && (extra.length === 0 || situation.serverFaults.includes('replica-keeps'))
  const story = `${claims.join('; ')}; ${missing.length} missing, ${extra.length} extra of ${truth.size}`
  if (claims.some((claim) => claim.startsWith('untyped'))) return `an error without a type: ${story}`
  if (isClaimed && !isWhole) return `claimed whole: ${story}`
  const mayBeCautious =
    situation.serverFaults.some(
      (fault) => CAUTION_IS_RIGHT.has(fault) && !(situation.nodes && fault.startsWith('replica-')),
    ) ||
    (situation.backupFault !== undefined && situation.backupFault !== 'interrupted')
  if (!isClaimed && !mayBeCautious) return `not claimed, though nothing stood against it: ${story}`
  return undefined
}

async function play(situation: Situation): Promise<Outcome> {
  let isOn = false
  const source = await startEmbeddedWeaviate(serverOptions(situation, () => isOn))
  const target = await startEmbeddedWeaviate()
  const directory = await mkdtemp(path.join(tmpdir(), 'data-ops-situation-'))
  const connections: Connection[] = []
  const open = async (
    {grpcUrl, nodes: all, url}: EmbeddedWeaviate,
    transport: 'auto' | 'rest',
  ): Promise<Connection> => {
    const nodes = situation.nodes ? all.slice(1).map((node) => `${node.url},${node.grpcUrl}`) : []
    const connection = await connect({grpcUrl, nodes, transport, url})
    connections.push(connection)
    return connection
  }

  try {
    const truth = await fill(source, situation)
    const claims: string[] = []
    const from = await open(source, situation.transport)
    isOn = true
    const backup = await attempt(claims, 'backup', async () => backUp(from, directory, situation))
    isOn = false
    if (!backup) return {claims, isClaimed: false, restored: new Map(), truth}
    const isSpoiled = await spoilBackup(backup.path, situation.backupFault)
    const to = await open(target, 'auto')
    const restore = await attempt(claims, 'restore', async () =>
      new RestoreManager(to, {directory}).restoreCollection(backup.path, situation.restore),
    )
    claims.push(`complete ${backup.complete}`, `restored ${restore?.restored}`, isSpoiled ? 'spoiled' : 'unspoiled')
    const isClaimed =
      backup.complete !== false &&
      restore !== undefined &&
      restore.verification?.equal === true &&
      restore.rejected === 0
    return {claims, isClaimed, restored: await contentsOf(target, situation), truth}
  } finally {
    for (const connection of connections) await connection.close()
    await source.close()
    await target.close()
    await rm(directory, {force: true, recursive: true})
  }
}

async function backUp(
  connection: Connection,
  directory: string,
  situation: Situation,
): Promise<{complete?: boolean; path: string}> {
  const manager = new BackupManager(connection, {directory})
  if (situation.backupFault !== 'interrupted') return manager.backupCollection(COLLECTION, situation.backup)
  const controller = new AbortController()
  const random = randomOf(situation.seed + 2)
  const stopAt = Math.ceil(random() * 5)
  let events = 0
  const interrupted = manager.backupCollection(COLLECTION, {
    ...situation.backup,
    onProgress() {
      if (++events === stopAt) controller.abort()
    },
    signal: controller.signal,
  })
  const first = await interrupted.catch((error: unknown) => {
    if (error instanceof DataOpsError && error.code === 'INTERRUPTED') return undefined
    throw error
  })
  return first ?? manager.backupCollection(COLLECTION, {...situation.backup, resume: 'auto'})
}

async function attempt<T>(claims: string[], name: string, run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run()
  } catch (error) {
    claims.push(
      error instanceof DataOpsError
        ? `${name} said ${error.code}: ${error.message}`
        : `untyped from ${name}: ${String((error as Error)?.stack)}`,
    )
    return undefined
  }
}

async function send(server: EmbeddedWeaviate, method: string, where: string, body?: unknown): Promise<Response> {
  const response = await fetch(`${server.url}${where}`, {
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: {'content-type': 'application/json'},
    method,
  })
  if (!response.ok) throw new Error(`${method} ${where}: ${response.status} ${await response.text()}`)
  return response
}

async function fill(server: EmbeddedWeaviate, situation: Situation): Promise<Contents> {
  const {deleted, objects, seed, serverFaults, tenants} = situation
  const random = randomOf(seed + 3)
  const ttl = {defaultTtl: TTL_SECONDS, deleteOn: '_creationTimeUnix', enabled: true, filterExpiredObjects: true}
  await send(server, 'POST', '/v1/schema', {
    class: COLLECTION,
    properties: [{dataType: ['text'], name: 'text'}],
    vectorizer: 'none',
    ...(hasReplicas(serverFaults) && {replicationConfig: {factor: 2}}),
    ...(serverFaults.includes('expired') && {objectTtlConfig: ttl}),
    ...(tenants.length > 0 && {multiTenancyConfig: {enabled: true}}),
  })
  if (tenants.length > 0) {
    await send(
      server,
      'POST',
      `/v1/schema/${COLLECTION}/tenants`,
      tenants.map((name) => ({activityStatus: 'HOT', name})),
    )
  }

  const truth: Contents = new Map()
  const hex = (digits: number): string =>
    Array.from({length: digits}, () => Math.floor(random() * 16).toString(16)).join('')
  for (const tenant of tenants.length > 0 ? tenants : [undefined]) {
    const batch = Array.from({length: objects}, (_, index) => {
      const isLarge = index === 0 && serverFaults.includes('message-limit')
      const id = `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`
      const text = isLarge ? 'x'.repeat(50_000) : `text ${index}`
      return {class: COLLECTION, id, properties: {text}, tenant, vector: [random(), random()]}
    })
    await send(server, 'POST', '/v1/batch/objects', {objects: batch})
    if (serverFaults.includes('replica-outdated')) {
      await sleep(5)
      for (const object of batch) object.properties = {text: `${object.properties.text}, written anew`}
      await send(server, 'POST', '/v1/batch/objects', {objects: batch})
    }

    for (const {id, properties} of batch) truth.set(`${id}/${tenant ?? ''}`, properties.text)
    for (const {id} of batch.slice(0, Math.min(deleted, objects))) {
      await send(server, 'DELETE', `/v1/objects/${COLLECTION}/${id}${tenant === undefined ? '' : `?tenant=${tenant}`}`)
      truth.delete(`${id}/${tenant ?? ''}`)
    }
  }

  return truth
}

/** What is there, read without the tool. */
async function contentsOf(server: EmbeddedWeaviate, {tenants}: Situation): Promise<Contents> {
  const contents: Contents = new Map()
  for (const tenant of tenants.length > 0 ? tenants : [undefined]) {
    const query = new URLSearchParams({class: COLLECTION, limit: '10000', ...(tenant !== undefined && {tenant})})
    const response = await fetch(`${server.url}/v1/objects?${query.toString()}`)
    if (!response.ok) continue
    const {objects} = (await response.json()) as {objects?: Array<{id: string; properties: {text: string}}> | null}
    for (const {id, properties} of objects ?? []) contents.set(`${id}/${tenant ?? ''}`, properties.text)
  }

  return contents
}
