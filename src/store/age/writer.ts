/** Text on its way into an age file. */
import type {AgeHeader} from '../../codec/age/header.js'
import type {IncrementalHash} from '../../codec/codec.js'

import {NONCE_BYTES, payloadKey, PayloadSealer} from '../../codec/age/payload.js'
import {concatBytes, toHex} from '../../codec/bytes.js'
import {nodeChunkCipher, randomBytes} from '../../platform/chunk-cipher.js'
import {nodePlatform} from '../../platform/node.js'

/** A file as it lies in the place. */
export interface EncryptedFile {
  /** Bytes. */
  bytes: number
  sha256: string
}

/** Encrypts a text in pieces and follows what comes of it. */
export class AgeStream {
  readonly #hash: IncrementalHash = nodePlatform.createSha256()
  readonly #sealer: PayloadSealer
  #start: Uint8Array[]
  #bytes = 0
  /** Bytes of text taken. */
  textBytes = 0

  constructor({fileKey, header}: AgeHeader) {
    const nonce = randomBytes(NONCE_BYTES)
    this.#start = this.#count([header, nonce])
    this.#sealer = new PayloadSealer(nodeChunkCipher(payloadKey(fileKey, nonce)))
  }

  /** What comes before all else, once. */
  takeStart(): Uint8Array[] {
    const start = this.#start
    this.#start = []
    return start
  }

  /** Pieces of the file that are made by now, each in memory of its own. */
  update(text: readonly Uint8Array[]): Uint8Array[] {
    const pieces: Uint8Array[] = []
    for (const piece of text) {
      this.textBytes += piece.length
      pieces.push(...this.#sealer.update(piece))
    }

    return this.#count(pieces)
  }

  /** What is left, and what the whole file is. */
  finish(): {file: EncryptedFile; pieces: Uint8Array[]} {
    const pieces = this.#count(this.#sealer.finish())
    return {file: {bytes: this.#bytes, sha256: toHex(this.#hash.digest())}, pieces}
  }

  #count(pieces: Uint8Array[]): Uint8Array[] {
    for (const piece of pieces) {
      this.#hash.update(piece)
      this.#bytes += piece.length
    }

    return pieces
  }
}

/** A small file as a whole. */
export function encryptAge(header: AgeHeader, text: Uint8Array): EncryptedFile & {content: Uint8Array} {
  const stream = new AgeStream(header)
  const pieces = [...stream.takeStart(), ...stream.update([text])]
  const {file, pieces: rest} = stream.finish()
  return {...file, content: concatBytes([...pieces, ...rest])}
}
