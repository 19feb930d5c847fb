/** Leases in a store whose files are created exclusively: one file a generation, `NAME.1`, `NAME.2`, …; a longer file is a renewed lease. */
import type {Store} from './store.js'

import {DataOpsError} from '../model/errors.js'
import {temporaryName} from './temporary-name.js'

/** One generation of a lease, as it was when it was read. */
export interface LeaseRecord {
  generation: number
  /** Changes with each renewal, and is never that of another lease. */
  tag: string
  /** What its holder wrote: one line. */
  text: string
}

/** Compare-and-swap for leases: all that a place must be able to do to carry them. */
export interface LeasePlace {
  describe: (name: string) => string
  /** Every generation that is there, ascending; none: the lease is free. More than one while it changes hands. */
  read: (name: string) => Promise<LeaseRecord[]>
  /** Whether this generation is still the holder's. */
  holds: (name: string, record: LeaseRecord) => Promise<boolean>
  /** Gives the lease to `text`, on condition that all there is of it is still `seen`; undefined when somebody was faster. */
  take: (name: string, text: string, seen: readonly LeaseRecord[]) => Promise<LeaseRecord | undefined>
  /** Changes the tag; false when it is another's by now. */
  renew: (name: string, record: LeaseRecord) => Promise<boolean>
  /** Does nothing when it is another's by now. */
  release: (name: string, record: LeaseRecord) => Promise<void>
}

const MAX_TEXT_BYTES = 4096
const BEAT = new TextEncoder().encode('.')

export class FileLeases implements LeasePlace {
  constructor(private readonly store: Store) {}

  describe(name: string): string {
    return this.store.describe(name)
  }

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
    try {
      // Opened, not only looked at: a network folder answers that from the server.
      const reader = await this.store.openRead(fileOf(name, generation))
      try {
        const bytes = await reader.read(0, Math.min(reader.size, MAX_TEXT_BYTES))
        const [text = ''] = new TextDecoder().decode(bytes).split('\n', 1)
        return {generation, tag: `${text}\n${reader.size}`, text}
      } finally {
        await reader.close()
      }
    } catch (error) {
      if (isGone(error)) return undefined
      throw error
    }
  }

  async holds(name: string, {generation, text}: LeaseRecord): Promise<boolean> {
    if ((await this.#record(name, generation))?.text !== text) return false
    // The next one stands before this one goes.
    return (await this.store.stat(fileOf(name, generation + 1))) === undefined
  }

  /**
   * The next generation's file is created exclusively, and counts only when nothing else has appeared or changed meanwhile: of two
   * that take at once, and of one that slept over the other's whole turn, at least one sees the other's file and steps back.
   */
  async take(name: string, text: string, seen: readonly LeaseRecord[]): Promise<LeaseRecord | undefined> {
    const generation = (seen.at(-1)?.generation ?? 0) + 1
    const file = fileOf(name, generation)
    if (!(await this.#create(file, `${text}\n`))) return undefined
    const tags = new Set(seen.map(({tag}) => tag))
    const now = await this.read(name)
    const own = now.find((record) => record.generation === generation)
    if (own?.text !== text) return undefined
    if (now.some((record) => record !== own && !tags.has(record.tag))) {
      await this.store.remove(file)
      return undefined
    }

    for (const {generation: old} of seen) await this.store.remove(fileOf(name, old))
    return own
  }

  async renew(name: string, record: LeaseRecord): Promise<boolean> {
    if (!(await this.holds(name, record))) return false
    const entry = await this.store.stat(fileOf(name, record.generation))
    if (!entry) return false
    // Never creates: what was taken away meanwhile is not brought back.
    const writer = await this.store.openWrite(fileOf(name, record.generation), {resumeAt: entry.bytes})
    try {
      await writer.append([BEAT])
    } finally {
      await writer.close()
    }

    return true
  }

  async release(name: string, record: LeaseRecord): Promise<void> {
    if ((await this.#record(name, record.generation))?.text === record.text)
      await this.store.remove(fileOf(name, record.generation))
  }

  /** Creates a file with its content, or not at all: nobody ever reads half an owner. */
  async #create(name: string, text: string): Promise<boolean> {
    const temporary = temporaryName()
    const writer = await this.store.openWrite(temporary, {create: true})
    try {
      await writer.append([new TextEncoder().encode(text)])
    } finally {
      await writer.close()
    }

    const isCreated = await this.store.rename(temporary, name)
    if (!isCreated) await this.store.remove(temporary)
    return isCreated
  }
}

function fileOf(name: string, generation: number): string {
  return `${name}.${generation}`
}

function splitName(name: string): [folder: string, rest: string] {
  const slash = name.lastIndexOf('/')
  return slash === -1 ? ['', name] : [name.slice(0, slash), name.slice(slash + 1)]
}

function isGone(error: unknown): boolean {
  return error instanceof DataOpsError && error.code === 'NOT_A_BACKUP'
}
