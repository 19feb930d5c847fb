import type {ByteSource} from '../codec.js'

/** The same bytes, and what was read of them: so that the memory goes back once nobody looks at it any more. */
export class NotedSource implements ByteSource {
  #isNoting: boolean
  readonly #pieces: Uint8Array[] = []

  constructor(private readonly source: ByteSource) {
    this.#isNoting = source.giveBack !== undefined
  }

  get size(): number {
    return this.source.size
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const bytes = await this.source.read(start, end)
    if (this.#isNoting) this.#pieces.push(bytes)
    return bytes
  }

  /** Of what is noted nothing is given back but all of it. */
  giveBack(bytes: Uint8Array): void {
    if (!this.#isNoting) this.source.giveBack?.(bytes)
  }

  /** Notes nothing from now on: what is noted is held, and a row group may be of gigabytes. */
  stop(): void {
    this.#isNoting = false
    this.#pieces.length = 0
  }

  /** All that was noted, once: given back twice, two pages would be read into the same memory. */
  giveAllBack(): void {
    for (const piece of this.#pieces) this.source.giveBack?.(piece)
    this.#pieces.length = 0
  }
}
