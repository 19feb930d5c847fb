/** Which tenants take part in a comparison. Pure. */
import type {BackupHead} from '../../codec/document.js'
import type {SourceContent} from '../../flow/source.js'
import type {WeaviateTenant} from '../../model/tenant.js'

import {DataOpsError} from '../../model/errors.js'

export interface TenantSelection {
  /** Tenants of the live collection to read, as they are now. */
  live: WeaviateTenant[]
  /** Not compared, and why. `isOpen`: the backup holds objects that nothing was compared with. */
  leftOut: Array<{isOpen: boolean; name: string; reason: string}>
  /** Whether objects of that tenant in the backup take part. */
  takesPart: (tenant: string | undefined) => boolean
}

/** @throws DataOpsError INVALID_INPUT when a tenant that was asked for is in neither. */
export function selectForComparison(
  head: BackupHead,
  seal: SourceContent | undefined,
  live: readonly WeaviateTenant[],
  options: {includeOffloaded?: boolean; tenants?: readonly string[]},
): TenantSelection {
  const inBackup = new Map<string, {objects: number; skipped?: string}>()
  for (const {name} of head.metadata.tenants ?? []) inBackup.set(name, {objects: 1})
  for (const {name, object_count: objects = 0, skipped} of seal?.tenants ?? []) inBackup.set(name, {objects, skipped})
  const wanted = options.tenants && options.tenants.length > 0 ? new Set(options.tenants) : undefined
  const names = new Set([...inBackup.keys(), ...live.map(({name}) => name)])
  const unknown = [...(wanted ?? [])].filter((name) => !names.has(name))
  if (unknown.length > 0) {
    throw new DataOpsError(
      'INVALID_INPUT',
      `There is no tenant ${unknown.map((name) => `"${name}"`).join(', ')}, in the backup or in the collection.`,
    )
  }

  const selection: TenantSelection = {leftOut: [], live: [], takesPart: () => true}
  const leftOut = new Set<string>()
  const leaveOut = (name: string, reason: string, isOpen: boolean): void => {
    leftOut.add(name)
    selection.leftOut.push({isOpen, name, reason})
  }

  for (const [name, {skipped}] of inBackup) {
    if (skipped !== undefined && (!wanted || wanted.has(name))) leaveOut(name, `not in the backup: ${skipped}`, false)
  }

  for (const tenant of live) {
    if (leftOut.has(tenant.name) || (wanted && !wanted.has(tenant.name))) continue
    const isReadable = tenant.status === 'HOT' || tenant.status === 'COLD' || options.includeOffloaded === true
    if (isReadable) selection.live.push(tenant)
    else leaveOut(tenant.name, 'offloaded', (inBackup.get(tenant.name)?.objects ?? 0) > 0)
  }

  selection.takesPart = (tenant) =>
    tenant === undefined ? !wanted : !leftOut.has(tenant) && (!wanted || wanted.has(tenant))
  return selection
}
