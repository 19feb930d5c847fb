/** Backups by several machines: the plan, one item of it, the seal. */
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {PlannedItem} from '../../work/queue.js'
import type {CreateBackupJobOptions} from './options.js'
import type {BackupJobPlan, JobTask, OpenJob} from './plan.js'

import {SCHEMA_FILE} from '../../archive/names.js'
import {schemaFile} from '../../archive/seal-folder.js'
import {persistent} from '../../flow/persistent.js'
import {DataOpsError} from '../../model/errors.js'
import {randomUUID} from '../../platform/node.js'
import {resolveCollection} from '../../weaviate/resolve.js'
import {planBackupWork} from '../backup/divide.js'
import {type BackupWork, type BackupWorker, runBackupItem} from '../backup/items.js'
import {dropBackup} from './drop.js'
import {itemsFor, type JobQueue, openedOnce, resultsOf, type RunTask} from './items.js'
import {sealBackup} from './seal.js'

/** Objects that an item is taken to have where that is not known. */
const UNKNOWN_WEIGHT = 1

export interface PlannedBackups {
  /** Takes back what was put into the place. */
  drop: () => Promise<void>
  items: Array<PlannedItem<JobTask>>
  works: BackupWork[]
}

/** The items of each collection are a group: none waits for another's. */
export async function planBackups(
  connection: Connection,
  store: Store,
  names: readonly string[],
  {exclude: _, id: __, items: wanted, leaseMs: ___, ...options}: CreateBackupJobOptions,
): Promise<PlannedBackups> {
  const runId = randomUUID()
  const works: BackupWork[] = []
  const drop = async (): Promise<void> => {
    for (const work of works) await dropBackup(store, work)
  }

  const planned: PlannedBackups = {drop, items: [], works}
  try {
    for (const [group, name] of names.entries()) {
      const {items, work} = await planBackupWork(connection, store, name, {
        items: wanted ?? itemsFor(await objectsOf(persistent(connection, options), name)),
        options: {...options, format: options.format ?? 'parquet', runId},
      })
      await reserve(store, work)
      works.push(work)
      const weight = Math.round((work.expectedObjects ?? UNKNOWN_WEIGHT) / Math.max(1, items.length))
      for (const [index, item] of items.entries())
        planned.items.push({group, payload: {do: 'read', item, number: index + 1}, phase: 0, weight})
      planned.items.push({group, payload: {do: 'seal'}, phase: 1, weight: 0})
    }
  } catch (error) {
    await drop()
    throw error
  }

  return planned
}

async function objectsOf(connection: Connection, name: string): Promise<number> {
  const {schema} = await resolveCollection(connection, name)
  return connection.count(schema.class).catch((error: unknown) => {
    // Collections with tenants are counted one by one, where they are planned.
    if (error instanceof DataOpsError && error.code !== 'CANNOT_CONNECT') return 0
    throw error
  })
}

/** From here on the name is not free: the schema is what the seal would put there. An encrypted one has its key there. */
async function reserve(store: Store, {encryption, head, name}: BackupWork): Promise<void> {
  if (encryption) return
  const isFree = await store.put(`${name}/${SCHEMA_FILE}`, schemaFile(head), {ifAbsent: true})
  if (isFree !== undefined) return
  throw new DataOpsError('STORAGE', `The name ${store.describe(name)} was taken meanwhile.`, {
    hint: 'Create the job again.',
    retryable: true,
  })
}

/** How a worker of a backup job does what it has taken. */
export function backupTasks(
  job: OpenJob<BackupJobPlan>,
  queue: JobQueue,
  open: (work: BackupWork) => Promise<BackupWorker>,
): RunTask {
  const {items, works} = job.plan
  const workerOf = openedOnce(works, open)
  return async ({number: taken, payload}, run) => {
    const group = items[taken]?.group ?? 0
    const worker = await workerOf(group)
    if (payload.do === 'read') {
      return {read: await runBackupItem(worker, payload.item, {...run, number: payload.number})}
    }

    const wanted = items.flatMap((item, number) => (item.group === group && item.payload.do === 'read' ? [number] : []))
    const results = await resultsOf(job, queue, wanted, (result) => ('read' in result ? result.read : undefined))
    return sealBackup(job, worker, results, run)
  }
}
