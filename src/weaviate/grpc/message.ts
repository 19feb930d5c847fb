/** A message of gRPC as it stands on the wire: a byte that says whether it is compressed, its length, its bytes. */
import {Buffer} from 'node:buffer'

import {GrpcStatus, StatusError} from './status.js'

const HEADER_BYTES = 5

export function messageHeader(length: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(length, 1)
  return header
}

/** Buffers kept for the next messages at most: pages under way, and those that are being written. */
const KEPT = 6
/** A buffer is a whole number of these, so that the next page, a little longer, fits too. */
const STEP_BYTES = 256 * 1024
/** Longer ones are left to the garbage collector. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024
/** Shorter ones too, and take what they need: a step for each of many short replies would have it called for them alone. */
const MIN_KEPT_BYTES = 64 * 1024

/** Memory of messages that nobody looks at any more, for those to come. */
export class MessageMemory {
  readonly #kept: Buffer[] = []

  take(length: number): Buffer {
    if (length < MIN_KEPT_BYTES) return Buffer.allocUnsafeSlow(length)
    const at = this.#kept.findIndex((buffer) => buffer.length >= length)
    // None is long enough: one gives its place to a longer one, so that they do not become more.
    const [kept] = this.#kept.splice(Math.max(0, at), 1)
    const buffer = at === -1 || !kept ? Buffer.allocUnsafeSlow(Math.ceil(length / STEP_BYTES) * STEP_BYTES) : kept
    return buffer.subarray(0, length)
  }

  /** Of a message that `take` gave. Its bytes are another's from now on. */
  giveBack({buffer}: Uint8Array): void {
    if (buffer.byteLength < MIN_KEPT_BYTES || buffer.byteLength > MAX_KEPT_BYTES) return
    if (this.#kept.length >= KEPT) this.#kept.shift()
    this.#kept.push(Buffer.from(buffer as ArrayBuffer))
  }
}

/**
 * Puts the one message of a reply together. The pieces are copied as they come, so that none outlives the next: held until
 * the end, as gRPC libraries do, they cost more in collecting garbage than in receiving.
 */
export class MessageAssembler {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #message?: Buffer
  /** Bytes of header and message so far. */
  #taken = 0

  constructor(
    private readonly maxBytes: number,
    private readonly memory: MessageMemory,
  ) {}

  /** The message, once it is whole. */
  get bytes(): Buffer {
    return this.#message ?? Buffer.alloc(0)
  }

  get isWhole(): boolean {
    return this.#message !== undefined && this.#taken === HEADER_BYTES + this.#message.length
  }

  /** @throws StatusError. */
  add(piece: Uint8Array): void {
    let from = 0
    if (this.#taken < HEADER_BYTES) {
      from = Math.min(piece.length, HEADER_BYTES - this.#taken)
      this.#header.set(piece.subarray(0, from), this.#taken)
      this.#taken += from
      if (this.#taken < HEADER_BYTES) return
    }

    this.#message ??= this.#begin()
    const message = this.#message
    const at = this.#taken - HEADER_BYTES
    if (at + piece.length - from > message.length) {
      throw new StatusError(GrpcStatus.INTERNAL, 'More than one message came where there is one')
    }

    message.set(from === 0 ? piece : piece.subarray(from), at)
    this.#taken += piece.length - from
  }

  #begin(): Buffer {
    const length = this.#header.readUInt32BE(1)
    if (this.#header[0] !== 0) throw new StatusError(GrpcStatus.INTERNAL, 'A compressed message came unasked')
    if (length > this.maxBytes) {
      throw new StatusError(
        GrpcStatus.RESOURCE_EXHAUSTED,
        `Received message larger than max (${length} vs ${this.maxBytes})`,
      )
    }

    return this.memory.take(length)
  }
}
