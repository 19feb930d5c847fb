/** A class as one server shows it, made into what another (or the same) accepts; and what two classes differ in. */
import type {JsonObject, JsonValue} from '../object.js'
import type {Warning} from '../progress.js'
import type {Connection} from './weaviate.js'

import {DataOpsError} from '../errors.js'
import {isMultiTenant, isReference, type SchemaProperty, type WeaviateClass} from './schema.js'
import {vectorizersOf} from './vectorizers.js'

type Overrides = Readonly<Record<string, JsonValue>>

export interface PrepareOptions {
  /** Collections that the server has. Given, references to others are put off until after creation (cycles between collections). */
  existing?: Iterable<string>
  /** Another name; references of the collection to itself follow it. */
  name?: string
  /** `{'replicationConfig.factor': 1, 'properties.title.tokenization': 'field'}`; null removes. */
  overrides?: Overrides
}

export interface PreparedSchema {
  /** To be sent as an update once the collection is there, and so are those that it refers to: what no creation takes. */
  afterCreate?: WeaviateClass
  /** To be created. */
  create: WeaviateClass
  warnings: Warning[]
}

const COLLECTION_NAME = /^[A-Z][_0-9A-Za-z]{0,254}$/

/** Makes a class as `GET /v1/schema/{class}` shows it into one that can be created. @throws DataOpsError INVALID_INPUT on a name or path that cannot be. */
export function prepareForCreate(schema: WeaviateClass, options: PrepareOptions = {}): PreparedSchema {
  const {existing, name = schema.class, overrides = {}} = options
  if (!COLLECTION_NAME.test(name)) {
    throw new DataOpsError('INVALID_INPUT', `"${name}" cannot be the name of a collection.`, {
      hint: 'A name starts with a capital letter, followed by letters, digits and underscores.',
    })
  }

  const prepared = withoutServerFields(schema)
  for (const property of prepared.properties ?? []) {
    if (isReference(property))
      property.dataType = property.dataType.map((type) => (type === schema.class ? name : type))
  }

  prepared.class = name
  for (const [path, value] of Object.entries(overrides)) override(prepared, path, value)
  if (prepared.class !== name) {
    throw new DataOpsError('INVALID_INPUT', 'The name of a collection is not set by a path.', {
      hint: 'Give the name itself.',
    })
  }

  dropIdleModules(prepared, schema)
  // The server takes no sharding settings beside multi-tenancy: every tenant is a shard.
  if (isMultiTenant(prepared)) delete prepared.shardingConfig
  fitVirtualShards(prepared, overrides)
  return {...split(prepared, existing), warnings: warningsFor(prepared)}
}

/** Creates the collection, both steps. @throws DataOpsError COLLECTION_EXISTS, or what the server refuses. */
export async function createCollectionFrom(
  connection: Pick<Connection, 'createCollection' | 'updateCollection'>,
  prepared: PreparedSchema,
): Promise<void> {
  await connection.createCollection(prepared.create)
  if (prepared.afterCreate) await connection.updateCollection(prepared.afterCreate)
}

/** What needs a second step: named vectors beside an unnamed one, and references to collections that are not there yet. */
function split(
  schema: WeaviateClass,
  existing: Iterable<string> | undefined,
): Pick<PreparedSchema, 'afterCreate' | 'create'> {
  const create = {...schema}
  const later: Partial<WeaviateClass> = {}
  const isNamedVectors = Object.keys(schema.vectorConfig ?? {}).length > 0
  if (schema.vectorIndexType && isNamedVectors) {
    later.vectorConfig = schema.vectorConfig
    delete create.vectorConfig
  }

  const deferred = existing ? deferredProperties(schema, new Set(existing)) : []
  if (deferred.length > 0) {
    later.properties = deferred
    create.properties = schema.properties?.filter((property) => !deferred.includes(property))
  }

  return Object.keys(later).length > 0 ? {afterCreate: {...later, class: schema.class}, create} : {create}
}

/** References to collections that are not there, and what follows the first of them, so that the order stays. */
function deferredProperties(schema: WeaviateClass, existing: Set<string>): SchemaProperty[] {
  const properties = schema.properties ?? []
  const isMissing = (property: SchemaProperty) =>
    isReference(property) && property.dataType.some((type) => type !== schema.class && !existing.has(type))
  const first = properties.findIndex((property) => isMissing(property))
  if (first === -1) return []
  const rest = properties.slice(first)
  // Vectorizers and the time to live name properties that must be there.
  const {moduleConfig, objectTtlConfig, vectorConfig} = schema
  const named = JSON.stringify([moduleConfig, objectTtlConfig, vectorConfig])
  const isNeeded = rest.some((property) => !isMissing(property) && named.includes(JSON.stringify(property.name)))
  return isNeeded ? rest.filter((property) => isMissing(property)) : rest
}

