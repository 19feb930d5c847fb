/** Lists the ids of a live collection, a segment at a time, in the order of its rows. */
import {Buffer} from 'node:buffer'

import type {WeaviateObject} from '../../model/object.js'
import type {Connection} from '../../weaviate/connection.js'

import {inParallel} from '../../model/in-parallel.js'
import {type FetchOptions, fetchPage} from '../fetch-page.js'
import {ID_BYTES, type Run, type ScanPlace, type Segment} from './row-list.js'

/** Objects of a page of which it is kept when they came into being. */
const BORN_A_PAGE = 8

type ObjectTimes = Pick<WeaviateObject, 'creationTimeUnix'>

export interface ScanOptions extends Omit<FetchOptions, 'connection' | 'include'> {
  /** Tenants that are asked at the same time, at most. */
  concurrency: number
  connection: Pick<Connection, 'count' | 'readPage'>
  /** Of the group in hand, all active; `[undefined]` in collections without. */
  tenants: ReadonlyArray<string | undefined>
}

export interface Scanned extends Pick<Segment, 'ids' | 'runs'> {
  /** Objects that the server counted, before and after, and did not list. */
  lacking: number
  /** Where it goes on; undefined: all of these tenants are listed. */
  place?: ScanPlace
}

/** A tenant, or the collection, while it is listed. */
interface Listing {
  after?: string
  /** As in `Run`, of what is listed. */
  born: NonNullable<Run['born']>
  /** Objects that the server counted before it was listed. */
  counted: number
  first: Uint8Array
  isEnded: boolean
  tenant?: string
}

/** At least `wanted` ids from `place` on, or all there are. `place.tenant` is an index of `tenants`. */
export async function scanSegment(options: ScanOptions, place: ScanPlace, wanted: number): Promise<Scanned> {
  const {concurrency, signal, tenants} = options
  const ids: Uint8Array[] = []
  const runs: Run[] = []
  let rows = 0
  let lacking = 0
  let at = place
  while (rows < wanted && at.tenant < tenants.length) {
    const some = tenants.slice(at.tenant, at.tenant + concurrency)
    const earlier = at
    const listings = await inParallel(some.entries(), {atOnce: concurrency, signal}, async ([index, tenant]) =>
      begin(options, tenant, index === 0 ? earlier : undefined),
    )
    for (const listing of listings) {
      if (rows >= wanted) break
      const found = await listOne(options, listing, wanted - rows)
      rows += found.rows
      ids.push(...found.ids)
      if (found.rows > 0) {
        runs.push({
          ...(listing.born.length > 0 && {born: listing.born}),
          rows: found.rows,
          ...(listing.tenant !== undefined && {tenant: listing.tenant}),
        })
      }

      const {counted} = listing
      const listed = (at.begun?.rows ?? 0) + found.rows
      if (found.after === undefined) {
        lacking += await lackingIn(options, listing, listed)
        at = {tenant: at.tenant + 1}
      } else at = {after: found.after, begun: {counted, rows: listed}, tenant: at.tenant}
    }
  }

  return {ids: Buffer.concat(ids), lacking, runs, ...(at.tenant < tenants.length && {place: at})}
}

async function begin(
  options: ScanOptions,
  tenant: string | undefined,
  {after, begun}: Omit<ScanPlace, 'tenant'> = {},
): Promise<Listing> {
  const {connection, plan, signal, throttle} = options
  const count = async (): Promise<number> => throttle.run(async () => connection.count(plan.className, tenant, signal))
  const [counted, {asked, page}] = await Promise.all([
    begun?.counted ?? count(),
    fetchPage({...options, include: 'ids'}, {after, tenant}),
  ])
  const last = page.objects.at(-1)?.id ?? after
  return {
    born: bornOf(page.objects, 0),
    counted,
    first: bytesOf(page.objects),
    isEnded: page.objects.length < asked,
    ...(last !== undefined && {after: last}),
    ...(tenant !== undefined && {tenant}),
  }
}

/** `after`: where it goes on; undefined: all of it is listed. */
async function listOne(
  options: ScanOptions,
  listing: Listing,
  wanted: number,
): Promise<{after?: string; ids: Uint8Array[]; rows: number}> {
  const ids = [listing.first]
  let rows = listing.first.length / ID_BYTES
  let {after, isEnded} = listing
  for (;;) {
    if (!isEnded && rows >= wanted) return {...(after !== undefined && {after}), ids, rows}
    // An empty page after a short one confirms the end.
    const most = isEnded ? 1 : undefined
    const {asked, page} = await fetchPage({...options, include: 'ids'}, {after, most, tenant: listing.tenant})
    if (page.objects.length === 0 && isEnded) return {ids, rows}
    isEnded = page.objects.length < asked
    after = page.objects.at(-1)?.id ?? after
    listing.born.push(...bornOf(page.objects, rows))
    rows += page.objects.length
    ids.push(bytesOf(page.objects))
  }
}

async function lackingIn(options: ScanOptions, {counted, tenant}: Listing, listed: number): Promise<number> {
  const {connection, plan, signal, throttle} = options
  if (counted <= listed) return 0
  const now = await throttle.run(async () => connection.count(plan.className, tenant, signal))
  return Math.max(0, Math.min(counted, now) - listed)
}

/** Spread over a page, whose first object has that row. */
function bornOf(objects: readonly ObjectTimes[], firstRow: number): NonNullable<Run['born']> {
  const step = Math.max(1, Math.ceil(objects.length / BORN_A_PAGE))
  return objects.flatMap(({creationTimeUnix}, index): Array<[number, number]> =>
    index % step === 0 && creationTimeUnix !== undefined ? [[firstRow + index, creationTimeUnix]] : [],
  )
}

function bytesOf(objects: ReadonlyArray<{id: string}>): Buffer {
  return Buffer.from(objects.map(({id}) => id.replaceAll('-', '')).join(''), 'hex')
}
