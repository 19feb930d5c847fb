/** Half-open ranges of row ordinals, sorted, apart and not touching. */
export type RowRange = [from: number, to: number]

/** Rows in ranges that are apart. */
export function rowsIn(ranges: readonly RowRange[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0)
}

/** A set of row ordinals that is mostly contiguous: what of a backup is done. */
export class RowRanges {
  readonly #ranges: RowRange[]

  constructor(ranges: readonly RowRange[] = []) {
    this.#ranges = []
    for (const [from, to] of ranges) this.add(from, to)
  }

  add(from: number, to: number): void {
    if (to <= from) return
    const ranges = this.#ranges
    // The first range that ends at or after `from`, and the first that begins after `to`: all between them become one.
    const first = this.#firstIndex((range) => range[1] >= from)
    const behind = this.#firstIndex((range) => range[0] > to)
    const start = first < behind ? Math.min(from, ranges[first]![0]) : from
    const end = first < behind ? Math.max(to, ranges[behind - 1]![1]) : to
    ranges.splice(first, behind - first, [start, end])
  }

  has(row: number): boolean {
    const range = this.#ranges[this.#firstIndex(([, to]) => to > row)]
    return range !== undefined && range[0] <= row
  }

  /** Rows in the set. */
  get size(): number {
    return rowsIn(this.#ranges)
  }

  /** The first row from 0 on that is not in the set. */
  get firstMissing(): number {
    const [first] = this.#ranges
    return first?.[0] === 0 ? first[1] : 0
  }

  toJSON(): RowRange[] {
    return this.#ranges
  }

  /** Where a condition that holds from some range on begins to hold. */
  #firstIndex(holds: (range: RowRange) => boolean): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (holds(this.#ranges[middle]!)) high = middle
      else low = middle + 1
    }

    return low
  }
}
