/** Backups in a folder of this machine. */
import {constants, type Stats} from 'node:fs'
import {type FileHandle, open, readdir, rename, rm, rmdir, unlink} from 'node:fs/promises'
import path from 'node:path'

import type {PutCondition, Store, StoreEntry, StoreReader, StoreWriter, UnfinishedWriters} from '../store.js'

import {DataOpsError} from '../../model/errors.js'
import {refused} from '../damaged.js'
import {checkKey, refusedKey} from '../key.js'
import {keepOpen} from '../read-all.js'
import {errnoOf, storageError} from '../storage-error.js'
import {temporaryName, unfinishedName} from '../temporary-name.js'
import {lstatIfThere, openIfThere, renameFile, requireFile, syncFolder, tagOf} from './files.js'
import {Folder, type Modes, type Place} from './folder.js'
import {LocalReader} from './reader.js'
import {LocalWriter} from './writer.js'

/** Who may read what is written. */
export interface LocalStoreOptions {
  /** Permissions of new files, for example 0o640; folders get the same with the right to enter. Default: 0600 and 0700, their owner alone. */
  mode?: number
}

/** Backups hold everything that a collection does. */
const OWNER_ONLY = 0o600

/** The folder is created by the first write, not before. Keys are never followed out of it. */
export class LocalStore implements Store {
  readonly #folder: Folder
  readonly #modes: Modes

  constructor(directory: string, {mode}: LocalStoreOptions = {}) {
    if (directory === '' || directory.includes('\0')) {
      throw new DataOpsError('INVALID_INPUT', 'The folder for backups has no usable name.', {
        hint: 'Name one, or . for the one that you are in.',
      })
    }

    const file = mode ?? OWNER_ONLY
    // Who may read may look into folders.
    this.#modes = {file, folder: file | ((file & 0o444) >> 2), isGiven: mode !== undefined}
    this.#folder = new Folder(directory, this.#modes)
  }

  /** Files beside the others, under names of their own. */
  readonly unfinished: UnfinishedWriters = {
    openRead: async (key) => this.openRead(checked(key)),
    remove: async (key) => this.remove(checked(key)),
    resume: async (key, bytes) => this.#resume(checked(key), key, bytes),
    stat: async (key) => this.stat(checked(key)),
  }

