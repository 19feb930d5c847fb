/** Backups in object storage, whatever the cloud: keys under a prefix, conditions instead of renames. */
import type {
  KnownKind,
  ObjectLock,
  PutCondition,
  Store,
  StoreEntry,
  StoreReader,
  StoreUploads,
  StoreWriter,
} from '../store.js'
import type {FoundObject, ObjectClient} from './client.js'

import {DataOpsError} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {randomHex} from '../../platform/node.js'
import {refused} from '../damaged.js'
import {byName, folderEntry} from '../entries.js'
import {checkKey, nameOf, refusedKey} from '../key.js'
import {CONDITIONS_PROBE} from '../temporary-name.js'
import {Calls, type Patience} from './calls.js'
import {isFailure, leavingAsDataOpsError} from './failure.js'
import {ObjectLocks} from './locks.js'
import {Probe} from './probe.js'
import {openObject} from './reader.js'
import {ObjectWriter} from './writer.js'

export interface ObjectStoreOptions {
  /** Loads the client and makes it; called once something is asked for. */
  connect: () => Promise<ObjectClient>
  /** A place that does not keep conditions is used all the same. */
  isUnsafe?: boolean
  patience?: Patience
  /** What comes before each key: '' or ends with `/`. */
  prefix: string
  /** The URL of the prefix, without secrets; what people see. */
  url: string
  /** That go on at once, elsewhere too; default 1. */
  writers?: number
}

/** How a small object is written. */
interface How {
  condition?: PutCondition
  lock?: ObjectLock
}

export class ObjectStore implements Store {
  readonly #calls: Calls
  readonly #probe: Probe
  readonly locks: ObjectLocks

