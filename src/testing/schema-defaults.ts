import type {SchemaProperty} from '../model/schema.js'

import {isJsonObject, type JsonObject} from '../model/object.js'
import {Refusal} from './refusal.js'
import {lowerFirst} from './store.js'
import {filled} from './values.js'

/** What the server fills in when a class is created, by vector index type. */
const VECTOR_INDEXES: Record<string, JsonObject> = {
  flat: {
    bq: {cache: false, enabled: false, rescoreLimit: -1},
    distance: 'cosine',
    pq: {cache: false, enabled: false, rescoreLimit: -1},
    rq: {bits: 8, cache: false, enabled: false, rescoreLimit: -1},
    skipDefaultQuantization: false,
    sq: {cache: false, enabled: false, rescoreLimit: -1},
    trackDefaultQuantization: false,
    vectorCacheMaxObjects: 1_000_000_000_000,
  },
  hfresh: {
    distance: 'cosine',
    maxPostingSizeKB: 48,
    replicas: 4,
    rq: {bits: 1, enabled: true, rescoreLimit: 350},
    searchProbe: 256,
  },
  hnsw: {
    bq: {enabled: false},
    cleanupIntervalSeconds: 300,
    distance: 'cosine',
    dynamicEfFactor: 8,
    dynamicEfMax: 500,
    dynamicEfMin: 100,
    ef: -1,
    efConstruction: 128,
    filterStrategy: 'acorn',
    flatSearchCutoff: 40_000,
    maxConnections: 32,
    multivector: {
      aggregation: 'maxSim',
      enabled: false,
      muvera: {dprojections: 16, enabled: false, ksim: 4, repetitions: 10},
    },
    pq: {
      bitCompression: false,
      centroids: 256,
      enabled: false,
      encoder: {distribution: 'log-normal', type: 'kmeans'},
      segments: 0,
      trainingLimit: 100_000,
    },
    rq: {bits: 8, enabled: false, rescoreLimit: 20},
    skip: false,
    skipDefaultQuantization: false,
    sq: {enabled: false, rescoreLimit: 20, trainingLimit: 100_000},
    trackDefaultQuantization: false,
    vectorCacheMaxObjects: 1_000_000_000_000,
  },
}

const DISTANCES = new Set(['cosine', 'dot', 'l2-squared', 'manhattan', 'hamming'])

/** A vector index configuration as the server shows it: defaults under what is given, unknown members dropped. */
export function vectorIndexConfig(type: string, given: unknown): JsonObject {
  if (type === 'dynamic') return dynamicIndexConfig((given ?? {}) as JsonObject)
  const config = singleIndexConfig(type, given)
  checkDistance(config)
  return config
}

/** What changes from one index into the other once it has so many vectors. */
function dynamicIndexConfig({distance, flat, hnsw, threshold}: JsonObject): JsonObject {
  const config = {
    distance: distance ?? 'cosine',
    flat: singleIndexConfig('flat', flat),
    hnsw: singleIndexConfig('hnsw', hnsw),
    threshold: threshold ?? 10_000,
  }
  if ((config.hnsw.multivector as JsonObject).enabled === true)
    throw new Refusal(`${PARSING}multi vector index is not supported for dynamic index`)
  checkDistance(config)
  return config
}

function checkDistance({distance}: JsonObject): void {
  if (DISTANCES.has(distance as string)) return
  const choice = '["cosine", "dot", "l2-squared", "manhattan","hamming"]'
  throw new Refusal(`unrecognized distance metric ${JSON.stringify(distance)},choose one of ${choice}`)
}

function singleIndexConfig(type: string, given: unknown): JsonObject {
  const defaults = VECTOR_INDEXES[type]
  if (!defaults) throw new Refusal(`unrecognized or unsupported vectorIndexType "${type}"`)
  if (type === 'hfresh')
    for (const name of ['pq', 'bq', 'sq'])
      if ((given as Record<string, undefined | {enabled?: boolean}> | null | undefined)?.[name]?.enabled)
        throw new Refusal(`${PARSING}${name} is not supported for hfresh index (only rq-1 is supported)`)
  const config = overlay(defaults, given)
  checkIndex(type, config)
  const quantizers = ['bq', 'pq', 'rq', 'sq'].filter((name) => (config[name] as JsonObject | undefined)?.enabled)
  if (quantizers.length > 1)
    throw new Refusal(
      `class.VectorIndexConfig can not parse: parse vector index config: invalid ${type} config: more than a single compression methods enabled`,
    )
  return config
}

