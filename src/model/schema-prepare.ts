/** A class as one server shows it, made into what another (or the same) accepts. */
import type {Warning} from './progress.js'

import {DataOpsError} from './errors.js'
import {isJsonObject, type JsonObject, type JsonValue, own} from './object.js'
import {flawOfClass} from './schema-fields.js'
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
  if (hasNoShards(schema)) delete prepared.shardingConfig
  for (const [path, value] of Object.entries(overrides)) override(prepared, path, asVectorizer(path, value))
  if (prepared.class !== name) {
    throw new DataOpsError('INVALID_INPUT', 'The name of a collection is not set by a path.', {
      hint: 'Give the name itself.',
    })
  }

  assertClass(prepared, overrides)

  dropIdleModules(prepared, schema)
  // The server takes no sharding settings beside multi-tenancy: every tenant is a shard.
  if (isMultiTenant(prepared)) delete prepared.shardingConfig
  fitVirtualShards(prepared, overrides)
  const revived = reviveDroppedIndexes(prepared)
  return {...split(prepared, existing), warnings: [...revived, ...warningsFor(prepared)]}
}

/** @throws DataOpsError INVALID_INPUT where overrides have made something else of it. */
function assertClass(prepared: WeaviateClass, overrides: Overrides): void {
  const paths = Object.keys(overrides)
  const flaw = paths.length > 0 ? flawOfClass(prepared) : undefined
  if (flaw === undefined) return
  throw new DataOpsError('INVALID_INPUT', `${paths.join(', ')} cannot be set to that: ${flaw}.`, {
    hint: 'A value that is no text is written as JSON, for example `["text"]` for a list.',
  })
}

