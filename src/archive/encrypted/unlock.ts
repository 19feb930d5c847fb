/** Opens an encrypted backup, so that it is read as any other. */
import type {BackupHead} from '../../codec/document.js'
import type {Store} from '../../store/store.js'
import type {Problem} from '../problem.js'

import {DataOpsError, insteadOf} from '../../model/errors.js'
import {damaged} from '../../store/damaged.js'
import {canOpen, encryptionOf} from '../../store/encryption.js'
import {type Manifest} from '../manifest.js'
import {ENCRYPTED_SUFFIX, METADATA_FILE, SCHEMA_FILE} from '../names.js'
import {readCover, type ReadCover} from './cover.js'
import {decryptedFiles, namesOf} from './files.js'
import {heldKind} from './held.js'
import {keyFilesOf, openBackupKey} from './key-file.js'
import {withNotesOf} from './notes.js'

export interface Unlocked {
  /** Absent: the backup is not encrypted. */
  cover?: ReadCover
  /** Reads the text of its files, and encrypts what restores of it leave beside it. */
  store: Store
}

/**
 * The store to read a backup from, by the keys that came with the store.
 * @throws DataOpsError INVALID_INPUT when they do not open it, or there are none; BACKUP_DAMAGED; STORAGE.
 */
export async function unlock(store: Store, name: string): Promise<Unlocked> {
  const cover = await readCover(store, name)
  if (!cover) {
    // A plain backup has no key: what should say how this one is opened was changed.
    if ((await keyFilesOf(store, name)).length > 0) throw noCover(store, name)
    return {store}
  }

  const key = await openBackupKey(store, name, {backupId: cover.backupId, keys: encryptionOf(store)})
  return {cover, store: withNotesOf(name, key, decryptedFiles(store, namesOf(name, cover), key.identity))}
}

function noCover(store: Store, name: string): DataOpsError {
  return damaged(store.describe(`${name}/${METADATA_FILE}`), 'it is not that of an encrypted backup')
}

/** The same for one that is not finished; undefined where the keys of the store do not open it. */
export async function unlockUnfinished(store: Store, name: string, {metadata}: BackupHead): Promise<Store | undefined> {
  const keys = encryptionOf(store)
  if (!canOpen(keys)) return undefined
  const opening = openBackupKey(store, name, {backupId: metadata.backup_id, keys})
  const opened = await opening.catch(insteadOf(undefined, 'INVALID_INPUT'))
  return opened && decryptedFiles(store, namesOf(name, metadata.options), opened.identity)
}

/** What stands in the clear and is not what the backup itself says: somebody has put another cover on it. */
function coverContradictions(store: Store, cover: ReadCover, manifest: Manifest): Problem[] {
  const {metadata, seal} = manifest
  const problems: Problem[] = []
  const file = store.describe(`${cover.name}/${METADATA_FILE}`)
  const compare = (what: string, found: unknown, inside: unknown): void => {
    if (found !== inside)
      problems.push({file, message: `The ${what} is ${String(found)}, the encrypted backup says ${String(inside)}.`})
  }

  compare('id', cover.backupId, metadata.backup_id)
  compare('run', cover.runId, metadata.run_id)
  compare('start', cover.timestamp, metadata.timestamp)
  compare('format', cover.format, metadata.options.format)
  if (cover.collection !== undefined) compare('collection', cover.collection, metadata.collection)
  // Those of earlier releases do not say it.
  if (cover.server !== undefined) compare('server', cover.server, metadata.server)
  if (!seal) return problems
  if (cover.objectCount !== undefined) compare('number of objects', cover.objectCount, seal.object_count)
  compare('kind', cover.holds, heldKind(manifest, seal))
  const names = namesOf(cover.name, cover)
  const expected =
    names.kind === 'document'
      ? [names.document]
      : [METADATA_FILE, SCHEMA_FILE, ...seal.parts.flatMap(({file: part}) => (part === null ? [] : [part]))].map(
          (each) => `${each}${ENCRYPTED_SUFFIX}`,
        )
  compare('list of files', list(cover.files.map((each) => each.file)), list(expected))
  return problems
}

function list(files: readonly string[]): string {
  return [...files].sort().join(', ')
}

/** @throws DataOpsError BACKUP_DAMAGED when the cover is of another backup. */
export function checkCoverIs(store: Store, cover: ReadCover, manifest: Manifest): void {
  const [problem] = coverContradictions(store, cover, manifest)
  if (!problem) return
  throw new DataOpsError('BACKUP_DAMAGED', `${problem.file} is damaged: ${problem.message}`, {
    details: {path: problem.file},
    hint: 'Use another backup.',
  })
}
