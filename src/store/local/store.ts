import {constants, type Stats} from 'node:fs'
import {
  chmod,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
} from 'node:fs/promises'
import path from 'node:path'

import type {Store, StoreEntry, StoreReader, StoreWriter} from '../store.js'

import {DataOpsError} from '../../model/errors.js'
import {errnoOf, isAbsent, storageError} from '../storage-error.js'
/** Backups in a folder of this machine. */
import {temporaryName} from '../temporary-name.js'

/** Bytes of a chunk that `StoreReader.stream` yields at most. */
const STREAM_CHUNK = 1024 * 1024
/** Bytes of small appends that are gathered before they are written. */
const GATHERED_BYTES = 4 * 1024 * 1024
/** Bytes and buffers that one writev takes at most; more are written in several. */
const WRITE_BYTES = 16 * 1024 * 1024
const WRITE_BUFFERS = 1024
/** What a file system without hard links answers to the wish for one. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(['ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM'])

export interface LocalStoreOptions {
  /** Permissions of new files, for example 0o640; folders get the same with the right to enter. Default: 0600 and 0700, their owner alone. */
  mode?: number
}

/** Backups hold everything that a collection does. */
const OWNER_ONLY = 0o600

/** The folder is created by the first write, not before. Names are never followed out of it. */
export class LocalStore implements Store {
  readonly #directory: string
  readonly #fileMode: number
  readonly #folderMode: number
  /** Then it is exact, whatever the process leaves out by its umask. */
  readonly #isModeGiven: boolean
  /** Absolute, so that a later change of the working directory moves nothing. */
  readonly #root: string

  constructor(directory: string, {mode}: LocalStoreOptions = {}) {
    if (directory === '' || directory.includes('\0')) {
      throw new DataOpsError('INVALID_INPUT', 'The folder for backups has no usable name.')
    }

    this.#isModeGiven = mode !== undefined
    this.#fileMode = mode ?? OWNER_ONLY
    // Who may read may look into folders.
    this.#folderMode = this.#fileMode | ((this.#fileMode & 0o444) >> 2)
    this.#directory = directory
    this.#root = path.resolve(directory)
  }

