/** Tells a collection from another of its name where the server shows nothing else: an object cannot come into being twice at the same time. */
import type {WeaviateObject} from '../../model/object.js'
import type {Segment} from './row-list.js'

/** Objects that are remembered, of the first and of the last that were as they were listed. */
const REMEMBERED = 8

/** An object as it was listed, and was when it was read. */
export interface KnownObject {
  created: number
  id: string
  tenant?: string
}

export class Births {
  readonly #first: KnownObject[] = []
  #last: KnownObject[] = []
  #isStrange = false

  /** Of a stretch of a segment: its rows from `firstRow` up to `endRow`, all of one run, and what was read of them. */
  add(
    {firstRow: start, runs}: Pick<Segment, 'firstRow' | 'runs'>,
    read: {endRow: number; firstRow: number; objects: readonly WeaviateObject[]; rows: readonly number[]},
  ): void {
    let runStart = start
    const run = runs.find(({rows}) => {
      if (read.firstRow < runStart + rows) return true
      runStart += rows
      return false
    })
    const born = (run?.born ?? []).filter(([row]) => runStart + row >= read.firstRow && runStart + row < read.endRow)
    if (born.length === 0) return
    const found = new Map(read.rows.map((row, index) => [row, read.objects[index]]))
    for (const [row, created] of born) {
      const object = found.get(runStart + row)
      if (object?.creationTimeUnix === created) this.#know({created, id: object.id, tenant: object.tenant})
      else this.#isStrange = true
    }
  }

  #know(object: KnownObject): void {
    this.#isStrange = false
    if (this.#first.length < REMEMBERED) this.#first.push(object)
    else this.#last = [...this.#last, object].slice(-REMEMBERED)
  }

  /** What was read last is not what was listed: it was deleted or written anew, unless none of `known` is as it was any more. */
  get areStrange(): boolean {
    return this.#isStrange
  }

  get known(): KnownObject[] {
    return [...this.#first, ...this.#last]
  }
}
