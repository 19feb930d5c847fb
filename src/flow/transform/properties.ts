/** Transforms of properties: other names, fewer of them, values of other types. */
import {DataOpsError} from '../../model/errors.js'
import {mapValues} from '../../model/map-values.js'
import {isJsonObject, type JsonObject, type JsonValue, setOwn, type WeaviateObject} from '../../model/object.js'
import {PRIMITIVE_TYPES, type SchemaProperty, type WeaviateClass} from '../../model/schema.js'
import {isUuid} from '../../model/uuid-range.js'
import {keptDate} from './kept.js'
import {eachObject, type Transform} from './transform.js'

/** Other names for properties, by their old ones. What the schema says of them (vectorizers, time to live) follows. */
export function rename(names: Readonly<Record<string, string>>): Transform {
  const renamed = new Map(Object.entries(names))
  return {
    page: eachObject((object) => withProperties(object, (name) => renamed.get(name) ?? name)),
    record: {kind: 'rename', names: {...names}},
    schema(schema) {
      for (const [old, name] of renamed) checkRename(schema, old, name, renamed)
      const properties = (schema.properties ?? []).map((property) => ({
        ...property,
        name: renamed.get(property.name) ?? property.name,
      }))
      return withNames({...schema, properties}, (name) => renamed.get(name) ?? name)
    },
  }
}

function checkRename(schema: WeaviateClass, old: string, name: string, all: ReadonlyMap<string, string>): void {
  propertyOf(schema, old)
  if (!/^[A-Za-z_]\w{0,230}$/.test(name) || ['_additional', '_id', 'id'].includes(name)) {
    throw new DataOpsError('INVALID_INPUT', `"${name}" cannot be the name of a property.`, {
      hint: 'A name starts with a letter, followed by letters, digits and underscores.',
    })
  }

  // As the server makes it.
  const key = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)
  if (key(name) !== name) {
    throw new DataOpsError(
      'INVALID_INPUT',
      `"${name}" cannot be the name of a property: the server would make it "${key(name)}".`,
      {
        details: {property: old},
        hint: `Rename it to "${key(name)}".`,
      },
    )
  }

  const others = (schema.properties ?? []).filter((property) => property.name !== old)
  if (others.every((property) => key(all.get(property.name) ?? property.name) !== key(name))) return
  throw new DataOpsError('INVALID_INPUT', `"${schema.class}" has a property "${name}" already.`, {
    details: {property: old, taken: name},
    hint: `Choose another name for "${old}", or drop or rename "${name}" as well.`,
  })
}

/** Leaves properties out. */
export function drop(names: readonly string[]): Transform {
  const gone = new Set(names)
  return {
    isPartial: true,
    page: eachObject((object) => withProperties(object, (name) => (gone.has(name) ? undefined : name))),
    record: {kind: 'drop', names: [...names]},
    schema(schema) {
      for (const name of names) propertyOf(schema, name)
      const ttl = schema.objectTtlConfig as undefined | {deleteOn?: string; enabled?: boolean}
      if (ttl?.enabled && gone.has(ttl.deleteOn ?? '')) {
        throw new DataOpsError('INVALID_INPUT', `"${ttl.deleteOn}" says how long objects of "${schema.class}" live.`, {
          hint: 'Leave it in, or take the time to live away: `overrides: {objectTtlConfig: null}`.',
        })
      }

      const properties = (schema.properties ?? []).filter((property) => !gone.has(property.name))
      return withNames({...schema, properties}, (name) => (gone.has(name) ? undefined : name))
    },
  }
}

function withProperties(object: WeaviateObject, nameOf: (name: string) => string | undefined): WeaviateObject {
  const properties: JsonObject = {}
  for (const [old, value] of Object.entries(object.properties)) {
    const name = nameOf(old)
    if (name !== undefined) setOwn(properties, name, value)
  }

  return {...object, properties}
}

function propertyOf(schema: WeaviateClass, name: string): SchemaProperty {
  const property = (schema.properties ?? []).find((candidate) => candidate.name === name)
  if (property) return property
  throw new DataOpsError('INVALID_INPUT', `"${schema.class}" has no property "${name}".`, {
    details: {property: name},
    hint: `It has ${(schema.properties ?? []).map((candidate) => candidate.name).join(', ') || 'none'}.`,
  })
}

/** Lists of property names in what vectorizers are told, and the time to live, follow. */
function withNames(schema: WeaviateClass, nameOf: (name: string) => string | undefined): WeaviateClass {
  const next = {...schema}
  if (isJsonObject(schema.moduleConfig)) next.moduleConfig = inModules(schema.moduleConfig, nameOf)
  if (schema.vectorConfig) {
    next.vectorConfig = mapValues(schema.vectorConfig, (config) =>
      isJsonObject(config.vectorizer) ? {...config, vectorizer: inModules(config.vectorizer, nameOf)} : config,
    )
  }

  const ttl = schema.objectTtlConfig
  if (isJsonObject(ttl) && typeof ttl.deleteOn === 'string' && !ttl.deleteOn.startsWith('_')) {
    next.objectTtlConfig = {...ttl, deleteOn: nameOf(ttl.deleteOn) ?? ttl.deleteOn}
  }

  return next
}

function inModules(modules: JsonObject, nameOf: (name: string) => string | undefined): JsonObject {
  const follow = (value: JsonValue, key: string): JsonValue =>
    isListOfNames(key, value) ? value.flatMap((name) => nameOf(name) ?? []) : value
  return mapValues(modules, (settings) => (isJsonObject(settings) ? mapValues(settings, follow) : settings))
}

