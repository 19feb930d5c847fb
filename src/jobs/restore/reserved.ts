/** A target that a job of several machines restores into: no process holds it, so what says so lies in the place until the job has ended. */
import type {Store} from '../../store/store.js'

import {targetReservationName} from '../../archive/names.js'
import {utf8} from '../../codec/bytes.js'
import {DataOpsError, insteadOf} from '../../model/errors.js'
import {forget} from '../../store/forget.js'
import {readOwnJson} from '../../store/own-json.js'
import {readAll} from '../../store/read-all.js'

const decoder = new TextDecoder()

/** By which job: it has ended where its plan is gone, and it is of another one of that name where the plan does not name the lease. */
export interface ReservedBy {
  job: string
  /** Key of the job's plan, in the same place. */
  plan: string
}

/**
 * Who restores into a target, other than by holding its lease. To be asked, and `reserve` called, while the lease is held: whoever wrote one
 * that is in no plan has died before there was one, or somebody else was faster with a job of that name, or the job has ended; it is removed.
 */
export async function reservationNow(store: Store, lease: string): Promise<ReservedBy | undefined> {
  const found = await readReservation(store, lease)
  if (!found || (await isPlanned(store, lease, found))) return found
  await forget(store, targetReservationName(lease))
  return undefined
}

async function reservationOf(store: Store, lease: string): Promise<ReservedBy | undefined> {
  const found = await readReservation(store, lease)
  return found && (await isPlanned(store, lease, found)) ? found : undefined
}

/** Whether the job's plan is there and is of this target; true of a plan that is not understood. */
async function isPlanned(store: Store, lease: string, {plan}: ReservedBy): Promise<boolean> {
  const bytes = await readAll(store, plan).catch(insteadOf(undefined, 'NOT_A_BACKUP'))
  if (!bytes) return false
  try {
    const {works} = JSON.parse(decoder.decode(bytes)) as {works: Array<{leases: string[]}>}
    return works.some(({leases}) => leases.includes(lease))
  } catch {
    return true
  }
}

async function readReservation(store: Store, lease: string): Promise<ReservedBy | undefined> {
  const name = targetReservationName(lease)
  return readOwnJson(store, name, {
    damaged: (cause) =>
      new DataOpsError('STORAGE', `${store.describe(name)} is damaged.`, {
        cause,
        details: {isHeld: true, path: store.describe(name)},
        hint: 'It says which job restores into the collection. Remove it once none does: see `JobManager.list`.',
      }),
    name: 'reservation',
    read: (by) => ({job: by.member('job').text(), plan: by.member('plan').text()}),
  })
}

export async function reserve(store: Store, lease: string, by: ReservedBy): Promise<void> {
  await store.put(targetReservationName(lease), utf8(JSON.stringify(by)))
}

/** Whether any of the leases still says that the target is this job's. */
export async function isReserved(store: Store, leases: readonly string[], job: string): Promise<boolean> {
  for (const lease of leases) if ((await reservationOf(store, lease))?.job === job) return true
  return false
}

/** What is another job's by now stays. */
export async function unreserve(store: Store, lease: string, job: string): Promise<void> {
  const found = await reservationOf(store, lease)
  if (found?.job === job) await forget(store, targetReservationName(lease))
}
