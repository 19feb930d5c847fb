import {DataOpsError} from '../../model/errors.js'
import {type JsonValue} from '../../model/object.js'

/** JSON text that reads back to the same value, negative zeros too. Lone surrogates are escaped. */
export function jsonText(value: JsonValue): string {
  return hasNegativeZero(value) ? writeJson(value) : JSON.stringify(value)
}

function hasNegativeZero(value: JsonValue): boolean {
  if (typeof value === 'number') return isNegativeZero(value)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some((item) => hasNegativeZero(item))
  for (const key in value) if (hasNegativeZero(value[key]!)) return true
  return false
}

function isNegativeZero(value: number): boolean {
  if (!Number.isFinite(value)) throw new DataOpsError('UNEXPECTED', `JSON text cannot hold the number ${value}.`)
  return Object.is(value, -0)
}

function writeJson(value: JsonValue): string {
  if (typeof value === 'number' && isNegativeZero(value)) return '-0'
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map((item) => writeJson(item)).join(',')}]`
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${writeJson(member)}`).join(',')}}`
}
