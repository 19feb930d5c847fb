/** What a server tells of itself and of these credentials. */
import type {AboutServer, ServerNode} from '../connection.js'
import type {HttpClient} from './http.js'

import {DataOpsError} from '../../model/errors.js'

interface NodesReply {
  nodes?: Array<{
    name?: string
    shards?: Array<{class?: string; name?: string; objectCount?: number}> | null
    status?: string
    version?: string
  }> | null
}

interface OwnInfo {
  roles?: null | Array<{permissions?: null | Array<{action?: string}>}>
}

export function aboutServer(http: HttpClient): AboutServer {
  return {
    async nodes() {
      const found = await known(async () =>
        http.json<NodesReply>({action: 'list the nodes', method: 'GET', path: '/v1/nodes', query: {output: 'verbose'}}),
      )
      return (found?.value.nodes ?? []).map(({name = '', shards, status = 'UNKNOWN', version = ''}): ServerNode => ({
        name,
        shards: (shards ?? []).map((shard) => ({
          className: shard.class ?? '',
          name: shard.name ?? '',
          objects: shard.objectCount ?? 0,
        })),
        status,
        version,
      }))
    },
    async permissions() {
      const found = await known(async () =>
        http.json<OwnInfo>({action: 'read the own roles', method: 'GET', path: '/v1/users/own-info'}),
      )
      if (!Array.isArray(found?.value.roles)) return undefined
      const actions = found.value.roles.flatMap((role) => role.permissions ?? []).map(({action}) => action ?? '')
      return [...new Set(actions)]
    },
    async time() {
      const {date} = await http.send({action: 'ask the time', method: 'GET', path: '/v1/.well-known/live'})
      const at = date === undefined ? NaN : Date.parse(date)
      return Number.isNaN(at) ? undefined : at
    },
  }
}

/** Undefined where the server has no such answer, or not for these credentials. */
async function known<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof DataOpsError && !error.retryable && error.code !== 'INTERRUPTED') return undefined
    throw error
  }
}
