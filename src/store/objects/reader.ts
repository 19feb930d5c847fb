/** Reads one version of an object: ranges of it, several at a time where it is read through. */
import type {StoreReader} from '../store.js'
import type {Calls} from './calls.js'
import type {Piece} from './client.js'

import {DataOpsError} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {endsTooEarly, refused} from '../damaged.js'
import {ReusedMemory} from '../reused-memory.js'
import {isFailure, leavingAsDataOpsError} from './failure.js'

/** Bytes of a chunk that `stream` yields at most. */
const CHUNK = 1024 * 1024
/** Bytes that one request asks for at most, and requests ahead of who reads: 16 MiB wait for it at most. */
const RANGE = 4 * 1024 * 1024
const AHEAD = 4
/** Bytes that are asked for when it is opened: small objects need no second request. */
const OPENING = 64 * 1024

export interface ReaderSource {
  calls: Calls
  /** The whole key. */
  key: string
  /** Default: what is there now. */
  version?: string
  /** The URL. */
  where: string
}

/** Opens what is there now. @throws ClientError `absent`; DataOpsError for what is none. */
export async function openObject({calls, key, version, where}: ReaderSource): Promise<ObjectReader> {
  const opening = await calls.attempt({bytes: OPENING, verb: 'read', where}, async (client, call) =>
    client.get(key, {end: OPENING, start: 0, version}, call),
  )
  return new ObjectReader({calls, key, version, where}, opening)
}

export class ObjectReader implements StoreReader {
  readonly #ended = new AbortController()
  readonly #memory = new ReusedMemory()
  readonly size: number

  constructor(
    private readonly source: ReaderSource,
    private readonly opening: Piece | undefined,
  ) {
    this.size = opening?.size ?? 0
  }

  /** One request, pinned to the version that was opened. */
  async #range(start: number, end: number, signal: AbortSignal): Promise<Uint8Array> {
    const {calls, key, version, where} = this.source
    const kept = this.opening
    if (start === end) return new Uint8Array()
    if (kept && this.#isKept(end)) return kept.bytes.subarray(start, end)
    if (this.#ended.signal.aborted) throw refused(where, 'was closed')
    try {
      const piece = await calls.attempt({bytes: end - start, signal, verb: 'read', where}, async (client, call) =>
        // Of each attempt its own: one that was given up may still write into it.
        client.get(key, {end, memory: this.#memory.take(end - start), start, tag: kept?.tag, version}, call),
      )
      if (piece?.bytes.length === end - start && piece.tag === kept?.tag) return piece.bytes
      throw this.#changed()
    } catch (error) {
      throw isFailure(error, 'absent', 'condition') ? this.#changed() : error
    }
  }

  #changed(): DataOpsError {
    const {where} = this.source
    return new DataOpsError('STORAGE', `${where} was changed or removed while it was read.`, {
      details: {path: where, reason: 'changed'},
      hint: 'Run it again.',
    })
  }

  #check(start: number, end: number): void {
    if (start >= 0 && start <= end && end <= this.size) return
    throw endsTooEarly(this.source.where, {end, size: this.size, start})
  }

  /** Whether all up to there came when it was opened. */
  #isKept(end: number): boolean {
    return end <= (this.opening?.bytes.length ?? 0)
  }

  #giveBackRange(end: number, bytes: Uint8Array): void {
    if (!this.#isKept(end)) this.#memory.giveBack(bytes)
  }

  async close(): Promise<void> {
    this.#ended.abort()
  }

  giveBack(bytes: Uint8Array): void {
    this.#memory.giveBack(bytes)
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    // Before allocating: the range may come from a damaged file.
    this.#check(start, end)
    return leavingAsDataOpsError(async () => {
      const {signal} = this.#ended
      if (this.#isKept(end)) return new Uint8Array(await this.#range(start, end, signal))
      if (end - start <= RANGE) return this.#range(start, end, signal)
      const bytes = this.#memory.take(end - start)
      await inParallel(rangesOf(start, end), {atOnce: AHEAD}, async (range) => {
        const piece = await this.#range(range.start, range.end, signal)
        bytes.set(piece, range.start - start)
        this.#giveBackRange(range.end, piece)
      })
      return bytes
    })
  }

  async *stream(start = 0, end = this.size, {isPassing = false} = {}): AsyncGenerator<Uint8Array> {
    this.#check(start, end)
    const left = new AbortController()
    const signal = AbortSignal.any([left.signal, this.#ended.signal])
    const ranges = rangesOf(start, end)
    const coming: Array<{end: number; piece: Promise<Uint8Array>}> = []
    const ask = (): void => {
      const next = ranges.next()
      if (next.done) return
      const range = next.value
      const piece = leavingAsDataOpsError(async () => this.#range(range.start, range.end, signal))
      // Not awaited if the consumer leaves; otherwise its turn throws it.
      piece.catch(() => undefined)
      coming.push({end: range.end, piece})
    }

    try {
      for (let count = 0; count < AHEAD; count++) ask()
      for (let next = coming.shift(); next; next = coming.shift()) {
        const bytes = await next.piece
        ask()
        for (let at = 0; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK)
        if (isPassing) this.#giveBackRange(next.end, bytes)
      }
    } finally {
      left.abort()
    }
  }
}

function* rangesOf(start: number, end: number): Generator<{end: number; start: number}> {
  for (let at = start; at < end; at += RANGE) yield {end: Math.min(at + RANGE, end), start: at}
}
