/** Arithmetic on the 128-bit UUID space. UUID text in lower case sorts like the numbers it stands for. */

export const NIL_UUID = '00000000-0000-0000-0000-000000000000'
export const MAX_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Those of a text in which they stand one behind another. */
export function uuidsIn(text: string): string[] {
  const {length} = NIL_UUID
  return Array.from({length: text.length / length}, (_, at) => text.slice(at * length, (at + 1) * length))
}

export function isUuid(text: string): boolean {
  return UUID.test(text)
}

export function uuidToNumber(uuid: string): bigint {
  return BigInt(`0x${uuid.replaceAll('-', '')}`)
}

export function numberToUuid(value: bigint): string {
  return uuidOfHex(value.toString(16).padStart(32, '0'))
}

/** The text of a UUID, of its 32 digits. */
export function uuidOfHex(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Writes the 16 bytes that a UUID's text stands for. */
export function writeUuid(uuid: string, target: Uint8Array, start: number): void {
  let at = start
  let byte = 1
  for (let index = 0; index < uuid.length && at < start + 16; index++) {
    // eslint-disable-next-line unicorn/prefer-code-point -- digits only, and units are cheaper
    const unit = uuid.charCodeAt(index)
    if (unit === HYPHEN) continue
    // Letters of both cases have 1 to 6 in their low bits.
    byte = (byte << 4) | ((unit & 15) + (unit > DIGIT_NINE ? 9 : 0))
    if (byte < 256) continue
    target[at++] = byte
    byte = 1
  }
}

const HYPHEN = 0x2d
const DIGIT_NINE = 0x39

/** UUIDs in `(after, until]`; without `after` the range starts with the nil UUID, which no exclusive bound can include. */
export interface UuidRange {
  after?: string
  until: string
}

export const WHOLE_RANGE: Readonly<UuidRange> = {until: MAX_UUID}

/** How many UUIDs a range holds. */
export function rangeSize({after, until}: UuidRange): bigint {
  return uuidToNumber(until) - (after === undefined ? -1n : uuidToNumber(after))
}

/** Cuts a range into `parts` of the same size (fewer when it is smaller than that). */
export function splitRange(range: UuidRange, parts: number): UuidRange[] {
  const start = range.after === undefined ? -1n : uuidToNumber(range.after)
  const size = rangeSize(range)
  const ranges: UuidRange[] = []
  let {after} = range
  for (let part = 1; part <= parts; part++) {
    const end = start + (size * BigInt(part)) / BigInt(parts)
    const until = numberToUuid(end < 0n ? 0n : end)
    if (after !== undefined && until <= after) continue
    ranges.push({after, until})
    after = until
  }

  return ranges
}
