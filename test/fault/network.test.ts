/** What networks and overloaded servers do, while a collection is backed up and restored: it takes longer, and is the same in the end. */
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'

import type {Fault, RequestInfo} from '../../src/testing/options.js'

import {makeObjects} from '../../bench/data.js'
import {BackupManager, connect, type Connection, RestoreManager, Verifier, type Warning} from '../../src/index.js'
import {approximateBytes} from '../../src/model/object.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {makeCollection} from '../support/collections.js'
import {temporaryFolder} from './harness.js'
import {type ConnectionFault, startProxy} from './proxy.js'
import {report} from './report.js'
import {makeReferences} from './samples.js'

const PLAIN = 'FaultNetwork'
const REFERENCES = 'FaultNetworkRefs'
const COPY = 'FaultNetworkCopy'
const OBJECTS = 160

let server: EmbeddedWeaviate
let direct: Connection
let directory: Awaited<ReturnType<typeof temporaryFolder>>
let onRequest: (request: RequestInfo) => Fault | undefined
const none = (): undefined => undefined

beforeAll(async () => {
  onRequest = none
  server = await startEmbeddedWeaviate({onRequest: (request) => onRequest(request)})
  direct = await connect({grpcUrl: server.grpcUrl!, url: server.url})
  directory = await temporaryFolder()
  await makeCollection(direct, PLAIN, OBJECTS, 64)
  await makeReferences(direct, REFERENCES, {dims: 64, objects: OBJECTS, references: 6})
})

afterEach(() => {
  onRequest = none
})

afterAll(async () => {
  await direct.close()
  await server.close()
  await directory.remove()
})

/** Returns what was injected before. */
function inject(next: typeof onRequest): typeof onRequest {
  const before = onRequest
  onRequest = next
  return before
}

/** Backs up and restores through a connection, and compares without it. Returns the warnings. */
async function cycle(
  connection: Connection,
  collection: string,
  options: {retryMaxWaitMs?: number} = {},
): Promise<Warning[]> {
  const warnings: Warning[] = []
  const common = {
    batchSize: 20,
    concurrency: 2,
    onWarning(warning: Warning) {
      warnings.push(warning)
    },
    maxRetries: 20,
    retryMaxWaitMs: 400,
    ...options,
  }
  const injected = inject(none)
  await direct.deleteCollection(COPY)
  inject(injected)
  const place = {directory: directory.path}
  const backup = await new BackupManager(connection, place).backupCollection(collection, common)
  const restored = await new RestoreManager(connection, place).restoreCollection(backup.path, {...common, name: COPY})
  expect(restored).toMatchObject({rejected: 0, restored: OBJECTS})
  inject(none)
  const verifier = new Verifier({connection: direct, directory: directory.path})
  for (const name of [collection, COPY]) {
    expect(await verifier.verifyCollection(name, backup.path)).toMatchObject({equal: true, liveDigest: backup.digest})
  }

  return warnings
}

type Plan = (connection: number, faults: number) => ConnectionFault | undefined
interface Case {
  name: string
  plan: Plan
  /** Milliseconds. */
  timeoutMs?: number
}

/** The one connection that gRPC keeps, and those after it. */
const GRPC: Case[] = [
  {name: 'cuts connections', plan: (connection) => (connection <= 3 ? {afterBytes: 30_000, kind: 'cut'} : undefined)},
  {
    name: 'ends connections within an answer',
    plan: (connection) => (connection <= 3 ? {afterBytes: 12_000, kind: 'truncate'} : undefined),
  },
  {
    name: 'lets a connection stand and nothing through',
    // Longer than the test may last: the tool must open another by itself. The first one that gets so far: on a busy machine the time-out ends some before.
    plan: (_, faults) => (faults === 0 ? {afterBytes: 20_000, kind: 'half-open', ms: 600_000} : undefined),
    timeoutMs: 700,
  },
  {name: 'delays every piece', plan: () => ({kind: 'delay', ms: 15})},
  {
    name: 'refuses connections',
    plan: (connection) =>
      connection === 1 ? {afterBytes: 30_000, kind: 'cut'} : connection <= 3 ? {kind: 'refuse'} : undefined,
  },
]

/** Every other connection of the first eight. */
function every(fault: ConnectionFault): Plan {
  return (connection) => (connection % 2 === 1 && connection > 0 && connection <= 8 ? fault : undefined)
}

