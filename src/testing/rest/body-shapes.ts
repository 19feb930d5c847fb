import {mapValues} from '../../model/map-values.js'
import {InvalidBody, type RestAnswer} from './router.js'

/** What a member of a body may be; null goes for anything, and members that are not named here are ignored. */
type Shape = 'any' | 'boolean' | 'int' | 'number' | 'string' | Struct | {list: Shape} | {map: Shape}

interface Struct {
  fields: Record<string, Shape>
  name: string
}

function struct(name: string, fields: Record<string, Shape>): Struct {
  return {fields, name}
}

const TEXTS: Shape = {list: 'string'}

const OBJECT = struct('Object', {
  additional: {map: 'any'},
  class: 'string',
  creationTimeUnix: 'int',
  id: 'string',
  lastUpdateTimeUnix: 'int',
  properties: 'any',
  tenant: 'string',
  vector: {list: 'number'},
  vectors: {map: 'any'},
})
const REFERENCE = struct('SingleRef', {beacon: 'string', class: 'string', href: 'string'})
const BATCH_REFERENCE = struct('BatchReference', {from: 'string', tenant: 'string', to: 'string'})
const TENANT = struct('Tenant', {activityStatus: 'string', name: 'string'})
const ANALYZER = struct('TextAnalyzerConfig', {asciiFold: 'boolean', asciiFoldIgnore: TEXTS, stopwordPreset: 'string'})

const PROPERTY: Struct = struct('Property', {
  dataType: TEXTS,
  description: 'string',
  indexFilterable: 'boolean',
  indexInverted: 'boolean',
  indexRangeFilters: 'boolean',
  indexSearchable: 'boolean',
  name: 'string',
  get nestedProperties(): Shape {
    return {list: PROPERTY}
  },
  textAnalyzer: ANALYZER,
  tokenization: 'string',
})

const STOPWORDS = struct('StopwordConfig', {additions: TEXTS, preset: 'string', removals: TEXTS})

const CLASS = struct('Class', {
  class: 'string',
  description: 'string',
  invertedIndexConfig: struct('InvertedIndexConfig', {
    bm25: struct('BM25Config', {b: 'number', k1: 'number'}),
    cleanupIntervalSeconds: 'number',
    indexNullState: 'boolean',
    indexPropertyLength: 'boolean',
    indexTimestamps: 'boolean',
    stopwordPresets: {map: TEXTS},
    stopwords: STOPWORDS,
    usingBlockMaxWAND: 'boolean',
  }),
  moduleConfig: 'any',
  multiTenancyConfig: struct('MultiTenancyConfig', {
    autoTenantActivation: 'boolean',
    autoTenantCreation: 'boolean',
    enabled: 'boolean',
  }),
  objectTtlConfig: struct('ObjectTtlConfig', {
    defaultTtl: 'int',
    deleteOn: 'string',
    enabled: 'boolean',
    filterExpiredObjects: 'boolean',
  }),
  properties: {list: PROPERTY},
  replicationConfig: struct('ReplicationConfig', {
    asyncConfig: 'any',
    asyncEnabled: 'boolean',
    deletionStrategy: 'string',
    factor: 'int',
  }),
  shardingConfig: 'any',
  vectorConfig: {
    map: struct('VectorConfig', {vectorIndexConfig: 'any', vectorIndexType: 'string', vectorizer: 'any'}),
  },
  vectorIndexConfig: 'any',
  vectorIndexType: 'string',
  vectorizer: 'string',
})

const VALUES = ['Boolean', 'Date', 'GeoRange', 'Int', 'Number', 'String', 'Text'].flatMap((kind) => [
  `value${kind}`,
  `value${kind}Array`,
])
const WHERE: Struct = struct('WhereFilter', {
  get operands(): Shape {
    return {list: WHERE}
  },
  operator: 'any',
  path: 'any',
  ...Object.fromEntries(VALUES.map((name) => [name, 'any' as const])),
})

const TOKENIZE = struct('TokenizeRequest', {
  analyzerConfig: ANALYZER,
  stopwordPresets: {map: TEXTS},
  stopwords: STOPWORDS,
  text: 'string',
  tokenization: 'string',
})

const REFERENCES = {DELETE: REFERENCE, POST: REFERENCE, PUT: {list: REFERENCE}}

