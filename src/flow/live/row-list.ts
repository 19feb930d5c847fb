/** Which object each row of a live collection is: its sorted ids, kept on the disk, so that rows are the same for whoever goes on. */
import {Buffer} from 'node:buffer'

import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'

import {utf8} from '../../codec/bytes.js'
import {DataOpsError} from '../../model/errors.js'
import {type Field} from '../../model/fields.js'
import {randomUUID, sha256Hex} from '../../platform/node.js'
import {readOwnJson} from '../../store/own-json.js'
import {readAll} from '../../store/read-all.js'

/** What a list is of. Any difference means that another list is needed. */
export interface ListedSource {
  collection: string
  /** What tells the collection from another of its name; absent where the server does not show it. */
  identity?: string
  schemaSha256: string
  server: string
  /** Which tenants were asked for. */
  tenants: string
}

/** Fixed when the list is begun. */
interface ListHead {
  id: string
  source: ListedSource
  /** In the order of their rows, with the states that they had; absent in collections without. */
  tenants?: WeaviateTenant[]
  version: 1
}

/** Where the listing is. */
export interface ScanPlace {
  /** The last id that is in the list, of the tenant in hand; undefined: it was not begun. */
  after?: string
  /** Of the tenant in hand, once it was begun: objects that the server counted first, and rows of it so far. */
  begun?: {counted: number; rows: number}
  /** Index of the tenant in hand; 0 in collections without. */
  tenant: number
}

interface ListState {
  /** Undefined: all is listed. */
  place?: ScanPlace
  /** Rows of each segment, the SHA-256 of its file, and the group of tenants that it is of. */
  segments: Array<{group: number; rows: number; sha256: string}>
  /** Objects that the server counted and did not list. */
  shortfall: number
}

/** Consecutive rows of one tenant. */
export interface Run {
  /** Of some of them, counted from its first: when their objects came into being, milliseconds since 1970. */
  born?: Array<[row: number, created: number]>
  rows: number
  tenant?: string
}

/** A part of the list that is in memory. */
export interface Segment {
  firstRow: number
  /** Sixteen bytes a row. */
  ids: Buffer
  runs: Run[]
}

export const ID_BYTES = 16
/** Parts of the list in memory: two megabytes each at most. */
const CACHED = 4
/** The names of all tenants are in it. */
const MAX_LIST_BYTES = 256 * 1024 * 1024

export class RowList {
  readonly #cache = new Map<number, Segment>()

  private constructor(
    private readonly store: Store,
    private readonly folder: string,
    private readonly head: ListHead,
    private state: ListState,
  ) {}

  /** One that was begun, if it is there. @throws DataOpsError CHECKPOINT when it cannot be understood. */
  static async find(store: Store, folder: string): Promise<RowList | undefined> {
    const head = await readList<ListHead>(store, `${folder}/head.json`, (file) => {
      file.member('version').exactly(1)
      file.member('id').text()
    })
    const state = await readList<ListState>(store, `${folder}/state.json`, (file) => {
      file.member('segments').array()
    })
    if (!head || !state) return undefined
    return new RowList(store, folder, head, state)
  }

  /** A new one, in place of any that is there. */
  static async begin(
    store: Store,
    folder: string,
    {source, tenants}: {source: ListedSource; tenants?: WeaviateTenant[]},
  ): Promise<RowList> {
    await store.remove(folder)
    const head: ListHead = {id: randomUUID(), source, ...(tenants && {tenants}), version: 1}
    const list = new RowList(store, folder, head, {place: {tenant: 0}, segments: [], shortfall: 0})
    await store.put(`${folder}/head.json`, utf8(JSON.stringify(head)))
    await list.#save()
    return list
  }

  /** No two lists have the same. */
  get id(): string {
    return this.head.id
  }

  get source(): ListedSource {
    return this.head.source
  }

  get tenants(): WeaviateTenant[] | undefined {
    return this.head.tenants
  }

  /** Where the listing goes on; undefined once all is listed. */
  get place(): ScanPlace | undefined {
    return this.state.place
  }

  get shortfall(): number {
    return this.state.shortfall
  }

  /** Rows so far. */
  get rows(): number {
    let rows = 0
    for (const segment of this.state.segments) rows += segment.rows
    return rows
  }

  get segments(): number {
    return this.state.segments.length
  }

  /** The group of tenants that a segment is of; undefined for one that is not listed yet. */
  groupOf(segment: number): number | undefined {
    return this.state.segments[segment]?.group
  }

  /** The segment that a row is in, or the one that comes next. */
  segmentOf(row: number): number {
    let behind = 0
    for (const [index, segment] of this.state.segments.entries()) {
      behind += segment.rows
      if (row < behind) return index
    }

    return this.state.segments.length
  }

  /** On the disk before any of its rows is handed out. `lacking`: objects that were counted and not listed. */
  async add(
    {ids, runs}: Pick<Segment, 'ids' | 'runs'>,
    {group, lacking, place}: {group: number; lacking: number; place?: ScanPlace},
  ): Promise<void> {
    const {segments, shortfall} = this.state
    const rows = ids.length / ID_BYTES
    const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(runs)}\n`), ids])
    if (rows > 0) await this.store.put(this.#nameOf(segments.length), bytes)
    this.state = {
      ...(place && {place}),
      segments: rows > 0 ? [...segments, {group, rows, sha256: sha256Hex(bytes)}] : segments,
      shortfall: shortfall + lacking,
    }
    await this.#save()
  }

  async read(segment: number): Promise<Segment> {
    const cached = this.#cache.get(segment)
    if (cached) return cached
    const bytes = Buffer.from(await readAll(this.store, this.#nameOf(segment)))
    // An id that is not the one that was listed would be taken for an object that is gone.
    if (sha256Hex(bytes) !== this.state.segments[segment]?.sha256) throw damaged(this.store, this.folder)
    const end = bytes.indexOf('\n')
    let firstRow = 0
    for (const earlier of this.state.segments.slice(0, segment)) firstRow += earlier.rows
    const runs = JSON.parse(bytes.toString('utf8', 0, end)) as Run[]
    const read = {firstRow, ids: bytes.subarray(end + 1), runs}
    if (this.#cache.size >= CACHED) this.#cache.delete(this.#cache.keys().next().value ?? 0)
    this.#cache.set(segment, read)
    return read
  }

  async remove(): Promise<void> {
    await this.store.remove(this.folder)
  }

  #nameOf(segment: number): string {
    return `${this.folder}/${String(segment + 1).padStart(6, '0')}.ids`
  }

  async #save(): Promise<void> {
    await this.store.put(`${this.folder}/state.json`, utf8(JSON.stringify(this.state)))
  }
}

async function readList<T>(store: Store, name: string, check: (file: Field) => void): Promise<T | undefined> {
  return readOwnJson(store, name, {
    damaged: () => damaged(store, name),
    maxBytes: MAX_LIST_BYTES,
    name: 'list',
    read(file) {
      check(file)
      return file.value as T
    },
  })
}

function damaged(store: Store, name: string): DataOpsError {
  return new DataOpsError('CHECKPOINT', `The list of rows ${store.describe(name)} is damaged.`, {
    hint: 'Use `restart: true` to start over.',
  })
}