/** Of a collection with tenants, now or before they were taken out: what the server shows of its sharding is empty, and not taken back. */
function hasNoShards(schema: WeaviateClass): boolean {
  return isMultiTenant(schema) || (isJsonObject(schema.shardingConfig) && schema.shardingConfig.desiredCount === 0)
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

/** A vector whose index was dropped is shown for a while, and so created by no server: it gets the server's default index, so that no vector is lost. */
function reviveDroppedIndexes(schema: WeaviateClass): Warning[] {
  const dropped = Object.entries(schema.vectorConfig ?? {}).filter(
    ([, {vectorIndexType}]) => vectorIndexType === 'none',
  )
  for (const [, config] of dropped) {
    delete config.vectorIndexType
    delete config.vectorIndexConfig
  }

  return dropped.map(([name]) => ({
    code: 'vector-index-dropped',
    details: {vector: name},
    message: `The index of vector "${name}" of ${schema.class} was dropped when the backup was made; it is restored with an index of the server's default.`,
  }))
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
export function withoutServerFields(schema: WeaviateClass): WeaviateClass {
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
  const outer = [schema.vectorIndexConfig as JsonValue, ...named].filter((config) => isJsonObject(config))
  return outer.flatMap((config) => [config, config.hnsw, config.flat]).filter((config) => isJsonObject(config))
}

/** Settings of properties for a vectorizer that the class no longer has, once it is overridden: the server takes none of these. */
function dropIdleModules(prepared: WeaviateClass, original: WeaviateClass): void {
  const used = new Set(vectorizersOf(prepared).map(({module}) => module))
  const idle = vectorizersOf(original).filter(({module}) => !used.has(module))
  for (const property of prepared.properties ?? []) {
    if (!isJsonObject(property.moduleConfig)) continue
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

/** The vectorizer of a named vector is an object with the module's name; the name alone will do. */
function asVectorizer(path: string, value: JsonValue): JsonValue {
  return typeof value === 'string' && /^vectorConfig\.[^.]+\.vectorizer$/.test(path) ? {[value]: {}} : value
}

function override(schema: WeaviateClass, path: string, value: JsonValue): void {
  const keys = path.split('.')
  if (keys.some((key) => isUnsafe(key))) throw noSuchPath(path)
  const isRemoved = value === null
  let parent: unknown = schema
  for (const key of keys.slice(0, -1)) {
    // Of what is not there nothing is removed, nor made.
    if (isRemoved && isJsonObject(parent) && !Object.hasOwn(parent, key)) return
    parent = step(parent, key, path)
  }

  const last = keys.at(-1)!
  const index = Array.isArray(parent) ? indexOf(parent, last) : undefined
  if (index === -1) throw noSuchPath(path)
  const before: unknown = Array.isArray(parent) ? parent[index!] : own(parent as JsonObject, last)
  if (!isRemoved && keys.every((key) => !FREE.has(key))) assertKind(path, before, value)
  if (Array.isArray(parent)) {
    if (isRemoved) parent.splice(index!, 1)
    else parent[index!] = value
  } else if (isRemoved) Reflect.deleteProperty(parent as JsonObject, last)
  else (parent as JsonObject)[last] = value
}

/** What lies below these is a module's, which reads it as it likes. */
const FREE: ReadonlySet<string> = new Set(['moduleConfig', 'vectorizer'])

/** A server that shows a number takes nothing else for it. @throws DataOpsError INVALID_INPUT. */
function assertKind(path: string, before: unknown, value: JsonValue): void {
  const kind = kindOf(before)
  if (kind === undefined || kind === kindOf(value)) return
  const details = {path}
  if (typeof before === 'object')
    throw new DataOpsError('INVALID_INPUT', `"${path}" cannot be set to that: it is ${kind}.`, {
      details,
      hint: 'Set what is in it, one by one, or write it as JSON.',
    })
  const shown = JSON.stringify(value)
  throw new DataOpsError('INVALID_INPUT', `"${path}" is ${kind}, and cannot be set to ${shown}.`, {
    details,
    hint:
      typeof before === 'string' && typeof value !== 'object'
        ? `A text that looks like something else is written in quotes of its own: '${path}="${String(value)}"'.`
        : `It is ${JSON.stringify(before)} now.`,
  })
}

const KINDS: Readonly<Record<string, string>> = {boolean: 'true or false', number: 'a number', string: 'a text'}

/** Undefined of null and what is not there, which may become anything. */
function kindOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return 'a list'
  return isJsonObject(value) ? 'an object' : KINDS[typeof value]
}

/** One step down a path; objects that are not there yet come into being. */
function step(parent: unknown, key: string, path: string): unknown {
  if (Array.isArray(parent)) {
    const child: unknown = parent[indexOf(parent, key)]
    if (typeof child !== 'object' || child === null) throw noSuchPath(path)
    return child
  }

  const object = parent as JsonObject
  const child = own(object, key) ?? {}
  object[key] = child
  if (typeof child !== 'object') throw noSuchPath(path)
  return child
}

/** The place in a list of what has that name (a property), or that number; -1 when there is none. */
function indexOf(list: readonly unknown[], key: string): number {
  const named = list.findIndex((item) => isJsonObject(item) && item.name === key)
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

/** Those of the overrides that change what a class has, or may have; the paths of the others, which are of properties or vectors that it lacks. */
export function fittingOverrides(schema: WeaviateClass, overrides: Overrides): {fitting: Overrides; others: string[]} {
  const [fitting, others]: [Array<[string, JsonValue]>, string[]] = [[], []]
  for (const [path, value] of Object.entries(overrides)) {
    if (hasPlaceFor(schema, path)) fitting.push([path, value])
    else others.push(path)
  }

  return {fitting: Object.fromEntries(fitting), others}
}

const OF_UNNAMED_VECTOR = new Set(['vectorIndexConfig', 'vectorIndexType', 'vectorizer'])

function hasPlaceFor(schema: WeaviateClass, path: string): boolean {
  const [top = '', name = ''] = path.split('.', 2)
  const named = Object.keys(schema.vectorConfig ?? {})
  if (top === 'vectorConfig') return named.includes(name)
  if (OF_UNNAMED_VECTOR.has(top)) return schema.vectorIndexType !== undefined || named.length === 0
  try {
    override(structuredClone(schema), path, null)
    return top !== 'properties' || indexOf(schema.properties ?? [], name) !== -1
  } catch (error) {
    if (error instanceof DataOpsError) return false
    throw error
  }
}

/** @throws DataOpsError INVALID_INPUT when a path has a place in none of several classes. */
export function assertUsed(overrides: Overrides, used: ReadonlySet<string>): void {
  const unused = Object.keys(overrides).find((path) => !used.has(path))
  if (unused !== undefined) throw noSuchPath(unused)
}