function warningsFor(schema: WeaviateClass): Warning[] {
  const warnings: Warning[] = []
  const ttl = schema.objectTtlConfig as undefined | {deleteOn?: string; enabled?: boolean}
  if (ttl?.enabled) {
    warnings.push({
      code: 'object-ttl',
      details: {deleteOn: ttl.deleteOn},
      message: `${schema.class} has a time to live: the server may delete objects that are already too old as soon as they are restored.`,
    })
  }

  const hashed = (schema.properties ?? []).filter((property) => property.dataType[0] === 'blobHash')
  if (hashed.length > 0) {
    warnings.push({
      code: 'blob-hash',
      details: {properties: hashed.map((property) => property.name)},
      message: `The server keeps only the hash of what is written to ${hashed.map((property) => property.name).join(', ')}, and would hash a restored hash again.`,
    })
  }

  return warnings
}

/** A deep copy without what only the server sets. */
function withoutServerFields(schema: WeaviateClass): WeaviateClass {
  const copy = structuredClone(schema)
  for (const property of copy.properties ?? []) {
    // Counters of its own reindexing: kept, the first would name a bucket that a new collection does not have.
    delete property.bucketGeneration
    delete property.searchableBlockmax
  }

  const sharding = copy.shardingConfig as JsonObject | undefined
  if (sharding) {
    delete sharding.actualCount
    delete sharding.actualVirtualCount
  }

  for (const config of vectorIndexConfigs(copy)) delete config.trackDefaultQuantization
  return copy
}

/** Every vector index configuration, those within a dynamic one too. */
function vectorIndexConfigs(schema: WeaviateClass): JsonObject[] {
  const named = Object.values(schema.vectorConfig ?? {}).map((vector) => vector.vectorIndexConfig)
  const outer = [schema.vectorIndexConfig as JsonValue, ...named].filter((config) => isObject(config))
  return outer.flatMap((config) => [config, config.hnsw, config.flat]).filter((config) => isObject(config))
}

/** Settings of properties for a vectorizer that the class no longer has, once it is overridden: the server takes none of these. */
function dropIdleModules(prepared: WeaviateClass, original: WeaviateClass): void {
  const used = new Set(vectorizersOf(prepared).map(({module}) => module))
  const idle = vectorizersOf(original).filter(({module}) => !used.has(module))
  for (const property of prepared.properties ?? []) {
    if (!isObject(property.moduleConfig)) continue
    for (const {module} of idle) Reflect.deleteProperty(property.moduleConfig, module)
    if (Object.keys(property.moduleConfig).length === 0) delete property.moduleConfig
  }
}

/** The number of virtual shards follows from the others; one that was read no longer fits once they are overridden. */
function fitVirtualShards(schema: WeaviateClass, overrides: Overrides): void {
  const sharding = schema.shardingConfig as JsonObject | undefined
  const isChanged = 'shardingConfig.desiredCount' in overrides || 'shardingConfig.virtualPerPhysical' in overrides
  if (sharding && isChanged && !('shardingConfig.desiredVirtualCount' in overrides)) delete sharding.desiredVirtualCount
}

function override(schema: WeaviateClass, path: string, value: JsonValue): void {
  const keys = path.split('.')
  let parent: unknown = schema
  for (const key of keys.slice(0, -1)) parent = step(parent, key, path)
  const last = keys.at(-1)!
  const index = Array.isArray(parent) ? indexOf(parent, last) : undefined
  if (index === -1 || isUnsafe(last)) throw noSuchPath(path)
  const isRemoved = value === null
  if (Array.isArray(parent)) {
    if (isRemoved) parent.splice(index!, 1)
    else parent[index!] = value
  } else if (isRemoved) Reflect.deleteProperty(parent as JsonObject, last)
  else (parent as JsonObject)[last] = value
}

/** One step down a path; objects that are not there yet come into being. */
function step(parent: unknown, key: string, path: string): unknown {
  if (isUnsafe(key)) throw noSuchPath(path)
  if (Array.isArray(parent)) {
    const child: unknown = parent[indexOf(parent, key)]
    if (typeof child !== 'object' || child === null) throw noSuchPath(path)
    return child
  }

  const object = parent as JsonObject
  object[key] ??= {}
  if (typeof object[key] !== 'object') throw noSuchPath(path)
  return object[key]
}

/** The place in a list of what has that name (a property), or that number; -1 when there is none. */
function indexOf(list: readonly unknown[], key: string): number {
  const named = list.findIndex((item) => isObject(item) && item.name === key)
  if (named !== -1) return named
  return /^\d+$/.test(key) && Number(key) < list.length ? Number(key) : -1
}

function isUnsafe(key: string): boolean {
  return ['', '__proto__', 'constructor', 'prototype'].includes(key)
}