  constructor(private readonly options: ObjectStoreOptions) {
    this.#calls = new Calls(options.connect, options.patience)
    this.#probe = new Probe(this.#calls, {
      isOff: options.isUnsafe,
      key: this.#full(CONDITIONS_PROBE),
      url: options.url,
    })
    this.locks = new ObjectLocks({
      calls: this.#calls,
      createWriter: async (key, lock) => this.#createWriter(key, lock),
      describe: (key) => this.describe(key),
      prefix: options.prefix,
      put: async (key, bytes, condition, lock) => this.#putInside(key, bytes, {condition, lock}),
    })
  }

  describe(key: string): string {
    return key === '' ? this.options.url : `${this.options.url.replace(/\/$/, '')}/${key}`
  }

  #full(key: string): string {
    return `${this.options.prefix}${key}`
  }

  #prefixOf(folder: string): string {
    return folder === '' ? this.options.prefix : `${this.#full(folder)}/`
  }

  async #inside<T>(key: string, work: () => Promise<T>): Promise<T> {
    checkKey(key)
    return leavingAsDataOpsError(work)
  }

  /** Everything under a prefix, page by page. */
  async *#pages(prefix: string, action: {verb: string; where: string}, delimiter?: '/') {
    let after: string | undefined
    do {
      const from = after
      const page = await this.#calls.attempt(action, async (client, call) =>
        client.list({after: from, delimiter, prefix}, call),
      )
      yield page
      after = page.next
    } while (after !== undefined)
  }

  async list(folder: string): Promise<StoreEntry[]> {
    return this.#inside(folder, async () => {
      const prefix = this.#prefixOf(folder)
      const entries: StoreEntry[] = []
      for await (const page of this.#pages(prefix, {verb: 'list', where: this.describe(folder)}, '/')) {
        for (const object of page.objects) {
          // Consoles make an object called like the folder itself.
          if (object.key !== prefix) entries.push(entryOf(object, object.key.slice(prefix.length)))
        }

        for (const name of page.folders) entries.push(folderEntry(name.slice(prefix.length).replace(/\/$/, '')))
      }

      // `//` in a key: no name of ours, and none that could be asked for.
      return entries.filter(({name}) => name !== '').sort(byName)
    })
  }

  async openRead(key: string): Promise<StoreReader> {
    return this.#inside(key, async () => {
      if (key === '') throw refusedKey(key)
      try {
        return await openObject({calls: this.#calls, key: this.#full(key), where: this.describe(key)})
      } catch (error) {
        if (!isFailure(error, 'absent')) throw error
        const where = this.describe(key)
        if (await this.#hasAny(key)) throw refused(where, 'is a folder', 'Name a file.')
        throw new DataOpsError('NOT_A_BACKUP', `${where} does not exist.`, {
          details: {path: where},
          hint: 'Check the URL.',
        })
      }
    })
  }

  /** Whether anything lies in a folder; one that may not be listed has nothing that is known. Of the place itself that would say too much. */
  async #hasAny(folder: string): Promise<boolean> {
    const action = {verb: 'list', where: this.describe(folder)}
    try {
      const {folders, objects} = await this.#calls.attempt(action, async (client, call) =>
        client.list({limit: 1, prefix: this.#prefixOf(folder)}, call),
      )
      return folders.length > 0 || objects.length > 0
    } catch (error) {
      if (folder !== '' && isFailure(error, 'denied')) return false
      throw error
    }
  }

  async stat(key: string, kind?: KnownKind): Promise<StoreEntry | undefined> {
    return this.#inside(key, async () => {
      const name = nameOf(key)
      const found = key === '' ? undefined : await this.#head(key)
      if (found) return entryOf(found, name)
      return kind === undefined && (await this.#hasAny(key)) ? folderEntry(name) : undefined
    })
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string | undefined> {
    return this.#putInside(key, bytes, {condition})
  }

  async #putInside(key: string, bytes: Uint8Array, how: How): Promise<string | undefined> {
    return this.#inside(key, async () => {
      if (key === '') throw refusedKey(key)
      if (how.condition) await this.#probe.check()
      return this.#put(key, bytes, how)
    })
  }

  async #put(key: string, bytes: Uint8Array, {condition, lock}: How): Promise<string | undefined> {
    const mark = newMark()
    const full = this.#full(key)
    const action = {bytes: bytes.length, verb: 'write', where: this.describe(key)}
    if (condition && this.options.isUnsafe && !(await this.#isMet(key, condition))) return undefined
    let mayBeDone = false
    try {
      return await this.#calls.attempt(action, async (client, call, earlier) => {
        mayBeDone = earlier.mayBeDone
        return client.put(full, bytes, {condition, lock, mark}, call)
      })
    } catch (error) {
      const isUnmet =
        isFailure(error, 'condition') || (condition && 'ifMatch' in condition && isFailure(error, 'absent'))
      if (!isUnmet) throw error
      // The condition was not met because an attempt whose answer was lost had met it.
      const found = mayBeDone ? await this.#head(key) : undefined
      return found?.mark === mark ? found.tag : undefined
    }
  }

  async #head(key: string): Promise<FoundObject | undefined> {
    return this.#calls.attempt({verb: 'read', where: this.describe(key)}, async (client, call) =>
      client.head(this.#full(key), call),
    )
  }

  /** Looked at beforehand, which is all that there is where conditions are not kept. */
  async #isMet(key: string, condition: PutCondition): Promise<boolean> {
    const found = await this.#head(key)
    return 'ifAbsent' in condition ? found === undefined : found?.tag === condition.ifMatch
  }

  async createWriter(key: string): Promise<StoreWriter> {
    return this.#createWriter(key)
  }

  async #createWriter(key: string, lock?: ObjectLock): Promise<StoreWriter> {
    return this.#inside(key, async () => {
      if (key === '') throw refusedKey(key)
      await this.#probe.check()
      return new ObjectWriter(
        {
          calls: this.#calls,
          checkUploads: async () => this.#probe.checkUploads(),
          fullKey: this.#full(key),
          isFree: async () => !this.options.isUnsafe || (await this.#head(key)) === undefined,
          isMarked: async (mark) => (await this.#head(key))?.mark === mark,
          lock,
          mark: newMark(),
          putIfAbsent: async (name, bytes) =>
            (await this.#put(name, bytes, {condition: {ifAbsent: true}, lock})) !== undefined,
          where: this.describe(key),
          writers: this.options.writers,
        },
        key,
      )
    })
  }

  async remove(key: string, kind?: KnownKind): Promise<void> {
    await this.#inside(key, async () => {
      if (key === '') throw refusedKey(key)
      const action = {verb: 'remove', where: this.describe(key)}
      const remove = async (keys: readonly string[]): Promise<void> =>
        this.#calls.attempt(action, async (client, call) => client.remove(keys, call))
      await remove([this.#full(key)])
      if (kind === 'file') return
      for await (const {objects} of this.#pages(this.#prefixOf(key), action)) {
        if (objects.length > 0) await remove(objects.map((object) => object.key))
      }
    })
  }

  /** Writes that were begun and never completed; none where the service drops them by itself. */
  readonly uploads: StoreUploads = {
    drop: async (mayGo) =>
      leavingAsDataOpsError(async () => {
        const {prefix} = this.options
        const action = {verb: 'list the uploads of', where: this.describe('')}
        const found = await this.#calls.attempt(action, async (client, call) => client.uploads?.(prefix, call))
        const dropped = await inParallel(found ?? [], {atOnce: 4}, async (upload) => {
          const key = upload.key.slice(prefix.length)
          if (!(await mayGo(key, upload.begun))) return []
          await this.#calls.attempt({verb: 'drop', where: this.describe(key)}, async (_, call) => upload.abort(call))
          return [key]
        })
        return dropped.flat()
      }),
  }
}

function newMark(): string {
  return randomHex(12)
}

function entryOf({bytes, modified, tag}: FoundObject, name: string): StoreEntry {
  return {bytes, kind: 'file', modified, name, tag}
}
