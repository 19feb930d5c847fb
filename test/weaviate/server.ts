/** The server that tests run on: a real one where WEAVIATE_URL (and WEAVIATE_GRPC_URL) say so, else one of our own. */
import {startEmbeddedWeaviate} from '../../src/testing/index.js'

export interface TestServer {
  close: () => Promise<void>
  grpcUrl?: string
  isReal: boolean
  url: string
}

export async function startTestServer(): Promise<TestServer> {
  const {WEAVIATE_GRPC_URL: grpcUrl, WEAVIATE_URL: url} = process.env
  if (url) return {close: async () => undefined, grpcUrl, isReal: true, url}
  const embedded = await startEmbeddedWeaviate()
  return {close: embedded.close, grpcUrl: embedded.grpcUrl, isReal: false, url: embedded.url}
}
