/** What of a segment of the list is read in one go. */
import type {WeaviateObject} from '../../model/object.js'
import type {ObjectPage} from '../../weaviate/connection.js'
import type {SourcePage} from '../source.js'
import type {Finished} from './in-order.js'

import {NIL_UUID, numberToUuid, uuidOfHex, uuidToNumber} from '../../model/uuid-range.js'
import {type FetchOptions, fetchPage} from '../fetch-page.js'
import {type PageSize, TARGET_BYTES} from '../page-size.js'
import {ID_BYTES, type Segment} from './row-list.js'

export interface Stretch {
  firstRow: number
  /** Ascending. */
  ids: string[]
  tenant?: string
}

/** Cuts a segment into what one page holds, by what pages are known to hold when each is begun. */
export function* stretches({firstRow, ids, runs}: Segment, fromRow: number, pageSize: PageSize): Generator<Stretch> {
  let start = 0
  for (const {rows, tenant} of runs) {
    const end = start + rows
    for (let row = Math.max(start, fromRow - firstRow); row < end;) {
      const to = Math.min(end, row + pageSize.limit)
      yield {
        firstRow: firstRow + row,
        ids: idsBetween(ids, row, to),
        ...(tenant !== undefined && {tenant}),
      }
      row = to
    }

    start = end
  }
}

function idsBetween(ids: Buffer, from: number, to: number): string[] {
  return Array.from({length: to - from}, (_, index) => {
    const at = (from + index) * ID_BYTES
    return uuidOfHex(ids.toString('hex', at, at + ID_BYTES))
  })
}

/**
 * As much of a stretch as makes a page: all of it, unless it weighs more than was thought when it was cut.
 * What came into being since the ids were listed is not among them, and passed over.
 */
export async function readStretch(fetching: FetchOptions, stretch: Stretch): Promise<Finished<Stretch, SourcePage>> {
  const {firstRow, ids, tenant} = stretch
  const rowOf = new Map(ids.map((id, index) => [id, firstRow + index]))
  const objects: WeaviateObject[] = []
  const pages: ObjectPage[] = []
  const rows: number[] = []
  const last = ids.at(-1) ?? NIL_UUID
  let after = before(ids[0] ?? NIL_UUID)
  let bytes = 0
  let read = ids.length
  for (let isConfirming = false; ;) {
    const most = Math.max(1, rowOf.size)
    const {asked, page} = await fetchPage(fetching, {after, most, tenant})
    bytes += page.bytes
    pages.push(page)
    for (const object of page.objects) {
      const row = rowOf.get(object.id)
      if (row === undefined) continue
      rowOf.delete(object.id)
      objects.push(object)
      rows.push(row)
    }

    after = page.objects.at(-1)?.id ?? after
    // An empty page after a short one confirms the end.
    const isOver = page.objects.length === 0 && isConfirming
    isConfirming = page.objects.length < asked
    if (isOver || rowOf.size === 0 || after === undefined || after >= last) break
    if (bytes >= TARGET_BYTES) {
      read = countUpTo(ids, after)
      break
    }
  }

  const endRow = firstRow + read
  const gone = [...rowOf.values()].filter((row) => row < endRow)
  const release = (): void => {
    for (const page of pages) page.release?.()
  }

  return {
    bytes,
    ...(read < ids.length && {rest: {...stretch, firstRow: endRow, ids: ids.slice(read)}}),
    result: {endRow, firstRow, ...(gone.length > 0 && {gone}), objects, release, rows},
  }
}

/** How many of these, which ascend, reach up to an id. */
function countUpTo(ids: readonly string[], last: string): number {
  return ids.findLastIndex((id) => id <= last) + 1
}

/** As an exclusive lower bound; none comes before the nil UUID. */
function before(id: string): string | undefined {
  return id === NIL_UUID ? undefined : numberToUuid(uuidToNumber(id) - 1n)
}