const REST: Case[] = [
  {name: 'cuts connections', plan: every({afterBytes: 30_000, kind: 'cut'})},
  {name: 'ends connections within an answer', plan: every({afterBytes: 12_000, kind: 'truncate'})},
  {
    name: 'lets connections stand and nothing through',
    plan: every({afterBytes: 20_000, kind: 'half-open', ms: 5000}),
    timeoutMs: 700,
  },
  {name: 'delays every piece', plan: () => ({kind: 'delay', ms: 15})},
  {name: 'refuses connections', plan: every({kind: 'refuse'})},
  {name: 'answers 429 with Retry-After', plan: every({kind: 'answer', retryAfter: 0, status: 429})},
  {name: 'answers 503', plan: every({kind: 'answer', status: 503})},
  {name: 'answers 502', plan: every({kind: 'answer', status: 502})},
]

describe.each([
  {cases: GRPC, transport: 'grpc'},
  {cases: REST, transport: 'rest'},
] as const)('through a network, over $transport', ({cases, transport}) => {
  it.each(cases)('that $name', async ({name, plan, timeoutMs = 10_000}) => {
    // REST opens a connection for each request under way: faults begin once the tool has said hello.
    let hello = Infinity
    const rest = await startProxy(
      server.url,
      transport === 'rest' ? (count, faults) => plan(count - hello, faults) : none,
    )
    const grpc = await startProxy(server.grpcUrl!, transport === 'grpc' ? plan : none)
    const connection = await connect({grpcUrl: grpc.address, timeoutMs, transport, url: `http://${rest.address}`})
    hello = rest.connections
    try {
      await cycle(connection, REFERENCES)
    } finally {
      await connection.close()
      await Promise.all([rest.close(), grpc.close()])
    }

    const times = rest.faults + grpc.faults
    expect(times).toBeGreaterThan(0)
    report({
      fault: `a network that ${name}, over ${transport}`,
      job: 'restore',
      note: 'one backup and one restore',
      objectsLost: 0,
      times,
      wronglyListed: 0,
    })
  })
})

