/** What a folder of a machine must be asked for so that nothing is lost or replaced. */
import {constants, type Stats} from 'node:fs'
import {type FileHandle, link, lstat, open, rename, unlink} from 'node:fs/promises'

import {insteadOf} from '../../model/errors.js'
import {refused} from '../damaged.js'
import {errnoOf, isAbsent} from '../storage-error.js'

/** What a file system without hard links answers to the wish for one. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(['ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM'])

/** @throws DataOpsError STORAGE. */
export function requireFile(stats: Stats, where: string): void {
  if (!stats.isFile()) throw refused(where, 'is not a file')
}

/** Changes whenever a file is replaced or written. */
export function tagOf({ino, mtimeMs, size}: Stats): string {
  return `${ino}-${mtimeMs}-${size}`
}

export async function lstatIfThere(entry: string): Promise<Stats | undefined> {
  return lstat(entry).catch(insteadOf(undefined, isAbsent))
}

export async function openIfThere(file: string, flags: number): Promise<FileHandle | undefined> {
  return open(file, flags).catch(insteadOf(undefined, isAbsent))
}

/** A second link, then without the first: the one way to rename that never replaces. */
export async function renameFile(from: string, to: string, stats: Stats): Promise<boolean> {
  try {
    await link(from, to)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'EEXIST') {
      const taken = await lstatIfThere(to)
      // The same file under both names: an earlier rename was killed before its last step.
      const isHalfDone = from !== to && taken?.ino === stats.ino && taken.dev === stats.dev
      if (isHalfDone) await unlink(from)
      return isHalfDone
    }

    if (NO_LINKS.has(code)) return renameOver(from, to)
    throw error
  }

  await unlink(from)
  return true
}

/** Where there are no hard links: takes the name with an empty file first, as a rename by itself would replace what has it. False: it is taken. */
async function renameOver(from: string, to: string): Promise<boolean> {
  const placeholder = await open(to, 'wx').catch(insteadOf(undefined, (error) => errnoOf(error) === 'EEXIST'))
  if (!placeholder) return false
  await placeholder.close()
  try {
    await rename(from, to)
  } catch (error) {
    await unlink(to).catch(() => undefined)
    throw error
  }

  return true
}

/** Makes names in a folder durable, where the system can. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder to flush it.
  if (process.platform === 'win32') return
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } catch (error) {
    // Some network file systems do not know how; they write through instead.
    if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'ENOTSUP') throw error
  } finally {
    await handle.close()
  }
}