const PARSING = 'class.VectorIndexConfig can not parse: parse vector index config: '

function checkIndex(type: string, config: JsonObject): void {
  const {bits, enabled} = (config.rq ?? {}) as {bits?: number; enabled?: boolean}
  if (enabled === true && ![1, 4, 8].includes(bits!)) throw new Refusal(`${PARSING}RQ bits must be 8, 4 or 1`)
  if (type === 'flat' && (config.pq as JsonObject).enabled === true)
    throw new Refusal(`${PARSING}PQ is not currently supported for flat indices`)
  if (type !== 'hnsw') return
  const {distribution, type: encoder} = (config.pq as JsonObject).encoder as {distribution: string; type: string}
  if (encoder !== 'kmeans' && encoder !== 'tile') throw new Refusal(`${PARSING}invalid encoder type ${encoder}`)
  if (distribution !== 'log-normal' && distribution !== 'normal')
    throw new Refusal(`${PARSING}invalid encoder distribution ${distribution}`)
  for (const name of ['maxConnections', 'efConstruction'])
    if (Number(config[name]) < 4)
      throw new Refusal(`${PARSING}invalid hnsw config: ${name} must be a positive integer with a minimum of 4`)
}

function overlay(defaults: JsonObject, given: unknown): JsonObject {
  const from = (given ?? {}) as JsonObject
  const result: JsonObject = {}
  for (const [name, value] of Object.entries(defaults)) {
    const wanted = from[name]
    result[name] = isJsonObject(value) ? overlay(value, wanted) : (wanted ?? value)
  }

  return result
}

export function invertedIndexConfig(given: JsonObject = {}): JsonObject {
  const stopwords = (given.stopwords ?? {}) as JsonObject
  const preset = filled(stopwords.preset) ?? 'en'
  if (Number(given.cleanupIntervalSeconds ?? 0) < 0) throw new Refusal('cleanup interval seconds must be > 0')
  if (preset !== 'en' && preset !== 'none') throw new Refusal(`stopwordPreset '${preset as string}' does not exist`)
  checkStopwords(given)
  const {b = 0, k1 = 0} = (given.bm25 ?? {}) as {b?: number; k1?: number}
  if (k1 < 0) throw new Refusal('BM25.k1 must be >= 0')
  if (b < 0 || b > 1) throw new Refusal('BM25.b must be >= 0 and <= 1')
  return {
    ...given,
    bm25: given.bm25 ?? {b: 0.75, k1: 1.2},
    cleanupIntervalSeconds: filled(given.cleanupIntervalSeconds) ?? 60,
    stopwords: {
      additions: stopwords.additions ?? null,
      preset: filled(stopwords.preset) ?? 'en',
      removals: stopwords.removals ?? null,
    },
    usingBlockMaxWAND: true,
  }
}

/** @throws Refusal 422. */
function checkStopwords({stopwordPresets, stopwords}: JsonObject): void {
  const {additions, removals} = (stopwords ?? {}) as {additions?: null | string[]; removals?: null | string[]}
  for (const [kind, words] of Object.entries({additions, removals}))
    if (words?.some((word) => word.trim() === '')) throw new Refusal(`cannot use whitespace in stopword.${kind}`)
  const both = removals?.find((word) => additions?.includes(word))
  if (both !== undefined) throw new Refusal(`found '${both}' in both stopwords.additions and stopwords.removals`)
  for (const [name, words] of Object.entries((stopwordPresets ?? {}) as Record<string, string[]>)) {
    if (name.trim() === '') throw new Refusal('stopwordPresets: preset name must not be empty or whitespace-only')
    if (words.length === 0) throw new Refusal(`stopwordPresets: preset "${name}" must have at least one word`)
    if (words.some((word) => word.trim() === ''))
      throw new Refusal(`stopwordPresets: preset "${name}" contains empty or whitespace-only word`)
  }
}

const NO_SHARDING = {
  actualCount: 0,
  actualVirtualCount: 0,
  desiredCount: 0,
  desiredVirtualCount: 0,
  function: '',
  key: '',
  strategy: '',
  virtualPerPhysical: 0,
}

