/**
 * A job in a store, in a folder of its own: `plan.json`, `cancelled.json`, and in `items/` one object an item, which is replaced on the condition
 * that nobody else has replaced it; in `agreed/` what several have to do in the same way. What a listing is to show without reading each of them stands in the names of empty objects beside it.
 * They lie in folders that one page of a cloud's listing shows: a look costs one request, and who knows that all in one is done needs none.
 */
import type {Owner} from '../store/process.js'
import type {Store, StoreEntry} from '../store/store.js'
import type {ItemFailure} from './queue.js'

import {utf8} from '../codec/bytes.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {Field} from '../model/fields.js'
import {readAll} from '../store/read-all.js'

export const PLAN_FILE = 'plan.json'
const CANCELLED = 'cancelled.json'
const ITEMS = 'items'
const AGREED = 'agreed'
/** Items of a folder: with two objects each, and some that were tried again, less than the 1,000 of a page. */
export const FOLDER_ITEMS = 256
const NAME = /^(\d{5,9})(?:\.(done|aside)|\.open-(\d{1,9}))?$/

const decoder = new TextDecoder('utf-8', {fatal: true})

/** Who has, or had, an item. */
export interface Holder extends Owner {
  /** RFC 3339, by the holder's own clock: for people only. */
  since?: string
}

/** What stands in the object of an item. */
export interface ItemRecord<R> {
  attempt: number
  /** Grows with each write, so that its tag changes. */
  beat: number
  failures: ItemFailure[]
  holder?: Holder
  /** How far its holder is, in words of the job's own. */
  note?: unknown
  result?: R
  /** `failed` and `released`: free again, or put aside after too many failures. */
  state: 'done' | 'failed' | 'released' | 'taken'
  /** It was taken from a holder whose end nobody saw. */
  unseen?: boolean
}

/** What a listing shows of one item. */
export interface ListedItem {
  isAside: boolean
  isDone: boolean
  /** The last attempt that is known to have ended without a result; 0: none. */
  opened: number
  /** Changes with each renewal; undefined: nobody has had it. */
  signature?: string
}

/** A name beside the object of an item. */
export type Marker = 'aside' | 'done' | `open-${number}`

export interface Cancellation {
  /** RFC 3339, by the clock of whoever cancelled it. */
  at: string
  by: Holder
}

export class JobPlace<R> {
  constructor(
    private readonly store: Store,
    /** Key of the job's folder. */
    private readonly folder: string,
  ) {}

  describe(): string {
    return this.store.describe(this.folder)
  }

  /** False: there is a job of that name. */
  async writePlan(plan: unknown): Promise<boolean> {
    return (await this.store.put(this.#key(PLAN_FILE), json(plan), {ifAbsent: true})) !== undefined
  }

  /** undefined: there is no such job. */
  async readPlan(): Promise<unknown> {
    return this.#read(this.#key(PLAN_FILE))
  }

  /** False: it was cancelled before. */
  async cancel(cancellation: Cancellation): Promise<boolean> {
    return (await this.store.put(this.#key(CANCELLED), json(cancellation), {ifAbsent: true})) !== undefined
  }

  /** What everybody goes by who asks for it: what the first of them has proposed. Nobody changes it any more. */
  async agree(what: string, proposal: Uint8Array): Promise<Uint8Array> {
    const key = this.#agreement(what)
    if ((await this.store.put(key, proposal, {ifAbsent: true})) !== undefined) return proposal
    return readAll(this.store, key)
  }

  /** undefined: nobody has proposed anything. */
  async agreed(what: string): Promise<Uint8Array | undefined> {
    return readAll(this.store, this.#agreement(what)).catch(insteadOf(undefined, 'NOT_A_BACKUP'))
  }

  async isCancelled(): Promise<boolean> {
    return (await this.store.stat(this.#key(CANCELLED), 'file')) !== undefined
  }

  /** What is there of each item of a folder that anybody has had. */
  async list(folder: number): Promise<Map<number, ListedItem>> {
    return listedItems(await this.store.list(this.#key(`${ITEMS}/${nameOf(folder)}`)))
  }

  /** The record's tag; undefined: somebody has had it. */
  async create(number: number, record: ItemRecord<R>): Promise<string | undefined> {
    return this.store.put(this.#item(number), json(record), {ifAbsent: true})
  }

  /** The new tag; undefined: it was changed since. */
  async replace(number: number, record: ItemRecord<R>, tag: string): Promise<string | undefined> {
    return this.store.put(this.#item(number), json(record), {ifMatch: tag})
  }

  /** With a tag that is at most as new as the record. undefined: nobody has had it. */
  async read(number: number): Promise<undefined | {record: ItemRecord<R>; tag: string}> {
    const key = this.#item(number)
    const tag = (await this.store.stat(key, 'file'))?.tag
    const record = tag === undefined ? undefined : await this.readRecord(number)
    return tag === undefined || record === undefined ? undefined : {record, tag}
  }

  /** undefined: nobody has had it. @throws DataOpsError STORAGE when it cannot be read, or understood. */
  async readRecord(number: number): Promise<ItemRecord<R> | undefined> {
    const key = this.#item(number)
    const value = await this.#read(key)
    if (value === undefined) return undefined
    try {
      return readRecord(new Field(value, 'item'))
    } catch (error) {
      throw new DataOpsError('STORAGE', `${this.store.describe(key)} is damaged.`, {
        cause: error,
        details: {path: this.store.describe(key)},
        hint: 'Somebody has changed it: cancel the job, and create it anew.',
      })
    }
  }

  async mark(number: number, marker: Marker): Promise<void> {
    await this.store.put(`${this.#item(number)}.${marker}`, new Uint8Array(), {ifAbsent: true})
  }

  #key(name: string): string {
    return `${this.folder}/${name}`
  }

  #agreement(what: string): string {
    return this.#key(`${AGREED}/${what}`)
  }

  #item(number: number): string {
    return this.#key(`${ITEMS}/${nameOf(Math.floor(number / FOLDER_ITEMS))}/${nameOf(number)}`)
  }

  async #read(key: string): Promise<unknown> {
    const bytes = await readAll(this.store, key).catch(insteadOf(undefined, 'NOT_A_BACKUP'))
    if (!bytes) return undefined
    try {
      return JSON.parse(decoder.decode(bytes)) as unknown
    } catch (error) {
      const path = this.store.describe(key)
      throw new DataOpsError('STORAGE', `${path} is damaged.`, {cause: error, details: {path}})
    }
  }
}

/** Names that are none of ours are looked past. */
export function listedItems(entries: readonly StoreEntry[]): Map<number, ListedItem> {
  const items = new Map<number, ListedItem>()
  for (const {bytes, modified, name, tag} of entries) {
    const [matched, digits, end, attempt] = NAME.exec(name) ?? []
    if (matched === undefined) continue
    const number = Number(digits)
    const item = items.get(number) ?? {isAside: false, isDone: false, opened: 0}
    items.set(number, item)
    if (end === 'done') item.isDone = true
    else if (end === 'aside') item.isAside = true
    else if (attempt === undefined) item.signature = tag ?? `${bytes} ${modified}`
    else item.opened = Math.max(item.opened, Number(attempt))
  }

  return items
}

function nameOf(number: number): string {
  return String(number).padStart(5, '0')
}

function json(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value))
}

/** @throws MalformedError. */
function readRecord<R>(file: Field): ItemRecord<R> {
  file.member('attempt').count()
  file.member('beat').count()
  file.member('failures').array()
  file.member('state').oneOf(['done', 'failed', 'released', 'taken'])
  return file.value as ItemRecord<R>
}
