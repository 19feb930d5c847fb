/** Objects that the server refused, and their references, once more. */
import type {RestoreResult} from './options.js'
import type {Target} from './target.js'

import {rejectedToRead, resultOf} from './job.js'
import {sendWithReferences} from './references.js'
import {readRejected} from './rejected.js'
import {interruptibly} from './write.js'

/** Sends the objects of a `….rejected.jsonl` file. */
export async function retryRejected(target: Target, file: string): Promise<RestoreResult> {
  const {restore, sameServer, transfer} = target
  const {objection, rejected, tenants} = transfer
  const {name, store} = rejectedToRead(restore.job, file)
  let restored = 0
  await interruptibly(target, async () => {
    for await (const {object} of readRejected(store, name)) {
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
  return resultOf(restore, {rejected: rejected.count, restored, resumed: 0})
}

/** Once nothing is sent any more. */
export async function endRetry({restore, transfer}: Target): Promise<void> {
  await transfer.rejected.close()
  await transfer.tenants.settle({isLast: true})
  // There is nothing in it but tenants to put back.
  await restore.checkpoint.remove()
}
