import type {Connection} from '../weaviate/connection.js'

import {DataOpsError} from '../model/errors.js'
import {isPattern, matchesPattern} from '../model/pattern.js'

/** Patterns as the names that they match, each once, without what is excluded. @throws DataOpsError COLLECTION_MISSING when one matches nothing. */
export async function wantedCollections(
  connection: Connection,
  names: readonly string[] | 'all',
  exclude: readonly string[] = [],
): Promise<string[]> {
  const given = names === 'all' ? ['*'] : names
  const needsAll = given.some((name) => isPattern(name))
  const all = needsAll ? (await connection.listCollections()).map((schema) => schema.class).sort() : []
  const wanted = given.flatMap((name) => {
    if (!isPattern(name)) return [name]
    const matching = all.filter((other) => matchesPattern(other, name))
    if (matching.length > 0 || names === 'all') return matching
    throw new DataOpsError('COLLECTION_MISSING', `No collection at ${connection.describe} matches "${name}".`, {
      details: {pattern: name},
      hint: all.length > 0 ? `There are ${all.slice(0, 10).join(', ')}.` : 'The server has no collections.',
    })
  })
  return [...new Set(wanted)].filter((name) => exclude.every((pattern) => !matchesPattern(name, pattern)))
}
