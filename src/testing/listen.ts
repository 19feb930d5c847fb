import type {AddressInfo, Server} from 'node:net'

import {once} from 'node:events'

/** One of the two listeners of a server. */
export interface Listener {
  close: () => Promise<void>
  port: number
}

/** Binds to the loopback interface. `cut` ends what is connected when it closes. */
export async function listen(server: Server, port: number, cut: () => void): Promise<Listener> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  // A connection that could not be taken, as where too many files are open, is its client's to notice: the server listens on.
  server.on('error', () => undefined)
  return {
    async close() {
      cut()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
    port: (server.address() as AddressInfo).port,
  }
}
