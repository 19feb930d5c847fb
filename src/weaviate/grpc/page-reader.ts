import {BinaryReader} from '@bufbuild/protobuf/wire'

import {viewOf} from '../../codec/bytes.js'

/** A reply that holds a value of a kind that is not known here. */
export class UnknownKindError extends Error {}

const INT64_MIN = -(2 ** 63)
const utf8 = new TextDecoder('utf-8', {ignoreBOM: true})

/** Reads SearchReply bytes. What holds a value is never stepped over. */
export class PageReader extends BinaryReader {
  readonly #view: DataView
  sawInt64Min = false

  constructor(bytes: Uint8Array) {
    super(bytes, (part) => utf8.decode(part))
    this.#view = viewOf(bytes)
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
    super.skip(tag & 7, tag >>> 3)
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
  int(value: bigint | string): number {
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
