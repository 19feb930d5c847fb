/** What of a list of ids is read in one go, and the memory of its pages. */
import {expect, it} from 'vitest'

import type {ObjectPage, PageRequest} from '../../../src/weaviate/connection.js'

import {readStretch} from '../../../src/flow/live/stretches.js'
import {PageSize} from '../../../src/flow/page-size.js'
import {Throttle} from '../../../src/flow/throttle.js'
import {numberToUuid} from '../../../src/model/uuid-range.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'

const IDS = Array.from({length: 100}, (_, index) => numberToUuid(BigInt(index + 1) * 1000n))

/** A server of those objects that gives `most` a page; and which of its pages were given back. */
function serving(most: number) {
  const pages: ObjectPage[] = []
  const released: number[] = []
  const readPage = async ({after = '', limit}: PageRequest): Promise<ObjectPage> => {
    const objects = IDS.filter((id) => id > after)
      .slice(0, Math.min(limit, most))
      .map((id) => ({id, properties: {}}))
    const index = pages.length
    const release = (): void => {
      released.push(index)
    }

    const page: ObjectPage = {bytes: 100 * objects.length, objects, release}
    pages.push(page)
    return page
  }

  return {
    fetching: {
      connection: {readPage},
      include: 'objects' as const,
      pageSize: new PageSize(1000),
      plan: planCollection({class: 'Stretch'}),
      throttle: new Throttle({concurrency: 2}),
    },
    pages,
    released,
  }
}

it.each([20, 7])('gives the memory of all its pages back, and not before it is asked to: %i a page', async (most) => {
  const {fetching, pages, released} = serving(most)
  const {result} = await readStretch(fetching, {firstRow: 5, ids: IDS})
  expect(result.objects.map(({id}) => id)).toEqual(IDS)
  expect(result.rows).toEqual(IDS.map((_, index) => index + 5))
  expect(pages.length).toBeGreaterThanOrEqual(100 / most)
  expect(released).toEqual([])
  result.release?.()
  expect(released).toEqual(pages.map((_, index) => index))
})
