/** One page of a listing: asked for again in fewer objects where so many are too large, checked, and paid for. */
import type {CollectionPlan, Connection, ObjectPage} from '../weaviate/connection.js'
import type {Throttle} from './throttle.js'

import {isTooLarge} from '../weaviate/errors.js'
import {checkPage} from './page-check.js'
import {MOST_BYTES, type PageSize} from './page-size.js'

export interface FetchOptions {
  connection: Pick<Connection, 'readPage'>
  include: 'ids' | 'objects' | 'references'
  pageSize: PageSize
  plan: CollectionPlan
  signal?: AbortSignal
  throttle: Throttle
  /** Over REST, also where gRPC is there. */
  viaRest?: boolean
}

export interface PagePlace {
  /** Exclusive lower bound. */
  after?: string
  /** Objects at most; default: what the page size says. */
  most?: number
  tenant?: string
}

/** `asked`: objects that were asked for; with fewer in the page, the listing may have ended. */
export async function fetchPage(
  {connection, include, pageSize, plan, signal, throttle, viaRest}: FetchOptions,
  {after, most = Infinity, tenant}: PagePlace,
): Promise<{asked: number; page: ObjectPage}> {
  let asked = 0
  const page = await throttle.run(async () => {
    for (;;) {
      // Whoever waited for its turn asks with what is known by now.
      asked = Math.min(most, pageSize.limit)
      try {
        return await connection.readPage({
          after,
          collection: plan,
          include,
          limit: asked,
          // One alone is read however large it is.
          ...(asked > 1 && {maxBytes: MOST_BYTES}),
          signal,
          tenant,
          ...(viaRest && {viaRest}),
        })
      } catch (error) {
        if (!isTooLarge(error)) throw error
        // How long it is shows what its objects weigh.
        const {bytes} = error.details
        if (!pageSize.shrink(asked, typeof bytes === 'number' ? bytes : undefined)) throw error
      }
    }
  })
  checkPage(page, {after, collection: plan.className, limit: asked, tenant})
  pageSize.observe(page.objects.length, page.bytes)
  await throttle.pay({bytes: page.bytes, objects: page.objects.length})
  return {asked, page}
}