function noSuchPath(path: string): DataOpsError {
  return new DataOpsError('INVALID_INPUT', `The schema has no place for "${path}".`, {
    hint: 'Write it as replicationConfig.factor or properties.title.tokenization.',
  })
}

export interface SchemaDifference {
  backup: JsonValue | undefined
  live: JsonValue | undefined
  /** `properties.title.tokenization`; properties stand under their names. */
  path: string
  /** `blocking`: the target cannot hold every object as it was. */
  severity: 'blocking' | 'notice'
}

export interface CompareOptions {
  /** Collections of two names may be alike; references to oneself count as such. */
  ignoreName?: boolean
}

/** What two classes differ in, sorted by path. What the server alone sets is left out; null, absent and an empty description are the same. */
export function compareSchemas(
  backup: WeaviateClass,
  live: WeaviateClass,
  {ignoreName = false}: CompareOptions = {},
): SchemaDifference[] {
  const differences: SchemaDifference[] = []
  compareValues(comparable(backup, ignoreName), comparable(live, ignoreName), [], differences)
  return differences.toSorted((a, b) => a.path.localeCompare(b.path, 'en'))
}

const SELF = '(itself)'

/** The class with properties by name, and everything out of it that says nothing. */
function comparable(schema: WeaviateClass, isAnonymous: boolean): JsonObject {
  const copy = withoutServerFields(schema)
  for (const property of copy.properties ?? []) {
    if (isAnonymous && isReference(property)) {
      property.dataType = property.dataType.map((type) => (type === schema.class ? SELF : type))
    }
  }

  if (isAnonymous) delete (copy as Partial<WeaviateClass>).class
  if (isMultiTenant(copy)) delete copy.shardingConfig
  const sharding = copy.shardingConfig as JsonObject | undefined
  // Follows from the other two.
  delete sharding?.desiredVirtualCount
  const {properties, ...rest} = copy
  return {...(rest as JsonObject), properties: byName(properties)}
}

function byName(properties: SchemaProperty[] | undefined): JsonObject {
  const named = Object.create(null) as JsonObject
  for (const {name, nestedProperties, ...rest} of properties ?? []) {
    named[name] = {...(rest as JsonObject), ...(nestedProperties && {nestedProperties: byName(nestedProperties)})}
  }

  return named
}

function compareValues(
  backup: JsonValue | undefined,
  live: JsonValue | undefined,
  path: string[],
  differences: SchemaDifference[],
): void {
  if (isObject(backup) && isObject(live)) {
    for (const key of new Set([...Object.keys(backup), ...Object.keys(live)])) {
      compareValues(backup[key], live[key], [...path, key], differences)
    }
  } else if (JSON.stringify(plain(backup)) !== JSON.stringify(plain(live))) {
    differences.push({
      backup: backup ?? undefined,
      live: live ?? undefined,
      path: path.join('.'),
      severity: isBlocking(path, backup, live) ? 'blocking' : 'notice',
    })
  }
}

/** null, absent and an empty description are one. Objects are compared member by member before this. */
function plain(value: JsonValue | undefined): JsonValue | undefined {
  return value === null || value === '' ? undefined : value
}

function isBlocking(path: readonly string[], backup: JsonValue | undefined, live: JsonValue | undefined): boolean {
  const last = path.at(-1)!
  const isMissing = live === undefined || live === null
  const [top] = path
  if (top === 'class') return true
  if (top === 'multiTenancyConfig')
    return path.length === 1 ? isEnabled(backup) !== isEnabled(live) : last === 'enabled' && path.length === 2
  // Above the properties' own settings every other name is that of a property.
  const isProperty = (top === 'properties' && path.length === 2) || path.at(-2) === 'nestedProperties'
  if (isProperty) return isMissing
  if (top === 'properties' && last === 'dataType') return !canHold(live, backup)
  if (top === 'properties' && last === 'nestedProperties') return isMissing
  if (top === 'vectorConfig' && path.length <= 2) return isMissing
  // Without the type there is no unnamed vector.
  if (top === 'vectorIndexType') return isMissing
  // A multi vector is another kind of value; which index holds it does not matter.
  if (last === 'multivector') return isEnabled(backup) !== isEnabled(live)
  return path.at(-2) === 'multivector' && last === 'enabled'
}

function isEnabled(value: JsonValue | undefined): boolean {
  return isObject(value) && value.enabled === true
}

/** Whether a property of type `live` holds every value of one of type `backup`: the same, more reference targets, or `text` for the older `string`. */
function canHold(live: JsonValue | undefined, backup: JsonValue | undefined): boolean {
  if (!Array.isArray(live) || !Array.isArray(backup)) return false
  const modern = (type: JsonValue) => (typeof type === 'string' ? type.replace(/^string(?=$|\[)/, 'text') : type)
  const types = new Set(live.map((type) => modern(type)))
  return backup.every((type) => types.has(modern(type)))
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
