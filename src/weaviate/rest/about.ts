/** What a server tells of itself and of these credentials. */
import type {AboutServer, ServerNode} from '../connection.js'
import type {HttpClient} from './http.js'

import {insteadOf, isRefusal} from '../../model/errors.js'
import {countOf, optionalText, permissionsIn, recordOf, recordsOf} from './shape.js'

export function aboutServer(http: HttpClient): AboutServer {
  return {
    async modules() {
      const action = 'list the modules'
      const found = await known(async () => http.json<{modules?: unknown}>({action, method: 'GET', path: '/v1/meta'}))
      return found && Object.keys(recordOf(found.value.modules, action, 'modules'))
    },
    async nodes() {
      const action = 'list the nodes'
      const found = await known(async () =>
        http.json<{nodes?: unknown}>({action, method: 'GET', path: '/v1/nodes', query: {output: 'verbose'}}),
      )
      const text = (value: unknown, what: string): string => optionalText(value, action, what) ?? ''
      return recordsOf(found?.value.nodes, action, 'nodes').map(({name, shards, status, version}): ServerNode => ({
        name: text(name, 'name of a node'),
        shards: recordsOf(shards, action, 'shards').map((shard) => ({
          className: text(shard.class, 'collection of a shard'),
          name: text(shard.name, 'name of a shard'),
          objects: countOf(shard.objectCount, action, 'objects'),
        })),
        status: text(status, 'state of a node') || 'UNKNOWN',
        version: text(version, 'version of a node'),
      }))
    },
    async permissions() {
      const found = await known(async () =>
        http.json<unknown>({action: 'read the own roles', method: 'GET', path: '/v1/users/own-info'}),
      )
      return found && permissionsIn(found.value)
    },
    time: async () => serverTime(http),
  }
}

/** Milliseconds since 1970, to the second; undefined where the server does not tell the time. */
export async function serverTime(http: HttpClient, signal?: AbortSignal): Promise<number | undefined> {
  const {date} = await http.send({action: 'ask the time', method: 'GET', path: '/v1/.well-known/live', signal})
  const at = date === undefined ? NaN : Date.parse(date)
  return Number.isNaN(at) ? undefined : at
}

/** Undefined where the server has no such answer, or not for these credentials. */
async function known<T>(ask: () => Promise<T>): Promise<T | undefined> {
  return ask().catch(insteadOf(undefined, isRefusal))
}
