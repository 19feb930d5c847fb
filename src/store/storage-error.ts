/** Turns what the operating system says into sentences that a person can act on. */
import {statfs} from 'node:fs/promises'
import path from 'node:path'

import {DataOpsError} from '../model/errors.js'

/** The operating system's error code (`ENOENT`); undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** Whether an error says that there is nothing of that name. */
export function isAbsent(error: unknown): boolean {
  const code = errnoOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Whether a place, a folder or object storage, had no room left for what was written. */
export function isFull(error: unknown): boolean {
  if (!(error instanceof DataOpsError && error.code === 'STORAGE')) return false
  const {code, reason} = error.details
  return code === 'ENOSPC' || code === 'EDQUOT' || reason === 'full'
}

export interface StorageAction {
  /** Bytes that were being written. */
  bytes?: number
  /** What was being done: `write`, `read`, `create`, … */
  verb: string
}

const HINTS: Readonly<Record<string, [reason: string, hint: string]>> = {
  EACCES: ['permission was denied', 'Check who owns it, or choose another folder.'],
  EBUSY: ['it is in use', 'Try again once the program that uses it has finished.'],
  EDQUOT: ['the disk quota is used up', 'Free some space within the quota, or choose a folder on another disk.'],
  EEXIST: ['the name is taken', 'Choose another folder.'],
  EFBIG: ['files there may not get that large', 'Choose a folder on another file system, or raise the limit.'],
  EIO: ['the disk reported an error', 'Check the disk, or choose another one.'],
  EISDIR: ['it is a folder', 'Name a file.'],
  ELOOP: ['its symbolic links lead nowhere', 'Name the file itself.'],
  EMFILE: ['too many files are open', 'Raise the limit of open files (ulimit -n).'],
  ENAMETOOLONG: ['the name is too long for this file system', 'Choose a folder with a shorter path.'],
  ENFILE: ['too many files are open on this machine', 'Close some programs and try again.'],
  ENODEV: ['the disk is gone', 'Mount it again, or choose another folder.'],
  ENOENT: ['it does not exist', 'Check the path.'],
  ENOTDIR: ['part of its path is a file, not a folder', 'Check the path.'],
  EPERM: ['it is not permitted', 'Check who owns it, or choose another folder.'],
  EROFS: ['the file system is read-only', 'Choose a folder that can be written.'],
  ESTALE: ['the network file system lost it', 'Mount it again and retry.'],
}

/** A STORAGE error for a failed system call; a DataOpsError passes as it is. `where` is the path that was touched, as people know it. */
export async function storageError(error: unknown, where: string, {bytes, verb}: StorageAction): Promise<DataOpsError> {
  if (error instanceof DataOpsError) return error
  const code = errnoOf(error)
  const disk = code === 'ENOSPC' ? await freeSpace(where) : undefined
  const needed = bytes !== undefined && {needed: bytes}
  const details = {code, path: where, ...needed, ...(disk && {free: disk.bytes})}
  const [reason, hint] =
    code === 'ENOSPC'
      ? [whyFull(disk, bytes), 'Free some space there, or choose a folder on another disk.']
      : reasonOf(error)
  const what = bytes === undefined ? '' : ` ${formatBytes(bytes)} to`
  return new DataOpsError('STORAGE', `Cannot ${verb}${what} ${where}: ${reason}.`, {cause: error, details, hint})
}

/** INVALID_INPUT: what keeps a file from being read that somebody named. `what`: `The file of ids list.txt`. */
export function unreadable(error: unknown, what: string): DataOpsError {
  const [reason, hint = 'Name a file that can be read.'] = reasonOf(error)
  const details = {code: errnoOf(error)}
  return new DataOpsError('INVALID_INPUT', `${what} cannot be read: ${reason}.`, {cause: error, details, hint})
}

function reasonOf(error: unknown): [reason: string, hint?: string] {
  const code = errnoOf(error)
  return HINTS[code ?? ''] ?? [`the system answered ${code ?? String(error)}`]
}

function whyFull(disk: FreeSpace | undefined, needed = 0): string {
  if (disk?.files === 0 && disk.bytes > needed) return 'the disk can hold no more files'
  return `the disk is full${disk ? `, ${formatBytes(disk.bytes)} are free` : ''}`
}

interface FreeSpace {
  bytes: number
  files: number | undefined
}

/** Room on the disk of a path, or of the nearest folder above it that exists; undefined when nobody can say. */
export async function freeSpace(where: string): Promise<FreeSpace | undefined> {
  for (let folder = path.resolve(where); ; folder = path.dirname(folder)) {
    try {
      const {bavail, bsize, ffree, files} = await statfs(folder)
      // File systems that do not count files say 0 of 0.
      return {bytes: bavail * bsize, files: files > 0 ? ffree : undefined}
    } catch (error) {
      if (!isAbsent(error) || folder === path.dirname(folder)) return undefined
    }
  }
}

function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = bytes / 1000
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }

  return `${value.toFixed(1)} ${units[unit]}`
}
