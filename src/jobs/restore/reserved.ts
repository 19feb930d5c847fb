/** A target that a job of several machines restores into: no process holds it, so what says so lies in the place until the job has ended. */
import type {Store} from '../../store/store.js'

import {targetReservationName} from '../../archive/names.js'
import {utf8} from '../../codec/bytes.js'
import {DataOpsError} from '../../model/errors.js'
import {forget} from '../../store/forget.js'
import {readOwnJson} from '../../store/own-json.js'

/** By which job: it has ended where its plan is gone. */
export interface ReservedBy {
  job: string
  /** Key of the job's plan, in the same place. */
  plan: string
}

/**
 * Who restores into a target, other than by holding its lease. To be asked, and `reserve` called, while the lease is held: whoever wrote one
 * whose job has no plan has died before there was one, or the job has ended, and it is removed.
 */
export async function reservationNow(store: Store, lease: string): Promise<ReservedBy | undefined> {
  const found = await readReservation(store, lease)
  if (!found || (await store.stat(found.plan))) return found
  await forget(store, targetReservationName(lease))
  return undefined
}

async function reservationOf(store: Store, lease: string): Promise<ReservedBy | undefined> {
  const found = await readReservation(store, lease)
  return found && (await store.stat(found.plan)) ? found : undefined
}

async function readReservation(store: Store, lease: string): Promise<ReservedBy | undefined> {
  const name = targetReservationName(lease)
  return readOwnJson(store, name, {
    damaged: (cause) =>
      new DataOpsError('STORAGE', `${store.describe(name)} is damaged.`, {
        cause,
        details: {isHeld: true, path: store.describe(name)},
        hint: 'It says which job restores into the collection. Remove it once none does: see `job list`.',
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
