import type {JsonObject} from '../model/object.js'
import type {SchemaProperty, WeaviateClass} from '../model/schema.js'
import type {Settings} from './options.js'

import {objectTtlConfig} from './object-ttl.js'
import {Refusal} from './refusal.js'
import {invertedIndexConfig, propertyDefaults, vectorIndexConfig} from './schema-defaults.js'
import {asyncConfig, namedVectors} from './schema-rules.js'
import {checkPresetsKept} from './text-analyzer.js'
import {filled} from './values.js'

const CANNOT_UPDATE = 'updating schema: TYPE_UPDATE_CLASS: bad request :parse class update: '
const FIELDS_OTHER_THAN_DESCRIPTION =
  'property fields other than description cannot be updated through updating the class. Use the add property feature (e.g. "POST /v1/schema/{className}/properties") to add additional properties'

/**
 * What `PUT /v1/schema/{class}` makes of a class, one that has these shards.
 * @throws Refusal 422 on anything that is immutable.
 */
export function updatedClass(
  old: WeaviateClass,
  given: JsonObject,
  {settings, shards}: {settings: Pick<Settings, 'asyncIndexing'>; shards: readonly string[]},
): WeaviateClass {
  if (given.class !== old.class) throw immutable('class name', old.class, given.class, '')
  const properties = ((given.properties ?? []) as SchemaProperty[]).map((property) => propertyDefaults(property))
  const oldProperties = old.properties ?? []
  if (properties.length !== oldProperties.length) throw new Refusal(`${CANNOT_UPDATE}${FIELDS_OTHER_THAN_DESCRIPTION}`)
  for (const property of oldProperties) {
    const changed = properties.find((candidate) => candidate.name === property.name)
    if (!changed || !isSameButDescriptions(property, changed))
      throw new Refusal(`${CANNOT_UPDATE}property "${property.name}": ${FIELDS_OTHER_THAN_DESCRIPTION}`)
  }

  checkImmutable(old, given)
  const tenancy = (given.multiTenancyConfig ?? {}) as JsonObject
  if ((tenancy.enabled ?? false) !== (old.multiTenancyConfig?.enabled ?? false))
    throw new Refusal(`${CANNOT_UPDATE}enabling multi-tenancy for an existing class is not supported`)
  checkPresetsKept(old, given.invertedIndexConfig, CANNOT_UPDATE)
  const {objectTtlConfig: _, ...rest} = old
  return {
    ...rest,
    description: filled(given.description),
    ...(given.moduleConfig && {moduleConfig: given.moduleConfig}),
    ...(given.objectTtlConfig && {
      objectTtlConfig: objectTtlConfig(given.objectTtlConfig as JsonObject, oldProperties),
    }),
    replicationConfig: updatedReplication(old, given, shards),
    invertedIndexConfig: invertedIndexConfig((given.invertedIndexConfig ?? {}) as JsonObject),
    multiTenancyConfig: {...old.multiTenancyConfig, ...tenancy},
    properties: properties.length === 0 ? old.properties : properties,
    ...updatedVectors(old, given, settings),
  }
}

/** Shards that are there have as many replicas as they were made with. */
function updatedReplication(old: WeaviateClass, given: JsonObject, shards: readonly string[]): JsonObject {
  const before = (old.replicationConfig ?? {}) as JsonObject
  const after = (given.replicationConfig ?? {}) as JsonObject
  const factor = Number(filled(after.factor) ?? before.factor)
  const [shard] = shards
  if (factor > Number(before.factor) && shard !== undefined)
    throw new Refusal(
      `not enough replicas in shard "${shard}" to increase replication factor to ${factor} for class "${old.class}"`,
    )
  // What is not given is not kept.
  const strategy = filled(after.deletionStrategy)
  return {
    ...asyncConfig(after),
    asyncEnabled: factor > 1,
    ...(strategy !== undefined && {deletionStrategy: strategy}),
    factor,
  }
}

