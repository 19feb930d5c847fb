/** What the catalog says of one backup, as the backup itself tells it. */
import type {Store} from '../store/store.js'

import {checkCoveredFiles, readCover, type ReadCover} from '../archive/encrypted/cover.js'
import {unlock} from '../archive/encrypted/unlock.js'
import {lockOf} from '../archive/locked.js'
import {checkFiles, kindOfBackup, readManifest, type SealedManifest} from '../archive/manifest.js'
import {parseBackupName} from '../archive/names.js'
import {present, readServer} from '../archive/sealed-fields.js'
import {type BackupFormat, FORMATS} from '../codec/codec.js'
import {DataOpsError} from '../model/errors.js'
import {Field, MalformedError} from '../model/fields.js'
import {canOpen, encryptionOf} from '../store/encryption.js'

/** One backup in `.backup_catalog.json`. */
export interface CatalogEntry {
  /** Empty where an encrypted backup hides it. */
  collection: string
  /** false: objects are missing from it. Absent from whole ones. */
  complete?: false
  /** Content digest of the collection, 64 hex digits. */
  digest?: string
  /** Its files are. Absent from others. */
  encrypted?: true
  /** Name in the folder. */
  file: string
  format: BackupFormat
  /** The backup's own id, a UUID. */
  id: string
  /** Until then nobody can change or remove it, RFC 3339. Absent from others. */
  locked_until?: string
  /** Whoever entered it could not see whether it is locked. Absent from others. */
  lock_unknown?: true
  /** Absent where an encrypted backup hides it. */
  object_count?: number
  /** Transforms left objects, or members of them, out; of an encrypted backup: they changed it. Absent from others. */
  partial?: true
  run_id?: string
  /** Which server it was taken from. Absent where the backup does not say, or hides it. */
  server?: string
  /** Bytes of all its files. */
  size: number
  /** Tenants in the backup; absent without multi-tenancy. */
  tenants?: number
  /** Start of the backup, RFC 3339. */
  timestamp: string
}

/** The entry that a sealed backup gets. Skipped tenants do not count: they are not in it. */
export function entryOf(manifest: Pick<SealedManifest, 'bytes' | 'metadata' | 'name' | 'seal'>): CatalogEntry {
  const {bytes, metadata, name, seal} = manifest
  return {
    collection: metadata.collection,
    ...(seal.complete === false && {complete: false as const}),
    digest: seal.digest,
    file: name,
    format: metadata.options.format,
    id: metadata.backup_id,
    object_count: seal.object_count,
    ...(metadata.partial === true && {partial: true as const}),
    run_id: metadata.run_id,
    ...present({server: metadata.server}),
    size: bytes,
    timestamp: metadata.timestamp,
    ...(seal.tenants && {tenants: seal.tenants.filter(({skipped}) => skipped === undefined).length}),
  }
}

/** Reads one entry of a file that anybody may have written: above all its file is one in this folder, named like a backup. */
export function readEntry(field: Field): CatalogEntry {
  const file = field.member('file')
  if (!parseBackupName(file.text())) throw new MalformedError(file.path, 'is not the name of a backup')
  return {
    collection: field.member('collection').text(),
    ...(field.member('complete').optional((item) => item.boolean()) === false && {complete: false as const}),
    ...present({digest: field.member('digest').optional((item) => item.sha256())}),
    ...(field.member('encrypted').optional((item) => item.boolean()) === true && {encrypted: true as const}),
    file: file.text(),
    format: field.member('format').oneOf(FORMATS),
    id: field.member('id').uuid(),
    ...(field.member('lock_unknown').optional((item) => item.boolean()) === true && {lock_unknown: true as const}),
    ...present({locked_until: field.member('locked_until').optional((item) => item.time())}),
    ...present({object_count: field.member('object_count').optional((item) => item.count())}),
    ...(field.member('partial').optional((item) => item.boolean()) === true && {partial: true as const}),
    ...present({run_id: field.member('run_id').optional((item) => item.uuid())}),
    ...present({server: field.member('server').optional(readServer)}),
    size: field.member('size').count(),
    ...present({tenants: field.member('tenants').optional((item) => item.count())}),
    timestamp: field.member('timestamp').time(),
  }
}

/** @throws DataOpsError INVALID_INPUT. */
export function wellFormedEntry(entry: CatalogEntry): CatalogEntry {
  try {
    return readEntry(new Field(entry, 'entry'))
  } catch (error) {
    if (error instanceof MalformedError)
      throw new DataOpsError('INVALID_INPUT', `Cannot register a backup: ${error.message}.`)
    throw error
  }
}

/** What a backup of that name is on the disk; undefined for other names. */
export function kindOfName(name: string): 'directory' | 'file' | undefined {
  const parsed = parseBackupName(name)
  return parsed && (parsed.kind === 'directory' ? 'directory' : 'file')
}

/** The entry of an encrypted backup: what stands in the clear beside it, and no more. */
function entryOfCover(cover: ReadCover): CatalogEntry {
  return {
    collection: cover.collection ?? '',
    ...(cover.holds === 'incomplete' && {complete: false as const}),
    encrypted: true,
    file: cover.name,
    format: cover.format,
    id: cover.backupId,
    ...(cover.objectCount !== undefined && {object_count: cover.objectCount}),
    ...(cover.holds === 'part' && {partial: true as const}),
    run_id: cover.runId,
    ...present({server: cover.server}),
    size: cover.bytes,
    timestamp: cover.timestamp,
  }
}

/** The entry of a backup that is there, with all its files. @throws DataOpsError when it is none, or damaged as far as can be seen. */
export async function readEntryOf(store: Store, file: string): Promise<CatalogEntry> {
  return (await readBack(store, file)).entry
}

/** Also what it says of itself, where no key is needed for that. @throws DataOpsError as `readEntryOf`. */
export async function readBack(
  store: Store,
  file: string,
): Promise<{entry: CatalogEntry; manifest: SealedManifest | undefined}> {
  const lock = await lockOf(store, file)
  const locked =
    lock === 'unknown' ? {lock_unknown: true as const} : lock && {locked_until: new Date(lock.until).toISOString()}
  const kind = await kindOfBackup(store, file)
  const cover = await readCover(store, file, kind)
  if (cover) {
    await checkCoveredFiles(store, cover)
    return {entry: {...entryOfCover(cover), ...locked}, manifest: undefined}
  }

  const manifest = await readManifest(store, file, {kind})
  await checkFiles(store, manifest)
  return {entry: {...entryOf(manifest), ...locked}, manifest}
}

/** With what it hides, for those who have its key. */
export async function withHiddenName<T extends CatalogEntry>(store: Store, entry: T): Promise<T> {
  if (entry.collection !== '' || !canOpen(encryptionOf(store))) return entry
  try {
    const {metadata, seal} = await readManifest((await unlock(store, entry.file)).store, entry.file)
    const {collection, server} = metadata
    return {...entry, collection, object_count: seal.object_count, ...present({server})}
  } catch (error) {
    // Somebody else's, or damaged: it is listed as it stands.
    if (error instanceof DataOpsError) return entry
    throw error
  }
}

/** The others. */
export function withoutFile(file: string): (entries: readonly CatalogEntry[]) => CatalogEntry[] {
  return (entries) => entries.filter((entry) => entry.file !== file)
}

/** What is listed, and those of `entries` that are not. */
export function withMissing(entries: readonly CatalogEntry[]): (now: readonly CatalogEntry[]) => CatalogEntry[] {
  return (now) => {
    const files = new Set(now.map(({file}) => file))
    return [...now, ...entries.filter(({file}) => !files.has(file))]
  }
}
