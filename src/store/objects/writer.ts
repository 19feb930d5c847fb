/** A long write to a cloud: small ones are a single put, larger ones go out in parts of bounded size, few at a time. */
import type {ObjectLock, StoreWriter} from '../store.js'
import type {Calls} from './calls.js'
import type {Upload} from './client.js'

import {DataOpsError} from '../../model/errors.js'
import {refused} from '../damaged.js'
import {ClientError, isFailure, leavingAsDataOpsError} from './failure.js'

/** Bytes of a part. Tests have smaller ones; no option. */
export const PART = {bytes: 6 * 1024 * 1024}
/** Parts of one size: then it doubles, so that as many parts as a service takes hold as much as it takes. */
const PARTS_OF_A_SIZE = 1000
/** Bytes that may be on their way at once, of all writers of a place together. */
const IN_FLIGHT = 32 * 1024 * 1024
/** Parts of each writer, however many there are: one on its way, one that is filled. */
const LEAST_AT_ONCE = 2

/** Bytes of a part, by its number from 1. `isEqual`: the service takes parts of one size only. */
export function partSize(number: number, isEqual = false): number {
  return isEqual ? PART.bytes : PART.bytes * 2 ** Math.floor((number - 1) / PARTS_OF_A_SIZE)
}

/** Parts of one writer on their way at once, and being filled, of so many bytes. `most`: that the service takes. */
export function partsAtOnce(bytes: number, writers = 1, most = Infinity): number {
  // Where a single one is large, none is filled meanwhile.
  const least = bytes > PART.bytes ? 1 : LEAST_AT_ONCE
  return Math.min(most, Math.max(least, Math.floor(IN_FLIGHT / writers / bytes)))
}

/** What the writer needs of its place. */
export interface WriterPlace {
  calls: Calls
  /** Checks, before the first multipart write of a place, that it keeps their conditions. */
  checkUploads: () => Promise<void>
  /** What the client calls it. */
  fullKey: string
  /** Whether the key may be written, where its place has no conditions. */
  isFree: () => Promise<boolean>
  /** Whether what lies there was written with that mark. */
  isMarked: (mark: string) => Promise<boolean>
  /** From the first moment. */
  lock?: ObjectLock
  /** Puts a small object if its name is free; false when it is not. */
  putIfAbsent: (key: string, bytes: Uint8Array) => Promise<boolean>
  /** Of this write alone. */
  mark: string
  /** The URL. */
  where: string
  /** That go on at once, this one among them; default 1. */
  writers?: number
}

export class ObjectWriter implements StoreWriter {
  #buffer: Uint8Array | undefined
  #buffered = 0
  #bytes = 0
  #closing: Promise<void> | undefined
  #failure: Error | undefined
  readonly #inFlight = new Set<Promise<void>>()
  #isComplete = false
  /** Known once the first part is sent, whose size is the same either way. */
  #isEqual = false
  #parts = 0
  /** Memory of parts that the service has, to be written into again. */
  readonly #spare: Uint8Array[] = []
  /** Appends, one after another. */
  #tail: Promise<void> = Promise.resolve()
  #upload: Promise<Upload> | undefined

  constructor(
    private readonly place: WriterPlace,
    private readonly key: string,
  ) {}

