/** Restores in items, and what all who carry them out must know. */
import type {Archive} from '../../archive/reader.js'
import type {TenantNotes} from '../../flow/tenants/note.js'
import type {OperationOptions} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {RestoreRunOptions} from './options.js'
import type {Target} from './target.js'

import {isOfEncrypted} from '../../archive/encrypted/notes.js'
import {openArchive, openArchiveAt, type OpenedArchive} from '../../catalog/locate.js'
import {ACTIVATION_GROUP} from '../../flow/tenants/room.js'
import {staysHere} from '../../flow/transform/sent.js'
import {DataOpsError, insteadOf} from '../../model/errors.js'
import {keptWarnings} from '../options.js'
import {planInClear} from '../plan-in-clear.js'
import {exclusiveTenants, type RestoreItem, type RestoreWork, SENT_OPTIONS} from './items.js'
import {prepareSources} from './restore.js'
import {type RowRange, RowRanges} from './row-ranges.js'
import {TransformedSource} from './transformed.js'

/** Rows below which a range is not worth an item of its own. Tests have smaller ones; no option. */
export const SMALLEST_ITEM = {rows: 1000}
/** Rows in between that are read for nothing, rather than a part being opened once more. */
const GAP_ROWS = 1000

export interface DividedRestore {
  items: RestoreItem[]
  target: Target
  work: RestoreWork
}

interface PlanOptions {
  backups: readonly string[]
  /** How many there should be of each collection of so many rows, about. */
  items: (rows: number) => number
  notes: TenantNotes
  options: RestoreRunOptions
}

/**
 * Plans restores for workers that share nothing but the place: the targets are created, with their tenants, and held while `body` writes
 * the plan down. @throws DataOpsError as a restore does before it writes; INVALID_INPUT for functions of a program, and what does not lie here.
 */
export async function planRestoreWork<T>(
  connection: Connection,
  store: Store,
  {backups, items, notes, options}: PlanOptions,
  body: (divided: DividedRestore[]) => Promise<T>,
): Promise<T> {
  if (options.transforms?.some((transform) => staysHere(transform))) throw byFunctions()
  const archives = new Map<string, Archive>()
  const sources = backups.map((backup) => ({
    backup,
    async open() {
      const {onWarning, warnings} = keptWarnings()
      const {archive, store: home} = await openHere(backup, store, {onWarning})
      archives.set(archive.name, archive)
      return {source: archive, store: home, warnings}
    },
  }))
  return prepareSources([connection, sources, options, notes], async (targets) => {
    // Once all have created their tenants: what is referred to may be of another of them.
    for (const {restore, transfer} of targets) {
      if (transfer.plan.hasReferences) await transfer.tenants.admitTargets()
      await restore.job.active.putBack()
    }

    const divided: DividedRestore[] = []
    for (const target of targets) {
      const archive = archives.get(target.restore.job.archive.name)
      if (!archive) throw new TypeError('a target is of a backup that was opened')
      divided.push(await divideTarget(target, archive, items))
    }

    return body(divided)
  })
}

/** The place may have been given by another name: what tells is the backup. @throws DataOpsError INVALID_INPUT when it is not there. */
async function openHere(backup: string, store: Store, options: OperationOptions): Promise<OpenedArchive> {
  const found = await openArchive(backup, store, options)
  if (found.store.describe('') === store.describe('')) return found
  const {fingerprint, name, path} = found.archive
  const here = await openArchiveAt({name, store}).catch(insteadOf(undefined, 'NOT_A_BACKUP'))
  if (here?.archive.fingerprint === fingerprint) return here
  throw elsewhere(path, store)
}

function byFunctions(): DataOpsError {
  return new DataOpsError('INVALID_INPUT', 'A restore by functions of a program cannot be done by several machines.', {
    hint: 'Give them as a module, or restore with one process.',
  })
}

function elsewhere(path: string, store: Store): DataOpsError {
  return new DataOpsError('INVALID_INPUT', `${path} does not lie in ${store.describe('')}.`, {
    hint: 'Create the job in the place of the backup: that is where its workers find both.',
  })
}

async function divideTarget(target: Target, archive: Archive, items: PlanOptions['items']): Promise<DividedRestore> {
  const {isOurs, restore, transfer} = target
  const {checkpoint, dropped, job} = restore
  const {objects, references} = checkpoint
  if (objects.done.size > 0) throw begunByOne(target)
  const source = job.archive instanceof TransformedSource ? job.archive : undefined
  const transforms = source?.sent
  if (source && !transforms) throw byFunctions()

  const rows = partRows(archive).map((each) => each * (source?.most ?? 1))
  const {targetTenants, tenants} = checkpoint
  const isUncertain = references.announced > 0 || objects.announced === Infinity
  if (isOfEncrypted(job.home)) {
    const collection = job.target
    job.warn({code: 'plan-in-clear', details: {collection}, message: planInClear(collection)})
  }

  const work: RestoreWork = {
    backup: {
      fingerprint: archive.fingerprint,
      id: archive.head.metadata.backup_id ?? '',
      name: archive.name,
    },
    binding: checkpoint.binding,
    ...(dropped && {dropped}),
    ...(checkpoint.identity !== undefined && {identity: checkpoint.identity}),
    isOurs,
    ...(isUncertain ? {isUncertain} : {announced: objects.announced}),
    leases: [],
    options: Object.fromEntries(SENT_OPTIONS.map((name) => [name, job.options[name]])),
    rows: rows.reduce((sum, each) => sum + each, 0),
    schema: transfer.plan.schema,
    skipped: checkpoint.skipped.toJSON(),
    targetTenants,
    ...(tenants && {tenants}),
    ...(transforms && {transforms}),
    warnings: job.warnings,
  }
  // What is being restored is kept.
  await checkpoint.save()
  const wanted = archive.manifest.kind === 'document' ? 1 : items(work.rows)
  return {items: await divideRows(target, work, {rows, wanted}), target, work}
}

