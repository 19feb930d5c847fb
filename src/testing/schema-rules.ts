import type {Settings} from './options.js'

import {isJsonObject, type JsonObject, type JsonValue} from '../model/object.js'
import {PRIMITIVE_TYPES, type SchemaProperty, type WeaviateClass} from '../model/schema.js'
import {objectTtlConfig} from './object-ttl.js'
import {Refusal} from './refusal.js'
import {invertedIndexConfig, propertyDefaults, shardingConfig, vectorIndexConfig} from './schema-defaults.js'
import {type Database, lowerFirst, upperFirst} from './store.js'
import {checkAnalyzer, presetsOf} from './text-analyzer.js'
import {filled} from './values.js'

const CLASS_NAME = /^[A-Z][_0-9A-Za-z]{0,254}$/
const PROPERTY_NAME = /^[_A-Za-z][_0-9A-Za-z]{0,230}$/
const VECTOR_NAME = /^[_A-Za-z][_0-9A-Za-z]{0,229}$/
const TOKENIZATIONS = 'word lowercase whitespace field trigram gse kagome_kr kagome_ja gse_ch'
const RESERVED = new Set(['_additional', '_id', 'id'])
const NOT_NESTED = new Set(['blobHash', 'geoCoordinates', 'phoneNumber'])
/** Vectorizer modules of the stock server, as far as their names tell. */
const FAMILIES = 'text2vec text2multivec multi2vec multi2multivec img2vec ref2vec text2colbert'.split(' ')
const VENDORS =
  'aws bigram centroid clip cohere contextionary databricks google gpt4all huggingface jinaai mistral model2vec morph neural nvidia octoai ollama openai palm transformers twelvelabs voyageai weaviate bind'.split(
    ' ',
  )
export const VECTORIZERS: ReadonlySet<string> = new Set(
  FAMILIES.flatMap((family) => VENDORS.map((vendor) => `${family}-${vendor}`)),
)

/** What the operator of a server allows. */
type Limits = Pick<Settings, 'asyncIndexing' | 'maximumCollections' | 'replicas'>

/** One collection too many. Over REST the answer has a form of its own. */
export class CollectionLimit extends Refusal {
  constructor(readonly limit: number) {
    super(`collections count limit of ${limit} reached for this instance.`, 429)
  }
}

/** A new class with everything that the server fills in. @throws Refusal 422. */
export function newClass(given: JsonObject, database: Database, limits: Limits): WeaviateClass {
  if (database.collections.size >= limits.maximumCollections) throw new CollectionLimit(limits.maximumCollections)
  const name = newName(given.class, database)
  const multiTenancyConfig = multiTenancy(given)
  const properties = (given.properties ?? []) as SchemaProperty[]
  for (const [index, property] of properties.entries())
    checkProperty(property, {
      className: name,
      database,
      others: properties.slice(0, index),
      presets: presetsOf(given.invertedIndexConfig),
    })
  const optional = ['description', 'moduleConfig'].filter((member) => given[member])
  return {
    class: name,
    ...Object.fromEntries(optional.map((member) => [member, given[member]])),
    invertedIndexConfig: invertedIndexConfig((given.invertedIndexConfig ?? {}) as JsonObject),
    multiTenancyConfig,
    ...(given.objectTtlConfig && {
      objectTtlConfig: objectTtlConfig(given.objectTtlConfig as JsonObject, properties),
    }),
    // The real server shows null for a class that was given none.
    properties: (given.properties ? properties.map((property) => propertyDefaults(property)) : null)!,
    replicationConfig: replication(given, limits),
    shardingConfig: shardingConfig(given.shardingConfig as JsonObject | undefined, multiTenancyConfig.enabled === true),
    ...vectorSettings(given, limits),
  }
}

function newName(given: JsonValue | undefined, database: Database): string {
  const name = upperFirst(typeof given === 'string' ? given : '')
  if (!CLASS_NAME.test(name)) throw new Refusal(`'${name}' is not a valid class name`)
  if (database.collections.has(name)) throw new Refusal(`class name ${name} already exists`)
  const similar = database.all.find((other) => other.name.toLowerCase() === name.toLowerCase())
  if (similar) throw new Refusal(`class already exists: found similar class "${similar.name}"`)
  if (database.aliases.has(name)) throw new Refusal(`alias name ${name} already exists`)
  return name
}

