const utf8 = new TextEncoder()
/** Units of a text that are encoded in one go, with room for three bytes each. */
const SHORT_TEXT = 65_536
/** Beyond it a buffer grows by a quarter: twice a large object is as much again that nobody needs. */
export const LARGE_BYTES = 16 * 1024 * 1024

/** A growing byte buffer that is written to at its end and used over and over: what the encoders print into. */
export class ByteBuffer {
  /** The backing store, longer than what is written; replaced when it grows. */
  bytes: Uint8Array
  /** Over `bytes`; replaced with it. */
  view: DataView
  /** Bytes written. */
  length = 0

  constructor(capacity = 65_536) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Forgets what is in it; the memory stays. */
  clear(): void {
    this.length = 0
  }

  /** What is written, as a view that the next write or `clear` overwrites. */
  contents(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const {length} = this.bytes
    const grown = new Uint8Array(Math.max(needed, length < LARGE_BYTES ? length * 2 : Math.ceil(length * 1.25)))
    grown.set(this.contents())
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }

  /** Adds one byte at the end. */
  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  /** Adds bytes at the end. */
  append(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** UTF-8; lone surrogates become U+FFFD. */
  text(text: string): void {
    if (text.length > SHORT_TEXT) {
      this.#longText(text)
      return
    }

    this.reserve(text.length * 3)
    // Short text is nearly always ASCII, and a loop beats the call into the encoder.
    if (text.length < 32) {
      const {bytes} = this
      let at = this.length
      for (let index = 0; ; index++) {
        if (index === text.length) {
          this.length = at
          return
        }

        // eslint-disable-next-line unicorn/prefer-code-point -- only ASCII is taken here, and units are cheaper
        const unit = text.charCodeAt(index)
        if (unit > 127) break
        bytes[at++] = unit
      }
    }

    this.length += utf8.encodeInto(text, this.bytes.subarray(this.length)).written
  }

  /** Nearly all has one byte a unit: room for three would be held, and hardly ever used. What follows has some. */
  #longText(text: string): void {
    this.reserve(text.length + SHORT_TEXT)
    const {read, written} = utf8.encodeInto(text, this.bytes.subarray(this.length))
    this.length += written
    if (read === text.length) return
    const rest = text.slice(read)
    this.reserve(rest.length * 3)
    this.length += utf8.encodeInto(rest, this.bytes.subarray(this.length)).written
  }
}
