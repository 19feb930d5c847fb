/** Several nodes: replicas that have an object in several versions, tenants, and nodes that are found by the name of a service. */
import {once} from 'node:events'
import net from 'node:net'
import process from 'node:process'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'

import type {Replica} from '../../src/testing/options.js'

import {makeClass, makeObjects} from '../../bench/data.js'
import {BackupManager, connect, type Connection, Verifier} from '../../src/index.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {fillCollection, temporaryDirectory} from '../support/collections.js'

const addresses = vi.hoisted(() => ({of: new Map<string, string[]>()}))
vi.mock('node:dns/promises', async (original) => {
  const dns = await original<{lookup: (name: string, options: {all: true}) => Promise<unknown>}>()
  return {
    ...dns,
    async lookup(name: string, options: {all: true}) {
      const known = addresses.of.get(name)
      return known ? known.map((address) => ({address, family: 4})) : dns.lookup(name, options)
    },
  }
})
// Looking again is what counts here, not the time in between.
vi.mock('../../src/weaviate/retry.js', async (original) => ({
  ...(await original<Record<string, unknown>>()),
  sleep: async () => undefined,
}))

const NAME = 'NodesProbe'
const SHAPE = {className: NAME, dims: 4, objects: 60}
const REPLICATED = {deletionStrategy: 'NoAutomatedResolution', factor: 3}

let server: EmbeddedWeaviate
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
const open: Array<{close: () => Promise<void>}> = []

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(async () => {
  for (const each of open) await each.close()
  open.length = 0
  await server.close()
  await directory.remove()
  addresses.of.clear()
})

/** Three nodes, of which the first is as `first` says. Returns a connection to a good one. */
async function start(first: Omit<Replica, 'name'>): Promise<Connection> {
  server = await startEmbeddedWeaviate({replicas: [{...first, name: 'node1'}, {name: 'node2'}, {name: 'node3'}]})
  return through(1)
}

async function through(node: number, others: readonly number[] = []): Promise<Connection> {
  const at = (index: number) => server.nodes[index]!
  const nodes = others.map((index) => `${at(index).url},${at(index).grpcUrl}`)
  const connection = await connect({grpcUrl: at(node).grpcUrl, nodes, url: at(node).url})
  open.push(connection)
  return connection
}

const backUp = async (connection: Connection) =>
  new BackupManager(connection, {directory: directory.path}).backupCollection(NAME, {batchSize: 20})

describe('replicas that have an object in several versions', () => {
  it('the newest is taken, wherever it is, and counted', async () => {
    const objects = [...makeObjects(SHAPE)]
    const stale = new Set(objects.filter((_, index) => index % 5 === 0).map(({id}) => id))
    const good = await start({outdated: ({id}) => stale.has(id)})
    await fillCollection(good, {...makeClass(SHAPE), replicationConfig: REPLICATED}, objects)
    const collection = planCollection((await good.getCollection(NAME))!)
    // Not of the millisecond in which they were first written.
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
    const again = objects.map((object) => ({...object, properties: {...object.properties, property2: 7777}}))
    expect(await good.writeObjects({collection, objects: again})).toEqual([])

    const alone = await backUp(await through(0))
    const all = await backUp(await through(0, [1, 2]))
    const truth = await backUp(good)
    expect(alone.digest).not.toBe(truth.digest)
    expect({complete: all.complete, digest: all.digest}).toEqual({complete: true, digest: truth.digest})
    expect(all.replicas?.counts).toEqual({kept: 0, 'left out': 0, newest: stale.size})
    expect(all.warnings.map(({code}) => code)).toEqual(['replicas-differ'])
  })
})

