import type {JsonObject, JsonValue} from '../model/object.js'
import type {Settings} from './options.js'

import {PRIMITIVE_TYPES, type SchemaProperty, type WeaviateClass} from '../model/schema.js'
import {Refusal} from './refusal.js'
import {invertedIndexConfig, propertyDefaults, shardingConfig, vectorIndexConfig} from './schema-defaults.js'
import {type Database, lowerFirst, upperFirst} from './store.js'
import {filled} from './values.js'

const CLASS_NAME = /^[A-Z][_0-9A-Za-z]{0,254}$/
const PROPERTY_NAME = /^[_A-Za-z][_0-9A-Za-z]{0,230}$/
const VECTOR_NAME = /^[_A-Za-z][_0-9A-Za-z]{0,229}$/
const TOKENIZATIONS = 'word lowercase whitespace field trigram gse kagome_kr kagome_ja gse_ch'
const RESERVED = new Set(['_additional', '_id', 'id'])
const NOT_NESTED = new Set(['blobHash', 'geoCoordinates', 'phoneNumber'])
/** Vectorizer modules of the stock server, as far as their names tell. */
const VECTORIZER =
  /^(?:text2vec|text2multivec|multi2vec|multi2multivec|img2vec|ref2vec|text2colbert)-(?:aws|bigram|centroid|clip|cohere|contextionary|databricks|google|gpt4all|huggingface|jinaai|mistral|model2vec|morph|neural|nvidia|octoai|ollama|openai|palm|transformers|twelvelabs|voyageai|weaviate|bind)$/

/** What the operator of a server allows. */
type Limits = Pick<Settings, 'maximumCollections' | 'replicas'>

/** One collection too many. Over REST the answer has a form of its own. */
export class CollectionLimit extends Refusal {
  constructor(readonly limit: number) {
    super(429, `collections count limit of ${limit} reached for this instance.`)
  }
}

/** A new class with everything that the server fills in. @throws Refusal 422. */
export function newClass(given: JsonObject, database: Database, limits: Limits): WeaviateClass {
  if (database.collections.size >= limits.maximumCollections) throw new CollectionLimit(limits.maximumCollections)
  const name = newName(given.class, database)
  const multiTenancyConfig = multiTenancy(given)
  const properties = (given.properties ?? []) as SchemaProperty[]
  for (const [index, property] of properties.entries())
    checkProperty(property, {className: name, database, others: properties.slice(0, index)})
  const optional = ['description', 'moduleConfig', 'objectTtlConfig'].filter((member) => given[member])
  return {
    class: name,
    ...Object.fromEntries(optional.map((member) => [member, given[member]])),
    invertedIndexConfig: invertedIndexConfig((given.invertedIndexConfig ?? {}) as JsonObject),
    multiTenancyConfig,
    // The real server shows null for a class that was given none.
    properties: (given.properties ? properties.map((property) => propertyDefaults(property)) : null)!,
    replicationConfig: replication(given, limits),
    shardingConfig: shardingConfig(given.shardingConfig as JsonObject | undefined, multiTenancyConfig.enabled === true),
    ...vectorSettings(given),
  }
}

function newName(given: JsonValue | undefined, database: Database): string {
  const name = upperFirst(typeof given === 'string' ? given : '')
  if (!CLASS_NAME.test(name)) throw new Refusal(422, `'${name}' is not a valid class name`)
  if (database.collections.has(name)) throw new Refusal(422, `class name ${name} already exists`)
  if (database.aliases.has(name)) throw new Refusal(422, `alias name ${name} already exists`)
  return name
}

function multiTenancy(given: JsonObject): JsonObject {
  const config = (given.multiTenancyConfig ?? {}) as JsonObject
  if (config.enabled === true && given.shardingConfig)
    throw new Refusal(422, 'cannot have both shardingConfig and multiTenancyConfig')
  for (const option of ['autoTenantCreation', 'autoTenantActivation'])
    if (config.enabled !== true && config[option] === true)
      throw new Refusal(422, `can't enable ${option} on a non-multi-tenant class`)
  return {
    autoTenantActivation: config.autoTenantActivation ?? false,
    autoTenantCreation: config.autoTenantCreation ?? false,
    enabled: config.enabled ?? false,
  }
}

function replication(given: JsonObject, {replicas}: Limits): JsonObject {
  const config = (given.replicationConfig ?? {}) as JsonObject
  const factor = Number(filled(config.factor) ?? 1)
  if (factor > replicas.length)
    throw new Refusal(
      422,
      `init sharding state: could not find enough weaviate nodes for replication: ${replicas.length} available, ${factor} requested`,
    )
  return {
    ...(config.asyncConfig && {asyncConfig: config.asyncConfig}),
    asyncEnabled: false,
    deletionStrategy: filled(config.deletionStrategy) ?? 'TimeBasedResolution',
    factor,
  }
}

