/** The third and fourth step of a restore: every object, then the references of all. */
import type {Target} from './target.js'

import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {takeBackFirst} from './first-object.js'
import {writeObjects as transferObjects} from './objects.js'
import {writeReferences as transferReferences} from './references.js'
import {withThreads} from './threads.js'

/** Every object is there, without its references. */
export interface WithObjects {
  step: 'objects'
  target: Target
}

/** Everything is there that the server took. */
export interface Written {
  step: 'references'
  target: Target
}

export async function writeObjects(target: Target): Promise<WithObjects> {
  const {
    restore: {checkpoint, job},
    transfer,
  } = target
  if (!job.options.skipData) {
    await interruptibly(target, async () => {
      await checkpoint.save()
      if (checkpoint.objects.finished) return
      // What a run that is forgotten has sent must not come after what is written anew.
      if (checkpoint.forgotten && transfer.plan.hasReferences) await checkpoint.calm(job.options.signal)
      await withThreads(job, transfer, transferObjects)
      await takeBackFirst(transfer)
      // Objects of the earlier run that come later than their references would clear them.
      if (transfer.plan.hasReferences) await checkpoint.calm(job.options.signal)
    })
  }

  return {step: 'objects', target}
}

/** Once the objects of this collection are written, and of those that it refers to. */
export async function writeReferences({target}: WithObjects): Promise<Written> {
  const {restore, transfer} = target
  const {plan, sink} = transfer
  const isDone = restore.checkpoint.references.finished || !plan.hasReferences || !sink.writeReferences
  if (!restore.job.options.skipData && !isDone) {
    await interruptibly(target, async () => withThreads(restore.job, transfer, transferReferences))
  }

  return {step: 'references', target}
}

/** What stops `body` says what is there and how to go on. */
export async function interruptibly<T>({isOurs, restore}: Target, body: () => Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    if (!(error instanceof DataOpsError)) throw error
    const {checkpoint, job} = restore
    const restored = checkpoint.objects.count
    throw error.with({
      details: {checkpoint: checkpoint.describe(), resumable: true, restored},
      hint: howToGoOn(error, isOurs ? job.target : undefined),
      message: `${error.message} "${job.target}" has ${plural(restored, 'object')} of the backup so far.`,
    })
  }
}

/** `ours`: the collection, where it was made by this restore. */
function howToGoOn({code, details, hint}: DataOpsError, ours: string | undefined): string {
  const another = ours === undefined ? 'use `restart: true`' : `delete "${ours}" and use \`restart: true\``
  // What was given is wrong, and something else is no continuation.
  if (code === 'INVALID_INPUT' && hint !== undefined) return `${hint} To begin anew, ${another}.`
  // Of another source the rest is no rest.
  if (details.recreated === true) return `To begin anew, ${another}.`
  return `Run the same restore again to continue${ours === undefined ? '' : `, or ${another} to start over`}.`
}
