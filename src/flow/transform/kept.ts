/** Values in the one way in which the server keeps them, whatever way they are written in: what it gives back is compared with them. */
import {isJsonObject, type JsonObject, type JsonValue, setOwn} from '../../model/object.js'
import {isReference, type SchemaProperty} from '../../model/schema.js'
import {isUuid} from '../../model/uuid-range.js'

const DATE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/

/** As the server would give it back; undefined for what it takes for no date, and for more than nanoseconds, which it cuts off. */
export function keptDate(text: string): string | undefined {
  const found = DATE.exec(text)
  if (!found) return undefined
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', fraction = '', zone = ''] = found
  const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60
  const isZone = zone === 'Z' || (Number(zone.slice(1, 3)) < 24 && Number(zone.slice(4)) < 60)
  if (!isDay(Number(year), Number(month), Number(day)) || !isTime || !isZone) return undefined
  const digits = fraction.replace(/0+$/, '')
  const isUtc = /^[+-]00:00$/.test(zone)
  return `${text.slice(0, 19)}${digits === '' ? '' : `.${digits}`}${isUtc ? 'Z' : zone}`
}

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12) return false
  // The calendar repeats itself after 400 years, and two digits would be taken for those of the last century.
  const last = new Date(Date.UTC(year + 400, month, 0)).getUTCDate()
  return day >= 1 && day <= last
}

/** A date as the server takes it too: an hour of one digit, a comma, digits that it cuts off. */
const LOOSE_DATE = /^(\d{4}-\d\d-\d\dT)(\d?)(\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/

function takenDate(text: string): string | undefined {
  const found = LOOSE_DATE.exec(text)
  if (!found) return undefined
  const [, day = '', ten = '', time = '', fraction, zone = ''] = found
  return keptDate(`${day}${ten === '' ? '0' : ten}${time}${fraction === undefined ? '' : `.${fraction}`}${zone}`)
}

const UUID_DIGITS = /^(?:urn:uuid:|\{)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i

/** In the spellings that the server takes: bare digits, in braces, or as a URN. */
function takenUuid(text: string): string | undefined {
  const digits = UUID_DIGITS.exec(text)?.slice(1).join('-').toLowerCase()
  if (digits === undefined) return undefined
  const given = text.toLowerCase()
  return [`urn:uuid:${digits}`, `{${digits}}`, digits, digits.replaceAll('-', '')].includes(given) ? digits : undefined
}

type Keep = (value: JsonValue) => JsonValue

/** Properties of that schema as the server keeps them; what is wrong stays as it is, for the server to refuse. */
export function keptProperties(properties: readonly SchemaProperty[]): (values: JsonObject) => JsonObject {
  const changes = new Map(
    properties.flatMap((property): Array<[string, Keep]> => {
      const keep = keepOf(property)
      return keep ? [[property.name, keep]] : []
    }),
  )
  if (changes.size === 0) return (values) => values
  return (values) => {
    const kept: JsonObject = {}
    for (const [name, value] of Object.entries(values)) setOwn(kept, name, changes.get(name)?.(value) ?? value)
    return kept
  }
}

function keepOf(property: SchemaProperty): Keep | undefined {
  const {dataType, nestedProperties} = property
  if (isReference(property)) return keepReferences(dataType)
  const [type = ''] = dataType
  const one = type.replace('[]', '')
  const keep = one === 'object' ? keepObject(nestedProperties ?? []) : KEEPS[one]
  if (!keep || one === type) return keep
  return (value) => (Array.isArray(value) ? value.map((item) => keep(item)) : value)
}

function keepObject(members: readonly SchemaProperty[]): Keep {
  const keep = keptProperties(members)
  return (value) => (isJsonObject(value) ? keep(value) : value)
}

const BEACON = /^weaviate:\/\/localhost\/(?:([^/]+)\/)?([^/]+)$/

/** With the class, which there is one of as a rule, and the id in small letters. */
function keepReferences(targets: readonly string[]): Keep {
  const only = targets.length === 1 ? targets[0] : undefined
  const keep = (beacon: string): string => {
    const [, collection = only, id = ''] = BEACON.exec(beacon) ?? []
    return collection === undefined || !isUuid(id) ? beacon : `weaviate://localhost/${collection}/${id.toLowerCase()}`
  }

  return (value) =>
    Array.isArray(value)
      ? value.map((reference) =>
          isJsonObject(reference) && typeof reference.beacon === 'string'
            ? {...reference, beacon: keep(reference.beacon)}
            : reference,
        )
      : value
}

const KEEPS: Partial<Record<string, Keep>> = {
  date: (value) => (typeof value === 'string' ? (takenDate(value) ?? value) : value),
  int: (value) => (value === 0 ? 0 : value),
  phoneNumber: (value) =>
    isJsonObject(value) && typeof value.defaultCountry === 'string'
      ? {...value, defaultCountry: value.defaultCountry.toUpperCase()}
      : value,
  uuid: (value) => (typeof value === 'string' ? (takenUuid(value) ?? value) : value),
}
