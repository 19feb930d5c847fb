/** One of the two listeners of a server. */
export interface Listener {
  close: () => Promise<void>
  port: number
}

/** As much of node:net's and node:http's servers as is used here. */
interface Listening {
  address: () => null | string | {port: number}
  listen: (port: number, host: string, done: () => void) => unknown
  once: (event: 'error', listener: (error: Error) => void) => unknown
}

/** Binds to the loopback interface. Resolves with the port. */
export async function listen(server: Listening, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      resolve((server.address() as {port: number}).port)
    })
  })
}
