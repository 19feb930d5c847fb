/** Finds out, before the first write, whether a place keeps the conditions of writes: everything that is safe there stands on them. */
import type {Calls} from './calls.js'
import type {PutOptions} from './client.js'

import {utf8} from '../../codec/bytes.js'
import {DataOpsError} from '../../model/errors.js'
import {randomHex} from '../../platform/node.js'
import {isFailure} from './failure.js'
import {once} from './once.js'

export interface ProbeOptions {
  isOff?: boolean
  /** Where a small object may be written and removed. */
  key: string
  url: string
}

/** Writes that may succeed because the object was another's, and is gone. */
const OTHERS = 2

export class Probe {
  readonly #puts = once(async () =>
    this.#whileThere([
      async () => this.#put({ifAbsent: true}),
      async () => this.#put({ifMatch: (await this.calls.client()).noTag}),
    ]),
  )

  readonly #uploads = once(async () => this.#whileThere([async () => this.#upload()]))

  constructor(
    private readonly calls: Calls,
    private readonly options: ProbeOptions,
  ) {}

  /** Once for each store. @throws DataOpsError INVALID_INPUT for a place that writes what it should not; ClientError. */
  async check(): Promise<void> {
    if (!this.options.isOff) await this.#puts()
  }

  /** The same for the end of an upload in parts. */
  async checkUploads(): Promise<void> {
    if (!this.options.isOff) await this.#uploads()
  }

  /** While there is an object at the key, none of `writes` may succeed. */
  async #whileThere(writes: ReadonlyArray<() => Promise<unknown>>): Promise<void> {
    // Another process may look as well, and remove what it made before we are done.
    let isOwn = (await this.#isRefused(async () => this.#put({ifAbsent: true}))) === false
    try {
      for (const write of writes) {
        for (let attempt = 1; !(await this.#isRefused(write)); attempt++) {
          if (isOwn || attempt === OTHERS) throw this.#ignored()
          isOwn = true
        }
      }
    } finally {
      // Who may not remove leaves it.
      if (isOwn) await this.#remove().catch(() => undefined)
    }
  }

  async #isRefused(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await write()
      return false
    } catch (error) {
      if (isFailure(error, 'condition', 'absent')) return true
      throw this.#asRefusal(error)
    }
  }

  #asRefusal(error: unknown): unknown {
    return isFailure(error, 'unsupported') ? this.#ignored() : error
  }

  #ignored(): DataOpsError {
    const {url} = this.options
    return new DataOpsError(
      'INVALID_INPUT',
      `The service behind ${url} does not keep conditions of writes: two processes could overwrite each other's backups there.`,
      {
        details: {path: url, reason: 'conditions'},
        hint: 'Use a service or version that knows If-None-Match and If-Match; `unsafePlace: true` writes all the same, for a single writer at a time.',
      },
    )
  }

  /** @returns true; fails with `condition` */
  async #put(condition: PutOptions['condition']): Promise<boolean> {
    const bytes = utf8(`Whether this place keeps the conditions of writes: ${randomHex(8)}\n`)
    const {key, url} = this.options
    const action = {bytes: bytes.length, verb: 'write to', where: url}
    const mark = randomHex(12)
    return this.calls.attempt(action, async (client, call, earlier) => {
      try {
        await client.put(key, bytes, {condition, mark}, call)
      } catch (error) {
        const isOwn = async (): Promise<boolean> => (await client.head(key, call))?.mark === mark
        if (earlier.mayBeDone && client.failure(error).kind === 'condition' && (await isOwn())) return true
        throw error
      }

      return true
    })
  }

  async #upload(): Promise<void> {
    const {key, url} = this.options
    const action = {verb: 'write to', where: url}
    const upload = await this.calls.attempt(action, async (client, call) =>
      client.begin(key, {mark: randomHex(12)}, call),
    )
    try {
      const bytes = utf8('Whether this place keeps the conditions of uploads.\n')
      await this.calls.attempt(action, async (_, call) => upload.part(1, bytes, true, call))
      await this.calls.attempt(action, async (_, call) => upload.complete(call))
    } finally {
      await this.calls.attempt(action, async (_, call) => upload.abort(call)).catch(() => undefined)
    }
  }

  async #remove(): Promise<void> {
    const {key, url} = this.options
    await this.calls.attempt({verb: 'write to', where: url}, async (client, call) => client.remove([key], call))
  }
}