describe('tenants', () => {
  it('are read through all nodes, those inactive too', async () => {
    const missed = new Set<string>()
    const good = await start({misses: ({id}) => missed.has(id)})
    const schema = {...makeClass({...SHAPE, tenant: 'a'}), replicationConfig: REPLICATED}
    await fillCollection(good, schema, [])
    await good.createTenants(
      NAME,
      ['a', 'b'].map((name) => ({name, status: 'HOT' as const})),
    )
    const collection = planCollection((await good.getCollection(NAME))!)
    for (const tenant of ['a', 'b']) {
      const objects = [...makeObjects({...SHAPE, objects: 30, tenant})]
      for (const [index, {id}] of objects.entries()) if (index % 3 === 0) missed.add(id)
      expect(await good.writeObjects({collection, objects})).toEqual([])
    }

    await good.setTenantStatus(NAME, [{name: 'b', status: 'COLD'}])
    const alone = await backUp(await through(0))
    expect(alone).toMatchObject({complete: false, objectCount: 60 - 2 * 10})
    const several = await through(0, [1, 2])
    const all = await backUp(several)
    expect(all).toMatchObject({complete: true, objectCount: 60, replicas: {counts: {kept: 20}}})
    expect((await good.listTenants(NAME)).map(({name, status}) => `${name} ${status}`).sort()).toEqual([
      'a HOT',
      'b COLD',
    ])
    const verifier = new Verifier({connection: several, directory: directory.path})
    expect(await verifier.verifyCollection(NAME, all.path)).toMatchObject({counts: {live: 60}, equal: true})
  })
})

/** What comes to a port of one address goes to another. */
async function forward(from: {host: string; port: number}, to: number): Promise<void> {
  const sockets = new Set<net.Socket>()
  const listener = net.createServer((socket) => {
    const upstream = net.connect(to, '127.0.0.1')
    for (const each of [socket, upstream]) {
      sockets.add(each)
      each.on('error', () => socket.destroy())
      each.on('close', () => {
        socket.destroy()
        upstream.destroy()
      })
    }

    socket.pipe(upstream).pipe(socket)
  })
  listener.listen(from.port, from.host)
  await once(listener, 'listening')
  open.push({
    async close() {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  })
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1))

/** Addresses of the first node by a name of this machine. */
function byName(): {grpcUrl: string; url: string} {
  const [{grpcUrl, url}] = server.nodes as unknown as [{grpcUrl: string; url: string}]
  return {grpcUrl: grpcUrl.replace('127.0.0.1', 'localhost'), url: url.replace('127.0.0.1', 'localhost')}
}

// Other systems have one loopback address.
describe.skipIf(process.platform !== 'linux')('nodes that are discovered', () => {
  it('by every address of the name, are all listed', async () => {
    const objects = [...makeObjects(SHAPE)]
    const missed = new Set(objects.slice(0, 12).map(({id}) => id))
    const good = await start({misses: ({id}) => missed.has(id)})
    await fillCollection(good, {...makeClass(SHAPE), replicationConfig: REPLICATED}, objects)
    const [first, second] = server.nodes
    await forward({host: '127.0.0.2', port: portOf(first!.url)}, portOf(second!.url))
    await forward({host: '127.0.0.2', port: portOf(first!.grpcUrl!)}, portOf(second!.grpcUrl!))
    addresses.of.set('localhost', ['127.0.0.1', '127.0.0.2'])
    const found = await connect({discoverNodes: true, ...byName()})
    open.push(found)
    expect(found.replicas?.members.map(({describe: at}) => at)).toEqual([
      `${byName().url} (127.0.0.1)`,
      `${byName().url} (127.0.0.2)`,
    ])
    const backup = await backUp(found)
    expect(backup).toMatchObject({complete: true, objectCount: 60, replicas: {counts: {kept: 12}}})
    expect(backup.digest).toBe((await backUp(good)).digest)
  })

  it('are none of an address, and each must answer', async () => {
    await start({})
    const [{grpcUrl, url}] = server.nodes as unknown as [{grpcUrl: string; url: string}]
    await expect(connect({discoverNodes: true, grpcUrl, url})).rejects.toMatchObject({code: 'INVALID_INPUT'})
    addresses.of.set('localhost', ['127.0.0.1', '127.0.0.3'])
    await expect(connect({discoverNodes: true, ...byName()})).rejects.toMatchObject({
      code: 'CANNOT_CONNECT',
      message: expect.stringContaining('127.0.0.3') as string,
    })
  })
})
