/** What tells a collection from another one of the same name, at whatever address. */
import type {WeaviateClass} from '../model/schema.js'
import type {Connection} from './connection.js'
import type {HttpClient} from './rest/http.js'

import {sha256Hex} from '../platform/node.js'
import {hasStatus} from './errors.js'

/**
 * A text that two collections have in common only when they are one: of the names that the server made up for its shards, which
 * are never the same again once it was dropped. undefined: the server does not say. Shards of tenants are named after these,
 * so that a collection with tenants has no such text.
 */
export async function identifyCollection(
  http: HttpClient,
  name: string,
  isMultiTenant: boolean,
): Promise<string | undefined> {
  if (isMultiTenant) return undefined
  try {
    const {value} = await http.json<unknown>({
      action: `list the shards of ${name}`,
      method: 'GET',
      path: `/v1/schema/${encodeURIComponent(name)}/shards`,
    })
    const shards = Array.isArray(value) ? (value as Array<null | {name?: unknown}>) : []
    const names = shards
      .map((shard) => shard?.name)
      .filter((each): each is string => typeof each === 'string' && each !== '')
    if (names.length === 0 || names.length < shards.length) return undefined
    return `shards ${sha256Hex(JSON.stringify(names.toSorted())).slice(0, 32)}`
  } catch (error) {
    // Not allowed, gone, or a server that has no such list: nothing is known.
    if ([401, 403, 404, 405, 422, 501].some((status) => hasStatus(error, status))) return undefined
    throw error
  }
}

/** The collection of that name as it is now; in a word, where it is gone, or known to be another than the one of that identity. */
export async function sameCollection(
  connection: Pick<Connection, 'getCollection' | 'identify'>,
  name: string,
  identity: string | undefined,
): Promise<'dropped and made anew' | 'dropped' | WeaviateClass> {
  const now = await connection.getCollection(name)
  if (!now) return 'dropped'
  const found = identity === undefined ? undefined : await connection.identify(now)
  return found === undefined || found === identity ? now : 'dropped and made anew'
}
