/** Whether what was read from start to end was one collection, with one schema. */
import type {WeaviateClass} from '../../model/schema.js'
import type {Connection} from '../../weaviate/connection.js'

import {DataOpsError} from '../../model/errors.js'
import {newMembersOf} from '../../model/new-members.js'
import {sameCollection} from '../../weaviate/identity.js'

/**
 * Returns the properties and vectors that came into being meanwhile, in words: what is read over gRPC lacks them.
 * @throws DataOpsError SERVER_REFUSED with `details.recreated` when the collection is gone, or another of the same name is there;
 * with `details.newMembers` when a backup that settles lacks such.
 */
export async function checkSameCollection(
  connection: Connection,
  schema: WeaviateClass,
  {identity, settles}: {identity?: string; settles: boolean},
): Promise<string[]> {
  const now = await sameCollection(connection, schema.class, identity)
  if (typeof now === 'string') throw recreated(schema.class, now)
  const newMembers = newMembersOf(schema, now)
  if (settles && newMembers.length > 0) {
    throw new DataOpsError(
      'SERVER_REFUSED',
      `"${schema.class}" got ${newMembers.join(', ')} while it was being backed up; nothing was sealed.`,
      {details: {newMembers}, hint: 'Run the backup again.'},
    )
  }

  return newMembers
}

function recreated(collection: string, what: string): DataOpsError {
  return new DataOpsError(
    'SERVER_REFUSED',
    `"${collection}" was ${what} while it was being backed up; nothing was sealed.`,
    {details: {collection, recreated: true}, hint: 'Run the backup again.'},
  )
}
