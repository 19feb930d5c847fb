/** Objects for the first page: what they weigh is not known yet, and a page of 5 MB blobs hurts the server before it hurts us. */
const FIRST_PAGE_OBJECTS = 20
/** A page grows by this factor at most: the objects to come may be heavier than those seen. */
const GROWTH = 8
/** Bytes that a page or batch aims at (measured: larger ones are no faster, and memory follows). */
export const TARGET_BYTES = 2 * 1024 * 1024
/** Bytes of a page of several objects at most: with what is heavier by so much than those before it, fewer are asked for. */
export const MOST_BYTES = 8 * TARGET_BYTES

/** How many objects the next page should ask for, from what the last ones weighed. */
export class PageSize {
  readonly #maximum: number
  readonly #targetBytes: number
  #limit: number
  #bytesPerObject = 0

  constructor(maximum: number, targetBytes: number = TARGET_BYTES) {
    this.#maximum = Math.max(1, maximum)
    this.#targetBytes = targetBytes
    this.#limit = Math.min(FIRST_PAGE_OBJECTS, this.#maximum)
  }

  get limit(): number {
    return this.#limit
  }

  /** Bytes that so many objects are thought to have; undefined before the first page. */
  weigh(objects: number): number | undefined {
    return this.#bytesPerObject === 0 ? undefined : objects * this.#bytesPerObject
  }

  observe(objects: number, bytes: number): void {
    if (objects === 0) return
    const observed = bytes / objects
    // Heavier objects count at once, lighter ones bit by bit.
    this.#bytesPerObject = observed > this.#bytesPerObject ? observed : this.#bytesPerObject * 0.75 + observed * 0.25
    this.#limit = Math.max(1, Math.min(this.#maximum, this.#fitting, this.#limit * GROWTH))
  }

  /** So many were too large for one reply, of which so much is known: fewer are asked for from now on. Returns false when there are none. */
  shrink(asked: number, bytes = 0): boolean {
    if (asked <= 1) return false
    // A reply may be too large for a limit of the server's that is far below what we aim at: what it weighs must not let the page grow.
    this.#bytesPerObject = Math.max(this.#bytesPerObject, bytes / asked)
    this.#limit = Math.max(1, Math.min(this.#limit, this.#fitting, Math.floor(asked / 2)))
    return true
  }

  /** Objects that weigh what a page aims at. */
  get #fitting(): number {
    return Math.floor(this.#targetBytes / Math.max(1, this.#bytesPerObject))
  }
}

/** The seed's page sizes by collection size. */
export function defaultBatchSize(objectCount: number): number {
  if (objectCount < 1000) return 100
  return objectCount < 100_000 ? 500 : 1000
}
