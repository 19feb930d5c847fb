/** A real Weaviate of our own, which may be killed. WEAVIATE_BINARY names the program; it gets free ports and a data folder that is removed. */
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtemp, rm} from 'node:fs/promises'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'

export const BINARY = process.env.WEAVIATE_BINARY

export interface RealServer {
  grpcUrl: string
  /** SIGKILL, or another signal; resolves when it is gone. */
  kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Removes its data too. */
  remove: () => Promise<void>
  /** Starts it again on the same ports and data; resolves when it is ready. */
  start: () => Promise<void>
  url: string
}

/** REST, gRPC, gossip, data, Raft, and Raft's own calls. */
export type Ports = readonly [number, number, number, number, number, number]

/** `binary`: another version. */
export async function startRealServer(
  environment: Readonly<Record<string, string>> = {},
  binary = BINARY!,
): Promise<RealServer> {
  const server = await realServer((await freePorts(6)) as unknown as Ports, environment, binary)
  await server.start()
  return server
}

/** Three nodes of one cluster, `node1` to `node3`. */
export async function startRealCluster(
  environment: Readonly<Record<string, string>> = {},
): Promise<[RealServer, RealServer, RealServer]> {
  const ports: Ports[] = []
  for (let node = 0; node < 3; node++) {
    // The nodes take each other's data and Raft's calls to be one port above.
    const [gossip, raft] = [await freePair(), await freePair()]
    const [rest, grpc] = (await freePorts(2)) as [number, number]
    ports.push([rest, grpc, gossip, gossip + 1, raft, raft + 1])
  }

  const portsOf = (node: number): Ports => ports[node]!
  const join = {
    ...environment,
    CLUSTER_IN_LOCALHOST: 'true',
    CLUSTER_JOIN: `127.0.0.1:${portsOf(0)[2]}`,
    RAFT_BOOTSTRAP_EXPECT: '3',
    RAFT_JOIN: [0, 1, 2].map((node) => `node${node + 1}:${portsOf(node)[4]}`).join(','),
  }
  const make = async (node: number): Promise<RealServer> =>
    realServer(portsOf(node), {...join, CLUSTER_HOSTNAME: `node${node + 1}`})
  const nodes: [RealServer, RealServer, RealServer] = [await make(0), await make(1), await make(2)]
  await Promise.all(nodes.map(async (node) => node.start()))
  return nodes
}

async function realServer(
  [rest, grpc, gossip, dataPort, raft, raftRpc]: Ports,
  environment: Readonly<Record<string, string>>,
  binary = BINARY!,
): Promise<RealServer> {
  const data = await mkdtemp(path.join(tmpdir(), 'elysia-weaviate-'))
  const url = `http://127.0.0.1:${rest}`
  let child: ChildProcess | undefined
  const server: RealServer = {
    grpcUrl: `127.0.0.1:${grpc}`,
    async kill(signal = 'SIGKILL') {
      if (!child) return
      const gone = once(child, 'exit')
      child.kill(signal)
      await gone
      // eslint-disable-next-line require-atomic-updates -- nobody starts it while it is killed
      child = undefined
    },
    async remove() {
      await server.kill()
      await rm(data, {force: true, recursive: true})
    },
    async start() {
      const started = spawn(binary, ['--host', '127.0.0.1', '--port', String(rest), '--scheme', 'http'], {
        cwd: data,
        env: {
          AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'true',
          CLUSTER_ADVERTISE_ADDR: '127.0.0.1',
          CLUSTER_BIND_ADDR: '127.0.0.1',
          CLUSTER_DATA_BIND_PORT: String(dataPort),
          CLUSTER_GOSSIP_BIND_PORT: String(gossip),
          CLUSTER_HOSTNAME: 'node1',
          DISABLE_TELEMETRY: 'true',
          GRPC_PORT: String(grpc),
          LOG_LEVEL: 'error',
          PATH: process.env.PATH,
          PERSISTENCE_DATA_PATH: data,
          PROMETHEUS_MONITORING_ENABLED: 'false',
          RAFT_INTERNAL_RPC_PORT: String(raftRpc),
          RAFT_PORT: String(raft),
          ...environment,
        },
        stdio: 'ignore',
      })
      child = started
      for (let attempt = 0; attempt < 600; attempt++) {
        const reply = await fetch(`${url}/v1/.well-known/ready`).catch(() => undefined)
        if (reply?.ok) return
        if (started.exitCode !== null) throw new Error(`the server ended with ${started.exitCode}`)
        await sleep(100)
      }

      throw new Error('the server was not ready within a minute')
    },
    url,
  }
  return server
}

/** A port whose next one is free too. */
async function freePair(): Promise<number> {
  for (;;) {
    const [port] = (await freePorts(1)) as [number]
    const next = createServer().listen(port + 1, '127.0.0.1')
    const isFree = await once(next, 'listening')
      .then(() => true)
      .catch(() => false)
    next.close()
    if (isFree) return port
  }
}

async function freePorts(count: number): Promise<number[]> {
  const listeners = await Promise.all(
    Array.from({length: count}, async () => {
      const listener = createServer().listen(0, '127.0.0.1')
      await once(listener, 'listening')
      return listener
    }),
  )
  const ports = listeners.map((listener) => (listener.address() as {port: number}).port)
  for (const listener of listeners) {
    listener.close()
    await once(listener, 'close')
  }

  return ports
}
