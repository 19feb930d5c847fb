/** Objects that the server refused, and their references, once more. */
import type {RestoreResult} from './options.js'
import type {Target} from './target.js'

import {rejectedToRead, resultOf} from './job.js'
import {isThere} from './objects.js'
import {conflict} from './plan.js'
import {sendWithReferences} from './references.js'
import {readRejected} from './rejected.js'
import {interruptibly} from './write.js'

/** Sends the objects of a `….rejected.jsonl` file. */
export async function retryRejected(target: Target, file: string): Promise<RestoreResult> {
  const {restore, sameServer, transfer} = target
  const {objection, rejected, tenants} = transfer
  const {name, store} = rejectedToRead(restore.job, file)
  const {onConflict} = restore.job.options
  let restored = 0
  let skipped = 0
  await interruptibly(target, async () => {
    if (onConflict === 'fail') await assertNone(target, file)
    for await (const {object, pass} of readRejected(store, name)) {
      // Of an object whose references were refused, the restore has written the rest.
      if (onConflict === 'skip' && pass === 'objects' && (await isThere(transfer, object))) {
        skipped++
        continue
      }

      const reason = objection(object)
      // Into a collection without objects nothing else shows which server it is on.
      if (reason === undefined && !sameServer.isProven) {
        await tenants.whileActive([object], async () => sameServer.proveByWriting(object))
      }

      const send = async (): ReturnType<typeof sendWithReferences> => sendWithReferences(transfer, object)
      const [refused] =
        reason === undefined
          ? await tenants.whileActive([object], send, {references: true})
          : [{pass: 'objects' as const, reason}]
      if (refused) await rejected.add(object, refused.pass, refused.reason)
      else restored++
    }
  })
  return {...resultOf(restore, {rejected: rejected.count, restored, resumed: 0}), skipped}
}

/** @throws DataOpsError COLLECTION_EXISTS when some of what was refused has come to be there since. */
async function assertNone({restore, transfer}: Target, file: string): Promise<void> {
  const {name, store} = rejectedToRead(restore.job, file)
  let there = 0
  for await (const {object, pass} of readRejected(store, name))
    if (pass === 'objects' && (await isThere(transfer, object))) there++
  if (there > 0) throw conflict(restore.job.target, there)
}

/** Once nothing is sent any more. */
export async function endRetry({restore, transfer}: Target): Promise<void> {
  await transfer.rejected.sync()
  await transfer.tenants.settle({isLast: true})
  // There is nothing in it but tenants to put back.
  await restore.checkpoint.remove()
}
