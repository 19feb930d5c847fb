/** Aliases over REST; servers before 1.32 have none. */
import type {Connection, WeaviateAlias} from '../connection.js'
import type {HttpClient} from './http.js'

import {hasStatus} from '../errors.js'
import {requirePermission} from '../permissions.js'
import {recordsOf, textOf} from './shape.js'

/** A connection's methods about aliases. */
export function aliasOperations(
  http: HttpClient,
): Pick<Connection, 'createAlias' | 'deleteAlias' | 'listAliases' | 'updateAlias'> {
  return {
    async createAlias(alias, collection) {
      const body = JSON.stringify({alias, class: collection})
      await http.send({action: `create alias ${alias}`, body, method: 'POST', path: '/v1/aliases'})
    },
    async deleteAlias(alias) {
      try {
        await http.send({action: `remove alias ${alias}`, method: 'DELETE', path: aliasPath(alias)})
      } catch (error) {
        // One that is not there is no error.
        if (!hasStatus(error, 404)) throw error
      }
    },
    async listAliases() {
      const aliases = await listAliases(http)
      if (aliases.length === 0) await requirePermission(http, 'list aliases', 'read_aliases')
      return aliases
    },
    async updateAlias(alias, collection) {
      const body = JSON.stringify({class: collection})
      await http.send({action: `point alias ${alias} at ${collection}`, body, method: 'PUT', path: aliasPath(alias)})
    },
  }
}

/** Every alias; none on servers that do not know them. */
async function listAliases(http: HttpClient): Promise<WeaviateAlias[]> {
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

function aliasPath(alias: string): string {
  return `/v1/aliases/${encodeURIComponent(alias)}`
}
