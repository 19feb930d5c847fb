/** Parquet's hybrid of run lengths and bit packing: repetition and definition levels, dictionary indices. Works in runs, not in values. */
import type {ByteBuffer} from '../byte-buffer.js'

/** Bits that hold 0 … `max`. */
export function bitWidth(max: number): number {
  return 32 - Math.clz32(max)
}

/** Encodes runs: long ones as run lengths, short ones packed in groups of eight values. */
export class RunWriter {
  private value = -1
  private count = 0
  private packed: number[] = []

  constructor(
    private readonly buffer: ByteBuffer,
    private readonly bits: number,
  ) {}

  private flushRun(): void {
    let {count} = this
    this.count = 0
    // A run length may only start where a group of eight ends.
    for (; count > 0 && this.packed.length % 8 !== 0; count--) this.packed.push(this.value)
    if (count < 8) {
      for (; count > 0; count--) this.packed.push(this.value)
      return
    }

    this.flushPacked()
    this.varint(count * 2)
    for (let shift = 0; shift < this.bits; shift += 8) this.buffer.byte((this.value >>> shift) & 0xff)
  }

  private flushPacked(): void {
    const groups = Math.ceil(this.packed.length / 8)
    if (groups === 0) return
    this.varint(groups * 2 + 1)
    let pending = 0
    let bits = 0
    for (let index = 0; index < groups * 8; index++) {
      pending |= (this.packed[index] ?? 0) << bits
      bits += this.bits
      for (; bits >= 8; bits -= 8) {
        this.buffer.byte(pending & 0xff)
        pending >>>= 8
      }
    }

    this.packed = []
  }

  private varint(value: number): void {
    let left = value
    for (; left > 0x7f; left >>>= 7) this.buffer.byte((left & 0x7f) | 0x80)
    this.buffer.byte(left)
  }

  run(value: number, count: number): void {
    if (value === this.value) {
      this.count += count
      return
    }

    this.flushRun()
    this.value = value
    this.count = count
  }

  finish(): void {
    this.flushRun()
    this.flushPacked()
  }
}

/** Decodes runs. `value` and `count` are the run at hand; take from `count`, and call `advance` when it is 0. */
export class RunReader {
  private packed = 0
  private bit = 0
  value = 0
  count = 0

  /** Reads `bytes` from `offset` on; with no bits every value is 0 and nothing is read. */
  constructor(
    private readonly bytes: Uint8Array,
    private offset: number,
    private readonly bits: number,
  ) {
    if (bits > 32) throw new RangeError(`values of ${bits} bits`)
  }

  private unpack(): number {
    this.packed--
    let value = 0
    let filled = 0
    while (filled < this.bits) {
      const byte = this.bytes[this.offset]
      if (byte === undefined) throw new RangeError('packed values end early')
      const take = Math.min(8 - this.bit, this.bits - filled)
      value += ((byte >> this.bit) & ((1 << take) - 1)) * 2 ** filled
      filled += take
      this.bit += take
      if (this.bit === 8) {
        this.bit = 0
        this.offset++
      }
    }

    return value
  }

  private byte(): number {
    const byte = this.bytes[this.offset++]
    if (byte === undefined) throw new RangeError('runs end early')
    return byte
  }

  private varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }

    throw new RangeError('run too long')
  }

  /** @throws RangeError when the bytes end. */
  advance(): void {
    if (this.bits === 0) {
      this.count = Infinity
      return
    }

    while (this.count === 0) {
      if (this.packed > 0) {
        this.value = this.unpack()
        this.count = 1
        return
      }

      const header = this.varint()
      if (header % 2 === 1) {
        this.packed = ((header - 1) / 2) * 8
        this.bit = 0
      } else {
        this.count = header / 2
        this.value = 0
        for (let shift = 0; shift < this.bits; shift += 8) this.value += this.byte() * 2 ** shift
      }
    }
  }
}
