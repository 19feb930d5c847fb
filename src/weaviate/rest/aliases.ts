/** Aliases over REST; servers before 1.32 have none. */
import type {WeaviateAlias} from '../connection.js'
import type {HttpClient} from './http.js'

import {hasStatus} from '../errors.js'
import {recordsOf, textOf} from './shape.js'

/** Every alias; none on servers that do not know them. */
export async function listAliases(http: HttpClient): Promise<WeaviateAlias[]> {
  try {
    const action = 'list aliases'
    const {value} = await http.json<{aliases?: unknown}>({action, method: 'GET', path: '/v1/aliases'})
    return recordsOf(value.aliases, action, 'aliases').map((each) => ({
      alias: textOf(each.alias, action, 'name of an alias'),
      collection: textOf(each.class, action, 'collection of an alias'),
    }))
  } catch (error) {
    if (hasStatus(error, 404, 405, 501)) return []
    throw error
  }
}

export async function createAlias(http: HttpClient, alias: string, collection: string): Promise<void> {
  await http.send({
    action: `create alias ${alias}`,
    body: JSON.stringify({alias, class: collection}),
    method: 'POST',
    path: '/v1/aliases',
  })
}

export async function updateAlias(http: HttpClient, alias: string, collection: string): Promise<void> {
  await http.send({
    action: `point alias ${alias} at ${collection}`,
    body: JSON.stringify({class: collection}),
    method: 'PUT',
    path: aliasPath(alias),
  })
}

/** Removes an alias; one that is not there is no error. */
export async function deleteAlias(http: HttpClient, alias: string): Promise<void> {
  try {
    await http.send({action: `remove alias ${alias}`, method: 'DELETE', path: aliasPath(alias)})
  } catch (error) {
    if (!hasStatus(error, 404)) throw error
  }
}

function aliasPath(alias: string): string {
  return `/v1/aliases/${encodeURIComponent(alias)}`
}
