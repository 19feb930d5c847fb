/** Float32 vectors as JSON text and back: the one hot loop of the JSON format, in both directions. */
/* eslint-disable unicorn/prefer-math-trunc, unicorn/prefer-code-point -- integers of 31 bits and ASCII, where the shorter form is the faster one */
import type {ByteBuffer} from '../byte-buffer.js'
import type {VectorMemory} from './vector-memory.js'

/** Powers of ten that are exact in a float64. */
const POWERS = Float64Array.from({length: 23}, (_, power) => Number(`1e${power}`))
const FASTEST = POWERS.length - 1

/**
 * By a float32's exponent bits: the number of decimals that is always enough to tell its neighbours apart (the least n with
 * 10^-n ≤ the gap between them), or -1 where that is not within `POWERS`.
 */
const DECIMALS = Int8Array.from({length: 256}, (_, exponent) => {
  const gap = 2 ** (exponent - 150)
  if (exponent === 0 || gap > 1) return -1
  const decimals = Math.ceil(-Math.log10(gap))
  return decimals <= FASTEST ? decimals : -1
})

/** By exponent bits: half the gap between neighbours, in units of the last of one decimal less than `DECIMALS`. */
const HALF_GAPS = Float64Array.from(DECIMALS, (decimals, exponent) => 2 ** (exponent - 151) * 10 ** (decimals - 1))
/** What rounding in `magnitude * power` can add to or take from a distance, with room: between these it is decided by a division. */
const SURELY = 1 - 1e-6
const PERHAPS = 1 + 1e-6

/** Decimals that are written without a loop, in three groups of four, or in two. */
const GROUPED = 12
const FEW = 8
/** Four digits as the bytes of a little-endian word. */
const FOUR_DIGITS = Uint32Array.from({length: 10_000}, (_, value) => {
  const digit = (power: number) => 48 + (Math.trunc(value / power) % 10)
  return digit(1000) | (digit(100) << 8) | (digit(10) << 16) | (digit(1) << 24)
})

const TENS = Uint8Array.from({length: 100}, (_, value) => 48 + Math.trunc(value / 10))
const ONES = Uint8Array.from({length: 100}, (_, value) => 48 + (value % 10))

/** Characters of the longest component, `"NaN:ffffffff"`, and its comma. */
const LONGEST = 24

/** Views on float32 bytes of any alignment, copied only where a typed array cannot lie. */
function float32Views(bytes: Uint8Array): {bits: Uint32Array; floats: Float32Array} {
  if (bytes.byteLength % 4 !== 0) throw new RangeError('a vector has no whole float32 components')
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  const length = bytes.byteLength >>> 2
  return {
    bits: new Uint32Array(aligned.buffer, aligned.byteOffset, length),
    floats: new Float32Array(aligned.buffer, aligned.byteOffset, length),
  }
}

/**
 * Appends `[…]`: each float32 as the shortest decimal that, read as a float64 and rounded, gives the same float32; non-finite
 * ones as docs/format.md says. `bytes` is float32[n], little-endian, of any alignment.
 * @throws RangeError when the bytes are no multiple of four.
 */
