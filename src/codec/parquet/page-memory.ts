/** Memory that a page was decompressed into, freed once nobody looks at what was read of it: a page of an export has 8 MiB. */
export class PageMemory {
  /** Who reads the page is one of them. */
  #users = 1
  readonly #frees: Array<() => void>

  constructor(free: () => void) {
    this.#frees = [free]
  }

  /** What else is not looked at from then on. */
  alsoFree(free: () => void): void {
    this.#frees.push(free)
  }

  use(): void {
    this.#users++
  }

  leave(): void {
    if (--this.#users === 0) for (const free of this.#frees) free()
  }
}

/** Pages whose bytes the values of some rows are views of. */
export class HeldPages {
  readonly #held = new Set<PageMemory>()

  add(memory: PageMemory): void {
    if (this.#held.has(memory)) return
    memory.use()
    this.#held.add(memory)
  }

  /** Nobody looks at those rows any more; once. */
  leave(): void {
    for (const memory of this.#held) memory.leave()
    this.#held.clear()
  }
}
