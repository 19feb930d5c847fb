import {type Stats} from 'node:fs'
import {chmod, mkdir, realpath, stat} from 'node:fs/promises'
import path from 'node:path'

import {DataOpsError} from '../../model/errors.js'
import {checkKey, refusedKey} from '../key.js'
import {errnoOf, isAbsent} from '../storage-error.js'
import {syncFolder} from './files.js'

/** Absolute paths, symlinks resolved but for the last part of `path` where the name itself is meant. */
export interface Place {
  folder: string
  path: string
}

/** Permissions of what is made. */
export interface Modes {
  file: number
  folder: number
  /** Then they are exact, whatever the process leaves out by its umask. */
  isGiven: boolean
}

/** A folder of this machine, and where keys lie in it: never outside, whatever symlinks say. */
export class Folder {
  /** Absolute, so that a later change of the working directory moves nothing. */
  readonly #root: string

  constructor(
    private readonly directory: string,
    private readonly modes: Modes,
  ) {
    this.#root = path.resolve(directory)
  }

  describe(key: string): string {
    return path.join(this.directory, key)
  }

  /**
   * Where a key lies, undefined when there is no such place. `entry` is the name itself, a symlink or not; `file` and
   * `folder` what it leads to, which must be inside as well.
   */
  async place(key: string, kind: 'entry' | 'file' | 'folder'): Promise<Place | undefined> {
    checkKey(key)
    if (key === '' && kind === 'file') throw refusedKey(key)
    try {
      const root = await realpath(this.#root)
      if (key === '') return {folder: path.dirname(root), path: root}
      const folder = await realpath(path.dirname(path.join(root, key)))
      if (!isWithin(root, folder)) throw refusedKey(key)
      const entry = path.join(folder, path.basename(key))
      if (kind === 'entry') return {folder, path: entry}
      const real = await realpath(entry)
      if (!isWithin(root, real)) throw refusedKey(key)
      return {folder: path.dirname(real), path: real}
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || (errnoOf(error) === 'ENOTDIR' && key !== '')) return undefined
      throw error
    }
  }

  /** Where to put a key: its folder is there by then. */
  async placeToWrite(key: string): Promise<Place> {
    if (key === '') throw refusedKey(key)
    checkKey(key)
    await this.#createRoot()
    // What is removed meanwhile takes its empty folder with it.
    for (let attempt = 1; attempt <= 5; attempt++) {
      const place = await this.place(key, 'entry')
      if (place) return place
      await this.#createFolders(path.posix.dirname(key))
    }

    const folder = this.describe(path.posix.dirname(key))
    throw new DataOpsError('STORAGE', `There is no folder ${folder}.`, {details: {path: folder}})
  }

  async #createRoot(): Promise<void> {
    const first = await makeFolders(this.#root, this.modes.folder)
    if (first === undefined) return
    if (this.modes.isGiven) await chmod(this.#root, this.modes.folder)
    // Every folder that got a new one inside, from the innermost to the outermost.
    for (let folder = path.dirname(this.#root); ; folder = path.dirname(folder)) {
      await syncFolder(folder)
      if (folder === path.dirname(first) || folder === path.dirname(folder)) return
    }
  }

  /** Symlinks resolved; it must be there. */
  async root(): Promise<string> {
    return realpath(this.#root)
  }

  /** One after another, each inside. */
  async #createFolders(key: string): Promise<void> {
    const parts = key.split('/')
    for (let count = 1; count <= parts.length; count++) {
      const place = await this.place(parts.slice(0, count).join('/'), 'entry')
      if (!place) return
      try {
        await mkdir(place.path, {mode: this.modes.folder})
        if (this.modes.isGiven) await chmod(place.path, this.modes.folder)
        await syncFolder(place.folder)
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST' && errnoOf(error) !== 'ENOENT') throw error
      }
    }
  }

  /** What a symlink leads to; undefined when that is nothing, or outside. @throws for one that cannot be followed: an automounter that fails answers as links in circles do. */
  async insideTarget(entry: string): Promise<Stats | undefined> {
    try {
      const real = await realpath(entry)
      return isWithin(await realpath(this.#root), real) ? await stat(real) : undefined
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }
}

function isWithin(root: string, candidate: string): boolean {
  return candidate === root || candidate.startsWith(root.endsWith(path.sep) ? root : root + path.sep)
}

/**
 * Makes a folder and those that it lies in; the outermost one that was not there, undefined when all were. Node's own `recursive` tries for
 * ever where a folder that is there takes none and says ENOENT, as /proc does.
 */
async function makeFolders(folder: string, mode: number): Promise<string | undefined> {
  const missing: string[] = []
  for (let each = folder; !(await isFolder(each)) && each !== path.dirname(each); each = path.dirname(each)) {
    missing.unshift(each)
  }

  let first: string | undefined
  for (const each of missing) {
    try {
      await mkdir(each, {mode})
      first ??= each
    } catch (error) {
      // Somebody else made it meanwhile, or there is something else of that name.
      if (errnoOf(error) !== 'EEXIST' || !(await isFolder(each))) throw error
    }
  }

  return first
}

async function isFolder(name: string): Promise<boolean> {
  try {
    return (await stat(name)).isDirectory()
  } catch {
    // Whoever makes it finds out why.
    return false
  }
}
