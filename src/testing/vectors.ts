import type {JsonObject, NamedVector} from '../object.js'
import type {WeaviateClass} from '../weaviate/schema.js'
import type {Settings} from './options.js'
import type {Shard, StoredObject} from './store.js'

import {Refusal} from './refusal.js'
import {bytesOf} from './values.js'

interface GivenVectors {
  vector?: Uint8Array
  vectors?: Map<string, NamedVector>
}

/** Gives an object the vectors that it lacks and that its collection's modules would make. */
export function fillVectors(
  schema: WeaviateClass,
  object: StoredObject,
  {vectorize}: Pick<Settings, 'vectorize'>,
): void {
  const {vectorConfig = {}, vectorIndexType, vectorizer} = schema
  if (!object.vector && vectorIndexType && typeof vectorizer === 'string' && vectorizer !== 'none')
    object.vector = bytesOf(vectorize(object.properties, vectorizer))
  for (const [name, config] of Object.entries(vectorConfig)) {
    const [module = 'none'] = Object.keys((config.vectorizer ?? {}) as JsonObject)
    if (module === 'none' || object.vectors?.has(name)) continue
    const vector: NamedVector = {bytes: bytesOf(vectorize(object.properties, module)), kind: 'single'}
    object.vectors = new Map([...(object.vectors ?? []), [name, vector]])
  }
}

/** @throws Refusal when the class does not have such vectors. */
export function checkVectors(schema: WeaviateClass, incoming: GivenVectors): void {
  for (const name of incoming.vectors?.keys() ?? [])
    if (!Object.hasOwn(schema.vectorConfig ?? {}, name))
      throw new Refusal(422, `collection ${schema.class} does not have configuration for vector ${name}`)
  for (const [name, {bytes, kind}] of incoming.vectors ?? []) {
    const index = schema.vectorConfig![name]!.vectorIndexConfig as JsonObject | undefined
    const isMulti = (index?.multivector as JsonObject | undefined)?.enabled === true
    if (bytes.byteLength > 0 && isMulti !== (kind === 'multi'))
      throw new Refusal(
        500,
        isMulti
          ? `update vector index for target vector ${name}: insert to vector index: AddBatch called on multivector index`
          : `update multi vector index for target vector ${name}: insert to vector index: addMultiBatch called on non-multivector index`,
      )
  }

  if (incoming.vector?.byteLength && !schema.vectorIndexType)
    throw new Refusal(422, `collection ${schema.class} configuration does not have single vector index`)
}

/** @throws Refusal 500 when a vector has other dimensions than those before it. */
export function claimDimensions(shard: Shard, {id, vector, vectors}: StoredObject): void {
  const claims: Array<{dims: number; name: string; what: string}> = []
  if (vector) claims.push({dims: vector.byteLength >> 2, name: '', what: `Validate vector index for ${id}`})
  for (const [name, named] of vectors ?? [])
    claims.push({
      dims: named.kind === 'multi' ? named.dims : named.bytes.byteLength >> 2,
      name,
      what: `Validate vector index ${name} for target vector ${id}`,
    })
  for (const {dims, name, what} of claims) {
    const fixed = shard.dimensions.get(name)
    if (fixed !== undefined && fixed !== dims)
      throw new Refusal(
        500,
        `${what}: new node has a vector with length ${dims}. Existing nodes have vectors with length ${fixed}: vector dimensions do not match the index dimensions`,
      )
  }

  for (const {dims, name} of claims) shard.dimensions.set(name, dims)
}
