/** Whether the target of a job of several machines is there, where a worker of it is. */
import type {WeaviateClass} from '../../model/schema.js'
import type {Connection} from '../../weaviate/connection.js'

import {type PersistenceOptions, persistent} from '../../flow/persistent.js'
import {DataOpsError} from '../../model/errors.js'
import {isStillThere} from './same-target.js'

/** What is of it in a worker. */
interface Targeted {
  direct: Connection
  /** How patiently it asks. */
  options?: PersistenceOptions
  work: {identity?: string; schema: WeaviateClass}
}

/**
 * For who has never seen the target: where it is not there, this may be another server than the job's. `at`: where the job was created.
 * @throws DataOpsError CHECKPOINT (`details.ofWorker`).
 */
export async function checkTargetHere(worker: Targeted, at?: string): Promise<void> {
  await checkTarget(worker).catch((error: unknown) => {
    throw error instanceof DataOpsError && error.code === 'CHECKPOINT'
      ? notOfThisServer(error, worker.direct, at)
      : error
  })
}

/** @throws DataOpsError CHECKPOINT when the target is not the collection that the job was created for. */
export async function checkTarget({direct, options, work}: Targeted): Promise<void> {
  const {identity, schema} = work
  if (await isStillThere(persistent(direct, options), schema.class, identity)) return
  throw new DataOpsError('CHECKPOINT', `"${schema.class}" was dropped since this job was created.`, {
    details: {collection: schema.class},
    hint: 'Cancel the job, and create it anew.',
  })
}

/** For who has never seen the target of a job: that is nothing that another worker, at its own address, would meet. */
export function notOfThisServer(
  error: DataOpsError,
  {describe}: Pick<Connection, 'describe'>,
  at?: string,
): DataOpsError {
  const collection = String(error.details.collection)
  const where = at === undefined ? '' : ` at ${at}`
  return error.with({
    details: {ofWorker: true, server: describe},
    hint: `See whether ${describe} is the server that the job was created at (\`JobManager.show\` names it). If it is, cancel the job${where}, and create it anew.`,
    message: `${describe} has not the collection "${collection}" that this job is of: it is another server, or the collection was dropped.`,
  })
}
