/** Removes backups, and ends removals that were cut off: in an order that leaves no half of one to be taken for a backup. */
import type {Store, StoreEntry} from '../store/store.js'
import type {JobBackups} from './job-backups.js'

import {
  backupOfRemoved,
  commitKey,
  isKeyFileName,
  isOwnFile,
  journalName,
  METADATA_FILE,
  partialLockName,
  removedName,
} from '../archive/names.js'
import {DataOpsError, insteadOf, withDetails} from '../model/errors.js'
import {Lease} from '../store/lease.js'
import {type CatalogEntry, readEntryOf} from './entry.js'
import {removalMark} from './removed-in-part.js'

/** One after another. @throws what `remove` does, with `details.removed`: the files of those before. */
export async function removeEach<T extends {file: string}>(
  backups: readonly T[],
  remove: (backup: T) => Promise<void>,
): Promise<void> {
  const removed: string[] = []
  for (const backup of backups) {
    await remove(backup).catch((error: unknown) => {
      throw withDetails(error, {removed})
    })
    removed.push(backup.file)
  }
}

/**
 * Removes the files of a backup. `listed`: by which it is found again where that is cut off.
 * @throws DataOpsError STORAGE when its folder holds other files; what fails, with `details.removedInPart` where it is no backup any more.
 */
export async function removeBackup(store: Store, file: string, listed?: CatalogEntry): Promise<void> {
  try {
    await removeFiles(store, file, listed)
  } catch (error) {
    if (!(error instanceof DataOpsError) || (await store.stat(commitKey(file), 'file'))) throw error
    if (await store.stat(file)) throw removedInPart(store.describe(file), error)
    // The answer was lost, or only the mark is left: that goes with what is tidied next.
    await store.remove(removedName(file), 'file').catch(() => undefined)
  }
}

function removedInPart(path: string, error: DataOpsError): DataOpsError {
  const again = `${path} is no backup any more, and not all of it is gone: remove it again (\`BackupCatalog.remove\`), which finishes that.`
  return error.with({
    details: {path, removedInPart: true},
    hint: error.hint === undefined ? again : `${error.hint} ${again}`,
  })
}

async function removeFiles(store: Store, file: string, listed?: CatalogEntry): Promise<void> {
  const entry = await store.stat(file)
  if (entry?.kind === 'directory') {
    const strangers = await strangersIn(store, file)
    if (strangers.length > 0) {
      throw new DataOpsError('STORAGE', `${store.describe(file)} holds files that are not of the backup.`, {
        details: {files: strangers},
        hint: `Move them away first: ${strangers.slice(0, 3).join(', ')}.`,
      })
    }

    await store.remove(removedName(file), 'file')
    await store.put(removedName(file), removalMark(listed ?? (await itself(store, file))))
    // Without it the rest is no backup, and with the marker everybody knows what it is.
    await store.remove(`${file}/${METADATA_FILE}`)
    await store.remove(file)
    await store.remove(removedName(file), 'file')
  } else {
    await store.remove(file)
  }
}

/** The entry that one without an entry would have; undefined where it cannot be read: it may be removed all the same. */
async function itself(store: Store, file: string): Promise<CatalogEntry | undefined> {
  return readEntryOf(store, file).catch(insteadOf(undefined, (error) => error instanceof DataOpsError))
}

/** Files in a backup's folder that no backup has. */
export async function strangersIn(store: Store, directory: string): Promise<string[]> {
  const names: string[] = []
  for (const {kind, name} of await store.list(directory)) {
    if (kind !== 'file' || !isOwnFile(name)) names.push(name)
  }

  return names
}

/** Whether a folder is a backup that is being written, waits to be continued, or is being removed: none that is damaged. */
export async function isUnderWay(store: Store, folder: string, jobs: JobBackups): Promise<boolean> {
  if (await store.stat(`${folder}/${METADATA_FILE}`, 'file')) return false
  for (const name of [journalName(folder), removedName(folder)]) if (await store.stat(name, 'file')) return true
  // The key of an encrypted one is there before anything that it opens.
  const files = await store.list(folder)
  if (files.length > 0 && files.every(({name}) => isKeyFileName(name))) return true
  return (await Lease.isHeld(store, partialLockName(folder))) || jobs.has(folder)
}

/** Finishes what a removal of that backup that was cut off has begun. @throws DataOpsError STORAGE. */
export async function finishRemovalOf(store: Store, backup: string): Promise<void> {
  const mark = await store.stat(removedName(backup), 'file')
  if (!mark || (await finishRemoval(store, mark))) return
  throw new DataOpsError('STORAGE', `${store.describe(backup)} is being copied to that place by another process.`, {
    details: {path: store.describe(backup)},
    hint: 'Try again once that has ended.',
    retryable: true,
  })
}

/** Finishes what a removal that was cut off has begun. False: somebody copies that backup to this place now. */
export async function finishRemoval(store: Store, {kind, name}: StoreEntry): Promise<boolean> {
  const backup = backupOfRemoved(name)
  if (backup === undefined) return true
  // A copy that is coming in has the mark too: it must not be finished, or begun, in between.
  const lease = await Lease.tryAcquire(store, partialLockName(backup))
  if (!lease) return false
  try {
    // One that had not begun leaves a whole backup; a folder of that name is what an earlier version was removing.
    if (kind === 'file' && !(await store.stat(`${backup}/${METADATA_FILE}`, 'file'))) {
      for (const file of await store.list(backup)) {
        if (file.kind === 'file' && isOwnFile(file.name)) await store.remove(`${backup}/${file.name}`)
      }
    }

    await store.remove(name)
    return true
  } finally {
    await lease.release()
  }
}
