import type {Readable, Writable} from 'node:stream'

import {finished} from 'node:stream/promises'

import type {EmbeddedWeaviateOptions} from './options.js'

import {startEmbeddedWeaviate} from './server.js'

/**
 * Runs a server for another process: writes one JSON line `{"url", "grpcUrl", "pid"}` to `output`, and closes the server when
 * `input` ends, as it does when the other process is gone. For a script of three lines; see test/testing/serve-script.ts.
 */
export async function serveEmbeddedWeaviate(
  options: EmbeddedWeaviateOptions,
  {input, output}: {input: Readable; output: Writable},
): Promise<void> {
  const server = await startEmbeddedWeaviate(options)
  try {
    output.write(`${JSON.stringify({grpcUrl: server.grpcUrl, pid: process.pid, url: server.url})}\n`)
    input.resume()
    await finished(input, {writable: false})
  } finally {
    await server.close()
  }
}
