/** Leases in a store: one file a generation, `NAME.1`, `NAME.2`, …, created where there is none; a longer file is a renewed lease. */
import type {Store} from './store.js'

import {utf8} from '../codec/bytes.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {withReader} from './read-all.js'

/** One generation of a lease, as it was when it was read. */
export interface LeaseRecord {
  generation: number
  /** Changes with each renewal, and is never that of another lease. */
  tag: string
  /** What its holder wrote: one line. */
  text: string
}

const MAX_TEXT_BYTES = 4096
/** What stands in a lease that was given back where nothing can be removed. */
export const RELEASED = '{"released":true}'

/** Compare-and-swap for leases. */
export class FileLeases {
  constructor(private readonly store: Store) {}

  describe(name: string): string {
    return this.store.describe(name)
  }

  /** Every generation that is there, ascending; none: the lease is free. More than one while it changes hands. */
  async read(name: string): Promise<LeaseRecord[]> {
    const [folder, prefix] = splitName(`${name}.`)
    const records: LeaseRecord[] = []
    for (const entry of await this.store.list(folder)) {
      const generation = entry.name.startsWith(prefix) ? entry.name.slice(prefix.length) : ''
      if (!/^[1-9]\d{0,8}$/.test(generation)) continue
      const record = await this.#record(name, Number(generation))
      if (record) records.push(record)
    }

    return records.sort((a, b) => a.generation - b.generation)
  }

  async #record(name: string, generation: number): Promise<LeaseRecord | undefined> {
    // Opened, not only looked at: a network folder answers that from the server.
    const record = withReader(this.store, fileOf(name, generation), async (reader) => {
      const bytes = await reader.read(0, Math.min(reader.size, MAX_TEXT_BYTES))
      const [text = ''] = new TextDecoder().decode(bytes).split('\n', 1)
      return {generation, tag: `${text}\n${reader.size}`, text}
    })
    return record.catch(insteadOf(undefined, 'NOT_A_BACKUP'))
  }

  /** Whether this generation is still the holder's. */
  async holds(name: string, {generation, text}: LeaseRecord): Promise<boolean> {
    if ((await this.#record(name, generation))?.text !== text) return false
    // The next one stands before this one goes.
    return (await this.store.stat(fileOf(name, generation + 1), 'file')) === undefined
  }

  /**
   * Gives the lease to `text`, on condition that all there is of it is still `seen`; undefined when somebody was faster.
   * The next generation's file is created exclusively, and counts only when nothing else has appeared or changed meanwhile: of two
   * that take at once, and of one that slept over the other's whole turn, at least one sees the other's file and steps back.
   */
  async take(name: string, text: string, seen: readonly LeaseRecord[]): Promise<LeaseRecord | undefined> {
    const last = seen.at(-1)
    // One that was given back and could not be removed is written over, so that they do not grow in number.
    const released = last?.text === RELEASED ? last : undefined
    const generation = released ? released.generation : (last?.generation ?? 0) + 1
    const file = fileOf(name, generation)
    const isTaken = released ? await this.#overwrite(name, released, text) : await this.#create(file, text)
    if (!isTaken) return undefined
    const tags = new Set(seen.map(({tag}) => tag))
    const now = await this.read(name)
    const own = now.find((record) => record.generation === generation)
    if (own?.text !== text) return undefined
    if (now.some((record) => record !== own && !tags.has(record.tag))) {
      await this.#drop(file)
      return undefined
    }

    for (const record of seen) if (record !== released) await this.#drop(fileOf(name, record.generation))
    return own
  }

  /** When it was last written, by the clock of the place; undefined: it is not there. */
  async writtenAt(name: string, {generation}: LeaseRecord): Promise<number | undefined> {
    return (await this.store.stat(fileOf(name, generation), 'file'))?.modified
  }

  /** Changes the tag; false when it is another's by now. Only for who has renewed it in time: see `retake`. */
  async renew(name: string, record: LeaseRecord): Promise<boolean> {
    const file = fileOf(name, record.generation)
    // Its tag first: what is looked at after that is of that one, or nothing is written.
    const entry = await this.store.stat(file, 'file')
    if (entry?.tag === undefined || !(await this.holds(name, record))) return false
    const beats = Math.max(0, entry.bytes - utf8(`${record.text}\n`).byteLength) + 1
    const renewed = utf8(`${record.text}\n${'.'.repeat(beats)}`)
    return (await this.store.put(file, renewed, {ifMatch: entry.tag})) !== undefined
  }

  /** The lease anew, for its holder who has not renewed it in time; undefined when somebody else has it, or has had it meanwhile. */
  async retake(name: string, record: LeaseRecord): Promise<LeaseRecord | undefined> {
    if (!(await this.holds(name, record))) return undefined
    const next = fileOf(name, record.generation + 1)
    if (!(await this.#create(next, record.text))) return undefined
    // Whoever had it meanwhile has taken this one away.
    const isStillOwn = (await this.#record(name, record.generation))?.text === record.text
    await this.#drop(isStillOwn ? fileOf(name, record.generation) : next)
    return isStillOwn ? this.#record(name, record.generation + 1) : undefined
  }

  /** Does nothing when it is another's by now. */
  async release(name: string, record: LeaseRecord): Promise<void> {
    if ((await this.#record(name, record.generation))?.text === record.text)
      await this.#drop(fileOf(name, record.generation))
  }

  /** Creates a file with its content, or not at all: nobody ever reads half an owner. */
  async #create(file: string, text: string): Promise<boolean> {
    return (await this.store.put(file, utf8(`${text}\n`), {ifAbsent: true})) !== undefined
  }

  async #overwrite(name: string, {generation}: LeaseRecord, text: string): Promise<boolean> {
    const file = fileOf(name, generation)
    const tag = (await this.store.stat(file, 'file'))?.tag
    if (tag === undefined || (await this.#record(name, generation))?.text !== RELEASED) return false
    return (await this.store.put(file, utf8(`${text}\n`), {ifMatch: tag})) !== undefined
  }

  /** Removes a file; where that is refused it says that nobody holds it. */
  async #drop(file: string): Promise<void> {
    try {
      await this.store.remove(file, 'file')
    } catch (error) {
      if (!(error instanceof DataOpsError && error.code === 'STORAGE')) throw error
      await this.store.put(file, utf8(`${RELEASED}\n`))
    }
  }
}

function fileOf(name: string, generation: number): string {
  return `${name}.${generation}`
}

function splitName(name: string): [folder: string, rest: string] {
  const slash = name.lastIndexOf('/')
  return slash === -1 ? ['', name] : [name.slice(0, slash), name.slice(slash + 1)]
}