  /** Runs a piece of work; whatever goes wrong leaves as a DataOpsError. */
  async #attempt<T>(verb: string, name: string, work: () => Promise<T>, bytes?: number): Promise<T> {
    checkName(name)
    try {
      return await work()
    } catch (error) {
      throw await storageError(error, this.describe(name), {bytes, verb})
    }
  }

  async #keepOpen<T>(handle: FileHandle, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Creates the store's folder; false when it was there. */
  async #createRoot(): Promise<boolean> {
    const first = await mkdir(this.#root, {mode: this.#folderMode, recursive: true})
    if (first === undefined) return false
    if (this.#isModeGiven) await chmod(this.#root, this.#folderMode)
    // Every folder that got a new one inside, from the innermost to the outermost.
    for (let folder = path.dirname(this.#root); ; folder = path.dirname(folder)) {
      await syncFolder(folder)
      if (folder === path.dirname(first) || folder === path.dirname(folder)) return true
    }
  }

  /**
   * Where a name lies, undefined when there is no such place. `entry` is the name itself, a symlink or not; `file` and
   * `folder` what it leads to, which must be inside the store as well.
   */
  async #place(name: string, kind: 'entry' | 'file' | 'folder'): Promise<Place | undefined> {
    checkName(name)
    if (name === '' && kind === 'file') throw refused(name)
    try {
      const root = await realpath(this.#root)
      if (name === '') return {folder: path.dirname(root), path: root}
      const folder = await realpath(path.dirname(path.join(root, name)))
      if (!isWithin(root, folder)) throw refused(name)
      const entry = path.join(folder, path.basename(name))
      if (kind === 'entry') return {folder, path: entry}
      const real = await realpath(entry)
      if (!isWithin(root, real)) throw refused(name)
      return {folder: path.dirname(real), path: real}
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || (errnoOf(error) === 'ENOTDIR' && name !== '')) return undefined
      throw error
    }
  }

  /** Where to put a name: its folder is there. */
  async #placeToWrite(name: string): Promise<Place> {
    if (name === '') throw refused(name)
    const place = await this.#place(name, 'entry')
    if (place) return place
    const folder = this.describe(path.dirname(name))
    throw new DataOpsError('STORAGE', `There is no folder ${folder}.`, {details: {path: folder}})
  }

  async #entry(place: Place): Promise<StoreEntry | undefined> {
    let stats = await lstatIfThere(place.path)
    if (!stats) return undefined
    if (stats.isSymbolicLink()) {
      const target = await this.#insideTarget(place.path)
      if (target) stats = target
    }

    return {
      bytes: stats.isFile() ? stats.size : 0,
      kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other',
      modified: stats.mtimeMs,
      name: path.basename(place.path),
    }
  }

  /** What a symlink leads to; undefined when that is nothing, or outside the store. */
  async #insideTarget(entry: string): Promise<Stats | undefined> {
    try {
      const real = await realpath(entry)
      return isWithin(await realpath(this.#root), real) ? await stat(real) : undefined
    } catch (error) {
      if (isAbsent(error) || errnoOf(error) === 'ELOOP') return undefined
      throw error
    }
  }

  describe(name: string): string {
    return path.join(this.#directory, name)
  }

  async createDirectory(name: string): Promise<boolean> {
    return this.#attempt('create', name, async () => {
      const isMade = await this.#createRoot()
      if (name === '') return isMade
      const place = await this.#placeToWrite(name)
      try {
        await mkdir(place.path, {mode: this.#folderMode})
        if (this.#isModeGiven) await chmod(place.path, this.#folderMode)
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') return false
        throw error
      }

      await syncFolder(place.folder)
      return true
    })
  }

  async list(name: string): Promise<StoreEntry[]> {
    return this.#attempt('list', name, async () => {
      const place = await this.#place(name, 'folder')
      if (!place) return []
      const names = await readdir(place.path)
      const entries = await Promise.all(
        names.toSorted().map(async (each) => this.#entry({folder: place.path, path: path.join(place.path, each)})),
      )
      // A name that is gone by now was not there.
      return entries.filter((entry) => entry !== undefined)
    })
  }

  async openRead(name: string): Promise<StoreReader> {
    const where = this.describe(name)
    return this.#attempt('read', name, async () => {
      const place = await this.#place(name, 'file')
      // Not blocking: opening a named pipe would wait for its writer for ever.
      const handle =
        place && (await openIfThere(place.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK))
      if (!handle) {
        throw new DataOpsError('NOT_A_BACKUP', `${where} does not exist.`, {
          details: {path: where},
          hint: 'Check the path.',
        })
      }

      return this.#keepOpen(handle, async () => {
        const stats = await handle.stat()
        requireFile(stats, where)
        return new LocalReader(handle, stats.size, where)
      })
    })
  }

  async openWrite(name: string, mode: {create: true} | {resumeAt: number}): Promise<StoreWriter> {
    const where = this.describe(name)
    return this.#attempt('create' in mode ? 'create' : 'write', name, async () => {
      if ('create' in mode) {
        await this.#createRoot()
        const place = await this.#placeToWrite(name)
        const handle = await open(place.path, 'wx', this.#fileMode)
        if (this.#isModeGiven) await this.#keepOpen(handle, async () => handle.chmod(this.#fileMode))
        return new LocalWriter(handle, where, 0, place.folder)
      }

      const place = await this.#placeToWrite(name)
      const handle = await open(place.path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      return this.#keepOpen(handle, async () => {
        const stats = await handle.stat()
        requireFile(stats, where)
        if (stats.nlink > 1) {
          // A rename that was killed halfway: cutting this file would cut the finished one.
          throw new DataOpsError('STORAGE', `${where} is also known under another name, so it cannot be continued.`, {
            details: {path: where},
            hint: 'Remove this name; the other one keeps the content.',
          })
        }

        const at = mode.resumeAt
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
        return new LocalWriter(handle, where, at)
      })
    })
  }

  async remove(name: string): Promise<void> {
    await this.#attempt('remove', name, async () => {
      if (name === '') throw refused(name)
      const place = await this.#place(name, 'entry')
      if (!place) return
      const stats = await lstatIfThere(place.path)
      if (!stats) return
      await (stats.isDirectory() ? rm(place.path, {force: true, recursive: true}) : unlink(place.path))
      await syncFolder(place.folder)
    })
  }

  async rename(from: string, to: string): Promise<boolean> {
    return this.#attempt('rename', from, async () => {
      const source = await this.#placeToWrite(from)
      const target = await this.#placeToWrite(to)
      const stats = await lstat(source.path)
      if (!stats.isFile() && !stats.isDirectory()) {
        throw new DataOpsError('STORAGE', `${this.describe(from)} is neither a file nor a folder.`)
      }

      const isDone = await (stats.isDirectory()
        ? renameOver(EMPTY_FOLDER, source.path, target.path)
        : renameFile(source.path, target.path, stats))
      if (!isDone) return false
      await syncFolder(target.folder)
      if (source.folder !== target.folder) await syncFolder(source.folder)
      return true
    })
  }

  async stat(name: string): Promise<StoreEntry | undefined> {
    return this.#attempt('read', name, async () => {
      const place = await this.#place(name, 'entry')
      return place && this.#entry(place)
    })
  }

  async writeAtomic(name: string, bytes: Uint8Array): Promise<void> {
    await this.#attempt(
      'write',
      name,
      async () => {
        await this.#createRoot()
        const place = await this.#placeToWrite(name)
        const before = await lstatIfThere(place.path)
        const temporary = path.join(place.folder, temporaryName())
        const handle = await open(temporary, 'wx', this.#fileMode)
        try {
          try {
            if (this.#isModeGiven) await handle.chmod(this.#fileMode)
            else if (before?.isFile()) await handle.chmod(before.mode & 0o7777)
            await handle.writeFile(bytes)
            await handle.sync()
          } finally {
            await handle.close()
          }

          await rename(temporary, place.path)
        } catch (error) {
          await unlink(temporary).catch(() => undefined)
          throw error
        }

        await syncFolder(place.folder)
      },
      bytes.byteLength,
    )
  }
}

