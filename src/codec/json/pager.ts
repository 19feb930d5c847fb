import type {RowPage} from '../codec.js'
import type {ReadDocumentOptions} from './options.js'

import {approximateBytes, type WeaviateObject} from '../../model/object.js'
import {isReference} from '../../model/schema.js'
import {type BackupHead} from '../document.js'
import {decodeObjectLine} from './lines.js'
import {VectorMemory} from './vector-memory.js'

const DEFAULT_PAGE_BYTES = 8 * 1024 * 1024

/** Decodes the rows that are wanted into pages. */
export class Pager {
  readonly #columns: 'all' | 'ids' | 'references'
  readonly #fromRow: number
  readonly #memory?: VectorMemory
  readonly #pageBytes: number
  /** Properties to keep where only references are wanted; undefined while the schema is not known. */
  readonly #references: ReadonlySet<string> | undefined
  #bytes = 0
  #objects: WeaviateObject[] = []
  /** Rows seen. */
  rows = 0

  constructor(options: ReadDocumentOptions, head: BackupHead | undefined) {
    this.#columns = options.columns ?? 'all'
    this.#fromRow = options.fromRow ?? 0
    this.#pageBytes = options.pageBytes ?? DEFAULT_PAGE_BYTES
    if (options.reusesMemory) this.#memory = new VectorMemory()
    const properties = head?.schema.properties
    if (this.#columns === 'references' && Array.isArray(properties)) {
      this.#references = new Set(properties.filter((property) => isReference(property)).map(({name}) => name))
    }
  }

  #page(endRow: number): RowPage | undefined {
    if (this.#objects.length === 0) return undefined
    const release = this.#memory?.endPage()
    const page = {firstRow: endRow - this.#objects.length, objects: this.#objects, ...(release && {release})}
    this.#objects = []
    this.#bytes = 0
    return page
  }

  /** Takes the text of the next row. Returns the page before it when that is full. */
  add(line: Uint8Array, number: number): RowPage | undefined {
    if (this.rows++ < this.#fromRow) return undefined
    const object = this.#decode(line, number)
    const bytes = approximateBytes(object)
    const page = this.#bytes + bytes > this.#pageBytes ? this.#page(this.rows - 1) : undefined
    // Once more, where its vectors lie in the memory of that page.
    this.#objects.push(page?.release ? this.#decode(line, number) : object)
    this.#bytes += bytes
    return page
  }

  #decode(line: Uint8Array, number: number): WeaviateObject {
    const object = decodeObjectLine(line, {columns: this.#columns, line: number, memory: this.#memory})
    if (this.#references) {
      for (const name of Object.keys(object.properties)) {
        if (!this.#references.has(name)) Reflect.deleteProperty(object.properties, name)
      }
    }

    return object
  }

  /** What is left once all rows are in. */
  take(): RowPage | undefined {
    return this.#page(this.rows)
  }
}
