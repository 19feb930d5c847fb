/** Cuts a collection, or a tenant of it, into ranges of about as many objects each, by looking at a few ids here and there. */
import type {CollectionPlan, Connection} from '../weaviate/connection.js'
import type {Slice} from './parallel-reader.js'
import type {Throttle} from './throttle.js'

import {inParallel} from '../model/in-parallel.js'
import {numberToUuid, splitRange, uuidToNumber, WHOLE_RANGE} from '../model/uuid-range.js'

/** Ids that one look asks for. */
const LOOK = 50
/** Pieces that a range is cut into where it is looked at more closely. */
const PIECES = 8
/** Looks under way. */
const AT_ONCE = 8
/** Looks at most, beside two for each range wanted: enough to find ids that differ in their last digits only. */
const MOST_LOOKS = 600

export interface DivideOptions {
  connection: Pick<Connection, 'readPage'>
  plan: CollectionPlan
  signal?: AbortSignal
  tenant?: string
  throttle: Throttle
}

/** Ids in `(start, end]`, as numbers. */
interface Cell {
  end: bigint
  /** Objects, as far as is known. */
  objects: number
  start: bigint
}

/** Ascending, together all UUIDs; fewer than `parts` where there is not enough to divide. */
export async function divideByContent(options: DivideOptions, parts: number): Promise<Slice[]> {
  const {signal, tenant} = options
  const of = (range: {after?: string; until: string}): Slice => ({...range, ...(tenant !== undefined && {tenant})})
  if (parts <= 1) return [of(WHOLE_RANGE)]
  const whole = {end: uuidToNumber(WHOLE_RANGE.until), start: -1n}
  let cells = [await look(options, whole)]
  let looks = 1
  for (const most = MOST_LOOKS + parts * 2; ;) {
    const total = cells.reduce((sum, {objects}) => sum + objects, 0)
    // A quarter of a part, so that cutting between two of them is fair enough.
    const close = cells.filter(
      ({end, objects, start}) => objects > total / parts / 4 && objects > LOOK && end - start > 1n,
    )
    // The largest first: those that differ most from what they are thought to be.
    const chosen = new Set(close.toSorted((a, b) => b.objects - a.objects).slice(0, Math.ceil((most - looks) / PIECES)))
    if (chosen.size === 0 || looks >= most) break
    const pieces = await inParallel(
      [...chosen].flatMap((cell) => piecesOf(cell)),
      {atOnce: AT_ONCE, signal},
      async (piece) => look(options, piece),
    )
    looks += pieces.length
    cells = [...cells.filter((cell) => !chosen.has(cell)), ...pieces].toSorted(byStart)
  }

  return cut(cells, parts).map((range) => of(range))
}

function byStart(a: Cell, b: Cell): number {
  if (a.start === b.start) return 0
  return a.start < b.start ? -1 : 1
}

function piecesOf({end, start}: Cell): Array<Omit<Cell, 'objects'>> {
  const range = {...(start >= 0n && {after: numberToUuid(start)}), until: numberToUuid(end)}
  return splitRange(range, PIECES).map(({after, until}) => ({
    end: uuidToNumber(until),
    start: after === undefined ? -1n : uuidToNumber(after),
  }))
}

/** How many objects there are, by how close the first of them are. */
async function look(
  {connection, plan, signal, tenant, throttle}: DivideOptions,
  cell: Omit<Cell, 'objects'>,
): Promise<Cell> {
  const {end, start} = cell
  const {objects} = await throttle.run(async () =>
    connection.readPage({
      after: start < 0n ? undefined : numberToUuid(start),
      collection: plan,
      include: 'ids',
      limit: LOOK,
      signal,
      tenant,
    }),
  )
  const ids = objects.map(({id}) => uuidToNumber(id)).filter((id) => id <= end)
  const first = ids[0]
  const last = ids.at(-1)
  if (first === undefined || last === undefined) return {...cell, objects: 0}
  // There is nothing before the first of them.
  const known = {end, start: first - 1n}
  if (ids.length < LOOK) return {...known, objects: ids.length}
  const step = (last - first) / BigInt(ids.length - 1)
  return {...known, objects: ids.length + Number((end - last) / step)}
}

/** Ranges that end where another share of the objects is reached. */
function cut(cells: readonly Cell[], parts: number): Array<{after?: string; until: string}> {
  const total = cells.reduce((sum, {objects}) => sum + objects, 0)
  const ends: bigint[] = []
  let before = 0
  for (const {end, objects, start} of cells) {
    for (let next = ends.length + 1; next < parts && (total * next) / parts <= before + objects; next++) {
      const share = objects === 0 ? 1 : ((total * next) / parts - before) / objects
      ends.push(start + (BigInt(Math.round(share * 1e6)) * (end - start)) / 1_000_000n)
    }

    before += objects
  }

  const ranges: Array<{after?: string; until: string}> = []
  let after: string | undefined
  for (const end of [...ends.filter((id) => id >= 0n), uuidToNumber(WHOLE_RANGE.until)]) {
    const until = numberToUuid(end)
    if (after !== undefined && until <= after) continue
    ranges.push({...(after !== undefined && {after}), until})
    after = until
  }

  return ranges
}