/** `properties`, or `imageFields` and its like. */
function isListOfNames(key: string, value: JsonValue): value is string[] {
  return /^properties$|Fields$/.test(key) && Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** Another type for a property, its values with it. @throws DataOpsError INVALID_INPUT for a type that values cannot follow to. */
export function convert(name: string, type: string): Transform {
  let known: undefined | {change: Conversion; of: WeaviateClass}
  // By the schema of each page: made again in another thread it has been told of none before.
  const changeOf = (schema: WeaviateClass): Conversion => {
    if (known?.of !== schema) known = {change: conversionOf(propertyOf(schema, name), type), of: schema}
    return known.change
  }

  return {
    page(objects, schema) {
      const change = changeOf(schema)
      return objects.map((object) => converted(object, name, change, type))
    },
    record: {kind: 'convert', name, type},
    schema(schema) {
      changeOf(schema)
      const properties = (schema.properties ?? []).map((each) => (each.name === name ? retyped(each, type) : each))
      return {...schema, properties}
    },
  }
}

/** How a value follows; undefined results are values that cannot. */
type Conversion = (value: JsonValue) => JsonValue | undefined

function conversionOf(property: SchemaProperty, type: string): Conversion {
  const from = property.dataType[0] ?? ''
  const change = conversion(from, type)
  if (change && property.dataType.length === 1) return change
  throw new DataOpsError('INVALID_INPUT', `Values of "${property.name}" cannot follow from ${from} to ${type}.`, {
    details: {from, property: property.name, to: type},
    hint: 'Change them with a transform of your own, or drop the property.',
  })
}

function retyped(property: SchemaProperty, type: string): SchemaProperty {
  const {indexRangeFilters, indexSearchable, tokenization, ...rest} = property
  const isText = /^(?:string|text)/.test(type)
  return {
    ...rest,
    dataType: [type],
    ...(isText && {indexSearchable, tokenization}),
    ...(/^(?:date|int|number)$/.test(type) && {indexRangeFilters}),
  }
}

function converted(object: WeaviateObject, name: string, change: Conversion, type: string): WeaviateObject {
  const value = object.properties[name]
  if (value === undefined || value === null) return object
  const next = change(value)
  if (next !== undefined) return {...object, properties: {...object.properties, [name]: next}}
  throw new DataOpsError(
    'INVALID_INPUT',
    `"${name}" of the object ${object.id} is ${JSON.stringify(value).slice(0, 80)}, which is no ${type}, or would lose something as one.`,
    {
      details: {id: object.id, property: name, type, ...(object.tenant !== undefined && {tenant: object.tenant})},
      hint: 'Leave such objects out with a filter, or change them with a transform of your own.',
    },
  )
}

const TEXTS = new Set(['string', 'text'])

/** undefined: no value can follow. */
function conversion(from: string, to: string): Conversion | undefined {
  if (!PRIMITIVE_TYPES.has(from) || !PRIMITIVE_TYPES.has(to)) return undefined
  if (from === to) return (value) => value
  const [isList, isListNow] = [from.endsWith('[]'), to.endsWith('[]')]
  const one = oneValue(from.replace('[]', ''), to.replace('[]', ''))
  if (!one) return undefined
  if (isList && isListNow) return (value) => (Array.isArray(value) ? allOf(value, one) : undefined)
  if (isListNow) return (value) => allOf([value], one)
  // Only a list of one is one value.
  if (isList) return (value) => (Array.isArray(value) && value.length === 1 ? one(value[0]!) : undefined)
  return one
}

function allOf(values: readonly JsonValue[], one: (value: JsonValue) => JsonValue | undefined): JsonValue | undefined {
  const results: JsonValue[] = []
  for (const value of values) {
    const result = one(value)
    if (result === undefined) return undefined
    results.push(result)
  }

  return results
}

function oneValue(from: string, to: string): ((value: JsonValue) => JsonValue | undefined) | undefined {
  if (from === to || (TEXTS.has(from) && TEXTS.has(to))) return (value) => value
  const isPlain = ['boolean', 'date', 'int', 'number', 'uuid', ...TEXTS].includes(from)
  if (TEXTS.has(to)) return isPlain ? (value) => asText(value, from) : undefined
  if (to === 'number' && from === 'int') return (value) => value
  if (to === 'int' && from === 'number') return (value) => asInt(Number(value))
  if (!TEXTS.has(from)) return undefined
  return (value) => (typeof value === 'string' ? FROM_TEXT[to]?.(value) : undefined)
}

/** With every digit that it has. */
function asText(value: JsonValue, from: string): string {
  if (typeof value === 'string') return value
  if (Object.is(value, -0)) return from === 'int' ? '0' : '-0'
  return from === 'int' && Number.isInteger(value) ? String(BigInt(value as number)) : JSON.stringify(value)
}

/** There is one zero. */
function asInt(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value + 0 : undefined
}

/** Undefined where it would lose digits. */
function asNumber(text: string): number | undefined {
  const number = Number(text)
  return Number.isFinite(number) && digitsOf(text) === digitsOf(String(number)) ? number : undefined
}

/** Those that count, and where the point is: the same for all ways of writing a decimal. */
function digitsOf(text: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? []
  const all = `${whole}${fraction}`.replace(/^0+/, '')
  const digits = all.replace(/0+$/, '')
  const point = Number(exponent) - fraction.length + (all.length - digits.length)
  return digits === '' ? '0' : `${digits}e${point}`
}

const FROM_TEXT: Readonly<Record<string, (text: string) => JsonValue | undefined>> = {
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  date: keptDate,
  int: (text) => (/^-?\d+$/.test(text) ? asInt(Number(text)) : undefined),
  number: (text) => (/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text) ? asNumber(text) : undefined),
  uuid: (text) => (isUuid(text) ? text.toLowerCase() : undefined),
}
