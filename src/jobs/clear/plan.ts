/** Whether a collection may be cleared. Pure. */
import type {WeaviateClass} from '../../model/schema.js'
import type {Connection} from '../../weaviate/connection.js'
import type {ClearOptions} from './options.js'

import {DataOpsError} from '../../model/errors.js'
import {matchesPattern} from '../../model/pattern.js'
import {isOffloaded, type WeaviateTenant} from '../../model/tenant.js'
import {listingAddresses, replicationFactor} from '../../weaviate/replicas.js'

/** Names that are not cleared by accident, Elysia's own among them; `*` stands for any text, and case does not matter. */
export const PROTECTED_NAMES: readonly string[] = ['ELYSIA_*', 'ELYSIACTL_*', '*_SYSTEM', '.internal*']

/** The pattern that protects a name, if any. */
export function protectingPattern(name: string, patterns: readonly string[] = PROTECTED_NAMES): string | undefined {
  return patterns.find((pattern) => matchesPattern(name, pattern, {ignoreCase: true}))
}

/** @throws DataOpsError NOT_CONFIRMED for a protected name. */
export function checkProtected(name: string, options: Pick<ClearOptions, 'allowProtected' | 'protectedNames'>): void {
  if (options.allowProtected) return
  const pattern = protectingPattern(name, options.protectedNames)
  if (pattern === undefined) return
  throw new DataOpsError('NOT_CONFIRMED', `"${name}" is protected by the pattern "${pattern}".`, {
    details: {collection: name, pattern},
    hint: 'Add `allowProtected: true` if you are sure; nothing else does.',
  })
}

/** A tenant cannot be created offloaded, and a drop takes what it holds. @throws DataOpsError INVALID_INPUT. */
export function checkDroppable(name: string, tenants: readonly WeaviateTenant[]): void {
  const offloaded = tenants.filter((tenant) => isOffloaded(tenant)).map((tenant) => tenant.name)
  if (offloaded.length === 0) return
  throw new DataOpsError(
    'INVALID_INPUT',
    `"${name}" has ${offloaded.length} offloaded tenants, so it is not dropped.`,
    {
      details: {collection: name, tenants: offloaded},
      hint: 'Onload or delete them first, or clear with `keepSchema: true`.',
    },
  )
}

/** A drop takes what replicas have that nobody has looked at. `instead`: what can be done without a drop. @throws DataOpsError INVALID_INPUT. */
export function checkAllListed(
  connection: Connection,
  schema: WeaviateClass,
  instead = 'clear with `keepSchema: true`',
): void {
  const [factor, listed] = [replicationFactor(schema), listingAddresses(connection).length]
  if (listed >= factor) return
  throw new DataOpsError(
    'INVALID_INPUT',
    `"${schema.class}" has ${factor} replicas, of which ${listed} can be listed: what the others alone have would be dropped, and be in no backup.`,
    {
      details: {collection: schema.class, factor, listed},
      hint: `Name each node when you connect (\`nodes\`), or ${instead}.`,
    },
  )
}
