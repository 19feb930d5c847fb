/** Puts a page onto the disk. */
import {access, constants, lstat, stat, unlink, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {insteadOf} from '../../model/errors.js'
import {isAbsent, storageError} from '../../store/storage-error.js'

/** Before hours are spent on what it will show. @throws DataOpsError STORAGE, as `writePage` would. */
export async function checkPagePlace(file: string): Promise<void> {
  try {
    const entry = await stat(file).catch(insteadOf(undefined, isAbsent))
    if (entry?.isDirectory()) throw Object.assign(new Error('it is a folder'), {code: 'EISDIR'})
    // With a dot at its end, so that a file is none.
    await access(entry ? file : `${path.dirname(file)}/.`, constants.W_OK)
  } catch (error) {
    throw await unwritten(error, file)
  }
}

/** It shows what is in a backup: a new file is the user's own. @throws DataOpsError STORAGE. */
export async function writePage(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page, {mode: 0o600})
  } catch (error) {
    await removeHalf(file)
    throw await unwritten(error, file)
  }
}

/** Half a page looks like a whole one. What is no file, a pipe or a device, stays. */
async function removeHalf(file: string): Promise<void> {
  const entry = await lstat(file).catch(() => undefined)
  if (entry?.isFile()) await unlink(file).catch(() => undefined)
}

/** What is not there is its folder. */
async function unwritten(error: unknown, file: string): Promise<Error> {
  const known = await storageError(error, file, {verb: 'write the page to'})
  const folder = path.dirname(file)
  if (!isAbsent(error)) return known
  return known.with({
    hint: 'Name a file in a folder that is there.',
    message: `Cannot write the page to ${file}: there is no folder ${folder}.`,
  })
}
