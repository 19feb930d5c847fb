/** The payload of an age file (c2sp.org/age, "Payload"): a nonce, then chunks of 64 KiB, each sealed by itself, the last one marked as such. */
import {hkdf} from '@noble/hashes/hkdf.js'
import {sha256} from '@noble/hashes/sha2.js'

import {utf8} from '../bytes.js'

/** Bytes of text in every chunk but the last. */
export const CHUNK_BYTES = 64 * 1024
/** Bytes that sealing adds to a chunk. */
export const TAG_BYTES = 16
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
/** Bytes before the first chunk. */
export const NONCE_BYTES = 16

/** ChaCha20-Poly1305 under one key, with nonces of 12 bytes; codecs borrow it, since it is slow in JavaScript. */
export interface ChunkCipher {
  /** The text; undefined when the bytes are not what was sealed. */
  open: (nonce: Uint8Array, sealed: Uint8Array) => Uint8Array | undefined
  /** The sealed chunk, in pieces. */
  seal: (nonce: Uint8Array, text: Uint8Array) => Uint8Array[]
}

/** Bytes of the text in a payload of that many bytes, its nonce included; undefined when no payload has that size. */
export function textBytesOf(bytes: number): number | undefined {
  const sealed = bytes - NONCE_BYTES
  const chunks = Math.ceil(sealed / SEALED_CHUNK_BYTES)
  const text = sealed - TAG_BYTES * chunks
  return text >= 0 && chunks === chunkCount(text) ? text : undefined
}

/** Chunks that a text has: an empty one has an empty chunk, the last of any other is not empty. */
export function chunkCount(textBytes: number): number {
  return Math.max(1, Math.ceil(textBytes / CHUNK_BYTES))
}

/** What the chunks of a payload are sealed with: 32 bytes. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return hkdf(sha256, fileKey, nonce, utf8('payload'), 32)
}

/** The place of a chunk is part of what seals it: none can stand in for another. */
export function chunkNonce(index: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(12)
  // Eleven bytes, of which a whole number fills at most seven.
  const view = new DataView(nonce.buffer)
  view.setUint32(3, Math.floor(index / 2 ** 32))
  view.setUint32(7, index % 2 ** 32)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

/** Seals a text that comes in pieces. Holds up to one chunk: whether it is the last is known once more comes. */
export class PayloadSealer {
  readonly #cipher: ChunkCipher
  readonly #pending = new Uint8Array(CHUNK_BYTES)
  #filled = 0
  #index = 0

  constructor(cipher: ChunkCipher) {
    this.#cipher = cipher
  }

  /** Pieces of sealed chunks that are complete. Keeps no reference to `text`. */
  update(text: Uint8Array): Uint8Array[] {
    const sealed: Uint8Array[] = []
    let at = 0
    while (at < text.length) {
      if (this.#filled === CHUNK_BYTES) {
        sealed.push(...this.#seal(this.#pending, false))
        this.#filled = 0
      }

      // What is a whole chunk, with more behind it, need not be copied.
      while (this.#filled === 0 && text.length - at > CHUNK_BYTES) {
        sealed.push(...this.#seal(text.subarray(at, at + CHUNK_BYTES), false))
        at += CHUNK_BYTES
      }

      const piece = text.subarray(at, at + CHUNK_BYTES - this.#filled)
      this.#pending.set(piece, this.#filled)
      this.#filled += piece.length
      at += piece.length
    }

    return sealed
  }

  /** The last chunk. Nothing may follow. */
  finish(): Uint8Array[] {
    return this.#seal(this.#pending.subarray(0, this.#filled), true)
  }

  #seal(text: Uint8Array, isLast: boolean): Uint8Array[] {
    return this.#cipher.seal(chunkNonce(this.#index++, isLast), text)
  }
}