function multiTenancy(given: JsonObject): JsonObject {
  const config = (given.multiTenancyConfig ?? {}) as JsonObject
  if (config.enabled === true && given.shardingConfig)
    throw new Refusal('cannot have both shardingConfig and multiTenancyConfig')
  for (const option of ['autoTenantCreation', 'autoTenantActivation'])
    if (config.enabled !== true && config[option] === true)
      throw new Refusal(`can't enable ${option} on a non-multi-tenant class`)
  return {
    autoTenantActivation: config.autoTenantActivation ?? false,
    autoTenantCreation: config.autoTenantCreation ?? false,
    enabled: config.enabled ?? false,
  }
}

const DELETION_STRATEGIES = 'NoAutomatedResolution DeleteOnConflict TimeBasedResolution'

function replication(given: JsonObject, {replicas}: Limits): JsonObject {
  const config = (given.replicationConfig ?? {}) as JsonObject
  const strategy = filled(config.deletionStrategy)
  if (typeof strategy === 'string' && !DELETION_STRATEGIES.split(' ').includes(strategy))
    throw new Refusal(`replicationConfig.deletionStrategy in body should be one of [${DELETION_STRATEGIES}]`)
  const factor = Number(filled(config.factor) ?? 1)
  if (factor > replicas.length)
    throw new Refusal(
      `init sharding state: could not find enough weaviate nodes for replication: ${replicas.length} available, ${factor} requested`,
    )
  return {
    ...asyncConfig(config),
    asyncEnabled: factor > 1,
    deletionStrategy: strategy ?? 'TimeBasedResolution',
    factor,
  }
}

const ASYNC_SETTINGS = new Set(
  'diffBatchSize diffPerNodeTimeout frequency frequencyWhilePropagating hashtreeHeight loggingFrequency prePropagationTimeout propagationBatchSize propagationConcurrency propagationDelay propagationLimit propagationTimeout'.split(
    ' ',
  ),
)

/** What the server knows of the settings that were given. */
export function asyncConfig({asyncConfig: given}: JsonObject): JsonObject {
  if (!given) return {}
  const known = Object.entries(given as JsonObject).filter(([name]) => ASYNC_SETTINGS.has(name))
  return {asyncConfig: Object.fromEntries(known)}
}

function vectorSettings(given: JsonObject, allowed: VectorLimits): JsonObject {
  const named = (given.vectorConfig ?? {}) as Record<string, JsonObject>
  if (Object.keys(named).length > 0) {
    if ([given.vectorizer, given.vectorIndexType, given.vectorIndexConfig].some(Boolean))
      throw new Refusal('creating a class with both a class level vector index and named vectors is forbidden')
    return {vectorConfig: namedVectors(named, allowed)}
  }

  checkIndexType(given, allowed)
  const vectorizer = (filled(given.vectorizer) ?? 'none') as string
  checkVectorizer(vectorizer, 'vectorizer: ')
  const vectorIndexType = (filled(given.vectorIndexType) ?? 'hnsw') as string
  return {
    vectorIndexConfig: vectorIndexConfig(vectorIndexType, given.vectorIndexConfig),
    vectorIndexType,
    vectorizer,
  }
}

type VectorLimits = Pick<Settings, 'asyncIndexing'>

function checkIndexType({vectorIndexType}: JsonObject, {asyncIndexing}: VectorLimits, prefix = ''): void {
  if (vectorIndexType === 'dynamic' && !asyncIndexing)
    throw new Refusal(`${prefix}the dynamic index can only be created when async indexing is enabled`)
}

