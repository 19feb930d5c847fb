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
  /** SIGKILL; resolves when it is gone. */
  kill: () => Promise<void>
  /** Removes its data too. */
  remove: () => Promise<void>
  /** Starts it again on the same ports and data; resolves when it is ready. */
  start: () => Promise<void>
  url: string
}

export async function startRealServer(environment: Readonly<Record<string, string>> = {}): Promise<RealServer> {
  const data = await mkdtemp(path.join(tmpdir(), 'elysia-weaviate-'))
  const [rest, grpc, gossip, dataPort, raft, raftRpc] = (await freePorts(6)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const url = `http://127.0.0.1:${rest}`
  let child: ChildProcess | undefined
  const server: RealServer = {
    grpcUrl: `127.0.0.1:${grpc}`,
    async kill() {
      if (!child) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      // eslint-disable-next-line require-atomic-updates -- nobody starts it while it is killed
      child = undefined
    },
    async remove() {
      await server.kill()
      await rm(data, {force: true, recursive: true})
    },
    async start() {
      const started = spawn(BINARY!, ['--host', '127.0.0.1', '--port', String(rest), '--scheme', 'http'], {
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
  await server.start()
  return server
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
