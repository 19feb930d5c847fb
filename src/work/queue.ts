/** Work that is divided into items, and taken by workers that know nothing of each other. */

/** An item as it was planned; its number is its place in the plan. */
export interface PlannedItem<P> {
  /** Items of different groups do not wait for each other. */
  group: number
  payload: P
  /** From 0. The items of a phase are taken once all of the group's phases before it are done. */
  phase: number
  /** Share of the work, in a unit of the plan's own: objects, rows. */
  weight?: number
}

/** An item that this worker has. */
export interface Taken<P, R> {
  /** From 1; above it, somebody has had the item before, and may have done some of it, or still be doing it. */
  readonly attempt: number
  /** How the attempts before ended; `unseen`: nobody knows whether the worker of one of them still lives. */
  readonly earlier: 'ended' | 'none' | 'unseen'
  readonly number: number
  readonly payload: P
  /** Fires when the item is another's by now, or the job was cancelled. */
  readonly signal: AbortSignal
  /** Before what must not happen twice. @throws DataOpsError STORAGE (`details.leaseLost`) when the item is another's by now. */
  check: () => Promise<void>
  /** Says how far it is, for people who look; in the place with the next renewal. */
  note: (progress: unknown) => void
  /** One conditional write; false: the item is another's by now, and so is its result. */
  done: (result: R) => Promise<boolean>
  /** Somebody tries again, or it is put aside. Nothing happens when it is another's by now. */
  failed: (error: unknown) => Promise<void>
  /** Gives it back, which is no failure. */
  release: () => Promise<void>
}

export interface WorkQueue<P, R> {
  /** Waits for items that others have; undefined: the job is over, or can go no further. @throws DataOpsError INTERRUPTED. */
  take: (signal?: AbortSignal) => Promise<Taken<P, R> | undefined>
  /** Of items that are done, by number; `wanted`: of some. */
  results: (wanted?: (number: number) => boolean) => AsyncIterable<{number: number; result: R}>
  state: () => Promise<QueueState>
}

/** Why an attempt at an item failed. */
export interface ItemFailure {
  /** From 1. */
  attempt: number
  code?: string
  host?: string
  message: string
}

/** `stuck`: items were put aside, and nothing else is left that could be done without them. */
export type QueueEnd = 'cancelled' | 'done' | 'open' | 'stuck'

/** How far the items of one group are with one phase; its next phase waits for them. */
export interface PhaseState {
  /** Items that failed too often. */
  aside: number
  /** Items that are done. */
  done: number
  /** From 0: items of other groups are not waited for. */
  group: number
  /** Items that somebody has. */
  held: number
  /** Items in all. */
  items: number
  /** From 0. */
  phase: number
  /** What all items are, in units of whoever planned them. */
  weight: number
  /** What those are that are done. */
  weightDone: number
}

export interface QueueState {
  /** Items that failed too often. */
  aside: number[]
  end: QueueEnd
  /** Items that somebody has, or had and has not given back. */
  held: number[]
  phases: PhaseState[]
}

/** Times that an item may fail before it is put aside. A lost lease is no failure. */
export const MAX_FAILURES = 3
