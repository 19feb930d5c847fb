/** Calls in flight to begin with: two keep a server busy while the last answer is being worked on. */
const INITIAL = 2
/** Milliseconds over which throughput is measured. */
const EPOCH_MS = 1000
/** One more call in flight has to bring this much more throughput to stay. */
const WORTHWHILE = 1.08
/** Epochs without another try after one that brought nothing, or after the server pushed back. */
const PATIENCE = 10

/** How many calls should be in flight: climbs while that brings throughput, halves when the server pushes back. */
export class AdaptiveConcurrency {
  readonly #maximum: number
  readonly #now: () => number
  readonly #step: number
  #limit: number
  #epochStart: number
  #objects = 0
  /** Objects a second before the try under way. */
  #before?: number
  #holding = 0

  /** `lanes`: connections that the calls go over, of which each begins with as many. */
  constructor(
    maximum: number,
    {lanes = 1, now = () => performance.now()}: {lanes?: number | undefined; now?: () => number} = {},
  ) {
    this.#maximum = Math.max(1, maximum)
    this.#step = lanes
    this.#limit = Math.min(INITIAL * lanes, this.#maximum)
    this.#now = now
    this.#epochStart = now()
  }

  get limit(): number {
    return this.#limit
  }

  /** Objects went through. */
  observe(objects: number): void {
    this.#objects += objects
    const elapsed = this.#now() - this.#epochStart
    if (elapsed < EPOCH_MS || this.#objects === 0) return
    const rate = this.#objects / elapsed
    this.#objects = 0
    this.#epochStart = this.#now()
    if (this.#before !== undefined && rate < this.#before * WORTHWHILE) {
      this.#limit = Math.max(1, this.#limit - this.#step)
      this.#before = undefined
      this.#holding = PATIENCE
    } else if (this.#holding > 0) this.#holding--
    else if (this.#limit < this.#maximum) {
      this.#before = rate
      this.#limit = Math.min(this.#maximum, this.#limit + this.#step)
    } else this.#before = undefined
  }

  pushBack(): void {
    this.#limit = Math.max(1, Math.floor(this.#limit / 2))
    this.#before = undefined
    this.#holding = PATIENCE
  }
}