  get bytes(): number {
    return this.#bytes
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) this.#bytes += chunk.byteLength
    const turn = this.#tail.then(async () => this.#try(async () => this.#take(chunks)))
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  /** Whatever goes wrong once goes wrong from then on: nothing may follow a gap. */
  async #try<T>(work: () => Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure
    try {
      return await leavingAsDataOpsError(work)
    } catch (error) {
      this.#failure ??= asError(error)
      throw this.#failure
    }
  }

  async #take(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      for (let from = 0; from < chunk.byteLength;) {
        const size = this.#sizeOf(this.#parts + 1)
        // The first is as large as a part only once that much is there.
        this.#buffer ??= this.#parts > 0 ? (this.#takeSpare(size) ?? new Uint8Array(size)) : undefined
        this.#buffer = grown(
          this.#buffer,
          this.#buffered,
          Math.min(size, this.#buffered + chunk.byteLength - from),
          size,
        )
        const piece = chunk.subarray(from, from + size - this.#buffered)
        this.#buffer.set(piece, this.#buffered)
        this.#buffered += piece.byteLength
        from += piece.byteLength
        // A full one waits: the last part is sent as such.
        if (this.#buffered === size && from < chunk.byteLength) await this.#send(false)
      }
    }

    if (this.#buffered === this.#sizeOf(this.#parts + 1)) await this.#send(false)
  }

  /** Sends what is gathered; resolves once there is room for more. */
  async #send(isLast: boolean): Promise<void> {
    const {calls, where} = this.place
    this.#upload ??= this.#begin()
    const upload = await this.#upload
    this.#isEqual = upload.limits.isEqual === true
    const number = ++this.#parts
    if (number > upload.limits.parts) throw this.#tooLarge()
    const buffer = this.#buffer ?? new Uint8Array()
    const bytes = buffer.subarray(0, this.#buffered)
    this.#buffer = undefined
    this.#buffered = 0
    const action = {bytes: bytes.length, verb: 'write', where}
    let attempts = 0
    const sending = calls
      .attempt(action, async (_, call) => {
        attempts++
        await upload.part(number, bytes, isLast, call)
      })
      .then(() => {
        // One that was given up may still be reading it; the last part is kept by clients that send it to complete.
        if (attempts === 1 && !isLast) this.#spare.push(buffer)
      })
      .catch((error: unknown) => {
        this.#failure ??= isFailure(error, 'absent')
          ? this.#beginAgain(error)
          : error instanceof ClientError
            ? error.toDataOpsError()
            : asError(error)
      })
      .finally(() => this.#inFlight.delete(sending))
    this.#inFlight.add(sending)
    const atOnce = partsAtOnce(this.#sizeOf(number), this.place.writers, upload.limits.atOnce)
    while (this.#inFlight.size >= atOnce) await Promise.race(this.#inFlight)
    if (this.#failure) throw this.#failure
  }

  #sizeOf(number: number): number {
    return partSize(number, this.#isEqual)
  }

  #takeSpare(size: number): Uint8Array | undefined {
    const spare = this.#spare.pop()
    return spare && spare.length >= size ? spare : undefined
  }

  async #begin(): Promise<Upload> {
    const {calls, checkUploads, fullKey, lock, mark, where} = this.place
    await checkUploads()
    return calls.attempt({verb: 'write', where}, async (client, call) => client.begin(fullKey, {lock, mark}, call))
  }

  /** The service dropped the upload, or somebody who took its writer for dead. */
  #beginAgain(error: ClientError): DataOpsError {
    return error.toDataOpsError().with({
      details: {beginAgain: true},
      hint: 'Run it again.',
      message: `Cannot write ${this.place.where}: the service no longer has its parts.`,
      retryable: true,
    })
  }

  #tooLarge(): DataOpsError {
    const hint = "Use `format: 'parquet'`: it writes several files."
    return refused(this.place.where, 'is larger than the service takes', hint)
  }

  async #arrived(): Promise<void> {
    await Promise.all(this.#inFlight)
    if (this.#failure) throw this.#failure
  }

  /** Nothing is safe before `complete`; but what went wrong so far is said. */
  async sync(): Promise<void> {
    await this.#tail
    await this.#try(async () => this.#arrived())
  }

  async complete(as: string = this.key): Promise<boolean> {
    await this.#tail
    return this.#try(async () => {
      if (this.#isComplete) return true
      if (!this.#upload) {
        const bytes = (this.#buffer ?? new Uint8Array()).subarray(0, this.#buffered)
        this.#isComplete = await this.place.putIfAbsent(as, bytes)
        return this.#isComplete
      }

      // An upload has the name that it was begun with.
      if (as !== this.key) return false
      if (this.#buffered > 0) await this.#send(true)
      await this.#arrived()
      if (!(await this.place.isFree())) return false
      this.#isComplete = await this.#completeUpload(await this.#upload)
      return this.#isComplete
    })
  }

  async #completeUpload(upload: Upload): Promise<boolean> {
    const {calls, isMarked, where} = this.place
    let mayBeDone = false
    try {
      await calls.attempt({verb: 'complete', where}, async (_, call, earlier) => {
        mayBeDone = earlier.mayBeDone
        await upload.complete(call)
      })
      return true
    } catch (error) {
      // It was done by an attempt whose answer was lost.
      const isAnswered = isFailure(error, 'absent', 'condition', 'conflict')
      if ((mayBeDone || isFailure(error, 'absent', 'conflict')) && isAnswered && (await isMarked(this.place.mark)))
        return true
      if (isFailure(error, 'condition')) return false
      if (!isFailure(error, 'absent', 'conflict')) throw error
      throw this.#beginAgain(error)
    }
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#failure ??= new DataOpsError('STORAGE', `${this.place.where} was closed.`)
    await this.#tail
    await Promise.all(this.#inFlight)
    this.#buffer = undefined
    this.#spare.length = 0
    const upload = await this.#upload?.catch(() => undefined)
    if (!upload || this.#isComplete) return
    const {calls, where} = this.place
    // One that cannot be dropped now is found by `prune`.
    await calls.attempt({verb: 'drop', where}, async (_, call) => upload.abort(call)).catch(() => undefined)
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** A buffer with room for `needed` bytes, of at most `most`, that holds the first `used` of what there was. */
function grown(buffer: Uint8Array | undefined, used: number, needed: number, most: number): Uint8Array {
  if (buffer && buffer.length >= needed) return buffer
  const larger = new Uint8Array(Math.min(most, Math.max(needed, 64 * 1024, (buffer?.length ?? 0) * 2)))
  if (buffer) larger.set(buffer.subarray(0, used))
  return larger
}
