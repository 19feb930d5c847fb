/** What the values of a leaf become, page after page: flat ones, lists, lists of lists. */
import type {JsonValue} from '../../model/object.js'
import type {ColumnValue, VectorRows} from '../columns/decode.js'

import {concatBytes, viewOf} from '../bytes.js'
import {type SchemaElement} from './internals.js'
import {type RunReader} from './levels.js'
import {type PageMemory} from './page-memory.js'
import {type PageValues} from './pages.js'

/** A leaf of the file's schema, with what its levels mean. */
export interface Leaf {
  element: SchemaElement
  /** Ordinal among the leaves: that of its chunk in a row group. */
  index: number
  maxDefinition: number
  path: string[]
  /** Definition level from which on the list of that depth has an element; one for each level of lists. */
  repeated: number[]
}

export interface Page {
  /** Values in the page. */
  count: number
  definitions?: RunReader
  /** Values, nulls and empty lists that are left. */
  left: number
  /** That levels and values lie in, where it is the page's own. */
  memory?: PageMemory
  repetitions?: RunReader
  /** Values taken. */
  taken: number
  values: PageValues
}

/** Values in the lists of the rows that are taken at once. */
const MAX_LIST_VALUES = 2 ** 24

/** What an entry says: `depth` lists are there, the last of them empty unless `hasValue`; a null list when depth is 0. */
interface ListState {
  depth: number
  empty: boolean
  isNull: boolean
}

export function listState(definition: number, {maxDefinition, repeated}: Leaf): ListState {
  let depth = 0
  for (const level of repeated) if (definition >= level - 1) depth++
  const isEmpty = depth > 0 && definition < repeated[depth - 1]!
  return {depth, empty: isEmpty, isNull: definition < maxDefinition}
}

/** Of a page, alike, one behind another. */
interface Entries {
  entries: number
  page: Page
  repetition: number
  state: ListState
  /** Of the page, that they have. */
  values: number
}

interface Sink {
  add: (run: Entries) => void
  finish: () => ColumnValue[]
  readonly rows: number
}

export class FlatSink implements Sink {
  private readonly values: ColumnValue[] = []

  get rows(): number {
    return this.values.length
  }

  add({entries, page, state: {isNull}}: Entries): void {
    if (!isNull && 'floats' in page.values) {
      const view = viewOf(page.values.floats)
      for (let index = 0; index < entries; index++) this.values.push(view.getFloat32((page.taken + index) * 4, true))
      return
    }

    for (let index = 0; index < entries; index++) {
      this.values.push(isNull || 'floats' in page.values ? undefined : page.values.items.at(page.taken + index))
    }
  }

  finish(): ColumnValue[] {
    return this.values
  }
}

/** Lists, and lists of lists of float32. */
export class ListSink implements Sink {
  private readonly lists: ColumnValue[] = []
  /** The list at hand: undefined before the first row, null for a null. */
  private list: null | undefined | {floats: FloatRun[]; inner: number[]; isFloat: boolean; items: ColumnValue[]}
  private total = 0
  rows = 0

  constructor(private readonly levels: number) {}

  /** By entries whose values begin with that of number `from`. */
  private extend({entries, page, repetition, state}: Entries, from: number): void {
    const {list} = this
    if (!list || (state.empty && state.depth === 1)) {
      if (repetition > 0) throw new RangeError('a list continues that is not there')
      return
    }

    this.total += entries
    if (this.levels === 2) {
      if (state.depth < 2) throw new TypeError('a multi vector has a row that is null')
      if (repetition < 2) for (let index = 0; index < entries; index++) list.inner.push(state.empty ? 0 : 1)
      else list.inner.push(list.inner.pop()! + entries)
      if (state.empty) return
    }

    if ('floats' in page.values) {
      if (state.isNull) throw new TypeError('a vector has a component that is null')
      addFloats(list.floats, {bytes: page.values.floats, end: (from + entries) * 4, start: from * 4})
    } else {
      if (this.total > MAX_LIST_VALUES) throw new RangeError('lists of too many values')
      for (let index = 0; index < entries; index++) {
        list.items.push(state.isNull ? null : page.values.items.at(from + index))
      }
    }
  }

  private endRow(): void {
    const {list} = this
    if (list === undefined) return
    if (list === null) this.lists.push(undefined)
    else if (this.levels === 2) this.lists.push(vectorRows(list.floats, list.inner))
    else this.lists.push(list.isFloat ? joinRuns(list.floats) : (list.items as JsonValue[]))
  }

  add(run: Entries): void {
    const {entries, page, repetition, state, values} = run
    if (repetition === 0) {
      for (let index = 0; index < entries; index++) {
        this.endRow()
        this.rows++
        this.list = state.depth === 0 ? null : {floats: [], inner: [], isFloat: 'floats' in page.values, items: []}
        this.extend({...run, entries: 1}, page.taken + (values > 0 ? index : 0))
      }
    } else {
      if (!this.list) throw new RangeError('a list continues before it starts')
      this.extend(run, page.taken)
    }
  }

  finish(): ColumnValue[] {
    this.endRow()
    return this.lists
  }
}

/** Bytes `start` to `end` of a page's values. */
interface FloatRun {
  bytes: Uint8Array
  end: number
  start: number
}

/** The levels of one vector come in several runs, whose values follow one another. */
function addFloats(runs: FloatRun[], run: FloatRun): void {
  const last = runs.at(-1)
  if (last?.bytes === run.bytes && last.end === run.start) last.end = run.end
  else runs.push(run)
}

function vectorRows(floats: readonly FloatRun[], inner: readonly number[]): VectorRows {
  const dims = inner[0] ?? 0
  if (inner.some((length) => length !== dims)) throw new TypeError('a multi vector has rows of different lengths')
  return {bytes: joinRuns(floats), dims}
}

/** A view of one run, a copy of several. */
function joinRuns(runs: readonly FloatRun[]): Uint8Array {
  const views = runs.map(({bytes, end, start}) => new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start))
  return concatBytes(views)
}