/** By pattern of the path, and method. */
const BODIES: Record<string, Record<string, Shape>> = {
  aliases: {POST: struct('Alias', {alias: 'string', class: 'string'})},
  'aliases/:alias': {PUT: struct('UpdateAliasBody', {class: 'string'})},
  'batch/objects': {
    DELETE: struct('BatchDelete', {
      dryRun: 'boolean',
      match: struct('BatchDeleteMatch', {class: 'string', where: WHERE}),
      output: 'string',
    }),
    POST: struct('BatchObjectsCreateBody', {fields: TEXTS, objects: {list: OBJECT}}),
  },
  'batch/references': {POST: {list: BATCH_REFERENCE}},
  'export/:backend': {POST: 'any'},
  graphql: {POST: struct('GraphQLQuery', {operationName: 'string', query: 'string'})},
  objects: {POST: OBJECT},
  'objects/:class/:id': {PATCH: OBJECT, PUT: OBJECT},
  'objects/:class/:id/references/:property': REFERENCES,
  'objects/:id': {PATCH: OBJECT, PUT: OBJECT},
  'objects/:id/references/:property': REFERENCES,
  'objects/validate': {POST: OBJECT},
  schema: {POST: CLASS},
  'schema/:class': {PUT: CLASS},
  'schema/:class/properties': {POST: PROPERTY},
  'schema/:class/properties/:property/tokenize': {POST: TOKENIZE},
  'schema/:class/shards/:shard': {PUT: struct('ShardStatus', {status: 'string'})},
  'schema/:class/tenants': {DELETE: TEXTS, POST: {list: TENANT}, PUT: {list: TENANT}},
  tokenize: {POST: TOKENIZE},
}

/** What a body is called where it has no name of its own. */
const NAMED: Record<string, Record<string, string>> = {
  schema: {POST: 'objectClass'},
  'schema/:class': {PUT: 'objectClass'},
  'schema/:class/tenants': {DELETE: 'tenants'},
}

function nameOf(method: string, pattern: string): string {
  return NAMED[pattern]?.[method] ?? 'body'
}

/** What the OpenAPI layer says of a request that needs a body and has none. */
export function missingBody(method: string, pattern: string, body: string): RestAnswer | undefined {
  if (body.trim() !== '' || BODIES[pattern]?.[method] === undefined) return undefined
  if (method === 'PATCH') return {status: 400}
  return {body: {code: 602, message: `${nameOf(method, pattern)} in body is required`}, status: 422}
}

/**
 * A body with its members named as they are in the server's structs: Go takes them in any case, and the last one for it.
 * @throws InvalidBody 400 for what cannot be decoded, before anything else is looked at.
 */
export function decodedBody(method: string, pattern: string, body: unknown): unknown {
  const shape = BODIES[pattern]?.[method]
  if (!shape || body === undefined) return body
  const named = withNames(body, shape)
  const problem = mismatch(named, shape, '')
  if (problem === undefined) return named
  throw new InvalidBody(
    400,
    `parsing ${nameOf(method, pattern)} body from "" failed, because json: cannot unmarshal ${problem}`,
  )
}

function withNames(value: unknown, shape: Shape): unknown {
  if (typeof value !== 'object' || value === null || typeof shape === 'string') return value
  if ('list' in shape) return Array.isArray(value) ? value.map((item) => withNames(item, shape.list)) : value
  if (Array.isArray(value)) return value
  if ('map' in shape) return mapValues(value as Record<string, unknown>, (item) => withNames(item, shape.map))
  const {fields} = shape
  const names = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]))
  const named = new Map<string, unknown>()
  for (const [given, item] of Object.entries(value)) {
    const name = names.get(given.toLowerCase())
    if (name === undefined) named.set(given, item)
    else named.set(name, merged(named.get(name), withNames(item, fields[name]!)))
  }

  return Object.fromEntries(named)
}

/** What is named twice is decoded into the same struct. */
function merged(before: unknown, item: unknown): unknown {
  const areStructs = [before, item].every((one) => typeof one === 'object' && one !== null && !Array.isArray(one))
  return areStructs ? {...(before as object), ...(item as object)} : item
}

/** What does not fit, and where. */
function mismatch(value: unknown, shape: Shape, where: string): string | undefined {
  if (value === null || value === undefined || shape === 'any') return undefined
  const isMap = typeof value === 'object' && !Array.isArray(value)
  const wrong = `${kindOf(value)} into Go ${where === '' ? 'value' : `struct field ${where}`}`
  if (typeof shape === 'string') return fits(value, shape) ? undefined : `${wrong} of type ${GO_TYPES[shape]}`
  if ('list' in shape)
    return Array.isArray(value)
      ? first(value, (item) => mismatch(item, shape.list, where))
      : `${wrong} of type []${typeof shape.list === 'string' ? GO_TYPES[shape.list] : 'struct'}`
  if (!isMap) return `${wrong} of type ${'map' in shape ? 'map[string]interface {}' : `models.${shape.name}`}`
  if ('map' in shape) return first(Object.values(value), (item) => mismatch(item, shape.map, where))
  const {fields} = shape
  return first(Object.entries(value), ([name, item]) =>
    Object.hasOwn(fields, name) ? mismatch(item, fields[name]!, `${shape.name}.${name}`) : undefined,
  )
}

function first<T>(items: readonly T[], problem: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = problem(item)
    if (found !== undefined) return found
  }

  return undefined
}

const GO_TYPES = {any: 'interface {}', boolean: 'bool', int: 'int64', number: 'float32', string: 'string'} as const

function fits(value: unknown, shape: 'boolean' | 'int' | 'number' | 'string'): boolean {
  return shape === 'int' ? Number.isInteger(value) : typeof value === shape
}

/** How Go names a JSON value that it cannot take. */
function kindOf(value: unknown): string {
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? 'array' : typeof value
}
