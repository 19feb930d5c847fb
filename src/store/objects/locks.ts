/** Locked objects, whatever the cloud: which version counts, of those that lie over one another. */
import type {LockedEntry, ObjectLock, PutCondition, StoreLocks, StoreReader, StoreWriter} from '../store.js'
import type {AttemptOptions, Calls} from './calls.js'
import type {ObjectVersion, VersionPage} from './client.js'

import {DataOpsError, insteadOf} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {clocksApart} from '../clock.js'
import {checkKey, nameOf} from '../key.js'
import {isFailure, leavingAsDataOpsError} from './failure.js'
import {once} from './once.js'
import {openObject} from './reader.js'

/** Objects that are looked at at the same time. */
const AT_ONCE = 8

/** What locks need of their place. */
export interface LockPlace {
  calls: Calls
  createWriter: (key: string, lock: ObjectLock) => Promise<StoreWriter>
  describe: (key: string) => string
  put: (key: string, bytes: Uint8Array, condition: PutCondition, lock: ObjectLock) => Promise<string | undefined>
  /** What comes before each key. */
  prefix: string
}

export class ObjectLocks implements StoreLocks {
  readonly #found = once(async (): Promise<{apart?: number; isOn?: boolean}> => {
    try {
      return await this.place.calls.attempt(this.#action('look for locks in', ''), async (client, call) => {
        const before = Date.now()
        const {date, isOn} = await client.locks.areOn(call)
        const told = date instanceof Date ? date.getTime() : typeof date === 'string' ? Date.parse(date) : NaN
        return {isOn, ...(!Number.isNaN(told) && {apart: clocksApart(told, before, Date.now())})}
      })
    } catch (error) {
      if (isFailure(error, 'unsupported')) return {isOn: false}
      if (isFailure(error, 'denied')) return {}
      throw error
    }
  })

  constructor(private readonly place: LockPlace) {}

  async areOn(): Promise<boolean | undefined> {
    return leavingAsDataOpsError(async () => (await this.#found()).isOn)
  }

  async clocksApart(): Promise<number | undefined> {
    return leavingAsDataOpsError(async () => (await this.#found()).apart)
  }

  async createWriter(key: string, lock: ObjectLock): Promise<StoreWriter> {
    return this.place.createWriter(key, lock)
  }

  async put(key: string, bytes: Uint8Array, condition: PutCondition, lock: ObjectLock): Promise<string | undefined> {
    return this.place.put(key, bytes, condition, lock)
  }

  async find(key: string): Promise<'unknown' | LockedEntry | undefined> {
    return this.#inside(key, async () => {
      try {
        const versions = (await this.#found()).isOn === false ? [] : await this.#seen(key, false)
        return await this.#firstLocked(key, versions)
      } catch (error) {
        if (isFailure(error, 'denied')) return 'unknown'
        if (isFailure(error, 'unsupported')) return undefined
        throw error
      }
    })
  }

  async hidden(key: string): Promise<Map<string, LockedEntry>> {
    return this.#inside(key.replace(/\/$/, ''), async () => {
      const shadowed = [...(await this.#versionsIn(key))].filter(([, versions]) => !isAlone(versions))
      const found = await inParallel(shadowed, {atOnce: AT_ONCE}, async ([each, versions]) => {
        const entry = await this.#firstLocked(each, versions, true)
        const isShown = versions.some(({isCurrent, version}) => isCurrent && version === entry?.version)
        return entry && !isShown ? [[each, entry] as const] : []
      })
      return new Map(found.flat())
    })
  }

  async lock(key: string, lock: ObjectLock): Promise<void> {
    await this.#inside(key, async () => {
      const versions = await this.#seen(key, false)
      const locked = await this.#firstLocked(key, versions)
      const version = locked
        ? versions.find((each) => each.version === locked.version)
        : versions.find(({isCurrent, isRemoval}) => isCurrent && !isRemoval)
      if (!version) {
        const path = this.place.describe(key)
        throw new DataOpsError('NOT_A_BACKUP', `${path} does not exist.`, {details: {path}})
      }

      const isStronger = locked?.lock.mode === 'governance' && lock.mode === 'compliance'
      if (locked && locked.lock.until >= lock.until && !isStronger) return
      const until = Math.max(lock.until, locked?.lock.until ?? 0)
      const mode = locked?.lock.mode === 'compliance' ? 'compliance' : lock.mode
      await this.place.calls.attempt(this.#action('lock', key), async (client, call) =>
        client.locks.lock(version, {mode, until}, call),
      )
    })
  }

  async names(folder: string): Promise<string[]> {
    return this.#inside(folder, async () => {
      if ((await this.#found()).isOn === false) return []
      const prefix = folder === '' ? this.place.prefix : this.#full(`${folder}/`)
      const folders = new Set<string>()
      const objects: ObjectVersion[] = []
      try {
        for await (const page of this.#pages(prefix, {delimiter: '/', isForNames: true})) {
          objects.push(...page.versions)
          for (const each of page.folders) folders.add(each.slice(prefix.length).replace(/\/$/, ''))
        }
      } catch (error) {
        if (!isFailure(error, 'denied', 'unsupported')) throw error
      }

      const byKey = [...Map.groupBy(objects, ({key}) => key)]
      const notAlone = byKey.flatMap(([key, versions]) => (isAlone(versions) ? [] : [key.slice(prefix.length)]))
      return [...folders, ...notAlone].filter((name) => name !== '')
    })
  }

  async openRead(key: string, version: string): Promise<StoreReader> {
    const {calls, describe} = this.place
    return this.#inside(key, async () => openObject({calls, key: this.#full(key), version, where: describe(key)}))
  }

  #full(key: string): string {
    return `${this.place.prefix}${key}`
  }

  #action(verb: string, key: string): AttemptOptions {
    return {verb, where: this.place.describe(key)}
  }

  async #inside<T>(key: string, work: () => Promise<T>): Promise<T> {
    checkKey(key)
    return leavingAsDataOpsError(work)
  }

  /** Those of `KEY`, or of all in `FOLDER/`, by their keys; none where nobody may look, or nothing can be locked. */
  async #versionsIn(key: string): Promise<Map<string, ObjectVersion[]>> {
    if ((await this.#found()).isOn === false) return new Map()
    const seen = this.#seen(key, key.endsWith('/'))
    const versions = await seen.catch(insteadOf([], (error) => isFailure(error, 'denied', 'unsupported')))
    return Map.groupBy(versions, (each) => each.key.slice(this.place.prefix.length))
  }

  /** The oldest first. */
  async #seen(key: string, isFolder: boolean): Promise<ObjectVersion[]> {
    const full = this.#full(key)
    const found: ObjectVersion[] = []
    for await (const {versions} of this.#pages(full, {})) {
      const fitting = isFolder ? versions : versions.filter((each) => each.key === full)
      found.push(...fitting)
      // A longer key comes behind.
      if (fitting.length < versions.length) break
    }

    const {isNewestFirst} = (await this.place.calls.client()).locks
    return isNewestFirst ? found.toReversed() : found
  }

  async *#pages(
    prefix: string,
    options: {delimiter?: '/'; isForNames?: boolean},
  ): AsyncGenerator<VersionPage, void, undefined> {
    const action = {verb: 'list the versions of', where: this.place.describe('')}
    let after: string | undefined
    do {
      const from = after
      const page: VersionPage = await this.place.calls.attempt(action, async (client, call) =>
        client.locks.versions({after: from, prefix, ...options}, call),
      )
      yield page
      after = page.next
    } while (after !== undefined)
  }

  /** `isLenient`: those that nobody may look at are passed over. @throws a failure `denied` otherwise. */
  async #firstLocked(
    key: string,
    versions: readonly ObjectVersion[],
    isLenient = false,
  ): Promise<LockedEntry | undefined> {
    for (const version of versions) {
      if (version.isRemoval) continue
      const lock = await this.#lockOf(version, isLenient)
      if (!lock || lock.until <= Date.now()) continue
      const {bytes, modified, tag} = version
      return {bytes, kind: 'file', lock, modified, name: nameOf(key), tag, version: version.version}
    }

    return undefined
  }

  /** undefined also for a version that is gone by now. */
  async #lockOf(version: ObjectVersion, isLenient: boolean): Promise<ObjectLock | undefined> {
    const action = this.#action('look for the lock of', version.key.slice(this.place.prefix.length))
    const asked = this.place.calls.attempt(action, async ({locks}, call) =>
      locks.lockOf ? locks.lockOf(version, call) : version.lock,
    )
    const isPassedOver = (error: unknown): boolean =>
      isFailure(error, 'absent') || (isLenient && isFailure(error, 'denied'))
    return asked.catch(insteadOf(undefined, isPassedOver))
  }
}

/** Nothing lies over it, and nothing below. */
function isAlone(versions: readonly ObjectVersion[]): boolean {
  const [only] = versions
  return versions.length === 1 && only?.isCurrent === true && !only.isRemoval
}
