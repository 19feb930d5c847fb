/** Some of the rows of a backup, as if they were all. */
import type {ContentDigest} from '../../archive/content-digest.js'
import type {ReadSourceOptions, SourcePage} from '../../flow/source.js'
import type {WeaviateObject} from '../../model/object.js'
import type {RowRange} from './row-ranges.js'

import {type ArchiveView, describedAs} from './view.js'

export interface Ranged {
  /** Whether an object of these rows belongs to it. */
  isOf: (object: WeaviateObject) => boolean
  /** Ascending, apart. */
  ranges: readonly RowRange[]
}

/** `content`: counts in what is read of it. */
export function rangesOf(archive: ArchiveView, {isOf, ranges}: Ranged, content?: ContentDigest): ArchiveView {
  return {
    ...describedAs(archive),
    /** What is proven by reading all of it is for whoever comes last to compare. */
    async *pages({check: _, fromRow = 0, ...options}: ReadSourceOptions = {}) {
      for (const [from, to] of ranges) {
        if (to <= fromRow) continue
        const pages = archive.pages({...options, fromRow: Math.max(from, fromRow)})
        for await (const page of rowsBefore(to, pages)) {
          const chosen = only(page, isOf)
          if (content) for (const object of chosen.objects) content.add(object)
          yield chosen
        }
      }
    },
  }
}

/** Pages up to a row. */
export async function* rowsBefore(end: number, pages: AsyncIterable<SourcePage>): AsyncGenerator<SourcePage> {
  for await (const page of pages) {
    if (page.endRow <= end) yield page
    else {
      const count = page.rows.filter((row) => row < end).length
      yield {...page, endRow: end, objects: page.objects.slice(0, count), rows: page.rows.slice(0, count)}
    }

    if (page.endRow >= end) return
  }
}

function only(page: SourcePage, isOf: Ranged['isOf']): SourcePage {
  const isChosen = page.objects.map((object) => isOf(object))
  if (isChosen.every(Boolean)) return page
  return {
    ...page,
    objects: page.objects.filter((_, index) => isChosen[index]),
    rows: page.rows.filter((_, index) => isChosen[index]),
  }
}
