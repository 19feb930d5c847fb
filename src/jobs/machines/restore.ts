/** Restores by several machines: the plan, one item of it, the end. */
import type {TenantNotes} from '../../flow/tenants/note.js'
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {PlannedItem} from '../../work/queue.js'
import type {CreateRestoreJobOptions} from './options.js'

import {persistent} from '../../flow/persistent.js'
import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant} from '../../model/schema.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {type DividedRestore, planRestoreWork} from '../restore/divide.js'
import {abandonRestore, endRestoreItems, type ItemOutcome} from '../restore/end-items.js'
import {
  openRestoreWork,
  type RestoreWork,
  type RestoreWorker,
  writeItemObjects,
  writeItemReferences,
} from '../restore/items.js'
import {checkTargetHere} from '../restore/job-target.js'
import {isReserved, unreserve} from '../restore/reserved.js'
import {rowsIn} from '../restore/row-ranges.js'
import {itemsFor, type JobQueue, openedOnce, resultsOf, type RunTask} from './items.js'
import {folderOf, type JobTask, type OpenJob, planKeyOf, type RestoreJobPlan, type RestoreTask} from './plan.js'

export interface PlannedRestores {
  items: Array<PlannedItem<JobTask>>
  works: RestoreWork[]
}

interface PlanRestores {
  backups: readonly string[]
  id: string
  notes: TenantNotes
  options: CreateRestoreJobOptions
}

/**
 * Targets are created and reserved; `write` puts the plan down, and they are no job's when it fails. `check`: right before it does.
 * @throws DataOpsError STORAGE when this process stood still for so long that somebody else restores into one of them.
 */
