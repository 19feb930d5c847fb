/** A TCP proxy between the tool and a server that does to connections what networks do. */
import {once} from 'node:events'
import {connect, createServer, type Socket} from 'node:net'

/** What happens to one connection. */
export type ConnectionFault =
  /** Refused: cut as soon as it is there. */
  | {kind: 'refuse'}
  /** HTTP: the first request is answered with this status instead of being passed on, and the connection is closed. */
  | {kind: 'answer'; retryAfter?: number; status: 429 | 502 | 503}
  /** Cut (RST) after so many bytes of the server's answers. */
  | {kind: 'cut'; afterBytes: number}
  /** Ended (FIN) after so many bytes of the server's answers. */
  | {kind: 'truncate'; afterBytes: number}
  /** Every piece waits so many milliseconds. */
  | {kind: 'delay'; ms: number}
  /** After so many bytes of the tool's nothing gets through any more, in either direction, though the connection stands; cut after `ms`. */
  | {kind: 'half-open'; afterBytes: number; ms: number}

export interface FaultyProxy {
  /** `127.0.0.1:port` */
  address: string
  close: () => Promise<void>
  /** Connections so far. */
  readonly connections: number
  /** Faults that came about. */
  readonly faults: number
}

/** `plan` says what happens to the n-th connection (from 1), after so many faults that came about; nothing: it is passed on as it is. */
export async function startProxy(
  target: string,
  plan: (connection: number, faults: number) => ConnectionFault | undefined,
): Promise<FaultyProxy> {
  const {hostname, port} = new URL(target.includes('://') ? target : `http://${target}`)
  const sockets = new Set<Socket>()
  const counts = {connections: 0, faults: 0}
  const listener = createServer((client) => {
    counts.connections++
    const fault = plan(counts.connections, counts.faults)
    sockets.add(client)
    client.on('error', () => {}).on('close', () => sockets.delete(client))
    const happen = (): void => {
      counts.faults++
    }

    if (fault?.kind === 'refuse') {
      happen()
      client.resetAndDestroy()
      return
    }

    if (fault?.kind === 'answer') {
      client.once('data', () => {
        happen()
        const retryAfter = fault.retryAfter === undefined ? '' : `Retry-After: ${fault.retryAfter}\r\n`
        client.end(`HTTP/1.1 ${fault.status} Injected\r\n${retryAfter}Content-Length: 0\r\nConnection: close\r\n\r\n`)
      })
      return
    }

    const server = connect(Number(port), hostname)
    sockets.add(server)
    server
      .on('error', () => {})
      .on('close', () => {
        sockets.delete(server)
        client.destroy()
      })
    client.on('close', () => server.destroy())
    carry(client, server, fault, happen)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    address: `127.0.0.1:${(listener.address() as {port: number}).port}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => {
        listener.close(resolve)
      })
    },
    get connections() {
      return counts.connections
    },
    get faults() {
      return counts.faults
    },
  }
}

function carry(
  client: Socket,
  server: Socket,
  fault: Exclude<ConnectionFault, {kind: 'answer' | 'refuse'}> | undefined,
  happen: () => void,
): void {
  let isDead = false
  let up = 0
  let down = 0
  const delayMs = fault?.kind === 'delay' ? fault.ms : 0
  if (delayMs > 0) happen()
  const pass = (to: Socket, piece: Buffer): void => {
    if (delayMs > 0) setTimeout(() => to.write(piece), delayMs)
    else to.write(piece)
  }

  client.on('data', (piece) => {
    up += piece.length
    if (fault?.kind === 'half-open' && !isDead && up > fault.afterBytes) {
      isDead = true
      happen()
      setTimeout(() => client.resetAndDestroy(), fault.ms)
    }

    if (!isDead) pass(server, piece)
  })
  server.on('data', (piece) => {
    if (isDead) return
    const room = fault?.kind === 'cut' || fault?.kind === 'truncate' ? fault.afterBytes - down : Infinity
    down += piece.length
    if (piece.length <= room) {
      pass(client, piece)
      return
    }

    isDead = true
    happen()
    if (fault?.kind === 'truncate') client.end(piece.subarray(0, Math.max(0, room)))
    else client.resetAndDestroy()
  })
}
