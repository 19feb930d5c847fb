/** For tests that start embedded servers of several kinds: they, and a folder for backups, last as long as a test. */
import {afterEach, beforeEach} from 'vitest'

import {type EmbeddedWeaviate, type EmbeddedWeaviateOptions, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {connect} from '../../src/weaviate/connect.js'
import {type Connection} from '../../src/weaviate/connection.js'
import {temporaryDirectory} from './collections.js'

export interface EmbeddedServers {
  /** Empty at the start of each test. */
  readonly directory: string
  start: (options?: EmbeddedWeaviateOptions) => Promise<{connection: Connection; url: string}>
}

/** Called where tests are declared. */
export function embeddedServers(): EmbeddedServers {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>
  const open: Array<{connection: Connection; server: EmbeddedWeaviate}> = []
  beforeEach(async () => {
    directory = await temporaryDirectory()
  })
  afterEach(async () => {
    for (const {connection, server} of open) {
      await connection.close()
      await server.close()
    }

    open.length = 0
    await directory.remove()
  })
  return {
    get directory() {
      return directory.path
    },
    async start(options = {}) {
      const server = await startEmbeddedWeaviate(options)
      const connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
      open.push({connection, server})
      return {connection, url: server.url}
    },
  }
}
