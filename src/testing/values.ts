import {Buffer} from 'node:buffer'

import {shortestFloat32 as exactly} from '../model/float32.js'
import {Refusal} from './refusal.js'

/** Reading and printing single values the way the real server, a Go program, does. */

/** How a request's values came: it decides what the error texts call them. */
export type Transport = 'grpc' | 'rest'

const DATE = /^(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/

/** RFC 3339 text as the server keeps it (nanoseconds at most, no trailing zeros, `Z` for no offset); undefined when it is none. */
export function canonicalDate(value: unknown): string | undefined {
  const match = typeof value === 'string' ? DATE.exec(value) : null
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour, offsetMinute] = match
  const lastDay = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate()
  const isFits =
    Number(month) >= 1 &&
    Number(month) <= 12 &&
    Number(day) >= 1 &&
    Number(day) <= lastDay &&
    Number(hour) <= 23 &&
    Number(minute) <= 59 &&
    Number(second) <= 59 &&
    Number(offsetHour ?? 0) <= 23 &&
    Number(offsetMinute ?? 0) <= 59
  if (!isFits) return undefined
  const nanoseconds = fraction.slice(0, 9).replace(/0+$/, '')
  const offset =
    Number(offsetHour ?? 0) + Number(offsetMinute ?? 0) === 0 ? 'Z' : `${sign}${offsetHour}:${offsetMinute}`
  return `${year}-${month}-${day}T${hour!.padStart(2, '0')}:${minute}:${second}${nanoseconds && `.${nanoseconds}`}${offset}`
}

/** The moment of RFC 3339 text, in nanoseconds as an int64 has them (centuries from 1970 on it wraps). @throws Refusal 422. */
export function nanosecondsOf(text: string): bigint {
  const date = canonicalDate(text)
  const [, seconds = '', fraction = '', zone = ''] = /^(.{19})(?:\.(\d+))?(.*)$/.exec(date ?? '') ?? []
  const time = Date.parse(`${seconds}${zone}`)
  if (Number.isNaN(time)) throw new Refusal(`trying parse time as RFC3339 string: parsing time "${text}"`)
  return BigInt.asIntN(64, BigInt(time) * 1_000_000n + BigInt(fraction.padEnd(9, '0')))
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Lower-case UUID text from any of the four forms that the server reads; undefined when it is none. */
export function canonicalUuid(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  let text = value.toLowerCase()
  if (text.length === 45 && text.startsWith('urn:uuid:')) text = text.slice(9)
  else if (text.length === 38) text = text.slice(1, -1)
  else if (/^[0-9a-f]{32}$/.test(text)) text = text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  return UUID.test(text) ? text : undefined
}

/** What the server says of text that is no UUID. */
export function uuidProblem(text: string): string {
  const {length} = [...new TextEncoder().encode(text)]
  return [32, 36, 38, 45].includes(length) ? 'invalid UUID format' : `invalid UUID length: ${length}`
}

/** Go's name for the type of a decoded JSON value. */
export function goType(value: unknown, transport: Transport): string {
  if (value === null || value === undefined) return '<nil>'
  if (typeof value === 'number') return transport === 'rest' ? 'json.Number' : 'float64'
  if (typeof value === 'bigint') return 'int64'
  if (typeof value === 'boolean') return 'bool'
  if (Array.isArray(value)) return '[]interface {}'
  return typeof value === 'object' ? 'map[string]interface {}' : 'string'
}

/** A value as Go's `%v` prints it. */
export function goText(value: unknown, transport: Transport): string {
  if (value === null || value === undefined) return '<nil>'
  if (typeof value === 'number') return transport === 'rest' ? String(value) : goFloat(value)
  if (Array.isArray(value)) return `[${value.map((item) => goText(item, transport)).join(' ')}]`
  if (typeof value === 'object') {
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return `map[${entries.map(([key, item]) => `${key}:${goText(item, transport)}`).join(' ')}]`
  }

  return typeof value === 'string' ? value : JSON.stringify(value)
}

function goFloat(value: number): string {
  const [digits, exponent] = value.toExponential().split('e', 2)
  const power = Number(exponent)
  if (power >= -4 && power < 21 && Math.abs(value) < 1e6) return String(value)
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

/** The decimal number with the fewest digits that still reads as this float32, as a JS number. */
export function shortestFloat32(value: number): number {
  const absolute = Math.abs(value)
  if (value === 0 || !Number.isFinite(value)) return value
  const magnitude = Math.floor(Math.log10(absolute))
  for (let digits = 6; digits <= 9; digits++) {
    const places = digits - 1 - magnitude
    if (places < 0 || places > 22) break
    const scale = 10 ** places
    const scaled = absolute * scale
    const integer = Math.round(scaled)
    // Of two equally near the server does not always take the greater.
    if (integer - scaled === 0.5) break
    const short = integer / scale
    if (Math.fround(short) === absolute) return Math.sign(value) * short
  }

  return exactly(value)
}

/** undefined for what a client leaves empty as well as for what it leaves out. */
export function filled<T>(value: T): NonNullable<T> | undefined {
  return value === '' || value === 0 ? undefined : (value ?? undefined)
}

/** A copy of the first `length` bytes, aligned, also of a Buffer (whose own `slice` is a view). */
export function copyBytes(bytes: Uint8Array, length = bytes.byteLength): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.subarray(0, length))
}

/** float32 values of little-endian bytes of any alignment; a last incomplete one is left out. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  const {buffer, byteLength, byteOffset} = copyBytes(bytes, bytes.byteLength & ~3)
  return new Float32Array(buffer, byteOffset, byteLength / 4)
}

/** Of a multi-vector. */
export function rowsOf({bytes, dims}: {bytes: Uint8Array; dims: number}): Uint8Array[] {
  const size = dims * 4
  return Array.from({length: bytes.byteLength / size}, (_, row) => bytes.subarray(row * size, (row + 1) * size))
}

/** float64 values of little-endian bytes of any alignment; a last incomplete one is left out. */
export function doublesOf(bytes: Uint8Array): Float64Array {
  const {buffer, byteLength, byteOffset} = copyBytes(bytes, bytes.byteLength & ~7)
  return new Float64Array(buffer, byteOffset, byteLength / 8)
}

/** The bytes of a typed array, not copied. */
export function bytesUnder({buffer, byteLength, byteOffset}: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Little-endian float32 bytes. */
export function bytesOf(values: readonly number[]): Uint8Array {
  return bytesUnder(new Float32Array(values))
}

/** The sixteen bytes of UUID text. */
export function uuidBytes(uuid: string): Uint8Array {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex')
}
