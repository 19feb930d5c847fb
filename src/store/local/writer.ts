import type {FileHandle} from 'node:fs/promises'

import type {DataOpsError} from '../../model/errors.js'
import type {StoreWriter} from '../store.js'

import {storageError} from '../storage-error.js'
import {syncFolder} from './files.js'

/** Bytes of small appends that are gathered before they are written. */
const GATHERED_BYTES = 4 * 1024 * 1024
/** Bytes of an append that is written as it is: copying it first would cost more than it brings. */
const LARGE_BYTES = 1024 * 1024
/** Bytes and buffers that one writev takes at most; more are written in several. */
const WRITE_BYTES = 16 * 1024 * 1024
const WRITE_BUFFERS = 1024
/** Bytes after which the disk is told to begin: at a flush, which is waited for, little is left to do. */
const SPREAD_BYTES = 64 * 1024 * 1024

/** A file that is written under a name of its own until it is complete. */
export interface LocalFile {
  /** Set for a new file: its name is durable once this folder is flushed. */
  folderToSync?: string
  handle: FileHandle
  /** Gives it its key, or another; false when that is taken. */
  publish: (handle: FileHandle, as?: string) => Promise<boolean>
  /** As people know it. */
  where: string
}

/** Small appends are gathered, so that the disk gets several MB at once. */
export class LocalWriter implements StoreWriter {
  #buffer: Uint8Array | undefined
  /** Bytes of `#buffer` in use. */
  #buffered = 0
  #bytes: number
  #closing: Promise<void> | undefined
  #failure: DataOpsError | undefined
  #folderToSync: string | undefined
  /** What goes to the disk meanwhile. */
  #spreading: Promise<void> | undefined
  /** All writes so far, one after another. Rejected once one has failed: nothing may follow a gap. */
  #tail: Promise<void> = Promise.resolve()
  /** Bytes that are in the file. */
  #written: number
  /** Of them, since the disk was last told. */
  #unspread = 0

  readonly #file: LocalFile
  #isComplete = false

  constructor(file: LocalFile, bytes: number) {
    this.#file = file
    this.#bytes = bytes
    this.#written = bytes
    this.#folderToSync = file.folderToSync
  }

  async #close(): Promise<void> {
    // An append or sync that failed has said so.
    const flushed = this.#failure ? Promise.resolve() : this.#flush([])
    try {
      await flushed
    } finally {
      await this.#spreading
      await this.#try(async () => this.#file.handle.close())
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
      this.#failure ??= await storageError(error, this.#file.where, {bytes, verb: 'write'})
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
          const {bytesWritten} = await this.#file.handle.writev(nextBuffers(left), this.#written)
          this.#written += bytesWritten
          this.#unspread += bytesWritten
          left = dropBytes(left, bytesWritten)
        }
      } catch (error) {
        // No half of a write stays behind, and a full disk gets its last bytes back.
        await this.#file.handle.truncate(start).catch(() => undefined)
        this.#written = start
        this.#bytes = start
        throw error
      }
    }, size)
    this.#spread()
  }

  /** Waited for by nobody but `close`; what it fails with is told by whatever comes next, as the disk says it once only. */
  #spread(): void {
    if (this.#unspread < SPREAD_BYTES || this.#spreading) return
    this.#unspread = 0
    this.#spreading = this.#try(async () => this.#file.handle.datasync())
      .catch(() => {})
      .finally(() => {
        this.#spreading = undefined
      })
  }

  get bytes(): number {
    return this.#bytes
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#failure) throw this.#failure
    let size = 0
    for (const chunk of chunks) size += chunk.byteLength
    this.#bytes += size
    if (size >= LARGE_BYTES || this.#buffered + size > GATHERED_BYTES) {
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

  async complete(as?: string): Promise<boolean> {
    if (this.#isComplete) return true
    await this.sync()
    this.#isComplete = await this.#file.publish(this.#file.handle, as)
    if (this.#isComplete) await this.close()
    return this.#isComplete
  }

  async sync(): Promise<void> {
    if (this.#failure) throw this.#failure
    await this.#flush([])
    await this.#spreading
    await this.#try(async () => {
      if (this.#failure) throw this.#failure
      this.#unspread = 0
      await this.#file.handle.sync()
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