describe('a server that cannot answer now', () => {
  const every3rd = (fault: Fault, methods = ['BatchObjects', 'BatchReferences', 'Search']) => {
    let count = 0
    let faults = 0
    onRequest = ({method}) => {
      if (!methods.includes(method) || faults >= 6 || count++ % 3 !== 0) return undefined
      faults++
      return fault
    }

    return () => faults
  }

  it.each<[string, Fault]>([
    ['UNAVAILABLE', {status: 14}],
    ['DEADLINE_EXCEEDED', {status: 4}],
    ['RESOURCE_EXHAUSTED', {status: 8}],
    ['ABORTED', {status: 10}],
    ['a read-only shard', {message: 'put object: store is read-only', status: 2}],
    ['too little memory', {message: 'cannot process batch: not enough memory', status: 2}],
    ['no answer, and nothing done', {drop: true}],
    ['no answer, though it is done', {after: true, drop: true}],
  ])('is asked again: %s', async (name, fault) => {
    const faults = every3rd(fault)
    const warnings = await cycle(direct, REFERENCES)
    expect(faults()).toBeGreaterThanOrEqual(3)
    expect(warnings.filter(({code}) => code === 'server-retry').length).toBeGreaterThanOrEqual(faults())
    report({
      fault: `the server answers: ${name}`,
      job: 'restore',
      note: 'one backup and one restore',
      objectsLost: 0,
      times: faults(),
      wronglyListed: 0,
    })
  })

  it('is asked again about schema, tenants and aliases too, also when only its answer was lost', async () => {
    const seen = new Set<string>()
    onRequest = ({method, path: requested, transport}) => {
      // Each kind of request fails the first time.
      const kind = `${method} ${requested.replace(/\?.*/, '')}`
      if (transport === 'grpc' || seen.has(kind) || requested.startsWith('/v1/objects')) return undefined
      seen.add(kind)
      return method === 'GET' ? {status: 503} : {after: true, drop: true}
    }

    await cycle(direct, PLAIN)
    expect(seen.size).toBeGreaterThanOrEqual(4)
    report({
      fault: 'each request about the schema fails once',
      job: 'restore',
      note: 'one backup and one restore',
      objectsLost: 0,
      times: seen.size,
      wronglyListed: 0,
    })
  })

  it('is given as long as it asks for', async () => {
    const rest = await connect({transport: 'rest', url: server.url})
    let isFirst = true
    onRequest = ({path: requested}) => {
      if (!requested.startsWith('/v1/objects') || !isFirst) return undefined
      isFirst = false
      return {headers: {'retry-after': '1'}, status: 429}
    }

    const warnings = await cycle(rest, PLAIN, {retryMaxWaitMs: 2000})
    expect(warnings.find(({code}) => code === 'server-retry')?.details).toMatchObject({attempt: 1, waitMs: 1000})
    await rest.close()
  })

  it('is not asked more often than it may be, and what was done is kept', async () => {
    let searches = 0
    onRequest = ({method}) => {
      if (method !== 'Search') return undefined
      searches++
      // The first shows that REST and gRPC are one server.
      return searches > 4 ? {status: 14} : undefined
    }

    const folder = `${directory.path}/bounded`
    const manager = new BackupManager(direct, {directory: folder})
    const options = {batchSize: 20, concurrency: 1, maxRetries: 2, resume: 'auto' as const, retryMaxWaitMs: 20}
    await expect(manager.backupCollection(PLAIN, options)).rejects.toMatchObject({
      code: 'SERVER_UNAVAILABLE',
      details: {resumable: true},
      retryable: true,
    })
    expect(searches).toBe(4 + 1 + 2)
    onRequest = none
    expect(await manager.backupCollection(PLAIN, options)).toMatchObject({objectCount: OBJECTS, resumed: 60})
  })

  it.each<[string, Fault, string]>([
    ['a wrong request', {message: 'no such thing', status: 3}, 'SERVER_REFUSED'],
    ['no permission', {message: 'forbidden', status: 7}, 'NOT_ALLOWED'],
    ['an unknown failure', {message: 'something broke', status: 2}, 'SERVER_REFUSED'],
    ['an internal failure', {message: 'nil pointer', status: 13}, 'UNEXPECTED'],
  ])('but not for what stays so: %s', async (_, fault, code) => {
    let searches = 0
    onRequest = ({method}) => {
      if (method !== 'Search') return undefined
      searches++
      return fault
    }

    const backup = new BackupManager(direct, {directory: `${directory.path}/permanent`}).backupCollection(PLAIN, {
      concurrency: 1,
    })
    await expect(backup).rejects.toMatchObject({code, retryable: false})
    expect(searches).toBe(1)
    onRequest = none
  })
})

describe('a maximum rate', () => {
  // Only that it is not faster: how slow a machine is says nothing.
  it('of objects a second is kept by backup and restore', async () => {
    onRequest = none
    const maxRate = {objectsPerSecond: 400}
    const started = performance.now()
    const backup = await new BackupManager(direct, {directory: directory.path}).backupCollection(PLAIN, {
      batchSize: 20,
      maxRate,
    })
    expect(performance.now() - started).toBeGreaterThan((OBJECTS / 400) * 1000 * 0.95)
    await direct.deleteCollection(COPY)
    const again = performance.now()
    await new RestoreManager(direct).restoreCollection(backup.path, {batchSize: 20, maxRate, name: COPY})
    expect(performance.now() - again).toBeGreaterThan((OBJECTS / 400) * 1000 * 0.95)
  })

  it('of bytes a second is kept by backup and restore', async () => {
    const bytes = makeObjects({className: PLAIN, dims: 64, objects: OBJECTS}).reduce(
      (sum, object) => sum + approximateBytes(object),
      0,
    )
    const maxRate = {bytesPerSecond: bytes * 2}
    const started = performance.now()
    const backup = await new BackupManager(direct, {directory: directory.path}).backupCollection(PLAIN, {
      batchSize: 20,
      maxRate,
    })
    // A page weighs what came over the wire, which is near what its objects are taken to weigh.
    expect(performance.now() - started).toBeGreaterThan(300)
    await direct.deleteCollection(COPY)
    const again = performance.now()
    await new RestoreManager(direct).restoreCollection(backup.path, {batchSize: 20, maxRate, name: COPY})
    expect(performance.now() - again).toBeGreaterThan(500 * 0.95)
  })
})
