/** Whether a collection may be cleared. Pure. */
import type {ClearOptions} from './options.js'

import {DataOpsError} from '../../model/errors.js'
import {matchesPattern} from '../../model/pattern.js'
import {isOffloaded, type WeaviateTenant} from '../../model/tenant.js'

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
