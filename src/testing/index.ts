/** An embedded, in-memory, Weaviate-compatible server for tests. */
export type {
  EmbeddedWeaviateOptions,
  Fault,
  ListedPage,
  ObjectPlace,
  Replica,
  RequestInfo,
  StreamedBatch,
  StreamFault,
} from './options.js'
export {serveEmbeddedWeaviate} from './serve.js'
export {type EmbeddedNode, type EmbeddedWeaviate, startEmbeddedWeaviate} from './server.js'