/** Absolute paths, symlinks resolved but for the last part of `path` where the name itself is meant. */
interface Place {
  folder: string
  path: string
}

class LocalReader implements StoreReader {
  #closed = false

  constructor(
    private readonly handle: FileHandle,
    readonly size: number,
    private readonly where: string,
  ) {}

  async #readSome(bytes: Uint8Array, offset: number, position: number): Promise<{bytesRead: number}> {
    try {
      return await this.handle.read(bytes, offset, Math.min(bytes.byteLength - offset, 2 ** 30), position)
    } catch (error) {
      throw await storageError(error, this.where, {verb: 'read'})
    }
  }

  #short(start: number, end: number): DataOpsError {
    return new DataOpsError('BACKUP_DAMAGED', `${this.where} ends too early: bytes ${start} to ${end} are not there.`, {
      details: {end, path: this.where, size: this.size, start},
      hint: 'The file was cut off or changed; use another backup.',
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.handle.close()
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    // Before allocating: the range may come from a damaged file.
    if (!(start >= 0 && start <= end && end <= this.size)) throw this.#short(start, end)
    const bytes = new Uint8Array(end - start)
    let filled = 0
    while (filled < bytes.byteLength) {
      const {bytesRead} = await this.#readSome(bytes, filled, start + filled)
      if (bytesRead === 0) throw this.#short(start, end)
      filled += bytesRead
    }

    return bytes
  }

  async *stream(start = 0, end = this.size): AsyncGenerator<Uint8Array> {
    if (start === end) return
    let position = Math.min(start + STREAM_CHUNK, end)
    let next = this.read(start, position)
    while (true) {
      const chunk = await next
      if (position >= end) {
        yield chunk
        return
      }

      // The next chunk is read while the consumer has this one.
      const from = position
      position = Math.min(position + STREAM_CHUNK, end)
      next = this.read(from, position)
      // Not awaited if the consumer leaves; otherwise the next turn throws it.
      next.catch(() => undefined)
      yield chunk
    }
  }
}

/** Small appends are gathered, so that the disk gets several MB at once. */
class LocalWriter implements StoreWriter {
  #buffer: Uint8Array | undefined
  /** Bytes of `#buffer` in use. */
  #buffered = 0
  #bytes: number
  #closing: Promise<void> | undefined
  #failure: DataOpsError | undefined
  #folderToSync: string | undefined
  /** All writes so far, one after another. Rejected once one has failed: nothing may follow a gap. */
  #tail: Promise<void> = Promise.resolve()
  /** Bytes that are in the file. */
  #written: number

  constructor(
    private readonly handle: FileHandle,
    private readonly where: string,
    bytes: number,
    folderToSync?: string,
  ) {
    this.#bytes = bytes
    this.#written = bytes
    this.#folderToSync = folderToSync
  }

