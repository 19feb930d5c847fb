/** A resumable upload: its bytes go in order, and the object is there once the last ones are. */
import type {File, Storage} from '@google-cloud/storage'

import {throwIfAborted} from '../../model/errors.js'
import {type BeginOptions, type Call, MARK, type Upload} from '../objects/client.js'
import {gcsFailure} from './failure.js'
import {retentionOf} from './locks.js'

const EMPTY = Buffer.alloc(0)

export async function beginGcsUpload(storage: Storage, file: File, {lock, mark}: BeginOptions): Promise<Upload> {
  try {
    const [uri] = await file.createResumableUpload({
      metadata: {metadata: {[MARK]: mark}, ...retentionOf(lock)},
      preconditionOpts: {ifGenerationMatch: 0},
    })
    return new GcsUpload(storage, uri)
  } catch (error) {
    if (gcsFailure(error).kind === 'condition') return new TakenUpload(error)
    throw error
  }
}

/** The name was taken when it began: there is nothing to send, and nothing to complete. */
class TakenUpload implements Upload {
  readonly limits = {atOnce: 1, parts: Infinity}

  constructor(private readonly reason: unknown) {}

  async abort(): Promise<void> {
    // There is none.
  }

  async complete(): Promise<void> {
    throw this.reason
  }

  async part(): Promise<void> {
    // Not sent.
  }
}

class GcsUpload implements Upload {
  /** The order of the bytes is that of the calls. */
  readonly limits = {atOnce: 1, parts: Infinity}
  /** What an earlier call may have left is asked for before it is sent again. */
  #isUnsure = false
  #last: Buffer = EMPTY
  /** Bytes that the service has for sure. */
  #offset = 0
  /** Where each part begins: one may be sent again. */
  readonly #starts: number[] = []

  constructor(
    private readonly storage: Storage,
    private readonly uri: string,
  ) {}

  async part(number: number, bytes: Uint8Array, isLast: boolean, call: Call): Promise<void> {
    const start = this.#starts[number - 1] ?? this.#offset
    this.#starts[number - 1] = start
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    // The last bytes are what completes it.
    if (isLast) this.#last = body
    else await this.#send(body, {start}, call)
  }

  async complete(call: Call): Promise<void> {
    const start = this.#starts.at(-1)
    const from = this.#last.length > 0 && start !== undefined ? start : this.#offset
    await this.#send(this.#last, {start: from, total: from + this.#last.length}, call)
  }

  async abort(): Promise<void> {
    try {
      await this.#request('DELETE', {}, EMPTY)
    } catch (error) {
      // 499: it is cancelled, as asked for.
      if (gcsFailure(error).kind !== 'absent') throw error
    }
  }

  /** Until the service has all of `body`, which begins at `start`; `total`: the object ends with it. */
  async #send(body: Buffer, {start, total}: {start: number; total?: number}, call: Call): Promise<void> {
    const end = start + body.length
    let at = start
    if (this.#isUnsure) {
      const known = await this.#put(EMPTY, `bytes */${total ?? '*'}`, call)
      if (known === 'complete') return
      at = known
    }

    this.#isUnsure = true
    for (;;) {
      if (at === end && total === undefined) break
      if (at < start || at > end) throw Object.assign(new Error('The upload was dropped'), {code: 410})
      const range = at === end ? `*` : `${at}-${end - 1}`
      const known = await this.#put(body.subarray(at - start), `bytes ${range}/${total ?? '*'}`, call)
      if (known === 'complete') break
      at = known
    }

    this.#isUnsure = false
    this.#offset = end
  }

  /** Bytes that the service has now, or `complete`. */
  async #put(body: Buffer, range: string, {signal}: Call): Promise<'complete' | number> {
    const {headers, status} = await this.#request('PUT', {'Content-Range': range}, body)
    // What answers a call that was given up may be long past: others have gone on.
    throwIfAborted(signal)
    if (status !== 308) return 'complete'
    const [, last] = /-(\d+)$/.exec(headers.range ?? '') ?? []
    return last === undefined ? 0 : Number(last) + 1
  }

  async #request(
    method: 'DELETE' | 'PUT',
    headers: Record<string, string>,
    body: Buffer,
  ): Promise<{headers: Record<string, string | undefined>; status: number}> {
    return new Promise((resolve, reject) => {
      const request = {
        ...(method === 'PUT' && {body}),
        headers: {...headers, 'Content-Length': String(body.length)},
        method,
        uri: this.uri,
      }
      this.storage.request(request, (error, _, response) => {
        const {headers: answered = {}, statusCode = 0} = (response ?? {}) as {
          headers?: Record<string, string | undefined>
          statusCode?: number
        }
        if (statusCode === 308 || (!error && statusCode >= 200 && statusCode < 300))
          resolve({headers: answered, status: statusCode})
        else reject(error ?? Object.assign(new Error(`The service answered ${statusCode}`), {code: statusCode}))
      })
    })
  }
}
