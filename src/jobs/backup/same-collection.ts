/** Whether what was read from start to end was one collection, with one schema. */
import type {WeaviateClass} from '../../model/schema.js'
import type {Connection} from '../../weaviate/connection.js'

import {DataOpsError} from '../../model/errors.js'

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
  const now = await connection.getCollection(schema.class)
  if (!now) throw recreated(schema.class, 'was dropped')
  if (identity !== undefined) {
    const found = await connection.identify(now)
    if (found !== undefined && found !== identity) throw recreated(schema.class, 'was dropped and made anew')
  }

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

/** Properties, nested ones too, and vectors that a schema has and an earlier one has not, in words. */
export function newMembersOf(before: WeaviateClass, now: WeaviateClass): string[] {
  const vectors = new Set(Object.keys(before.vectorConfig ?? {}))
  return [
    ...newProperties(before.properties, now.properties).map((name) => `the property ${name}`),
    ...Object.keys(now.vectorConfig ?? {}).flatMap((name) => (vectors.has(name) ? [] : [`the vector ${name}`])),
  ]
}

type Properties = WeaviateClass['properties']

function newProperties(before: Properties, now: Properties): string[] {
  const known = new Map((before ?? []).map((property) => [property.name, property]))
  return (now ?? []).flatMap(({name, nestedProperties}) => {
    const earlier = known.get(name)
    if (!earlier) return [name]
    return newProperties(earlier.nestedProperties, nestedProperties).map((nested) => `${name}.${nested}`)
  })
}

function recreated(collection: string, what: string): DataOpsError {
  return new DataOpsError(
    'SERVER_REFUSED',
    `"${collection}" ${what} while it was being backed up; nothing was sealed.`,
    {details: {collection, recreated: true}, hint: 'Run the backup again.'},
  )
}
