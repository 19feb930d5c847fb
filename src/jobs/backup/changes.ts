/** What transforms make of the collection that is backed up. */
import type {WeaviateObject} from '../../model/object.js'
import type {BackupJournal} from './journal.js'
import type {TenantPlan} from './tenants.js'

import {livePages} from '../../flow/live/pages.js'
import {type Slice} from '../../flow/parallel-reader.js'
import {renamesOf} from '../../flow/transform/tenants.js'
import {type RowsOfPage, TransformChain} from '../../flow/transform/transform.js'
import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {isMultiTenant} from '../../model/schema.js'
import {MAX_UUID} from '../../model/uuid-range.js'
import {batchSizeFor} from '../options.js'
import {lookThrough, type TransformPreview} from '../survey.js'
import {type BackupJob, readingOf} from './job.js'
import {TakenSum} from './taken.js'

/** undefined: objects are written as they are. @throws DataOpsError INVALID_INPUT when a transform does not fit the collection. */
export async function chainOf(job: BackupJob, tenantPlan: TenantPlan | undefined): Promise<TransformChain | undefined> {
  const {collection, options} = job
  const {includeData = true, tenants: rules = [], transforms = []} = options
  const all = [...renamesOf(rules), ...transforms]
  if (all.length === 0) return undefined
  const chain = await TransformChain.of(all, {
    isLive: true,
    async *read(columns) {
      if (includeData) yield* readLive(job, tenantPlan, columns === 'ids' ? 'ids' : 'objects')
    },
    schema: collection.schema,
    signal: options.signal,
    tenants: tenantPlan && [...tenantPlan.active, ...tenantPlan.activate.flat()],
  })
  checkSkippedShown(chain, tenantPlan)
  for (const warning of includeData ? chain.warnings : []) job.warn(warning)
  return chain
}

/** Tenants that cannot be read stand in the backup as such: where their names are gone, nothing would. @throws DataOpsError INVALID_INPUT. */
function checkSkippedShown({schema, tenants = []}: TransformChain, {skipped = []}: Partial<TenantPlan> = {}): void {
  const names = new Set(tenants.map(({name}) => name))
  const lost = skipped.filter(({name}) => !isMultiTenant(schema) || names.has(name))
  const [first] = lost
  if (!first) return
  throw new DataOpsError(
    'INVALID_INPUT',
    `${plural(lost.length, 'tenant')} cannot be read, "${first.name}" among them (${first.reason}), and the backup could not say that it lacks them.`,
    {
      details: {tenants: lost},
      hint: 'Have them onloaded with `includeOffloaded: true`, or name the others with `tenants`.',
    },
  )
}

/** For a dry run: reads everything. */
export async function foretellChanges(
  job: BackupJob,
  chain: TransformChain,
  {expected, tenantPlan}: {expected?: number; tenantPlan?: TenantPlan},
): Promise<TransformPreview> {
  const {collection, options} = job
  const {preview} = await lookThrough(asRows(readLive(job, tenantPlan, 'objects')), chain, {
    expected,
    onProgress: options.onProgress,
    schema: collection.schema,
    signal: options.signal,
  })
  return preview
}

async function* asRows(pages: AsyncIterable<WeaviateObject[]>): AsyncGenerator<RowsOfPage> {
  // What came of which is asked of one page at a time.
  for await (const objects of pages) yield {objects, rows: [...objects.keys()]}
}

/** Everything that the backup will read, before it is begun. */
function readLive(
  job: BackupJob,
  tenantPlan: TenantPlan | undefined,
  include: 'ids' | 'objects',
): AsyncIterable<WeaviateObject[]> {
  const {connection, notes, options} = job
  // A dry run wakes nobody.
  const tenants = tenantPlan && options.dryRun ? {...tenantPlan, activate: []} : tenantPlan
  return livePages({
    ...readingOf(job),
    batchSize: batchSizeFor(options, Number.MAX_SAFE_INTEGER),
    include,
    note: notes.begin(connection.describe),
    tenants,
  })
}

/** Whether what an unfinished backup has taken is there as it was: nothing of it was changed or deleted, and nothing has come beside it. */
export async function isAsTaken(
  job: BackupJob,
  tenantPlan: TenantPlan | undefined,
  {remaining, takenSum, tenants, waiting}: BackupJournal,
): Promise<boolean> {
  if (takenSum === undefined) return false
  const left = Map.groupBy([...remaining, ...waiting.flatMap(({slices}) => slices)], ({tenant}) => tenant)
  const sum = new TakenSum()
  for await (const objects of readLive(job, tenantPlan && ofTenants(tenantPlan, tenants?.read ?? [], left), 'ids'))
    sum.add(objects.filter(({id, tenant}) => !left.get(tenant)?.some((slice) => isIn(id, slice))))
  return sum.hex() === takenSum
}

function isIn(id: string, {after, until}: Slice): boolean {
  return (after === undefined || id > after) && id <= until
}

/** Those of which something was taken. */
function ofTenants(
  {activate, active, skipped}: TenantPlan,
  read: readonly string[],
  left: ReadonlyMap<string | undefined, readonly Slice[]>,
): TenantPlan {
  const isTaken = ({name}: {name: string}): boolean =>
    !left.get(name)?.some(({after, until}) => after === undefined && until === MAX_UUID)
  const wanted = new Set(read)
  const some = <T extends {name: string}>(tenants: readonly T[]): T[] =>
    tenants.filter((tenant) => wanted.has(tenant.name) && isTaken(tenant))
  return {
    activate: activate.map((group) => some(group)).filter(({length}) => length > 0),
    active: some(active),
    skipped,
  }
}
