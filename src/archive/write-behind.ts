/** Appends to a file while whoever wrote goes on. */
import type {StoreWriter} from '../store/store.js'

import {freeBytes} from '../platform/free.js'

/** One append is under way at most: the memory of two is what it costs. */
export class WriteBehind {
  #writing: Promise<void> = Promise.resolve()

  constructor(private readonly file: Pick<StoreWriter, 'append'>) {}

  /** Begins to append, once what came before is there; until `written` the chunks are not the caller's. @throws what an earlier append threw. */
  async append(chunks: readonly Uint8Array[]): Promise<void> {
    await this.#writing
    this.#begin(this.file.append(chunks))
  }

  /** The same of memory that nobody looks at any more: it is freed once it is written. */
  async give(bytes: Uint8Array): Promise<void> {
    await this.#writing
    this.#begin(
      this.file.append([bytes]).then(() => {
        freeBytes(bytes)
      }),
    )
  }

  /** Resolves once the store has everything: the memory is the caller's again. @throws what an append threw. */
  async written(): Promise<void> {
    await this.#writing
  }

  /** The same, whatever became of it. */
  async settled(): Promise<void> {
    await this.#writing.catch(() => {})
  }

  #begin(writing: Promise<void>): void {
    this.#writing = writing
    // A failure is met by whoever comes next.
    writing.catch(() => {})
  }
}