/** Of each part. */
function partRows(archive: Archive): number[] {
  if (!archive.head.metadata.options.include_data) return []
  return (archive.seal?.parts ?? []).map(({rows}) => rows)
}

function begunByOne({restore: {checkpoint, job}}: Target): DataOpsError {
  return new DataOpsError('CHECKPOINT', `A restore into "${job.target}" by one process was interrupted.`, {
    details: {checkpoint: checkpoint.describe()},
    hint: 'Run that restore again, which continues it; or delete the collection and the checkpoint, and create the job again.',
  })
}

/** Ranges of about as many rows each. Tenants that are active only while they are needed are one item's, some of them together. */
async function divideRows(
  {restore: {job}}: Target,
  work: RestoreWork,
  {rows, wanted}: {rows: readonly number[]; wanted: number},
): Promise<RestoreItem[]> {
  const parts = rangesOfParts(rows)
  const count = Math.max(1, Math.min(wanted, Math.ceil(work.rows / SMALLEST_ITEM.rows)))
  const size = Math.max(1, Math.ceil(work.rows / count))
  if (work.rows === 0) return []
  if (count === 1) return [{ranges: [[0, work.rows]]}]
  const exclusive = exclusiveTenants(work)
  if (exclusive.length === 0) return cut(parts, size).map((ranges) => ({ranges}))
  const found = await rowsByTenant(job, new Set(exclusive))
  const collections = new Set(work.targetTenants.map(({collection}) => collection))
  const most = Math.max(1, Math.floor(ACTIVATION_GROUP / (1 + collections.size)))
  return [
    ...cut(joined(found.others), size).map((ranges) => ({isOfOthers: true, ranges})),
    ...groups([...found.of], {most, size}),
  ]
}

function rangesOfParts(rows: readonly number[]): RowRange[] {
  let from = 0
  return rows.flatMap((each): RowRange[] => {
    from += each
    return each > 0 ? [[from - each, from]] : []
  })
}

async function rowsByTenant(
  {archive, options: {signal}}: Target['restore']['job'],
  exclusive: ReadonlySet<string>,
): Promise<{of: Map<string, RowRanges>; others: RowRanges}> {
  const of = new Map<string, RowRanges>()
  const others = new RowRanges()
  for await (const {objects, rows} of archive.pages({columns: 'ids', signal})) {
    for (const [index, {tenant}] of objects.entries()) {
      const row = rows[index]
      if (row === undefined) continue
      const isOwn = tenant !== undefined && exclusive.has(tenant)
      const ranges = isOwn ? (of.get(tenant) ?? new RowRanges()) : others
      if (isOwn) of.set(tenant, ranges)
      ranges.add(row, row + 1)
    }
  }

  return {of, others}
}

/** Small tenants together. */
function groups(
  tenants: ReadonlyArray<[name: string, rows: RowRanges]>,
  {most, size}: {most: number; size: number},
): RestoreItem[] {
  const items: RestoreItem[] = []
  let names: string[] = []
  let all = new RowRanges()
  const end = (): void => {
    if (names.length > 0) items.push({ranges: joined(all), tenants: names})
    names = []
    all = new RowRanges()
  }

  for (const [name, rows] of tenants) {
    if (names.length >= most || (names.length > 0 && all.size + rows.size > size)) end()
    names.push(name)
    for (const [from, to] of rows.toJSON()) all.add(from, to)
  }

  end()
  return items
}

/** Ranges without the small gaps between them. */
function joined(rows: RowRanges): RowRange[] {
  const ranges: RowRange[] = []
  for (const [from, to] of rows.toJSON()) {
    const last = ranges.at(-1)
    if (last && from - last[1] <= GAP_ROWS) last[1] = to
    else ranges.push([from, to])
  }

  return ranges
}

/** The same rows, in pieces of about so many each. */
function cut(ranges: readonly RowRange[], size: number): RowRange[][] {
  const pieces: RowRange[][] = []
  let piece: RowRange[] = []
  let room = size
  for (const [from, to] of ranges) {
    for (let start = from; start < to;) {
      const end = Math.min(to, start + room)
      piece.push([start, end])
      room -= end - start
      start = end
      if (room > 0) continue
      pieces.push(piece)
      piece = []
      room = size
    }
  }

  if (piece.length > 0) pieces.push(piece)
  return pieces
}