export function namedVectors(named: Record<string, JsonObject>, allowed: VectorLimits): Record<string, JsonObject> {
  const result: Record<string, JsonObject> = {}
  for (const name of Object.keys(named).toSorted()) {
    if (!VECTOR_NAME.test(name))
      throw new Refusal(
        `class.VectorConfig target vector name "${name}" is not valid, in Weaviate target vector names are restricted to valid GraphQL names, which must be “/[_A-Za-z][_0-9A-Za-z]{0,229}/”.`,
      )
    checkIndexType(named[name]!, allowed, `target vector "${name}": `)
    const {vectorizer} = named[name]!
    if (!isJsonObject(vectorizer)) throw new Refusal('class.VectorConfig.Vectorizer must be an object, got <nil>')
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
  if (name !== 'none' && !VECTORIZERS.has(name)) throw new Refusal(`${prefix}no module with name "${name}" present`)
}

export interface PropertyPlace {
  className: string
  database: Database
  /** The properties that are there already. */
  others: readonly SchemaProperty[]
  /** The class's own lists of stop words. */
  presets?: readonly string[]
}

/** @throws Refusal 422 when a class cannot have the property. */
export function checkProperty(
  property: SchemaProperty,
  {className, database, others, presets = []}: PropertyPlace,
): void {
  const name = lowerFirst(property.name ?? '')
  if (!PROPERTY_NAME.test(name))
    throw new Refusal(
      `'${name}' is not a valid property name. Property names in Weaviate are restricted to valid GraphQL names, which must be “/[_A-Za-z][_0-9A-Za-z]{0,230}/”`,
    )
  if (RESERVED.has(name)) throw new Refusal(`'${name}' is a reserved property name`)
  if (others.some((other) => other.name.toLowerCase() === name.toLowerCase()))
    throw new Refusal(
      `class "${className}": conflict for property "${name}": already in use or provided multiple times`,
    )
  const {tokenization} = property
  if (typeof tokenization === 'string' && tokenization !== '' && !TOKENIZATIONS.split(' ').includes(tokenization))
    throw new Refusal(`tokenization in body should be one of [${TOKENIZATIONS}]`)
  checkDataType(name, property.dataType ?? [])
  if (!PRIMITIVE_TYPES.has(property.dataType[0]!)) {
    for (const target of property.dataType)
      if (target !== className && !database.collections.has(target))
        throw new Refusal('bad request: reference property to nonexistent class')
  }

  checkAnalyzer(name, property, presets)
  checkNested(name, property, presets)
}

function checkDataType(path: string, dataType: string[]): void {
  if (dataType.length === 0)
    throw new Refusal(`property '${path}': invalid dataType: []: dataType must have at least one element`)
  const primitive = dataType.length > 1 ? dataType.find((type) => !/^[A-Z]/.test(type)) : undefined
  if (primitive !== undefined)
    throw new Refusal(
      `property '${path}': invalid dataType: [${dataType.join(' ')}]: '${primitive}' is not a valid class name`,
    )
  for (const type of dataType)
    if (!PRIMITIVE_TYPES.has(type) && !/^[A-Z]/.test(type))
      throw new Refusal(`property '${path}': invalid dataType: [${type}]: unknown primitive data type '${type}'`)
}

function checkNested(path: string, property: SchemaProperty, presets: readonly string[]): void {
  const isNested = property.dataType[0] === 'object' || property.dataType[0] === 'object[]'
  const nested = property.nestedProperties ?? []
  if (isNested && nested.length === 0)
    throw new Refusal(`property '${path}': At least one nested property is required for data type object/object[]`)
  if (!isNested && nested.length > 0)
    throw new Refusal(`property '${path}': nestedProperties is not allowed for data type other than object/object[]`)
  for (const inner of nested) {
    const innerPath = `${path}.${inner.name}`
    checkDataType(innerPath, inner.dataType)
    const type = inner.dataType[0]!
    if (!PRIMITIVE_TYPES.has(type)) throw new Refusal(`property '${innerPath}': reference data type not allowed`)
    if (NOT_NESTED.has(type))
      throw new Refusal(`property '${innerPath}': data type '${type}' not allowed as nested property`)
    if (type.startsWith('string'))
      throw new Refusal(`property '${innerPath}': data type '${type}' is deprecated and not allowed as nested property`)
    checkAnalyzer(innerPath, inner, presets)
    checkNested(innerPath, inner, presets)
  }
}
