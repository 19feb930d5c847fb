/** Puts a page onto the disk. */
import {writeFile} from 'node:fs/promises'

import {DataOpsError} from '../../model/errors.js'

/** It shows what is in a backup: a new file is the user's own. @throws DataOpsError STORAGE. */
export async function writePage(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page, {mode: 0o600})
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown reason'
    throw new DataOpsError('STORAGE', `The page cannot be written to ${file} (${reason}).`, {
      details: {path: file},
      hint: 'Name a file in a folder that is there and can be written.',
    })
  }
}
