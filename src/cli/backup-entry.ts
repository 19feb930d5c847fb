/** Backups of a folder as `--json` and tables show them. Pure. */
import path from 'node:path'

import type {BackupStatus, ListedBackup} from '../catalog/catalog.js'
import type {BackupFormat} from '../codec/codec.js'
import type {Store} from '../store/store.js'

import {nearestNames} from '../model/nearest.js'
import {formatCount, plural} from '../model/plural.js'
import {type Column, formatBytes, formatTable} from './format.js'
import {displayWidth} from './width.js'

export interface BackupEntry {
  /** Bytes on disk. */
  bytes: number
  /** Empty where it is hidden. */
  collection: string
  /** False: objects are missing from it. */
  complete: boolean
  digest?: string
  encrypted?: true
  format: BackupFormat
  id: string
  /** Until then nobody can change or remove it, RFC 3339; absent from one that is not locked. */
  lockedUntil?: string
  /** Whoever entered it could not see whether it is locked. */
  lockUnknown?: true
  /** Absent, like the name of the collection, from an encrypted backup that hides it. */
  objectCount?: number
  /** It holds a part of what its collection held: objects or members of them were left out on purpose. */
  partial: boolean
  path: string
  runId?: string
  /** Which server it was taken from; absent where the backup does not say, or hides it. */
  server?: string
  status: BackupStatus
  /** Tenants in it; absent without multi-tenancy. */
  tenants?: number
  /** Start of the backup, RFC 3339. */
  timestamp: string
}

/** `store`: where it lies. */
export function backupEntry(backup: ListedBackup, store: Store): BackupEntry {
  return {
    bytes: backup.size,
    collection: backup.collection,
    complete: backup.complete !== false,
    digest: backup.digest,
    encrypted: backup.encrypted,
    format: backup.format,
    id: backup.id,
    lockedUntil: backup.locked_until,
    ...(backup.lock_unknown && {lockUnknown: true as const}),
    objectCount: backup.object_count,
    partial: backup.partial === true,
    path: store.describe(backup.file),
    runId: backup.run_id,
    server: backup.server,
    status: backup.status,
    tenants: backup.tenants,
    timestamp: backup.timestamp,
  }
}

const ID_LENGTH = 8
const FULL_ID_LENGTH = 36
/** Columns for paths, at least: a name of a file with its time needs as many. */
const PATH_WIDTH = 24

/** Nothing is listed: `all` is what there is of others than the collection that was asked for, `unread` how many could not be looked at. */
export function noBackups(
  where: string,
  collection?: string,
  {all = [], unread = 0}: {all?: readonly ListedBackup[]; unread?: number} = {},
): string {
  if (unread > 0) {
    const which = collection === undefined ? '' : ` of "${collection}"`
    return `Whether there are backups${which} in ${where} is not known: ${plural(unread, 'file', 'files')} there could not be looked at.`
  }

  if (collection === undefined || all.length === 0) return `There are no backups in ${where}.`
  const near = nearestNames(collection, [...new Set(all.map((backup) => backup.collection))].filter(Boolean))
  const meant = near.length > 0 ? ` Did you mean ${near.join(', ')}?` : ''
  return `There are no backups of "${collection}" in ${where}, which has ${plural(all.length, 'backup')} of others.${meant}`
}

/** What is said of the folder that is taken where none was named, until the first backup has made it. */
export function noPlaceYet(folder: string): string {
  return `There are no backups: ${path.resolve(folder)} is not there. The first backup makes it; name another place with --output.`
}

/** Where there is no room for paths they are left out: `backup show` has them. */
export function backupTable(backups: readonly BackupEntry[], width = Infinity): string[] {
  const length = idLength(backups)
  const columns: Array<Column<BackupEntry>> = [
    {cut: 'nothing', header: 'ID', value: ({id}) => id.slice(0, length)},
    {header: 'COLLECTION', value: ({collection}) => collection || '(hidden)'},
    ...(isOfSeveral(backups) ? [{header: 'SERVER', value: ({server = '?'}: BackupEntry) => server}] : []),
    {cut: 'nothing', header: 'WHEN', value: ({timestamp}) => shortTime(timestamp)},
    {header: 'FORMAT', value: ({format}) => format},
    {
      align: 'right',
      header: 'OBJECTS',
      value: ({objectCount}) => (objectCount === undefined ? '?' : formatCount(objectCount)),
    },
    {align: 'right', header: 'SIZE', value: ({bytes}) => formatBytes(bytes)},
  ]
  const others = Math.max(...formatTable(backups, columns).map((line) => displayWidth(line)))
  const isBlocks = formatTable(backups, columns, width)[0]?.includes('SIZE') === false
  // What tells paths of one place apart, and what there is to say of a backup, stands at the end.
  if (isBlocks || others + 2 + PATH_WIDTH <= width)
    columns.push({cut: 'start', header: 'PATH', value: (backup) => [backup.path, ...remarks(backup)].join(' ')})
  else if (backups.some((backup) => remarks(backup).length > 0))
    columns.push({header: 'NOTES', value: (backup) => remarks(backup).join(' ')})
  return formatTable(backups, columns, width)
}

/** Which server each is of is shown where that tells them apart. */
export function isOfSeveral(backups: readonly BackupEntry[]): boolean {
  return new Set(backups.map(({server}) => server).filter((server) => server !== undefined)).size > 1
}

/** Whether all that the server counted is in it; `undefined`: an older version of the format does not say. */
export function completeness(complete: boolean | undefined, hasData: boolean): {isBad: boolean; text: string} {
  if (!hasData) return {isBad: false, text: 'the schema alone: it was taken without objects'}
  if (complete === undefined) return {isBad: false, text: 'not known: its version of the format does not say'}
  return complete
    ? {isBad: false, text: 'yes: all that the server counted is in it'}
    : {isBad: true, text: 'NO: objects that the server counted are not in it'}
}

function remarks({complete, encrypted, lockedUntil, lockUnknown, partial, status}: BackupEntry): string[] {
  const words = [
    ...(status === 'sealed' ? [] : [status]),
    ...(complete ? [] : ['incomplete']),
    ...(encrypted ? ['encrypted'] : []),
    ...(partial ? ['part'] : []),
    ...(lockUnknown ? ['not known whether it is locked'] : []),
    ...(isLocked(lockedUntil) ? [`locked until ${lockedUntil?.slice(0, 10)}`] : []),
  ]
  return words.length > 0 ? [`(${words.join(', ')})`] : []
}

function isLocked(until: string | undefined): boolean {
  return until !== undefined && Date.parse(until) > Date.now()
}

/** As many digits as tell the ids apart. */
function idLength(backups: readonly BackupEntry[]): number {
  const ids = [...new Set(backups.map(({id}) => id))]
  const areApart = (length: number) => new Set(ids.map((id) => id.slice(0, length))).size === ids.length
  const lengths = Array.from({length: FULL_ID_LENGTH - ID_LENGTH}, (_, more) => ID_LENGTH + more)
  return lengths.find((length) => areApart(length)) ?? FULL_ID_LENGTH
}

/** `2026-02-01 10:30:00` of RFC 3339 in UTC. */
export function shortTime(timestamp: string): string {
  return timestamp.slice(0, 19).replace('T', ' ')
}
