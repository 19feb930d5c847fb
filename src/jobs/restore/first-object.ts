/** Whether REST and gRPC are one server, before a restore writes to it. */
import type {WeaviateClass} from '../../model/schema.js'
import type {RestoreJob} from './job.js'
import type {FirstObject, RestoreTransferOptions} from './objects.js'

import {assertDeleted} from '../../weaviate/delete-outcome.js'
import {tenantsOf} from '../../weaviate/resolve.js'
import {SameServer} from '../../weaviate/same-server.js'
import {announce} from './account.js'

/** Objects that the server may refuse before it is left to the pass itself. */
const MOST_REFUSED = 20

/** By what the target holds already. @throws DataOpsError CANNOT_CONNECT when they are two servers. */
export async function proveTarget({connection, options}: RestoreJob, schema: WeaviateClass): Promise<SameServer> {
  const sameServer = new SameServer(connection, schema, options)
  if (options.skipData || sameServer.isProven) return sameServer
  await sameServer.prove(await tenantsOf(connection, schema))
  return sameServer
}

/**
 * Where neither address has shown an object: one object is written and looked for over both, before any other is. The pass writes it again.
 * Undefined where none was needed, or taken.
 * @throws DataOpsError CANNOT_CONNECT when they are two servers; the object is taken back.
 */
export async function proveByFirstObject(
  options: RestoreTransferOptions,
  sameServer: SameServer,
): Promise<FirstObject | undefined> {
  const {archive, checkpoint, objection, selected, signal, tenants} = options
  if (sameServer.isProven) return undefined
  let refused = 0
  for await (const page of archive.pages({check: true, signal})) {
    for (const [index, object] of page.objects.entries()) {
      const row = page.rows[index]!
      const {gone, objects, rejected, skipped, unseen} = checkpoint
      const isDone = [objects.done, skipped, rejected, gone, unseen].some((rows) => rows.has(row))
      if (isDone || !selected(object) || objection(object) !== undefined) continue
      // What is found there later on is the pass's own.
      if (options.leavesOthers) await announce(checkpoint, 'objects', row + 1, 0)
      if (await tenants.whileActive([object], async () => sameServer.proveByWriting(object)))
        return {id: object.id, isSent: false, tenant: object.tenant}
      if (++refused >= MOST_REFUSED) return undefined
    }
  }

  return undefined
}

/** Once the pass is over: what a live source did not show any more by then is not in the copy, and must not stay. */
export async function takeBackFirst({
  archive,
  connection,
  first,
  plan,
  tenants,
}: RestoreTransferOptions): Promise<void> {
  if (!archive.isLive || !first || first.isSent) return
  const {id, tenant} = first
  const collection = plan.className
  await tenants.whileActive([{tenant}], async () =>
    assertDeleted(await connection.deleteObjects({collection, ids: [id], tenant}), {collection, tenant}),
  )
}
