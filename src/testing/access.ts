import type {Settings} from './options.js'

import {Refusal} from './refusal.js'

export type Access = 'read' | 'write'

/** What the bearer of an `Authorization` header may do; undefined for nothing. */
export function accessOf(header: string | undefined, {apiKeys, readOnlyApiKeys}: Settings): Access | undefined {
  if (apiKeys.length + readOnlyApiKeys.length === 0) return header?.startsWith('Bearer ') ? undefined : 'write'
  const key = header?.startsWith('Bearer ') ? header.slice('Bearer '.length) : undefined
  if (key === undefined) return undefined
  if (apiKeys.includes(key)) return 'write'
  return readOnlyApiKeys.includes(key) ? 'read' : undefined
}

/** What a read-only key is told. `verb` is C, R, U or D. */
export function forbidden(verb: string, resource: string): Refusal {
  return new Refusal(
    `adminlist: authorization, forbidden action: user 'read-only' has insufficient permissions to ${verb} [${resource}]`,
    403,
    7,
  )
}

export function dataOf(collection: string, tenant = ''): string {
  return `data/collections/${collection}/shards/${tenant || '*'}/objects/*`
}