// Long because its loop is the hottest there is, and calls cost.
export function writeVectorText(bytes: Uint8Array, out: ByteBuffer): void {
  const {bits, floats} = float32Views(bytes)
  const count = floats.length
  out.reserve(count * LONGEST + 2)
  const {bytes: text, view} = out
  let at = out.length
  text[at++] = 91
  for (let index = 0; index < count; index++) {
    if (index > 0) text[at++] = 44
    const pattern = bits[index]!
    const exponent = (pattern >>> 23) & 255
    let decimals = DECIMALS[exponent]!
    // The gap below a power of two is half the gap above it: the nearest decimal is not always the one to take.
    if (decimals < 0 || (pattern & 0x7f_ff_ff) === 0) {
      at = writeText(rareText(floats[index]!, pattern), text, at)
      continue
    }

    const magnitude = Math.abs(floats[index]!)
    if (pattern >>> 31 !== 0) text[at++] = 45
    // Below 2^24 gaps, and a gap is below ten units of the last decimal: it fits in 31 bits.
    let digits = (magnitude * POWERS[decimals]! + 0.5) | 0
    let halfGap = HALF_GAPS[exponent]!
    while (decimals > 0) {
      const power = POWERS[decimals - 1]!
      const scaled = magnitude * power
      const shorter = (scaled + 0.5) | 0
      const distance = Math.abs(shorter - scaled)
      if (distance > halfGap * PERHAPS) break
      // Both operands are exact, so the quotient is what a reader's float64 will be.
      if (distance > halfGap * SURELY && Math.fround(shorter / power) !== magnitude) break
      digits = shorter
      decimals--
      halfGap /= 10
    }

    if (magnitude < 1 && magnitude >= 1e-6 && decimals <= GROUPED) {
      text[at] = 48
      text[at + 1] = 46
      // All decimals of a group; what follows is written over those that are not needed.
      if (decimals <= FEW) {
        const all = (digits * POWERS[FEW - decimals]!) | 0
        const first = (all / 1e4) | 0
        view.setUint32(at + 2, FOUR_DIGITS[first]!, true)
        view.setUint32(at + 6, FOUR_DIGITS[all - first * 1e4]!, true)
        at += 2 + decimals
        continue
      }

      const all = digits * POWERS[GROUPED - decimals]!
      const first = (all / 1e8) | 0
      const rest = all - first * 1e8
      const second = (rest / 1e4) | 0
      view.setUint32(at + 2, FOUR_DIGITS[first]!, true)
      view.setUint32(at + 6, FOUR_DIGITS[second]!, true)
      view.setUint32(at + 10, FOUR_DIGITS[rest - second * 1e4]!, true)
      at += 2 + decimals
      continue
    }

    if (magnitude < 1e-6) {
      at = writeText(String(digits / POWERS[decimals]!), text, at)
      continue
    }

    if (magnitude < 1) {
      text[at] = 48
      text[at + 1] = 46
      at += 2 + decimals
      writeDigits(digits, decimals, text, at)
      continue
    }

    let whole = digits
    if (decimals > 0) {
      const power = POWERS[decimals]!
      whole = Math.trunc(digits / power)
      at += countDigits(whole)
      writeDigits(whole, 1, text, at)
      text[at] = 46
      at += 1 + decimals
      writeDigits(digits - whole * power, decimals, text, at)
    } else {
      at += countDigits(whole)
      writeDigits(whole, 1, text, at)
    }
  }

  text[at++] = 93
  out.length = at
}

function countDigits(value: number): number {
  let digits = 1
  for (let limit = 10; value >= limit; limit *= 10) digits++
  return digits
}

/** Writes an integer below 2^31 so that it ends before `end`, with leading zeros up to `width`. */
function writeDigits(value: number, width: number, text: Uint8Array, end: number): void {
  let at = end
  let rest = value | 0
  let left = width
  while (left > 1 || rest > 9) {
    const quotient = (rest / 100) | 0
    const pair = rest - quotient * 100
    text[--at] = ONES[pair]!
    text[--at] = TENS[pair]!
    rest = quotient
    left -= 2
  }

  if (left > 0 || rest > 0) text[at - 1] = 48 + rest
}

function writeText(text: string, bytes: Uint8Array, start: number): number {
  let at = start
  for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index)
  return at
}

/** The same for any pattern at all, by an exact search for the least number of significant digits. */
function rareText(value: number, pattern: number): string {
  if (value === 0) return pattern === 0 ? '0' : '-0'
  if (!Number.isFinite(value)) {
    if (Number.isNaN(value)) return `"NaN:${pattern.toString(16).padStart(8, '0')}"`
    return value > 0 ? '"Infinity"' : '"-Infinity"'
  }

  const magnitude = Math.abs(value)
  // Nine digits tell any two float32 apart. Where some number of digits does not do, fewer do not either.
  let shortest = Number(magnitude.toExponential(8))
  for (let digits = 8; digits > 0; digits--) {
    const shorter = decimalOf(magnitude, digits)
    if (shorter === undefined) break
    shortest = shorter
  }

  return value < 0 ? `-${shortest}` : String(shortest)
}

/** A decimal of so many significant digits that rounds to the float32, if there is one. */
function decimalOf(magnitude: number, digits: number): number | undefined {
  const text = magnitude.toExponential(digits - 1)
  const nearest = Number(text)
  if (Math.fround(nearest) === magnitude) return nearest
  // Above a power of two the gap is twice as wide: the next decimal up may do where the nearest one, below, does not.
  const mark = text.indexOf('e')
  const digitsUp = Number(text.slice(0, mark).replace('.', '')) + 1
  const next = Number(`${digitsUp}e${Number(text.slice(mark + 1)) - digits + 1}`)
  return Math.fround(next) === magnitude ? next : undefined
}

/** White space as JSON has it. */
export function isSpace(code: number | undefined): boolean {
  // eslint-disable-next-line unicorn/prefer-includes-over-repeated-comparisons -- the hot loops ask for every byte
  return code === 32 || code === 10 || code === 13 || code === 9
}

