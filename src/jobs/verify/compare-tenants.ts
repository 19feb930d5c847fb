/** Which tenants take part in a comparison. Pure. */
import type {SchemaDifference} from '../../model/schema-compare.js'
import type {HeldTenant, TakesPart, ThereTenant} from './side.js'

import {NOT_SELECTED} from '../../archive/incomplete.js'
import {DataOpsError} from '../../model/errors.js'
import {isOffloaded, tenantsNotThere} from '../../model/tenant.js'

export interface TenantSelection {
  /**
   * Not compared, and why. `isOpen`: nobody knows whether it is equal; else it was left out of the backup on purpose, or is not there, and
   * nobody asks for it.
   */
  leftOut: Array<{isOpen: boolean; name: string; reason: string}>
  /** Whether objects of that tenant take part. */
  takesPart: TakesPart
}

/** `live`: of the second of both. @throws DataOpsError INVALID_INPUT when a tenant that was asked for is in neither. */
export function selectForComparison(
  held: readonly HeldTenant[],
  live: readonly ThereTenant[],
  options: {includeOffloaded?: boolean; tenants?: readonly string[]},
): TenantSelection {
  const inFirst = new Map(held.map((tenant) => [tenant.name, tenant]))
  const wanted = options.tenants && options.tenants.length > 0 ? new Set(options.tenants) : undefined
  const names = new Set([...inFirst.keys(), ...live.map(({name}) => name)])
  const unknown = [...(wanted ?? [])].filter((name) => !names.has(name))
  if (unknown.length > 0) {
    throw new DataOpsError(
      'INVALID_INPUT',
      `There is no tenant ${unknown.map((name) => `"${name}"`).join(', ')}, in the backup or in the collection.`,
      tenantsNotThere(unknown, [...names], 'What is compared'),
    )
  }

  const there = new Set(live.map(({name}) => name))
  const leftOut = new Map<string, TenantSelection['leftOut'][number]>()
  const isWanted = (name: string): boolean => !wanted || wanted.has(name)
  for (const {name, skipped} of held) {
    if (skipped === undefined || !isWanted(name)) continue
    // Of one that is asked for by its name, nothing was compared.
    const isOpen = wanted !== undefined || (skipped !== NOT_SELECTED && there.has(name))
    leftOut.set(name, {isOpen, name, reason: `not in the backup: ${skipped}`})
  }

  for (const tenant of live) {
    const {name, skipped} = tenant
    const isReadable = skipped === undefined && (options.includeOffloaded === true || !isOffloaded(tenant))
    if (isReadable || leftOut.has(name) || !isWanted(name)) continue
    leftOut.set(name, {
      isOpen: true,
      name,
      reason: skipped === undefined ? 'offloaded' : `not in the backup: ${skipped}`,
    })
  }

  return {
    leftOut: [...leftOut.values()],
    takesPart: (tenant) => (tenant === undefined ? !wanted : !leftOut.has(tenant) && isWanted(tenant)),
  }
}

/** Tenants that only one of both has: without objects nothing else shows them. */
export function tenantsApart(
  held: readonly HeldTenant[],
  live: readonly ThereTenant[],
  takesPart: TakesPart,
): SchemaDifference[] {
  const there = new Set(live.map(({name}) => name))
  const known = new Set(held.map(({name}) => name))
  const apart = (name: string, isMissing: boolean): SchemaDifference => ({
    backup: isMissing ? name : undefined,
    live: isMissing ? undefined : name,
    path: `tenants.${name}`,
    severity: isMissing ? 'blocking' : 'notice',
  })
  return [
    ...held.filter(({name}) => takesPart(name) && !there.has(name)).map(({name}) => apart(name, true)),
    ...live.filter(({name}) => takesPart(name) && !known.has(name)).map(({name}) => apart(name, false)),
  ]
}
