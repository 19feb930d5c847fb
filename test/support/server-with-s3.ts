/** A server to test with, and an S3 of the tests' own that the environment of this process leads to. */
import {startTestServer, type TestServer} from './collections.js'
import {type S3Server, startS3} from './s3-server.js'

export interface ServerWithS3 {
  /** Deletes these collections first. */
  close: (...collections: string[]) => Promise<void>
  s3: S3Server
  server: TestServer
}

export async function startServerWithS3(): Promise<ServerWithS3> {
  const server = await startTestServer()
  const s3 = await startS3()
  Object.assign(process.env, s3.env)
  return {
    async close(...collections) {
      for (const name of collections) await server.connection.deleteCollection(name)
      await server.close()
      await s3.close()
    },
    s3,
    server,
  }
}
