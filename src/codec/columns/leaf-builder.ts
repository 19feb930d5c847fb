/** The values of one leaf, laid out in memory as they come. */
import {shortestFloat32} from '../../model/float32.js'
import {type JsonValue} from '../../model/object.js'
import {ByteBuffer} from '../byte-buffer.js'
import {type LeafType} from './columns.js'

/** Values of a column's leaf, one after another, nulls and lists taken out. */
export interface LeafBatch {
  /** Little-endian values; booleans are bits, least significant first; text is described at `ColumnsBuilder`. */
  bytes: Uint8Array
  count: number
  /** text: bytes of each value. */
  lengths: number[]
}

const encoder = new TextEncoder()

const TWO_63 = 2 ** 63

/** Whether a leaf of that type holds the value exactly. */
export function canHold(leaf: LeafType, value: JsonValue): boolean {
  switch (leaf) {
    case 'boolean': {
      return typeof value === 'boolean'
    }

    case 'float32': {
      return isFloat32(value)
    }

    case 'float64': {
      return typeof value === 'number'
    }

    case 'int64': {
      if (typeof value !== 'number' || Math.trunc(value) !== value || Object.is(value, -0)) return false
      return value >= -TWO_63 && value < TWO_63
    }

    case 'text': {
      return typeof value === 'string' && isWellFormed(value)
    }
  }
}

function isFloat32(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Object.is(Math.fround(value), value) && !Number.isNaN(value)
}

/** Whether a coordinate is what readers make of a float32: its shortest decimal, as the server shows it. */
export function isCoordinate(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value) && Object.is(shortestFloat32(Math.fround(value)), value)
}

/** Whether the text has no lone surrogates, which UTF-8 cannot hold. (ES2024; every Node that is supported has it.) */
function isWellFormed(text: string): boolean {
  return (text as unknown as {isWellFormed: () => boolean}).isWellFormed()
}

/** Text longer than this is encoded apart: it costs a copy, and saves reserving three bytes for every character. */
const LONG_TEXT = 4096

export class LeafBuilder {
  private buffer = new ByteBuffer(256)
  /** Given away by `take`. */
  private taken?: ByteBuffer
  /** For the next `take`. */
  private spare?: ByteBuffer
  private count = 0
  private lengths: number[] = []

  constructor(
    private readonly type: LeafType,
    private readonly layout: 'arrow' | 'parquet',
  ) {}

  private appendText(text: string): void {
    const {buffer} = this
    const start = buffer.length
    if (this.layout === 'parquet') {
      buffer.reserve(4)
      buffer.length += 4
    }

    const textStart = buffer.length
    if (text.length > LONG_TEXT) buffer.append(encoder.encode(text))
    else buffer.text(text)
    const length = buffer.length - textStart
    if (this.layout === 'parquet') buffer.view.setUint32(start, length, true)
    else this.lengths.push(length)
  }

  get bytes(): number {
    return this.buffer.length
  }

  append(value: boolean | number | string): void {
    const {buffer} = this
    this.count++
    switch (this.type) {
      case 'boolean': {
        buffer.byte(value ? 1 : 0)
        return
      }

      case 'float32': {
        buffer.reserve(4)
        buffer.view.setFloat32(buffer.length, value as number, true)
        buffer.length += 4
        return
      }

      case 'float64': {
        buffer.reserve(8)
        buffer.view.setFloat64(buffer.length, value as number, true)
        buffer.length += 8
        return
      }

      case 'int64': {
        // Exact for every integral float64 in range: both halves are multiples of a power of two.
        const high = Math.floor((value as number) / 2 ** 32)
        buffer.reserve(8)
        buffer.view.setUint32(buffer.length, (value as number) - high * 2 ** 32, true)
        buffer.view.setInt32(buffer.length + 4, high, true)
        buffer.length += 8
        return
      }

      case 'text': {
        this.appendText(value as string)
      }
    }
  }

  appendFloats(bytes: Uint8Array): void {
    this.count += bytes.length / 4
    this.buffer.append(bytes)
  }

  appendNull(): void {
    if (this.layout === 'parquet') return
    this.count++
    if (this.type === 'text') this.lengths.push(0)
    else {
      const width = this.type === 'boolean' ? 1 : this.type === 'float32' ? 4 : 8
      this.buffer.reserve(width)
      this.buffer.bytes.fill(0, this.buffer.length, this.buffer.length + width)
      this.buffer.length += width
    }
  }

  recycle(): void {
    // Empty: whoever had it gave its memory to somebody else.
    if (this.taken && this.taken.bytes.length > 0) this.spare = this.taken
    this.taken = undefined
  }

  take(): LeafBatch {
    const contents = this.buffer.contents()
    const batch = {
      bytes: this.type === 'boolean' ? packBits(contents) : contents,
      count: this.count,
      lengths: this.lengths,
    }
    this.taken = this.buffer
    // As much room as the last rows took, so that the next do not grow into it by doubling.
    this.buffer = this.spare ?? new ByteBuffer(Math.max(256, contents.length + (contents.length >> 6)))
    this.buffer.clear()
    this.spare = undefined
    this.count = 0
    this.lengths = []
    return batch
  }
}

/** One byte of 0 or 1 a value to one bit a value, least significant first. */
export function packBits(values: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 8))
  for (let index = 0; index < values.length; index++) bits[index >> 3]! |= values[index]! << (index & 7)
  return bits
}
