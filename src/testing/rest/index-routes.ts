import type {Settings} from '../options.js'

import {Refusal} from '../refusal.js'
import {type Collection, type Database, upperFirst} from '../store.js'
import {InvalidBody, type RestAnswer} from './router.js'

/** `PUT /v1/schema/{class}/shards/{shard}` @throws InvalidBody, Refusal. */
export function setShardStatus(
  collection: Collection | undefined,
  params: Record<string, string>,
  body: unknown,
): RestAnswer {
  const prefix = 'updating db: TYPE_UPDATE_SHARD_STATUS: '
  if (!collection)
    throw new Refusal(`${prefix}cannot update shard status to a non-existing index for ${params.class}: not found`, 404)
  const status = (body as {status?: string}).status ?? ''
  const shard = collection.shards.find(({name}) => name === params.shard)
  if (!shard) throw new Refusal(`${prefix}shard ${params.shard} not found`, 404)
  if (status !== 'READONLY' && status !== 'READY') throw new Refusal(`${prefix}${status}: invalid storage status`, 500)
  shard.readOnly = status === 'READONLY' ? 'manually set by user' : undefined
  return {body: {status}, status: 200}
}

const DISABLED =
  'alter schema drop vector index endpoint is experimental and disabled by default, set the environment variable ' +
  'ENABLE_EXPERIMENTAL_ALTER_SCHEMA_DROP_VECTOR_INDEX_ENDPOINT=true to enable it'

/** The vector stands as `vectorIndexType: "none"` for a while, then it and what objects have of it are gone. @throws Refusal. */
export function dropVectorIndex(
  database: Database,
  {droppedVectorMs}: Settings,
  {class: className = '', vector = ''}: Record<string, string>,
): RestAnswer {
  if (droppedVectorMs < 0) throw new Refusal(DISABLED, 500)
  const collection = database.collections.get(upperFirst(className))
  if (!collection) throw new Refusal(`class "${className}": not found`, 404)
  const {vectorConfig = {}} = collection.schema
  if (Object.keys(vectorConfig).length === 0)
    throw new Refusal(`validation: class "${collection.name}" has no named vector configurations`)
  const config = vectorConfig[vector]
  if (!config) throw new Refusal(`not found: vector index "${vector}" not found in class "${collection.name}"`, 404)
  collection.schema = {
    ...collection.schema,
    vectorConfig: {...vectorConfig, [vector]: {vectorIndexType: 'none', vectorizer: config.vectorizer ?? {}}},
  }
  if (Number.isFinite(droppedVectorMs))
    setTimeout(() => {
      finish(collection, vector)
    }, droppedVectorMs).unref()
  return {status: 200}
}

function finish(collection: Collection, vector: string): void {
  const {[vector]: _, ...vectorConfig} = collection.schema.vectorConfig ?? {}
  collection.schema = {...collection.schema, vectorConfig}
  for (const shard of collection.shards) {
    for (const object of shard.above()) {
      if (!object.vectors?.has(vector)) continue
      const vectors = new Map(object.vectors)
      vectors.delete(vector)
      shard.put({...object, vectors})
    }
  }
}

const PROPERTY_INDEXES: Record<string, string> = {
  filterable: 'indexFilterable',
  rangeFilters: 'indexRangeFilters',
  searchable: 'indexSearchable',
}

/** `DELETE /v1/schema/{class}/properties/{name}/index/{index}` @throws InvalidBody, Refusal. */
export function dropPropertyIndex(
  database: Database,
  {class: className = '', index = '', property: name}: Record<string, string>,
): RestAnswer {
  const member = PROPERTY_INDEXES[index]
  if (!member) {
    const choice = Object.keys(PROPERTY_INDEXES).toSorted().join(' ')
    throw new InvalidBody(606, `indexName in path should be one of [${choice}]`)
  }

  const collection = database.collections.get(upperFirst(className))
  if (!collection) throw new Refusal(`class "${upperFirst(className)}": not found`)
  const {properties} = collection.schema
  if (!properties?.some((property) => property.name === name)) throw new Refusal(`property name ${name}: not found`)
  const changed = properties.map((property) => (property.name === name ? {...property, [member]: false} : property))
  collection.schema = {...collection.schema, properties: changed}
  return {status: 200}
}
