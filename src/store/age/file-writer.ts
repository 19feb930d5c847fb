import type {AgeHeader} from '../../codec/age/header.js'
import type {StoreWriter} from '../store.js'

import {freeBytes} from '../../platform/free.js'
import {AgeStream, type EncryptedFile} from './writer.js'

/** A long write that is encrypted on the way. `bytes` are those of the text. */
export class AgeFileWriter implements StoreWriter {
  readonly #file: StoreWriter
  readonly #onFinished: (file: EncryptedFile) => void
  readonly #stream: AgeStream
  #isFinished = false

  /** `onFinished` is told what the file is once nothing more can be appended. */
  constructor(file: StoreWriter, header: AgeHeader, onFinished: (file: EncryptedFile) => void) {
    this.#file = file
    this.#stream = new AgeStream(header)
    this.#onFinished = onFinished
  }

  get bytes(): number {
    return this.#stream.textBytes
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    const sealed = this.#stream.update(chunks)
    await this.#append(sealed)
  }

  /** What is not yet a whole chunk is safe once the file is complete. */
  async sync(): Promise<void> {
    await this.#file.sync()
  }

  async complete(as?: string): Promise<boolean> {
    await this.finish()
    return this.#file.complete(as)
  }

  /** Puts the last chunk behind what was appended. */
  async finish(): Promise<void> {
    if (this.#isFinished) return
    this.#isFinished = true
    const {file, pieces} = this.#stream.finish()
    await this.#append(pieces)
    this.#onFinished(file)
  }

  /** Once they are appended nobody looks at them any more. */
  async #append(sealed: readonly Uint8Array[]): Promise<void> {
    const pieces = [...this.#stream.takeStart(), ...sealed]
    if (pieces.length > 0) await this.#file.append(pieces)
    for (const piece of sealed) freeBytes(piece)
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}