  async #close(): Promise<void> {
    // An append or sync that failed has said so.
    const flushed = this.#failure ? Promise.resolve() : this.#flush([])
    try {
      await flushed
    } finally {
      await this.#try(async () => this.handle.close())
    }
  }

  /** Writes what is gathered, then `chunks`. */
  async #flush(chunks: readonly Uint8Array[]): Promise<void> {
    const batch =
      this.#buffer && this.#buffered > 0 ? [this.#buffer.subarray(0, this.#buffered), ...chunks] : [...chunks]
    const buffer = this.#buffer
    this.#buffer = undefined
    this.#buffered = 0
    this.#tail = this.#tail.then(async () => {
      await this.#write(batch)
      this.#buffer ??= buffer
    })
    return this.#tail
  }

  async #try(work: () => Promise<void>, bytes?: number): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failure ??= await storageError(error, this.where, {bytes, verb: 'write'})
      throw this.#failure
    }
  }

  async #write(chunks: readonly Uint8Array[]): Promise<void> {
    let size = 0
    for (const chunk of chunks) size += chunk.byteLength
    const start = this.#written
    let left = chunks.filter((chunk) => chunk.byteLength > 0)
    await this.#try(async () => {
      try {
        while (left.length > 0) {
          const {bytesWritten} = await this.handle.writev(nextBuffers(left), this.#written)
          this.#written += bytesWritten
          left = dropBytes(left, bytesWritten)
        }
      } catch (error) {
        // No half of a write stays behind, and a full disk gets its last bytes back.
        await this.handle.truncate(start).catch(() => undefined)
        this.#written = start
        this.#bytes = start
        throw error
      }
    }, size)
  }

  get bytes(): number {
    return this.#bytes
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#failure) throw this.#failure
    let size = 0
    for (const chunk of chunks) size += chunk.byteLength
    this.#bytes += size
    if (this.#buffered + size > GATHERED_BYTES) {
      await this.#flush(chunks)
      return
    }

    // Copied: the caller may use its bytes again.
    this.#buffer ??= new Uint8Array(GATHERED_BYTES)
    for (const chunk of chunks) {
      this.#buffer.set(chunk, this.#buffered)
      this.#buffered += chunk.byteLength
    }
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async sync(): Promise<void> {
    if (this.#failure) throw this.#failure
    await this.#flush([])
    await this.#try(async () => {
      await this.handle.sync()
      if (this.#folderToSync !== undefined) await syncFolder(this.#folderToSync)
      this.#folderToSync = undefined
    }, this.#bytes)
  }
}

/** The first buffers of a list, as many as one call should take. */
function nextBuffers(chunks: readonly Uint8Array[]): Uint8Array[] {
  let bytes = 0
  let count = 0
  while (count < chunks.length && count < WRITE_BUFFERS && bytes < WRITE_BYTES)
    bytes += chunks[count++]?.byteLength ?? 0
  return chunks.slice(0, count)
}

/** What is left of a list after its first `bytes`. */
function dropBytes(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let index = 0
  let rest = bytes
  for (const chunk of chunks) {
    if (chunk.byteLength > rest) break
    rest -= chunk.byteLength
    index++
  }

  const left = chunks.slice(index)
  if (rest > 0 && left[0]) left[0] = left[0].subarray(rest)
  return left
}

function checkName(name: string): void {
  if (name === '') return
  // A backslash separates folders on Windows, a colon names a drive or a stream there.
  const isSafe = !/[\0\\:]/.test(name) && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  if (!isSafe) throw refused(name)
}

function refused(name: string): DataOpsError {
  return new DataOpsError('INVALID_INPUT', `${JSON.stringify(name)} does not name anything inside the backup folder.`, {
    details: {name},
    hint: 'A name may not be absolute, contain "..", or lead out through a symbolic link.',
  })
}

function isWithin(root: string, candidate: string): boolean {
  return candidate === root || candidate.startsWith(root.endsWith(path.sep) ? root : root + path.sep)
}

function requireFile(stats: Stats, where: string): void {
  if (!stats.isFile()) throw new DataOpsError('STORAGE', `${where} is not a file.`, {details: {path: where}})
}

async function lstatIfThere(entry: string): Promise<Stats | undefined> {
  try {
    return await lstat(entry)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

async function openIfThere(file: string, flags: number): Promise<FileHandle | undefined> {
  try {
    return await open(file, flags)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** A second link, then without the first: the one way to rename that never replaces. */
async function renameFile(from: string, to: string, stats: Stats): Promise<boolean> {
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

    if (NO_LINKS.has(code)) return renameOver(EMPTY_FILE, from, to)
    throw error
  }

  await unlink(from)
  return true
}

/** What holds a name until a rename replaces it. */
interface Placeholder {
  free: (name: string) => Promise<void>
  /** Fails with EEXIST when the name is taken. */
  take: (name: string) => Promise<void>
}

/** Where there are no hard links. */
const EMPTY_FILE: Placeholder = {
  free: unlink,
  async take(name) {
    const file = await open(name, 'wx')
    await file.close()
  },
}

/** A folder replaces an empty one alone. */
const EMPTY_FOLDER: Placeholder = {
  free: rmdir,
  async take(name) {
    await mkdir(name)
  },
}

/** Takes the name first, as a rename by itself would replace what has it. False: it is taken. */
async function renameOver(placeholder: Placeholder, from: string, to: string): Promise<boolean> {
  try {
    await placeholder.take(to)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }

  try {
    await rename(from, to)
  } catch (error) {
    await placeholder.free(to).catch(() => undefined)
    throw error
  }

  return true
}

/** Makes names in a folder durable, where the system can. */
async function syncFolder(folder: string): Promise<void> {
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