function vectorSettings(given: JsonObject): JsonObject {
  const named = (given.vectorConfig ?? {}) as Record<string, JsonObject>
  if (Object.keys(named).length > 0) {
    if ([given.vectorizer, given.vectorIndexType, given.vectorIndexConfig].some(Boolean))
      throw new Refusal(422, 'creating a class with both a class level vector index and named vectors is forbidden')
    return {vectorConfig: namedVectors(named)}
  }

  const vectorizer = (filled(given.vectorizer) ?? 'none') as string
  checkVectorizer(vectorizer, 'vectorizer: ')
  const vectorIndexType = (filled(given.vectorIndexType) ?? 'hnsw') as string
  return {
    vectorIndexConfig: vectorIndexConfig(vectorIndexType, given.vectorIndexConfig),
    vectorIndexType,
    vectorizer,
  }
}

function namedVectors(named: Record<string, JsonObject>): Record<string, JsonObject> {
  const result: Record<string, JsonObject> = {}
  for (const name of Object.keys(named).toSorted()) {
    if (!VECTOR_NAME.test(name))
      throw new Refusal(
        422,
        `class.VectorConfig target vector name "${name}" is not valid, in Weaviate target vector names are restricted to valid GraphQL names, which must be “/[_A-Za-z][_0-9A-Za-z]{0,229}/”.`,
      )
    const {vectorizer} = named[name]!
    if (typeof vectorizer !== 'object' || vectorizer === null || Array.isArray(vectorizer))
      throw new Refusal(422, 'class.VectorConfig.Vectorizer must be an object, got <nil>')
    for (const module of Object.keys(vectorizer)) checkVectorizer(module, `target vector "${name}": vectorizer: `)
    const vectorIndexType = (filled(named[name]!.vectorIndexType) ?? 'hnsw') as string
    result[name] = {
      vectorIndexConfig: vectorIndexConfig(vectorIndexType, named[name]!.vectorIndexConfig),
      vectorIndexType,
      vectorizer,
    }
  }

  return result
}

function checkVectorizer(name: string, prefix: string): void {
  if (name !== 'none' && !VECTORIZER.test(name))
    throw new Refusal(422, `${prefix}no module with name "${name}" present`)
}

export interface PropertyPlace {
  className: string
  database: Database
  /** The properties that are there already. */
  others: readonly SchemaProperty[]
}

/** @throws Refusal 422 when a class cannot have the property. */
export function checkProperty(property: SchemaProperty, {className, database, others}: PropertyPlace): void {
  const name = lowerFirst(property.name ?? '')
  if (!PROPERTY_NAME.test(name))
    throw new Refusal(
      422,
      `'${name}' is not a valid property name. Property names in Weaviate are restricted to valid GraphQL names, which must be “/[_A-Za-z][_0-9A-Za-z]{0,230}/”`,
    )
  if (RESERVED.has(name)) throw new Refusal(422, `'${name}' is a reserved property name`)
  if (others.some((other) => other.name.toLowerCase() === name.toLowerCase()))
    throw new Refusal(
      422,
      `class "${className}": conflict for property "${name}": already in use or provided multiple times`,
    )
  const {tokenization} = property
  if (typeof tokenization === 'string' && tokenization !== '' && !TOKENIZATIONS.split(' ').includes(tokenization))
    throw new Refusal(422, `tokenization in body should be one of [${TOKENIZATIONS}]`)
  checkDataType(name, property.dataType ?? [])
  if (!PRIMITIVE_TYPES.has(property.dataType[0]!)) {
    for (const target of property.dataType)
      if (target !== className && !database.collections.has(target))
        throw new Refusal(422, 'bad request: reference property to nonexistent class')
  }

  checkNested(name, property)
}

function checkDataType(path: string, dataType: string[]): void {
  if (dataType.length === 0)
    throw new Refusal(422, `property '${path}': invalid dataType: []: dataType must have at least one element`)
  const primitive = dataType.length > 1 ? dataType.find((type) => !/^[A-Z]/.test(type)) : undefined
  if (primitive !== undefined)
    throw new Refusal(
      422,
      `property '${path}': invalid dataType: [${dataType.join(' ')}]: '${primitive}' is not a valid class name`,
    )
  for (const type of dataType)
    if (!PRIMITIVE_TYPES.has(type) && !/^[A-Z]/.test(type))
      throw new Refusal(422, `property '${path}': invalid dataType: [${type}]: unknown primitive data type '${type}'`)
}

function checkNested(path: string, property: SchemaProperty): void {
  const isNested = property.dataType[0] === 'object' || property.dataType[0] === 'object[]'
  const nested = property.nestedProperties ?? []
  if (isNested && nested.length === 0)
    throw new Refusal(422, `property '${path}': At least one nested property is required for data type object/object[]`)
  if (!isNested && nested.length > 0)
    throw new Refusal(
      422,
      `property '${path}': nestedProperties is not allowed for data type other than object/object[]`,
    )
  for (const inner of nested) {
    const innerPath = `${path}.${inner.name}`
    checkDataType(innerPath, inner.dataType)
    const type = inner.dataType[0]!
    if (!PRIMITIVE_TYPES.has(type)) throw new Refusal(422, `property '${innerPath}': reference data type not allowed`)
    if (NOT_NESTED.has(type))
      throw new Refusal(422, `property '${innerPath}': data type '${type}' not allowed as nested property`)
    checkNested(innerPath, inner)
  }
}

