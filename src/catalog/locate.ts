import {realpath} from 'node:fs/promises'
import path from 'node:path'

import type {Store} from '../store/store.js'

import {findContent, sealedContent} from '../archive/content.js'
import {type Manifest, readManifest, type SealedManifest} from '../archive/manifest.js'
import {METADATA_FILE} from '../archive/names.js'
import {Archive} from '../archive/reader.js'
import {DataOpsError} from '../model/errors.js'
import {isMultiTenant} from '../model/schema.js'
import {nodePlatform} from '../platform/node.js'
import {openStore} from '../store/open.js'
import {BackupCatalog, type ListedBackup} from './catalog.js'

export interface OpenedArchive {
  archive: Archive
  /** The store it lies in, which need not be the one asked. */
  store: Store
}

/**
 * Opens a backup given by path, or by id, start of an id, or name in the store's catalog.
 * @throws DataOpsError NOT_A_BACKUP, BACKUP_DAMAGED.
 */
export async function openArchive(
  reference: string,
  store: Store,
  options: {acceptUnsealed?: boolean} = {},
): Promise<OpenedArchive> {
  const place = await locateBackup(reference, store)
  const manifest = await readManifest(place.store, place.name, options)
  checkIdentity(reference, place, manifest)
  if (manifest.seal) {
    const archive = new Archive(place.store, manifest, nodePlatform, sealedContent(manifest as SealedManifest))
    if (!options.acceptUnsealed || (await isWhole(archive))) return {archive, store: place.store}
  }

  const unsealed = manifest.seal ? withoutSeal(manifest as SealedManifest) : manifest
  return {archive: await openUnsealed(place.store, unsealed), store: place.store}
}

async function isWhole(archive: Archive): Promise<boolean> {
  try {
    await archive.assertWhole()
    return true
  } catch (error) {
    if (error instanceof DataOpsError && error.code === 'BACKUP_DAMAGED') return false
    throw error
  }
}

/** The counts and digests of a seal say nothing of what was edited since; where its parts are, nothing else says. */
function withoutSeal({seal, ...rest}: SealedManifest): Manifest {
  const parts = seal.parts.flatMap(({file, rows}) => (file === null ? [] : [{file, rows}]))
  const claims = {amendments: seal.amendments, objectCount: seal.object_count, parts, rows: seal.statistics.rows}
  return {...rest, claims, unsealed: true}
}

async function openUnsealed(store: Store, manifest: Manifest): Promise<Archive> {
  const content = await findContent(store, manifest, nodePlatform)
  const archive = new Archive(store, manifest, nodePlatform, content)
  const {metadata, schema} = manifest
  if (!isMultiTenant(schema) || metadata.tenants || content.rows === 0) return archive
  // Nobody says which tenants it has: the objects do.
  const names = new Set<string>()
  for await (const page of archive.pages({columns: 'ids'})) {
    for (const {tenant} of page.objects) if (tenant !== undefined) names.add(tenant)
  }

  const tenants = [...names].map((name) => ({name, status: 'HOT' as const}))
  return new Archive(store, {...manifest, metadata: {...metadata, tenants}}, nodePlatform, content)
}

/** What lies under the name that the catalog has for an id need no longer be that backup. */
function checkIdentity(reference: string, {listed, name, store}: BackupPlace, manifest: Manifest): void {
  if (!listed || reference === name) return
  const {claims, metadata, seal} = manifest
  const id = seal ? metadata.backup_id : claims?.backupId
  const isSame = id === undefined || id === listed.id
  const isSameContent = !seal || listed.digest === undefined || listed.digest === seal.digest
  if (isSame && isSameContent) return
  const where = store.describe(name)
  throw new DataOpsError(
    'BACKUP_DAMAGED',
    isSame
      ? `${where} has the id ${listed.id} and another content than the catalog says.`
      : `${where} is the backup ${id}, not ${listed.id} as the catalog says.`,
    {
      details: {path: where},
      hint: 'Have the catalog made anew with `BackupCatalog.reindex`. Or name the backup by its path.',
    },
  )
}

/** Where a reference points, whether or not a backup is there. */
export interface BackupPlace {
  /** Its entry, when it was found in the catalog. */
  listed?: ListedBackup
  name: string
  store: Store
}

/** Finds the place of a backup given by path, id, start of an id, or name. @throws DataOpsError NOT_A_BACKUP when there is none. */
export async function locateBackup(reference: string, store: Store): Promise<BackupPlace> {
  return (await placeOnDisk(reference)) ?? placeInCatalog(reference, store)
}

async function placeOnDisk(reference: string): Promise<BackupPlace | undefined> {
  let file: string
  try {
    // A link that a user names is followed; those inside a store are not.
    file = await realpath(reference)
  } catch {
    return undefined
  }

  // A file of a directory backup stands for the directory.
  if (path.basename(file) === METADATA_FILE) file = path.dirname(file)
  return {name: path.basename(file), store: openStore(path.dirname(file))}
}

async function placeInCatalog(reference: string, store: Store): Promise<BackupPlace> {
  const entry = await new BackupCatalog(store).find(reference)
  if (!entry) {
    throw new DataOpsError(
      'NOT_A_BACKUP',
      `There is no backup "${reference}": no such path, and no such id in ${store.describe('')}.`,
      {
        hint: 'List what there is with `BackupCatalog.list`.',
      },
    )
  }

  return {listed: entry, name: entry.file, store}
}
