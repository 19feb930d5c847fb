/** What can be said of many values in little memory. Pure; the same values give the same answer. */

/** A text's 53-bit hash (cyrb53): for counting, not for proving. */
function hash53(text: string): number {
  let a = 0xde_ad_be_ef
  let b = 0x41_c6_ce_57
  for (let index = 0; index < text.length; index++) {
    // eslint-disable-next-line unicorn/prefer-code-point -- every unit counts, and the loop runs over units
    const code = text.charCodeAt(index)
    a = Math.imul(a ^ code, 2_654_435_761)
    b = Math.imul(b ^ code, 1_597_334_677)
  }

  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909)
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909)
  return 4_294_967_296 * (2_097_151 & b) + (a >>> 0)
}

const HASHES = 2 ** 53
/** Hashes kept once there are too many: the error is about 1.6 %. */
const LEAST = 4096

/** How many different values there were: exact for few (below 8,192), else estimated by the least of their hashes. */
export class DistinctCounter {
  #least = new Set<number>()
  #bound = HASHES
  #isFull = false

  add(text: string): void {
    const hash = hash53(text)
    if (hash >= this.#bound || this.#least.has(hash)) return
    this.#least.add(hash)
    if (this.#least.size < LEAST * 2) return
    this.#isFull = true
    const kept = this.#lowest()
    this.#least = new Set(kept)
    this.#bound = kept.at(-1) ?? HASHES
  }

  #lowest(): number[] {
    return [...this.#least].sort((a, b) => a - b).slice(0, LEAST)
  }

  get count(): {estimated: boolean; value: number} {
    if (!this.#isFull) return {estimated: false, value: this.#least.size}
    return {estimated: true, value: Math.round((LEAST - 1) / ((this.#lowest().at(-1) ?? HASHES) / HASHES))}
  }
}

/** Numbers that are the same each time (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A fair sample of a stream, of a fixed size. */
export class Reservoir<T> {
  readonly items: T[] = []
  readonly #random: () => number
  readonly #size: number
  #seen = 0

  constructor(size: number, seed = 1) {
    this.#size = size
    this.#random = randomNumbers(seed)
  }

  /** `make` is called only for what is kept. */
  add(make: () => T): void {
    this.#seen++
    if (this.items.length < this.#size) this.items.push(make())
    else {
      const at = Math.floor(this.#random() * this.#seen)
      if (at < this.#size) this.items[at] = make()
    }
  }
}

export interface NumberSummary {
  count: number
  /** Equal steps from the least to the greatest; `share` (0 to 1) of a sample of at most 10,000. */
  histogram: Array<{from: number; share: number; to: number}>
  max: number
  mean: number
  min: number
}

const SAMPLE = 10_000
const BINS = 20

/** Range and mean of all finite numbers, and how a sample of them lies. */
export class NumberSketch {
  #count = 0
  #max = -Infinity
  #mean = 0
  #min = Infinity
  readonly #sample = new Reservoir<number>(SAMPLE)

  add(value: number): void {
    if (!Number.isFinite(value)) return
    this.#count++
    // Halves first: the difference of two finite numbers need not be finite.
    this.#mean += (value / 2 - this.#mean / 2) * (2 / this.#count)
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
    this.#sample.add(() => value)
  }

  get summary(): NumberSummary | undefined {
    if (this.#count === 0) return undefined
    const [min, max, sample] = [this.#min, this.#max, this.#sample.items]
    const bins = min === max ? 1 : BINS
    const width = max / bins - min / bins
    const counts = Array.from({length: bins}, () => 0)
    for (const value of sample) {
      const bin = width === 0 ? 0 : Math.min(bins - 1, Math.floor(value / width - min / width))
      counts[bin] = (counts[bin] ?? 0) + 1
    }

    const edge = (bin: number): number => (bin === bins ? max : min * (1 - bin / bins) + max * (bin / bins))
    const histogram = counts.map((count, bin) => ({from: edge(bin), share: count / sample.length, to: edge(bin + 1)}))
    return {count: this.#count, histogram, max, mean: this.#mean, min}
  }
}
