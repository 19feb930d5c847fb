/** What the values of a leaf mean, beyond their physical type: a decimal, or a day, lies there as an integer that is another number. */
import {type SchemaElement} from './internals.js'

/** What the values of a leaf are to become. */
export type LeafTarget = 'binary' | 'boolean' | 'float32' | 'number' | 'text' | 'time'

/** `other`: nothing that a property of Weaviate is. */
export type Meaning = 'integer' | 'other' | 'plain' | 'text' | 'timestamp' | 'unsigned' | 'uuid'

const CONVERTED: Readonly<Record<string, Meaning>> = {
  ENUM: 'text',
  INT_16: 'integer',
  INT_32: 'integer',
  INT_64: 'integer',
  INT_8: 'integer',
  JSON: 'text',
  TIMESTAMP_MICROS: 'timestamp',
  TIMESTAMP_MILLIS: 'timestamp',
  UINT_16: 'unsigned',
  UINT_32: 'unsigned',
  UINT_64: 'unsigned',
  UINT_8: 'unsigned',
  UTF8: 'text',
}

const LOGICAL: Readonly<Record<string, Meaning>> = {
  ENUM: 'text',
  JSON: 'text',
  STRING: 'text',
  TIMESTAMP: 'timestamp',
  UUID: 'uuid',
}

export function meaningOf({converted_type: converted, logical_type: logical}: SchemaElement): Meaning {
  if (logical?.type === 'INTEGER') return logical.isSigned ? 'integer' : 'unsigned'
  if (logical?.type !== undefined) return LOGICAL[logical.type] ?? 'other'
  return converted === undefined ? 'plain' : (CONVERTED[converted] ?? 'other')
}

const NUMBERS: readonly Meaning[] = ['integer', 'plain', 'unsigned']
/** By physical type: as what its values can be read, of those meanings. */
const READ_AS: Readonly<Record<LeafTarget, Readonly<Record<string, readonly Meaning[]>>>> = {
  binary: {BYTE_ARRAY: ['plain', 'text'], FIXED_LEN_BYTE_ARRAY: ['plain']},
  boolean: {BOOLEAN: ['plain']},
  float32: {DOUBLE: ['plain'], FLOAT: ['plain']},
  number: {DOUBLE: ['plain'], FLOAT: ['plain'], INT32: NUMBERS, INT64: NUMBERS},
  // Dates that another writer has turned into timestamps.
  text: {BYTE_ARRAY: ['plain', 'text'], FIXED_LEN_BYTE_ARRAY: ['plain', 'text', 'uuid'], INT64: ['timestamp']},
  time: {INT64: ['integer', 'plain', 'timestamp']},
}

/** @throws TypeError when the values of a leaf are not what they are to become. */
export function checkReadAs(element: SchemaElement, target: LeafTarget): void {
  if (READ_AS[target][element.type ?? '']?.includes(meaningOf(element))) return
  const {converted_type: converted, logical_type: logical, type} = element
  const named = logical?.type ?? converted
  throw new TypeError(`values of type ${named === undefined ? type : `${named} (${type})`} where ${target} is expected`)
}

/** Decimals of the seconds that a timestamp counts in; undefined for what is no timestamp. */
export function timestampDigits({converted_type: converted, logical_type: logical}: SchemaElement): number | undefined {
  if (logical?.type === 'TIMESTAMP') return {MICROS: 6, MILLIS: 3, NANOS: 9}[logical.unit]
  if (converted === 'TIMESTAMP_MILLIS') return 3
  return converted === 'TIMESTAMP_MICROS' ? 6 : undefined
}

/** Dates that another writer has turned into timestamps, with all their decimals. */
export function textOfTimestamps(values: BigInt64Array | readonly bigint[], element: SchemaElement): string[] {
  const digits = timestampDigits(element)
  if (digits === undefined) throw new TypeError('numbers where text is expected')
  return Array.from(values, (value) => timestampText(value, digits))
}

function timestampText(value: bigint, digits: number): string {
  const second = 10n ** BigInt(digits)
  const fraction = ((value % second) + second) % second
  const whole = new Date(Number((value - fraction) / second) * 1000).toISOString()
  const decimals = String(fraction).padStart(digits, '0').replace(/0+$/, '').padEnd(3, '0')
  return `${whole.slice(0, -'.000Z'.length)}.${decimals}Z`
}
