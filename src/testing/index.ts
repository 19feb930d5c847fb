/** An embedded, in-memory, Weaviate-compatible server for tests. */
export type {EmbeddedWeaviateOptions, Fault, RequestInfo} from './options.js'
export {serveEmbeddedWeaviate} from './serve.js'
export {type EmbeddedWeaviate, startEmbeddedWeaviate} from './server.js'
