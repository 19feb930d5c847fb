/** A column of a row group, leaf by leaf. */
import type {ByteSource, PartColumn, Platform} from '../codec.js'
import type {ColumnValue} from '../columns/decode.js'
import type {PageLocation, RowGroup} from './internals.js'
import type {LeafTarget} from './meaning.js'
import type {HeldPages} from './page-memory.js'
import type {Leaf} from './sinks.js'

import {LeafCursor, uncompressedBytes} from './chunks.js'

/** A column of the file, as the leaves to read and what they make. */
export interface Field {
  column: PartColumn
  leaves: Leaf[]
  target: LeafTarget
}

interface FieldPlace {
  /** To start with the page that holds a row; default: with the first. */
  at?: {index: ReadonlyArray<readonly PageLocation[]>; row: number}
  group: RowGroup
  platform: Platform
  source: ByteSource
  windowBytes?: number
}

export class FieldCursor {
  private readonly cursors: LeafCursor[]
  /** Bytes of the field's values in the row group, decompressed. */
  readonly bytes: number
  /** That it starts with, counted from the first of the row group. */
  readonly firstRow: number

  constructor(field: Field, {at, group, platform, source, windowBytes}: FieldPlace) {
    let bytes = 0
    let firstRow = 0
    this.cursors = field.leaves.map((leaf) => {
      const chunk = group.columns[leaf.index]
      if (!chunk) throw new Error('a row group lacks a column')
      bytes += uncompressedBytes(chunk)
      const from = at && pageOf(at.index[leaf.index] ?? [], at.row)
      firstRow = from?.row ?? 0
      return new LeafCursor({chunk, from, leaf, platform, source, target: field.target, windowBytes})
    })
    this.bytes = bytes
    this.firstRow = firstRow
  }

  /** See `LeafCursor.take`. */
  async take(count: number, held: HeldPages): Promise<ColumnValue[]> {
    const values = await this.cursors[0]!.take(count, held)
    if (this.cursors.length === 1) return values
    const longitudes = await this.cursors[1]!.take(count, held)
    return values.map((latitude, row) => {
      const longitude = longitudes[row]
      return typeof latitude === 'number' && typeof longitude === 'number' ? {latitude, longitude} : undefined
    })
  }
}

/** The page that holds a row; undefined for one of the first page, or without an index. */
function pageOf(pages: readonly PageLocation[], row: number): PageLocation | undefined {
  const page = pages.findLast((candidate) => candidate.row <= row)
  return page && page.row > 0 ? page : undefined
}
