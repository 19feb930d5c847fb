import {BinaryReader} from '@bufbuild/protobuf/wire'
import {Buffer} from 'node:buffer'

import {viewOf} from '../../codec/bytes.js'
import {type JsonObject, type JsonValue, setOwn} from '../../model/object.js'

/** A reply that holds a value of a kind that is not known here. */
export class UnknownKindError extends Error {}

const INT64_MIN = -(2 ** 63)
/** Wire types. */
const VARINT = 0
const LENGTH_DELIMITED = 2

/** Names that are remembered, and bytes of the longest of them. */
const NAME_SLOTS = 256
const MAX_NAME_BYTES = 64

/** Names of properties recur in every object: their text is made once. */
class Names {
  readonly #slots: Array<undefined | {bytes: Uint8Array; text: string}> = Array.from({length: NAME_SLOTS})

  at(page: Buffer, start: number, end: number): string {
    const length = end - start
    if (length > MAX_NAME_BYTES) return page.toString('utf8', start, end)
    let hash = length
    for (let at = start; at < end; at++) hash = Math.imul(hash, 31) + page[at]!
    const slot = (hash ^ (hash >>> 8)) & (NAME_SLOTS - 1)
    const known = this.#slots[slot]
    if (known?.bytes.length === length && isAt(known.bytes, page, start)) return known.text
    const text = page.toString('utf8', start, end)
    this.#slots[slot] = {bytes: new Uint8Array(page.subarray(start, end)), text}
    return text
  }
}

const names = new Names()

function isAt(bytes: Uint8Array, page: Uint8Array, start: number): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== page[start + index]) return false
  return true
}

/** More than so many stay in the order in which they came. */
const MAX_SORTED = 32

/**
 * The properties of an object, and of those within it, until all of its are read: the server sends them in another order each time,
 * and objects that have theirs in one order cost less to make, to look at and to collect.
 */
class FoundProperties {
  readonly #names: string[] = []
  readonly #values: JsonValue[] = []
  /** How many there are. */
  size = 0

  add(name: string, value: JsonValue): void {
    this.#names[this.size] = name
    this.#values[this.size++] = value
  }

  /** Takes all from `first` on out of here, into an object. */
  moveInto(target: JsonObject, first: number): void {
    if (this.size - first <= MAX_SORTED) for (let at = first + 1; at < this.size; at++) this.#sink(at, first)
    for (let at = first; at < this.size; at++) setOwn(target, this.#names[at]!, this.#values[at]!)
    this.size = first
  }

  /** To its place among those before it, which are in order; behind those of the same name, as the last one counts. */
  #sink(from: number, first: number): void {
    const name = this.#names[from]!
    const value = this.#values[from]!
    let at = from
    for (; at > first && this.#names[at - 1]! > name; at--) {
      this.#names[at] = this.#names[at - 1]!
      this.#values[at] = this.#values[at - 1]!
    }

    this.#names[at] = name
    this.#values[at] = value
  }
}

/** Reads SearchReply bytes. What holds a value is never stepped over. */
export class PageReader extends BinaryReader {
  /** The same bytes: makes text without a view of it, and without what a TextDecoder costs. */
  readonly #page: Buffer
  readonly #view: DataView
  readonly found = new FoundProperties()
  sawInt64Min = false

  constructor(bytes: Uint8Array) {
    super(bytes)
    this.#page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#view = viewOf(bytes)
  }

  override string(): string {
    const end = this.end()
    const text = this.#page.toString('utf8', this.pos, end)
    this.pos = end
    return text
  }

  /** A string that recurs. */
  name(): string {
    const end = this.end()
    const text = names.at(this.#page, this.pos, end)
    this.pos = end
    return text
  }

  /** An int64 as the nearest float64. */
  number64(): number {
    const buf = this.#page
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = buf[this.pos++]!
      low |= (byte & 127) << shift
      if (byte < 128) return low
    }

    const middle = buf[this.pos++]!
    low |= (middle & 15) << 28
    let high = (middle & 127) >> 4
    if (middle < 128) return high * 2 ** 32 + (low >>> 0)
    for (let shift = 3; shift < 32; shift += 7) {
      const byte = buf[this.pos++]!
      high |= (byte & 127) << shift
      if (byte < 128) return high * 2 ** 32 + (low >>> 0)
    }

    throw new RangeError('a number does not end')
  }

  /** Where the message whose length comes next ends. */
  end(): number {
    const end = this.uint32() + this.pos
    if (end > this.len) throw new RangeError('a message reaches past the end of what holds it')
    return end
  }

  /** To be called after the last field of a message. */
  ended(end: number): void {
    if (this.pos !== end) throw new RangeError('a field reaches past the end of its message')
  }

  /** Steps over a field that holds no value. */
  pass(tag: number): void {
    const wireType = tag & 7
    if (wireType === LENGTH_DELIMITED) this.pos = this.end()
    else if (wireType === VARINT) this.number64()
    else super.skip(wireType, tag >>> 3)
  }

  /** For the generated decoders, which call this for what they do not know. */
  override skip(): never {
    throw new UnknownKindError('a value has a part that is not known here')
  }

  /** For what is not known where values are. */
  unknown(message: string, tag: number): never {
    throw new UnknownKindError(`a ${message} has field ${tag >>> 3} (wire type ${tag & 7}), which is not known here`)
  }

  /** An int64 as the float64 that the server keeps of it. */
  int(value: bigint | number): number {
    const int = Number(value)
    if (int === INT64_MIN) this.sawInt64Min = true
    return int
  }

  /** The eight-byte numbers of a bytes field. */
  packed(read: (view: DataView, at: number) => number): number[] {
    const end = this.end()
    const numbers: number[] = []
    if ((end - this.pos) % 8 !== 0) throw new RangeError('a list of numbers is cut')
    for (; this.pos < end; this.pos += 8) numbers.push(read(this.#view, this.pos))
    return numbers
  }
}