export async function planRestores<T>(
  connection: Connection,
  store: Store,
  {backups, id, notes, options: {id: _, items, leaseMs: __, ...options}}: PlanRestores,
  write: (planned: PlannedRestores, check: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const planning = {backups, items: (rows: number) => items ?? itemsFor(rows), notes, options}
  return planRestoreWork(connection, store, planning, async (divided) => {
    const check = async (): Promise<void> => {
      for (const {target} of divided) await target.restore.job.leases.check()
    }

    await check()
    const works: RestoreWork[] = []
    for (const {target, work} of divided)
      works.push({...work, leases: await target.restore.job.leases.reserve({job: id, plan: planKeyOf(id)})})
    return write({items: itemsOf(divided), works}, check)
  })
}

/**
 * One group. What holds tenants active while it needs them goes one collection after another: a collection's tenants may be needed by
 * the references, and the end, of another one.
 */
function itemsOf(divided: readonly DividedRestore[]): Array<PlannedItem<JobTask>> {
  const apart = divided.some(({work}) => isMultiTenant(work.schema))
  const planned: Array<PlannedItem<JobTask>> = []
  const objects = divided.map(({items}, work) =>
    items.map((item) => {
      planned.push({group: 0, payload: {do: 'objects', item, work}, phase: 0, weight: rowsIn(item.ranges)})
      return planned.length - 1
    }),
  )
  let phase = 1
  for (const [work, {items, work: of}] of divided.entries()) {
    if (!planCollection(of.schema).hasReferences || items.length === 0) continue
    for (const [index, item] of items.entries()) {
      const before = objects[work]?.[index] ?? 0
      planned.push({group: 0, payload: {do: 'references', item, of: before, work}, phase, weight: rowsIn(item.ranges)})
    }

    if (apart) phase++
  }

  phase++
  for (const work of divided.keys()) {
    planned.push({group: 0, payload: {do: 'end', work}, phase, weight: 0})
    if (apart) phase++
  }

  return planned
}

/** How the keys begin of what an item leaves in the place. */
function filesOf(id: string, number: number): string {
  return `${folderOf(id)}/left/${String(number).padStart(5, '0')}`
}

/** The items of a collection, without its end. */
function numbersOf(
  {plan}: OpenJob<RestoreJobPlan>,
  work: number,
): Array<{number: number; task: 'objects' | 'references'}> {
  return plan.items.flatMap(({payload}, number) =>
    'work' in payload && payload.work === work && payload.do !== 'end' ? [{number, task: payload.do}] : [],
  )
}

/** How a worker of a restore job does what it has taken. */
export function restoreTasks(
  job: OpenJob<RestoreJobPlan>,
  queue: JobQueue,
  open: (work: RestoreWork) => Promise<RestoreWorker>,
): RunTask {
  const {id, leaseMs, works} = job.plan
  const workerOf = openedOnce(works, open)
  return async ({earlier, number: taken, payload}, run) => {
    const task = payload as RestoreTask
    const worker = await workerOf(task.work)
    const files = filesOf(id, taken)
    if (task.do === 'end') {
      const own = numbersOf(job, task.work)
      const outcomes = await outcomesOf(job, queue, own)
      const itemFiles = own.map(({number}) => filesOf(id, number))
      return {restored: await endRestoreItems(worker, outcomes, {...run, files, itemFiles, job: id})}
    }

    const itemRun = {...run, earlier, files, leaseMs}
    if (task.do === 'objects') return {objects: await writeItemObjects(worker, task.item, itemRun)}
    const [objects] = await resultsOf(job, queue, [task.of], (result) =>
      'objects' in result ? result.objects : undefined,
    )
    if (!objects) throw new TypeError('an item without a result is an error')
    return {references: await writeItemReferences(worker, task.item, {...itemRun, objects})}
  }
}

/** Of the last pass over each item's rows, in their order. */
async function outcomesOf(
  job: OpenJob<RestoreJobPlan>,
  queue: JobQueue,
  own: ReturnType<typeof numbersOf>,
): Promise<ItemOutcome[]> {
  const last = own.some(({task}) => task === 'references') ? 'references' : 'objects'
  const wanted = own.filter(({task}) => task === last).map(({number}) => number)
  return resultsOf(job, queue, wanted, (result) => {
    if ('objects' in result) return result.objects
    return 'references' in result ? result.references : undefined
  })
}

/**
 * Before a job is cancelled: where a target is not there, it was dropped, or this is another server, at which nothing of the job may be
 * put back. The address tells. @throws DataOpsError CHECKPOINT (`details.ofWorker`).
 */
export async function checkServerOf(
  direct: Connection,
  store: Store,
  {plan: {id, server, works}}: OpenJob<RestoreJobPlan>,
): Promise<void> {
  if (direct.describe === server) return
  for (const work of works) {
    if (await isReserved(store, work.leases, id)) await checkTargetHere({direct, work}, server)
  }
}

interface AbandonRestores {
  job: OpenJob<RestoreJobPlan>
  notes: TenantNotes
  onWarning: (warning: Warning) => void
}

/**
 * Of a job that was cancelled: tenants go back, and one process can continue it. What has ended, or was given up before, is left alone:
 * others may be at it. Returns the collections that can be continued. @throws DataOpsError what any of them failed with, once all were tried.
 */
export async function abandonRestores(
  connection: Connection,
  store: Store,
  {job, notes, onWarning}: AbandonRestores,
): Promise<string[]> {
  const left: string[] = []
  const errors: unknown[] = []
  for (const [index, work] of job.plan.works.entries()) {
    try {
      if (!(await isReserved(store, work.leases, job.plan.id))) continue
      const worker = await openRestoreWork(connection, store, work, {notes, options: {onWarning}})
      const files = numbersOf(job, index)
        .filter(({task}) => task === 'references')
        .map(({number}) => filesOf(job.plan.id, number))
      left.push(await abandonRestore(worker, {async check() {}, files, job: job.plan.id}))
    } catch (error) {
      if (isOver(error)) await giveUp(connection, store, work, {error, job, notes, onWarning})
      else errors.push(error)
    }
  }

  if (errors.length > 0) throw errors[0]
  return left
}

/** Nothing is left that could be continued: the target, or the backup, is gone or another by now. */
function isOver(error: unknown): error is DataOpsError {
  return error instanceof DataOpsError && ['BACKUP_DAMAGED', 'CHECKPOINT', 'NOT_A_BACKUP'].includes(error.code)
}

async function giveUp(
  connection: Connection,
  store: Store,
  {leases, schema: {class: collection}}: RestoreWork,
  {error, job, notes, onWarning}: AbandonRestores & {error: DataOpsError},
): Promise<void> {
  await notes.beside(store).putBack(persistent(connection, {onWarning}), collection, onWarning)
  for (const lease of leases) await unreserve(store, lease, job.plan.id)
  onWarning({
    code: 'restore-not-continued',
    details: {collection, reason: error.message},
    message: `The restore into "${collection}" cannot be continued: ${error.message}`,
  })
}