const CANNOT_UPDATE = 'updating schema: TYPE_UPDATE_CLASS: bad request :parse class update: '
const FIELDS_OTHER_THAN_DESCRIPTION =
  'property fields other than description cannot be updated through updating the class. Use the add property feature (e.g. "POST /v1/schema/{className}/properties") to add additional properties'

/** What `PUT /v1/schema/{class}` makes of a class. @throws Refusal 422 on anything that is immutable. */
export function updatedClass(old: WeaviateClass, given: JsonObject): WeaviateClass {
  if (given.class !== old.class) throw immutable('class name', old.class, given.class, '')
  const properties = ((given.properties ?? []) as SchemaProperty[]).map((property) => propertyDefaults(property))
  const oldProperties = old.properties ?? []
  if (properties.length !== oldProperties.length)
    throw new Refusal(422, `${CANNOT_UPDATE}${FIELDS_OTHER_THAN_DESCRIPTION}`)
  for (const property of oldProperties) {
    const changed = properties.find((candidate) => candidate.name === property.name)
    if (!changed || !isSameButDescriptions(property, changed))
      throw new Refusal(422, `${CANNOT_UPDATE}property "${property.name}": ${FIELDS_OTHER_THAN_DESCRIPTION}`)
  }

  checkImmutable(old, given)
  const tenancy = (given.multiTenancyConfig ?? {}) as JsonObject
  if ((tenancy.enabled ?? false) !== (old.multiTenancyConfig?.enabled ?? false))
    throw new Refusal(422, `${CANNOT_UPDATE}enabling multi-tenancy for an existing class is not supported`)
  const {factor} = (given.replicationConfig ?? {}) as {factor?: number}
  if (factor !== undefined && factor > 1)
    throw new Refusal(422, `not enough replicas to increase replication factor to ${factor} for class "${old.class}"`)
  return {
    ...old,
    description: filled(given.description),
    ...Object.fromEntries(
      ['moduleConfig', 'objectTtlConfig'].filter((member) => given[member]).map((member) => [member, given[member]]),
    ),
    replicationConfig: {
      ...(old.replicationConfig as JsonObject | undefined),
      ...((given.replicationConfig ?? {}) as JsonObject),
    },
    invertedIndexConfig: invertedIndexConfig((given.invertedIndexConfig ?? {}) as JsonObject),
    multiTenancyConfig: {...old.multiTenancyConfig, ...tenancy},
    properties: properties.length === 0 ? old.properties : properties,
    ...updatedVectors(old, given),
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
    if (from !== to) throw new Refusal(422, `"${called}" setting is immutable. Value changed from "${from}" to "${to}"`)
  }
}

function updatedVectors(old: WeaviateClass, given: JsonObject): Partial<WeaviateClass> {
  const updated: Partial<WeaviateClass> = {}
  if (old.vectorIndexType) {
    const type = (filled(given.vectorIndexType) ?? old.vectorIndexType) as string
    if (type !== old.vectorIndexType) throw immutable('vector index type', old.vectorIndexType, type)
    const vectorizer = filled(given.vectorizer) ?? 'none'
    if (vectorizer !== old.vectorizer) throw immutable('vectorizer', old.vectorizer, vectorizer)
    updated.vectorIndexConfig = updatedIndex(type, old.vectorIndexConfig, given.vectorIndexConfig)
  }

  const oldNamed = old.vectorConfig ?? {}
  const named = namedVectors((given.vectorConfig ?? {}) as Record<string, JsonObject>)
  for (const [name, before] of Object.entries(oldNamed)) {
    const after = named[name]
    if (!after) throw new Refusal(422, `${CANNOT_UPDATE}missing config for vector "${name}"`)
    if (after.vectorIndexType !== before.vectorIndexType)
      throw immutable('vector index type', before.vectorIndexType, after.vectorIndexType)
    updatedIndex(before.vectorIndexType as string, before.vectorIndexConfig, after.vectorIndexConfig)
  }

  if (Object.keys(named).length > 0) updated.vectorConfig = named
  return updated
}

function updatedIndex(type: string, before: unknown, given: unknown): JsonObject {
  const after = vectorIndexConfig(type, given)
  const old = before as JsonObject
  for (const name of ['efConstruction', 'maxConnections'])
    if (after[name] !== old[name]) throw immutable(name, old[name], after[name])
  const {distance} = old
  if (after.distance !== distance)
    throw immutable('distance', distance, after.distance, `${CANNOT_UPDATE}validate vector index config: `)
  return after
}

function immutable(what: string, from: unknown, to: unknown, prefix = CANNOT_UPDATE): Refusal {
  return new Refusal(422, `${prefix}${what} is immutable: attempted change from "${String(from)}" to "${String(to)}"`)
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