  /** Runs a piece of work; whatever goes wrong leaves as a DataOpsError. */
  async #attempt<T>(verb: string, key: string, work: () => Promise<T>, bytes?: number): Promise<T> {
    checkKey(key)
    try {
      return await work()
    } catch (error) {
      throw await storageError(error, this.describe(key), {bytes, verb})
    }
  }

  async #entry({path: file}: Place): Promise<StoreEntry | undefined> {
    const stats = await lstatIfThere(file)
    const target = stats?.isSymbolicLink() ? await this.#folder.insideTarget(file) : undefined
    return stats && entryOf(target ?? stats, path.basename(file))
  }

  /** In a listing a link that leads in circles stands as what it is: the rest is to be seen all the same. */
  async #listed(place: Place): Promise<StoreEntry | undefined> {
    try {
      return await this.#entry(place)
    } catch (error) {
      const link = errnoOf(error) === 'ELOOP' ? await lstatIfThere(place.path) : undefined
      if (link) return entryOf(link, path.basename(place.path))
      throw error
    }
  }

  describe(key: string): string {
    return this.#folder.describe(key)
  }

  async list(folder: string): Promise<StoreEntry[]> {
    return this.#attempt('list', folder, async () => {
      const place = await this.#folder.place(folder, 'folder')
      if (!place) return []
      const names = await readdir(place.path).catch((error: unknown): string[] => {
        // Nothing lies in a file, as in every other place.
        if (errnoOf(error) === 'ENOTDIR' && folder !== '') return []
        throw error
      })
      const entries = await Promise.all(
        names.toSorted().map(async (each) => this.#listed({folder: place.path, path: path.join(place.path, each)})),
      )
      // A name that is gone by now was not there.
      return entries.filter((entry) => entry !== undefined)
    })
  }

  async openRead(key: string): Promise<StoreReader> {
    const where = this.describe(key)
    return this.#attempt('read', key, async () => {
      const place = await this.#folder.place(key, 'file')
      // Not blocking: opening a named pipe would wait for its writer for ever.
      const handle =
        place && (await openIfThere(place.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK))
      if (!handle) {
        throw new DataOpsError('NOT_A_BACKUP', `${where} does not exist.`, {
          details: {path: where},
          hint: 'Check the path.',
        })
      }

      return keepOpen(handle, async () => {
        const stats = await handle.stat()
        requireFile(stats, where)
        return new LocalReader(handle, stats.size, where)
      })
    })
  }

  /** What lies at a key; undefined: nothing does. */
  async stat(key: string): Promise<StoreEntry | undefined> {
    return this.#attempt('read', key, async () => {
      const place = await this.#folder.place(key, 'entry')
      return place && this.#entry(place)
    })
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string | undefined> {
    return this.#attempt(
      'write',
      key,
      async () => {
        const place = await this.#folder.placeToWrite(key)
        const before = await lstatIfThere(place.path)
        if (!isMet(condition, before)) return undefined
        // Not in the object's folder: what a kill leaves there would look like a part of a backup.
        const temporary = path.join(await this.#folder.root(), temporaryName())
        try {
          const written = await this.#writeFile(temporary, bytes, before)
          const isPut =
            condition && 'ifAbsent' in condition
              ? await renameFile(temporary, place.path, written)
              : await replaceFile(temporary, place.path, condition)
          if (!isPut) {
            await unlink(temporary)
            return undefined
          }

          await syncFolder(place.folder)
          return tagOf(written)
        } catch (error) {
          await unlink(temporary).catch(() => undefined)
          throw error
        }
      },
      bytes.byteLength,
    )
  }

  /** Writes and flushes a new file, with the permissions of the one whose place it is to take. */
  async #writeFile(file: string, bytes: Uint8Array, before: Stats | undefined): Promise<Stats> {
    const handle = await open(file, 'wx', this.#modes.file)
    try {
      if (this.#modes.isGiven) await handle.chmod(this.#modes.file)
      else if (before?.isFile()) await handle.chmod(before.mode & 0o7777)
      await handle.writeFile(bytes)
      await handle.sync()
      return await handle.stat()
    } finally {
      await handle.close()
    }
  }

  async createWriter(key: string): Promise<StoreWriter> {
    const name = checked(key)
    return this.#attempt('create', name, async () => {
      const place = await this.#folder.placeToWrite(name)
      const handle = await open(place.path, 'wx', this.#modes.file)
      if (this.#modes.isGiven) await keepOpen(handle, async () => handle.chmod(this.#modes.file))
      return this.#writer(handle, {bytes: 0, folderToSync: place.folder, key, name})
    })
  }

  #writer(handle: FileHandle, file: {bytes: number; folderToSync?: string; key: string; name: string}): LocalWriter {
    return new LocalWriter(
      {
        folderToSync: file.folderToSync,
        handle,
        publish: async (own, as = file.key) => this.#publish(file.name, as, own),
        where: this.describe(file.name),
      },
      file.bytes,
    )
  }

  /** Gives an unfinished file its key; false when that is taken. */
  async #publish(name: string, key: string, handle: FileHandle): Promise<boolean> {
    return this.#attempt('create', key, async () => {
      const target = await this.#folder.placeToWrite(key)
      const source = await this.#folder.placeToWrite(name)
      const own = await handle.stat()
      const found = await lstatIfThere(source.path)
      if (found?.ino !== own.ino || found.dev !== own.dev) {
        throw refused(this.describe(name), "is another process's by now", 'Run it again.')
      }

      if (!(await renameFile(source.path, target.path, own))) return false
      await syncFolder(target.folder)
      if (source.folder !== target.folder) await syncFolder(source.folder)
      return true
    })
  }

  async #resume(name: string, key: string, at: number): Promise<StoreWriter> {
    const where = this.describe(name)
    return this.#attempt('write', name, async () => {
      const place = await this.#folder.place(name, 'entry')
      if (!place) throw refused(where, 'does not exist')
      const handle = await open(place.path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      return keepOpen(handle, async () => {
        const stats = await handle.stat()
        requireFile(stats, where)
        if (stats.nlink > 1) {
          // It was killed while it became complete: cutting this file would cut the finished one.
          const hint = 'Remove this name; the other one keeps the content.'
          throw refused(where, 'is also known under another name, so it cannot be continued', hint)
        }

        if (!Number.isSafeInteger(at) || at < 0 || at > stats.size) {
          throw new DataOpsError(
            'BACKUP_DAMAGED',
            `${where} has ${stats.size} bytes, not the ${at} that were written.`,
            {
              details: {path: where},
              hint: 'Start the backup anew.',
            },
          )
        }

        await handle.truncate(at)
        return this.#writer(handle, {bytes: at, key, name})
      })
    })
  }

  async remove(key: string): Promise<void> {
    await this.#attempt('remove', key, async () => {
      if (key === '') throw refusedKey(key)
      const place = await this.#folder.place(key, 'entry')
      if (!place) return
      const root = await this.#folder.place('', 'entry')
      if (root && place.path !== path.join(root.path, key)) {
        const hint = 'Remove the link, or what it leads to, by hand.'
        throw refused(this.describe(key), 'is reached by a symbolic link: nothing is removed there', hint)
      }

      const stats = await lstatIfThere(place.path)
      if (!stats) return
      await (stats.isDirectory() ? rm(place.path, {force: true, recursive: true}) : unlink(place.path))
      await syncFolder(place.folder)
      if (key.includes('/')) await this.#dropEmpty(path.posix.dirname(key))
    })
  }

  /** Folders are there while something lies in them. */
  async #dropEmpty(folder: string): Promise<void> {
    for (let key = folder; key !== '.'; key = path.posix.dirname(key)) {
      const place = await this.#folder.place(key, 'entry')
      try {
        if (!place) return
        await rmdir(place.path)
        await syncFolder(place.folder)
      } catch {
        // Something lies in it, or nobody may remove it.
        return
      }
    }
  }
}

/** What a file is called until it is complete. @throws DataOpsError INVALID_INPUT for a key that could leave the store. */
function checked(key: string): string {
  if (key === '') throw refusedKey(key)
  checkKey(key)
  return unfinishedName(key)
}

function entryOf(stats: Stats, name: string): StoreEntry {
  return {
    bytes: stats.isFile() ? stats.size : 0,
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other',
    modified: stats.mtimeMs,
    name,
    ...(stats.isFile() && {tag: tagOf(stats)}),
  }
}

/** False when the condition is no longer met. */
async function replaceFile(from: string, to: string, condition: PutCondition | undefined): Promise<boolean> {
  if (condition && !isMet(condition, await lstatIfThere(to))) return false
  await rename(from, to)
  return true
}

function isMet(condition: PutCondition | undefined, found: Stats | undefined): boolean {
  if (!condition) return true
  if ('ifAbsent' in condition) return found === undefined
  return found !== undefined && tagOf(found) === condition.ifMatch
}