function checkImmutable(old: WeaviateClass, given: JsonObject): void {
  const shards = Number((old.shardingConfig as JsonObject | undefined)?.desiredCount ?? 0)
  const wanted = Number((given.shardingConfig as JsonObject | undefined)?.desiredCount ?? shards)
  if (wanted !== shards)
    throw immutable(
      're-sharding not supported yet: shard count',
      shards,
      wanted,
      `${CANNOT_UPDATE}validate sharding config: `,
    )
  const before = (old.invertedIndexConfig ?? {}) as JsonObject
  const after = (given.invertedIndexConfig ?? {}) as JsonObject
  for (const [name, called] of [
    ['indexTimestamps', 'indexTimestamp'],
    ['indexNullState', 'indexNullState'],
    ['indexPropertyLength', 'indexPropertyLength'],
  ] as const) {
    const [from, to] = [before[name] === true, after[name] === true]
    if (from !== to) throw new Refusal(`"${called}" setting is immutable. Value changed from "${from}" to "${to}"`)
  }
}

function updatedVectors(
  old: WeaviateClass,
  given: JsonObject,
  settings: Pick<Settings, 'asyncIndexing'>,
): Partial<WeaviateClass> {
  const updated: Partial<WeaviateClass> = {}
  if (old.vectorIndexType) {
    const type = (filled(given.vectorIndexType) ?? old.vectorIndexType) as string
    if (type !== old.vectorIndexType) throw immutable('vector index type', old.vectorIndexType, type)
    const vectorizer = filled(given.vectorizer) ?? 'none'
    if (vectorizer !== old.vectorizer) throw immutable('vectorizer', old.vectorizer, vectorizer)
    updated.vectorIndexConfig = updatedIndex(type, old.vectorIndexConfig, {
      given: given.vectorIndexConfig,
      prefix: 'validate vector index config: ',
    })
  }

  const oldNamed = old.vectorConfig ?? {}
  const named = namedVectors((given.vectorConfig ?? {}) as Record<string, JsonObject>, settings)
  for (const [name, before] of Object.entries(oldNamed)) {
    const after = named[name]
    if (!after) throw new Refusal(`${CANNOT_UPDATE}missing config for vector "${name}"`)
    if (after.vectorIndexType !== before.vectorIndexType)
      throw immutable('vector index type', before.vectorIndexType, after.vectorIndexType)
    updatedIndex(before.vectorIndexType as string, before.vectorIndexConfig, {
      given: after.vectorIndexConfig,
      prefix: `invalid update for vector "${name}": `,
    })
  }

  if (Object.keys(named).length > 0) updated.vectorConfig = named
  return updated
}

function updatedIndex(type: string, before: unknown, {given, prefix}: {given: unknown; prefix: string}): JsonObject {
  const after = vectorIndexConfig(type, given)
  checkIndexKept(type, {after, old: before as JsonObject, prefix})
  return after
}

function checkIndexKept(
  type: string,
  {after, old, prefix}: {after: JsonObject; old: JsonObject; prefix: string},
): void {
  for (const part of type === 'dynamic' ? ['hnsw', 'flat'] : [])
    checkIndexKept(part, {after: after[part] as JsonObject, old: old[part] as JsonObject, prefix})
  for (const name of ['efConstruction', 'maxConnections'])
    if (after[name] !== old[name]) throw immutable(name, old[name], after[name], `${CANNOT_UPDATE}${prefix}`)
  for (const name of type === 'flat' ? ['bq', 'pq', 'sq', 'rq'] : []) {
    const [was, is] = [old, after].map((config) => (config[name] as JsonObject).enabled)
    if (was !== is) throw immutable(name, was, is, `${CANNOT_UPDATE}${prefix}`)
  }

  const [was, wanted] = [old, after].map((config) => config.rq as JsonObject | undefined)
  if (was?.enabled === true && was.bits !== wanted?.bits)
    throw immutable(type === 'flat' ? 'rq.bits' : 'rq bits', was.bits, wanted?.bits, `${CANNOT_UPDATE}${prefix}`)
  const {distance} = old
  if (after.distance !== distance) throw immutable('distance', distance, after.distance, `${CANNOT_UPDATE}${prefix}`)
}

function immutable(what: string, from: unknown, to: unknown, prefix = CANNOT_UPDATE): Refusal {
  return new Refusal(`${prefix}${what} is immutable: attempted change from "${String(from)}" to "${String(to)}"`)
}

function isSameButDescriptions(a: SchemaProperty, b: SchemaProperty): boolean {
  return JSON.stringify(comparable(a)) === JSON.stringify(comparable(b))
}

function comparable(property: SchemaProperty): unknown {
  const entries = Object.entries(property)
    .filter(([key]) => key !== 'description')
    .map(([key, value]) => [
      key,
      key === 'nestedProperties' ? (value as SchemaProperty[]).map((inner) => comparable(inner)) : value,
    ])
  return entries.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))
}