const NON_FINITE = /^"(?:(-?)Infinity|NaN:([0-9a-f]{8}))"$/

function float32Over(bits: Uint32Array): Float32Array {
  return new Float32Array(bits.buffer, bits.byteOffset, bits.length)
}

/** Reads the JSON text of vectors straight from bytes into float32s that are kept until the next `clear`. */
export class VectorTextReader {
  /** One memory, seen as patterns, as numbers and as bytes. */
  #bits = new Uint32Array(2048)
  #floats = float32Over(this.#bits)
  /** Components read since `clear`. */
  length = 0

  #grow(): void {
    const grown = new Uint32Array(this.#bits.length * 2)
    grown.set(this.#bits)
    this.#bits = grown
    this.#floats = float32Over(grown)
  }

  #readNonFinite(text: Uint8Array, start: number): number {
    const end = text.indexOf(34, start + 1) + 1
    if (end === 0 || end - start > LONGEST) return -1
    const match = NON_FINITE.exec(String.fromCharCode(...text.subarray(start, end)))
    if (!match) return -1
    if (match[2] === undefined) {
      this.#floats[this.length++] = match[1] === '-' ? -Infinity : Infinity
      return end
    }

    const pattern = Number.parseInt(match[2], 16)
    // Bits of a number would be a second spelling of it.
    if ((pattern & 0x7f_80_00_00) !== 0x7f_80_00_00 || (pattern & 0x7f_ff_ff) === 0) return -1
    this.#bits[this.length++] = pattern
    return end
  }

  clear(): void {
    this.length = 0
  }

  /** The components read since `clear`: float32[length], little-endian, in `memory` or as bytes of their own. */
  take(memory?: Pick<VectorMemory, 'take'>): Uint8Array {
    const bytes = new Uint8Array(this.#bits.buffer, this.#bits.byteOffset, this.length * 4)
    if (!memory) return new Uint8Array(bytes)
    const taken = memory.take(bytes.length)
    taken.set(bytes)
    return taken
  }

  /**
   * Reads the array of numbers whose `[` stands at `start`, appending its components.
   * Returns the place after its `]`, or -1 when it is no such array, or a number is beyond float32.
   */
  // Long because it is the grammar of a number in the hottest loop of reading.
  // eslint-disable-next-line complexity -- the grammar of a JSON number, in one loop because it is the hot one
  read(text: Uint8Array, start: number): number {
    let at = start + 1
    let code = text[at]!
    while (isSpace(code)) code = text[++at]!
    if (code === 93) return at + 1
    for (;;) {
      while (isSpace(code)) code = text[++at]!
      if (this.length === this.#floats.length) this.#grow()
      if (code === 34) {
        at = this.#readNonFinite(text, at)
        if (at < 0) return -1
        code = text[at]!
      } else {
        const first = at
        const isNegative = code === 45
        if (isNegative) code = text[++at]!
        let mantissa = 0
        if (code === 48) {
          code = text[++at]!
        } else if (code >= 49 && code <= 57) {
          do {
            mantissa = mantissa * 10 + (code - 48)
            code = text[++at]!
          } while (code >= 48 && code <= 57)
        } else {
          return -1
        }

        let decimals = 0
        if (code === 46) {
          const from = ++at
          code = text[at]!
          while (code >= 48 && code <= 57) {
            mantissa = mantissa * 10 + (code - 48)
            code = text[++at]!
          }

          decimals = at - from
          if (decimals === 0) return -1
        }

        let isExact = mantissa <= Number.MAX_SAFE_INTEGER && decimals <= FASTEST
        if (code === 101 || code === 69) {
          isExact = false
          code = text[++at]!
          if (code === 43 || code === 45) code = text[++at]!
          if (!(code >= 48 && code <= 57)) return -1
          do code = text[++at]!
          while (code >= 48 && code <= 57)
        }

        // Two exact operands and one rounding: the same float64 that JSON.parse reads. Then one rounding to float32.
        const magnitude = Math.fround(isExact ? mantissa / POWERS[decimals]! : Math.abs(numberAt(text, first, at)))
        if (magnitude === Infinity) return -1
        this.#floats[this.length++] = isNegative ? -magnitude : magnitude
      }

      while (isSpace(code)) code = text[++at]!
      if (code === 93) return at + 1
      if (code !== 44) return -1
      code = text[++at]!
    }
  }
}

function numberAt(text: Uint8Array, start: number, end: number): number {
  let characters = ''
  for (let at = start; at < end; at++) characters += String.fromCharCode(text[at]!)
  return Number(characters)
}
