/** Objects to measure with: made up, the same for the same options, one at a time or all at once. */
import type {WeaviateObject} from '../src/model/object.js'
import type {SchemaProperty, WeaviateClass} from '../src/model/schema.js'

export type UuidDistribution = 'random' | 'sequential' | 'v7'

export interface DataOptions {
  className: string
  /** Dimensions of each vector; 0: objects have none. */
  dims: number
  /** Names of named vectors; none: one unnamed vector. */
  namedVectors?: readonly string[]
  objects: number
  /** Properties of an object, of several types; default 6. */
  properties?: number
  tenant?: string
  uuids?: UuidDistribution
  /** `flat` (default) or `hnsw`. */
  vectorIndexType?: string
}

const PROPERTY_TYPES = ['text', 'text', 'int', 'number', 'boolean', 'date', 'text[]', 'number[]'] as const

/** The class that `makeObjects` fills. */
export function makeClass(options: DataOptions): WeaviateClass {
  const vectorIndexType = options.vectorIndexType ?? 'flat'
  const properties: SchemaProperty[] = Array.from({length: options.properties ?? 6}, (_, index) => {
    const dataType = PROPERTY_TYPES[index % PROPERTY_TYPES.length]!
    return {dataType: [dataType], name: `property${index}`, ...(dataType === 'text' && {tokenization: 'field'})}
  })
  return {
    class: options.className,
    properties,
    ...(options.tenant !== undefined && {multiTenancyConfig: {enabled: true}}),
    ...(options.namedVectors?.length
      ? {
          vectorConfig: Object.fromEntries(
            options.namedVectors.map((name) => [name, {vectorIndexType, vectorizer: {none: {}}}]),
          ),
        }
      : {vectorIndexType, vectorizer: 'none'}),
  }
}

/** Objects `from` to `to` (exclusive) of the data set. */
export function makeObjects(options: DataOptions, from = 0, to = options.objects): WeaviateObject[] {
  const objects: WeaviateObject[] = []
  for (let index = from; index < to; index++) {
    const random = generator(index)
    const object: WeaviateObject = {
      id: makeUuid(options.uuids ?? 'random', index, random),
      properties: makeProperties(options.properties ?? 6, index, random),
    }
    if (options.tenant !== undefined) object.tenant = options.tenant
    if (options.namedVectors?.length) {
      object.vectors = new Map(
        options.namedVectors.map((name) => [name, {bytes: makeVector(options.dims, random), kind: 'single'}]),
      )
    } else if (options.dims > 0) {
      object.vector = makeVector(options.dims, random)
    }

    objects.push(object)
  }

  return objects
}

function makeProperties(count: number, index: number, random: () => number): WeaviateObject['properties'] {
  const properties: WeaviateObject['properties'] = {}
  for (let property = 0; property < count; property++) {
    properties[`property${property}`] = makeValue(PROPERTY_TYPES[property % PROPERTY_TYPES.length]!, index, random)
  }

  return properties
}

function makeValue(type: (typeof PROPERTY_TYPES)[number], index: number, random: () => number) {
  switch (type) {
    case 'boolean': {
      return index % 2 === 0
    }

    case 'date': {
      return new Date(1_700_000_000_000 + index * 1000).toISOString().replace('.000Z', 'Z')
    }

    case 'int': {
      return index
    }

    case 'number': {
      return random()
    }

    case 'number[]': {
      return [random(), random(), random()]
    }

    case 'text': {
      return makeText(20, random)
    }

    case 'text[]': {
      return [makeText(2, random), makeText(2, random)]
    }
  }
}

const WORDS = 'lossless backup vector object tenant collection schema digest restore verify parquet arrow'.split(' ')

function makeText(words: number, random: () => number): string {
  return Array.from({length: words}, () => WORDS[Math.floor(random() * WORDS.length)]).join(' ')
}

function makeVector(dims: number, random: () => number): Uint8Array {
  const bytes = new Uint8Array(dims * 4)
  const view = new DataView(bytes.buffer)
  for (let dim = 0; dim < dims; dim++) view.setFloat32(dim * 4, random() * 2 - 1, true)
  return bytes
}

/** A random generator (mulberry32) that gives the same numbers for the same index. */
function generator(index: number): () => number {
  let state = Math.imul(index + 1, 0x9e_37_79_b9)
  return () => {
    state = Math.trunc(state + 0x6d_2b_79_f5)
    const mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    const value = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

function makeUuid(distribution: UuidDistribution, index: number, random: () => number): string {
  if (distribution === 'sequential') return `00000000-0000-0000-0000-${(index + 1).toString(16).padStart(12, '0')}`
  const digits = Array.from({length: 32}, () => Math.floor(random() * 16).toString(16))
  const version = distribution === 'v7' ? '7' : '4'
  // One object a millisecond.
  const head =
    distribution === 'v7' ? (1_700_000_000_000 + index).toString(16).padStart(12, '0') : digits.slice(0, 12).join('')
  const variant = (8 + Math.floor(random() * 4)).toString(16)
  return [
    head.slice(0, 8),
    head.slice(8),
    version + digits.slice(13, 16).join(''),
    variant + digits.slice(17, 20).join(''),
    digits.slice(20).join(''),
  ].join('-')
}
