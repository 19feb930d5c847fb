import {connect} from '../../src/weaviate/connect.js'
import {type Connection} from '../../src/weaviate/connection.js'
import {BINARY, startRealServer} from '../fault/real-server.js'
import {startTestServer} from './collections.js'
import {startS3} from './s3-server.js'

export interface ServerThatOffloads {
  close: () => Promise<void>
  connection: Connection
  url: string
}

/** Whether tenants can be FROZEN there: a real server needs a module for it. For `skip`. */
export async function cannotOffload(connection: Connection): Promise<boolean> {
  return (await connection.about?.modules())?.every((name) => !name.startsWith('offload-')) ?? false
}

export const NO_OFFLOAD = 'the server has no module that offloads tenants'

/** A server on which tenants can be FROZEN: with WEAVIATE_BINARY a real one, which offloads to the tests' own S3, else an embedded one. */
export async function serverThatOffloads(): Promise<ServerThatOffloads> {
  if (!BINARY) return startTestServer()
  const s3 = await startS3()
  s3.buckets.set('offload', {objects: new Map(), uploads: new Map()})
  const server = await startRealServer({
    ...s3.env,
    ENABLE_MODULES: 'offload-s3',
    OFFLOAD_S3_BUCKET: 'offload',
    OFFLOAD_S3_ENDPOINT: s3.endpoint,
  })
  const connection = await connect(server)
  return {
    async close() {
      await connection.close()
      await server.remove()
      await s3.close()
    },
    connection,
    url: server.url,
  }
}
