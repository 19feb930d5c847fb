/** What two classes differ in. */
import {isJsonObject, type JsonObject, type JsonValue, own} from './object.js'
import {withoutServerFields} from './schema-prepare.js'
import {isMultiTenant, isReference, type WeaviateClass} from './schema.js'

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

function byName(properties: WeaviateClass['properties']): JsonObject {
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
  if (isJsonObject(backup) && isJsonObject(live)) {
    for (const key of new Set([...Object.keys(backup), ...Object.keys(live)])) {
      compareValues(own(backup, key), own(live, key), [...path, key], differences)
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
  return isJsonObject(value) && value.enabled === true
}

/** Whether a property of type `live` holds every value of one of type `backup`: the same, more reference targets, or `text` for the older `string`. */
function canHold(live: JsonValue | undefined, backup: JsonValue | undefined): boolean {
  if (!Array.isArray(live) || !Array.isArray(backup)) return false
  const modern = (type: JsonValue) => (typeof type === 'string' ? type.replace(/^string(?=$|\[)/, 'text') : type)
  const types = new Set(live.map((type) => modern(type)))
  return backup.every((type) => types.has(modern(type)))
}
