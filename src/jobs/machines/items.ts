/** What is the same for the items of all kinds of jobs. */
import type {Taken, WorkQueue} from '../../work/queue.js'
import type {ItemRun} from '../backup/items.js'
import type {JobResult, JobTask, OpenJob} from './plan.js'

import {DataOpsError} from '../../model/errors.js'

/** Objects of an item, and items at least and at most, where nobody says how many. */
const ITEM_OBJECTS = 50_000
const MIN_ITEMS = 32
const MAX_ITEMS = 4096

export function itemsFor(objects: number): number {
  return Math.min(MAX_ITEMS, Math.max(MIN_ITEMS, Math.ceil(objects / ITEM_OBJECTS)))
}

/** What an item came to is needed, and would not be missed. */
export function lostResult({place}: OpenJob, number: number): DataOpsError {
  return new DataOpsError('STORAGE', `What item ${number} of ${place.describe()} came to is not there any more.`, {
    details: {item: number, path: place.describe()},
    hint: 'Somebody has changed the job: cancel it, and create it anew.',
  })
}

export type JobQueue = WorkQueue<JobTask, JobResult>

export type TaskRun = Required<Omit<ItemRun, 'number'>>

/** Does what a worker has taken. */
export type RunTask = (taken: Taken<JobTask, JobResult>, run: TaskRun) => Promise<JobResult>

/** What `pick` takes of the results of these items, in their order. @throws DataOpsError STORAGE unless it is there of all of them. */
export async function resultsOf<T>(
  job: OpenJob,
  queue: JobQueue,
  numbers: Iterable<number>,
  pick: (result: JobResult) => T | undefined,
): Promise<T[]> {
  const wanted = new Set(numbers)
  const picked: T[] = []
  for await (const {number, result} of queue.results((each) => wanted.has(each))) {
    const one = pick(result)
    if (one === undefined) continue
    picked.push(one)
    wanted.delete(number)
  }

  const [lost] = wanted
  if (lost === undefined) return picked
  throw lostResult(job, lost)
}

/** What a worker opens of the collections of a job, each once; what could not be opened is tried again. */
export function openedOnce<Work, Worker>(
  works: readonly Work[],
  open: (work: Work) => Promise<Worker>,
): (index: number) => Promise<Worker> {
  const opened = new Map<number, Promise<Worker>>()
  return async (index) => {
    const known = opened.get(index)
    if (known) return known
    const work = works[index]
    if (!work) throw new RangeError(`There is no collection ${index}.`)
    const worker = open(work)
    opened.set(index, worker)
    worker.catch(() => opened.delete(index))
    return worker
  }
}
