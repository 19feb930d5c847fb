/** Whether what was read from start to end was one collection, with one schema. */
import type {WeaviateClass} from '../../model/schema.js'
import type {Connection} from '../../weaviate/connection.js'

import {DataOpsError} from '../../model/errors.js'

/**
 * @throws DataOpsError SERVER_REFUSED with `details.recreated` when the collection is gone, or another of the same name is there;
 * with `details.newMembers` when a backup that settles lacks properties or vectors that came into being meanwhile.
 */
export async function checkSameCollection(
  connection: Connection,
  schema: WeaviateClass,
  {identity, settles}: {identity?: string; settles: boolean},
): Promise<void> {
  const now = await connection.getCollection(schema.class)
  if (!now) throw recreated(schema.class, 'was dropped')
  if (identity !== undefined) {
    const found = await connection.identify(now)
    if (found !== undefined && found !== identity) throw recreated(schema.class, 'was dropped and made anew')
  }

  const newMembers = settles ? newMembersOf(schema, now) : []
  if (newMembers.length > 0) {
    throw new DataOpsError(
      'SERVER_REFUSED',
      `"${schema.class}" got ${newMembers.join(', ')} while it was being backed up; nothing was sealed.`,
      {details: {newMembers}, hint: 'Run the backup again.'},
    )
  }
}

function newMembersOf(before: WeaviateClass, now: WeaviateClass): string[] {
  const properties = new Set((before.properties ?? []).map(({name}) => name))
  const vectors = new Set(Object.keys(before.vectorConfig ?? {}))
  return [
    ...(now.properties ?? []).flatMap(({name}) => (properties.has(name) ? [] : [`the property ${name}`])),
    ...Object.keys(now.vectorConfig ?? {}).flatMap((name) => (vectors.has(name) ? [] : [`the vector ${name}`])),
  ]
}

function recreated(collection: string, what: string): DataOpsError {
  return new DataOpsError(
    'SERVER_REFUSED',
    `"${collection}" ${what} while it was being backed up; nothing was sealed.`,
    {details: {collection, recreated: true}, hint: 'Run the backup again.'},
  )
}
