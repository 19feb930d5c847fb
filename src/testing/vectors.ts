import type {JsonObject, NamedVector} from '../model/object.js'
import type {WeaviateClass} from '../model/schema.js'
import type {Settings} from './options.js'
import type {Shard, StoredObject} from './store.js'

import {Refusal} from './refusal.js'
import {bytesOf} from './values.js'

type GivenVectors = Pick<StoredObject, 'vector' | 'vectors'>

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

/** An unnamed vector of a class that has but one named one is taken for that one, and wins over it. */
export function placeVectors<T extends GivenVectors>({vectorConfig, vectorIndexType}: WeaviateClass, incoming: T): T {
  const [name, ...others] = Object.keys(vectorConfig ?? {})
  const {vector, ...rest} = incoming
  if (!vector?.byteLength || vectorIndexType || name === undefined || others.length > 0) return incoming
  return {...(rest as T), vectors: new Map([[name, {bytes: vector, kind: 'single'}]])}
}

/** @throws Refusal when the class does not have such vectors. */
export function checkVectors(schema: WeaviateClass, incoming: GivenVectors): void {
  for (const name of incoming.vectors?.keys() ?? [])
    if (!Object.hasOwn(schema.vectorConfig ?? {}, name))
      throw new Refusal(`collection ${schema.class} does not have configuration for vector ${name}`)
  for (const [name, {bytes, kind}] of incoming.vectors ?? []) {
    const index = schema.vectorConfig![name]!.vectorIndexConfig as JsonObject | undefined
    const isMulti = (index?.multivector as JsonObject | undefined)?.enabled === true
    if (bytes.byteLength > 0 && isMulti !== (kind === 'multi'))
      throw new Refusal(
        isMulti
          ? `update vector index for target vector ${name}: insert to vector index: AddBatch called on multivector index`
          : `update multi vector index for target vector ${name}: insert to vector index: addMultiBatch called on non-multivector index`,
        500,
      )
  }

  if (incoming.vector?.byteLength && !schema.vectorIndexType)
    throw new Refusal(`collection ${schema.class} configuration does not have single vector index`)
}

/** Fixes the dimensions of each vector of a shard. @throws Refusal 500 when a vector has others than those before it. */
export function claimDimensions(schema: WeaviateClass, shard: Shard, {id, vector, vectors}: StoredObject): void {
  const claims: Claim[] = []
  if (vector) claims.push({dims: floatsIn(vector), index: schema.vectorIndexType, name: ''})
  for (const [name, named] of vectors ?? []) {
    const dims = named.kind === 'multi' ? named.dims : floatsIn(named.bytes)
    claims.push({dims, index: schema.vectorConfig![name]!.vectorIndexType, name})
  }

  for (const claim of claims) {
    const fixed = shard.dimensions.get(claim.name)
    if (fixed !== undefined && fixed !== claim.dims) throw wrongDimensions(id, claim, fixed)
  }

  for (const {dims, name} of claims) shard.dimensions.set(name, dims)
}

interface Claim {
  dims: number
  /** The type of the vector's index. */
  index: unknown
  name: string
}

function floatsIn(bytes: Uint8Array): number {
  return bytes.byteLength >> 2
}

function wrongDimensions(id: string, {dims, index, name}: Claim, fixed: number): Refusal {
  const what = name === '' ? `Validate vector index for ${id}` : `Validate vector index ${name} for target vector ${id}`
  return new Refusal(
    index === 'flat'
      ? `${what}: insert called with a vector of the wrong size: ${dims}. Saved length: ${fixed}, path: memory`
      : `${what}: new node has a vector with length ${dims}. Existing nodes have vectors with length ${fixed}: vector dimensions do not match the index dimensions`,
    500,
  )
}
