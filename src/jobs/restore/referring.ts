/** Of a source that others write to: whose references must still be there when they come to be read, in the second pass. */
import type {SourcePage} from '../../flow/source.js'
import type {RestoreAccount} from './account.js'

import {RowRanges} from './row-ranges.js'

/** A bit for each row: chosen ones of many need not be contiguous. */
class RowBits {
  #bits = new Uint8Array(1024)

  add(row: number): void {
    const at = row >> 3
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(Math.max(at + 1, this.#bits.length * 2))
      larger.set(this.#bits)
      this.#bits = larger
    }

    this.#bits[at]! |= 1 << (row & 7)
  }

  has(row: number): boolean {
    return ((this.#bits[row >> 3] ?? 0) & (1 << (row & 7))) !== 0
  }
}

export class Referring {
  readonly #rows = new RowBits()
  readonly #earlier: RowRanges

  /** `earlier`: what earlier runs have written of a source whose rows all become objects; of others nobody knows which did. */
  constructor(
    private readonly account: RestoreAccount,
    {earlier}: {earlier: boolean},
  ) {
    this.#earlier = new RowRanges(earlier ? account.objects.done.toJSON() : [])
  }

  /** Its object was written, and had references then. */
  add(row: number): void {
    this.#rows.add(row)
  }

  /** The target has no such object where the source says by now that it is. */
  notFound(row: number): void {
    if (this.#rows.has(row)) this.account.bereft.add(row, row + 1)
  }

  /** Pages of the second pass: what was written and is not in them any more is remembered. */
  async *noting(pages: AsyncIterable<SourcePage>): AsyncGenerator<SourcePage, void, undefined> {
    for await (const page of pages) {
      if (page.rows.length < page.endRow - page.firstRow) this.#note(page)
      yield page
    }
  }

  #note({endRow, firstRow, rows}: SourcePage): void {
    const {bereft} = this.account
    const shown = new Set(rows)
    for (let row = firstRow; row < endRow; row++)
      if (!shown.has(row) && (this.#rows.has(row) || this.#wasWritten(row))) bereft.add(row, row + 1)
  }

  #wasWritten(row: number): boolean {
    const {gone, rejected, skipped, unseen} = this.account
    return this.#earlier.has(row) && [gone, rejected, skipped, unseen].every((rows) => !rows.has(row))
  }
}