export function shardingConfig(given: JsonObject | null | undefined, isMultiTenant: boolean): JsonObject {
  if (isMultiTenant) return NO_SHARDING
  for (const [name, only] of [
    ['key', '_id'],
    ['strategy', 'hash'],
    ['function', 'murmur3'],
  ] as const) {
    const wanted = filled(given?.[name]) ?? only
    if (wanted !== only)
      throw new Refusal(
        `parse sharding config: sharding only supported on ${name} '${only}' for now, got: ${wanted as string}`,
      )
  }

  const count = Number(given?.desiredCount ?? 1)
  if (count < 0)
    throw new Refusal(`parse sharding config: sharding config: desiredCount must not be negative, got: ${count}`)
  if (count === 0) throw new Refusal('updating db: TYPE_ADD_CLASS: apply add class: a class needs one shard at least')
  const perPhysical = Number(given?.virtualPerPhysical ?? 128)
  return {
    actualCount: count,
    actualVirtualCount: count * perPhysical,
    desiredCount: count,
    desiredVirtualCount: count * perPhysical,
    function: 'murmur3',
    key: '_id',
    strategy: 'hash',
    virtualPerPhysical: perPhysical,
  }
}

const TEXT_TYPES = new Set(['string', 'string[]', 'text', 'text[]'])
const RANGE_TYPES = new Set(['date', 'int', 'number'])

/** A property as the server shows it. @throws Refusal 422 on index settings that its type cannot have. */
export function propertyDefaults(given: SchemaProperty, isNested = false): SchemaProperty {
  const type = given.dataType[0] ?? ''
  const isText = TEXT_TYPES.has(type)
  checkIndexes(given, type)
  const {description, indexInverted, nestedProperties, ...rest} = given
  const isInverted = indexInverted !== false
  const property: SchemaProperty = {
    ...rest,
    dataType: type.startsWith('string') ? [type.replace('string', 'text')] : given.dataType,
    indexFilterable: given.indexFilterable ?? isInverted,
    indexRangeFilters: given.indexRangeFilters ?? false,
    indexSearchable: given.indexSearchable ?? (isText && isInverted),
    name: isNested ? given.name : lowerFirst(given.name),
  }
  delete property.searchableBlockmax
  delete property.tokenization
  if (given.textAnalyzer && Object.values(given.textAnalyzer).every((value) => !value)) delete property.textAnalyzer
  if (typeof description === 'string' && description !== '') property.description = description
  if (isText) property.tokenization = tokenization(type, given.tokenization)
  if (nestedProperties && nestedProperties.length > 0)
    property.nestedProperties = nestedProperties.map((inner) => propertyDefaults(inner, true))
  return property
}

function checkIndexes(property: SchemaProperty, type: string): void {
  const {indexFilterable, indexInverted, indexRangeFilters, indexSearchable, tokenization: given} = property
  const isText = TEXT_TYPES.has(type)
  if (given && !isText) throw new Refusal(`tokenization is not allowed for data type '${type}'`)
  if (type.startsWith('string') && typeof given === 'string' && !/^(?:field|word|)$/.test(given))
    throw new Refusal(`tokenization '${given}' is not allowed for data type '${type}'`)
  const indexes = [indexFilterable, indexRangeFilters, indexSearchable]
  if (isGiven(indexInverted) && indexes.some((index) => isGiven(index)))
    throw new Refusal(
      '`indexInverted` is deprecated and can not be set together with `indexFilterable`, `indexSearchable` or `indexRangeFilters`',
    )
  if (indexSearchable === true && !isText)
    throw new Refusal(
      '`indexSearchable` is allowed only for text/text[] data types. For other data types set false or leave empty',
    )
  if (indexRangeFilters === true && !RANGE_TYPES.has(type))
    throw new Refusal(
      '`indexRangeFilters` is allowed only for number/int/date data types. For other data types set false or leave empty',
    )
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** The deprecated `string` was split at white space where text is split into words. */
function tokenization(type: string, given: unknown): unknown {
  if (type.startsWith('string')) return given === 'field' ? 'field' : 'whitespace'
  return filled(given) ?? 'word'
}
