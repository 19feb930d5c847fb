/** Dates and UUIDs in the one way in which the server keeps them, whatever way they are written in: what it gives back is compared with them. */
import {isJsonObject, type JsonObject, type JsonValue, setOwn} from '../../model/object.js'
import {type SchemaProperty} from '../../model/schema.js'
import {isUuid} from '../../model/uuid-range.js'

const DATE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/

/** As the server would give it back; undefined for what it takes for no date, and for more than nanoseconds, which it cuts off. */
export function keptDate(text: string): string | undefined {
  const found = DATE.exec(text)
  if (!found) return undefined
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', fraction = '', zone = ''] = found
  const days = new Date(Date.UTC(2000, Number(month), 0)).getUTCDate()
  const isLeap = new Date(Date.UTC(Number(year) + 400, 2, 0)).getUTCDate() === 29
  const last = month === '02' && !isLeap ? 28 : days
  const isDay = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= last
  const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60
  const isZone = zone === 'Z' || (Number(zone.slice(1, 3)) < 24 && Number(zone.slice(4)) < 60)
  if (!isDay || !isTime || !isZone) return undefined
  const digits = fraction.replace(/0+$/, '')
  const isUtc = /^[+-]00:00$/.test(zone)
  return `${text.slice(0, 19)}${digits === '' ? '' : `.${digits}`}${isUtc ? 'Z' : zone}`
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

function keepOf({dataType, nestedProperties}: SchemaProperty): Keep | undefined {
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

const KEEPS: Partial<Record<string, Keep>> = {
  date: (value) => (typeof value === 'string' ? (keptDate(value) ?? value) : value),
  uuid: (value) => (typeof value === 'string' && isUuid(value) ? value.toLowerCase() : value),
}
