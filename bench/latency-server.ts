/** The embedded server, answering each call after so many milliseconds: `latency-server.ts MS`. Prints its addresses, ends with its stdin. */
import {startEmbeddedWeaviate} from '../src/testing/index.js'

const server = await startEmbeddedWeaviate({latency: Number(process.argv[2])})
process.stdout.write(`${JSON.stringify({grpcUrl: server.grpcUrl, url: server.url})}\n`)
process.stdin.on('end', () => {
  void server.close()
})
process.stdin.resume()
