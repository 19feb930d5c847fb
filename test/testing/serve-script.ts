// With options like '{"port": 0}' as its argument: an embedded server that lives until stdin ends.

import {type EmbeddedWeaviateOptions, serveEmbeddedWeaviate} from '../../src/testing/index.js'

await serveEmbeddedWeaviate(JSON.parse(process.argv[2] ?? '{}') as EmbeddedWeaviateOptions, {
  input: process.stdin,
  output: process.stdout,
})
