/** Puts a page onto the disk. */
import {access, constants, lstat, unlink, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {DataOpsError} from '../../model/errors.js'
import {storageError} from '../../store/storage-error.js'

/** Before hours are spent on what it will show. @throws DataOpsError STORAGE. */
export async function checkPagePlace(file: string): Promise<void> {
  const isThere = await access(file)
    .then(() => true)
    .catch(() => false)
  await access(isThere ? file : path.dirname(file), constants.W_OK).catch((error: unknown) => {
    throw unwritable(file, error)
  })
}

/** It shows what is in a backup: a new file is the user's own. @throws DataOpsError STORAGE. */
export async function writePage(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page, {mode: 0o600})
  } catch (error) {
    await removeHalf(file)
    throw await storageError(error, file, {verb: 'write the page to'})
  }
}

/** Half a page looks like a whole one. What is no file, a pipe or a device, stays. */
async function removeHalf(file: string): Promise<void> {
  const entry = await lstat(file).catch(() => undefined)
  if (entry?.isFile()) await unlink(file).catch(() => undefined)
}

function unwritable(file: string, error: unknown): DataOpsError {
  const reason = (error as NodeJS.ErrnoException).code ?? 'unknown reason'
  return new DataOpsError('STORAGE', `The page cannot be written to ${file} (${reason}).`, {
    details: {path: file},
    hint: 'Name a file in a folder that is there and can be written.',
  })
}
