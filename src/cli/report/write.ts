/** Puts a page onto the disk. */
import {access, constants, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {DataOpsError} from '../../model/errors.js'

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
    throw unwritable(file, error)
  }
}

function unwritable(file: string, error: unknown): DataOpsError {
  const reason = (error as NodeJS.ErrnoException).code ?? 'unknown reason'
  return new DataOpsError('STORAGE', `The page cannot be written to ${file} (${reason}).`, {
    details: {path: file},
    hint: 'Name a file in a folder that is there and can be written.',
  })
}
