/** What an unfinished backup has in the store: a write that is not complete, or a folder of parts without `metadata.json`. */
import type {Store} from '../store/store.js'
import type {ArchivePosition} from './writer.js'

import {DataOpsError} from '../model/errors.js'
import {copyBytes, copyObject} from '../store/copy.js'
import {ENCRYPTED_SUFFIX, isKeyFileName, isOwnFile, METADATA_FILE, parseBackupName} from './names.js'

/** Whether all is there that a position speaks of, and it is not sealed. `recipient`: it is encrypted, and worth nothing without its key. */
export async function isContinuable(
  store: Store,
  name: string,
  {position: {document, parts}, recipient}: {position: Pick<ArchivePosition, 'document' | 'parts'>; recipient?: string},
): Promise<boolean> {
  if (document) return (await store.unfinished?.stat(name)) !== undefined
  const files = new Set((await store.list(name)).map((entry) => entry.name))
  if (recipient !== undefined && [...files].every((file) => !isKeyFileName(file))) return false
  // What a listing does not show may be there: it may be older than that.
  const isThere = async (file: string): Promise<boolean> =>
    files.has(file) || (await store.stat(`${name}/${file}`, 'file')) !== undefined
  if (await isThere(METADATA_FILE)) return false
  for (const {file} of parts) {
    if (file === null || !((await isThere(file)) || (await isThere(`${file}${ENCRYPTED_SUFFIX}`)))) return false
  }

  return true
}

/** Removes what there is of an unfinished backup; of a sealed one, and of what others have put there, nothing. */
export async function removeUnfinished(store: Store, name: string): Promise<void> {
  if (parseBackupName(name)?.kind === 'document') {
    await store.unfinished?.remove(name)
    return
  }

  // Asked for by its name: a listing may be older than the seal.
  if (await store.stat(`${name}/${METADATA_FILE}`, 'file')) return
  for (const file of await store.list(name)) {
    if (file.kind === 'file' && isOwnFile(file.name)) await store.remove(`${name}/${file.name}`)
  }
}

/** Copies what a position speaks of. @throws DataOpsError STORAGE when something is in the way. */
export async function copyUnfinished(
  store: Store,
  {from, position, to}: {from: string; position: ArchivePosition; to: string},
): Promise<void> {
  if (position.document) await copyDocument(store, from, to, position.document.fileBytes)
  else await copyParts(store, from, to, await asTheyLie(store, from, position.parts))
}

/** Parts under the names that they have there: of an encrypted backup others, and with its key. */
async function asTheyLie(
  store: Store,
  folder: string,
  parts: ReadonlyArray<{file: string | null}>,
): Promise<Array<{file: string | null}>> {
  const names = (await store.list(folder)).map(({name}) => name)
  const keys = names.filter((name) => isKeyFileName(name)).map((file) => ({file}))
  const asItLies = (file: string): string =>
    names.includes(`${file}${ENCRYPTED_SUFFIX}`) ? `${file}${ENCRYPTED_SUFFIX}` : file
  return [...keys, ...parts.map(({file}) => ({file: file === null ? null : asItLies(file)}))]
}

/** Copies parts from one folder to another. @throws DataOpsError STORAGE when something is in the way. */
export async function copyParts(
  store: Store,
  from: string,
  to: string,
  parts: ReadonlyArray<{file: string | null}>,
): Promise<void> {
  for (const {file} of parts) {
    if (!(await copyObject({key: `${from}/${file}`, store}, {key: `${to}/${file}`, store}))) {
      throw new DataOpsError('STORAGE', `${store.describe(`${to}/${file}`)} is in the way.`, {hint: 'Run it again.'})
    }
  }
}

/** The copy is as unfinished as what it is of. */
async function copyDocument(store: Store, from: string, to: string, bytes: number): Promise<void> {
  const {unfinished} = store
  if (!unfinished) throw new DataOpsError('STORAGE', `${store.describe(from)} cannot be continued where it lies.`)
  const reader = await unfinished.openRead(from)
  try {
    const writer = await store.createWriter(to)
    try {
      await copyBytes(reader, writer, bytes)
      await writer.sync()
    } finally {
      await writer.close()
    }
  } catch (error) {
    await unfinished.remove(to).catch(() => {})
    throw error
  } finally {
    await reader.close()
  }
}
