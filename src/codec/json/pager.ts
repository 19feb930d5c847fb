import type {ReadRowsOptions, RowPage} from '../codec.js'

import {approximateBytes, type WeaviateObject} from '../../model/object.js'
import {isReference} from '../../model/schema.js'
import {type BackupHead} from '../document.js'
import {decodeObjectLine} from './lines.js'

const DEFAULT_PAGE_BYTES = 8 * 1024 * 1024

/** Decodes the rows that are wanted into pages. */
export class Pager {
  readonly #columns: 'all' | 'ids' | 'references'
  readonly #fromRow: number
  readonly #pageBytes: number
  /** Properties to keep where only references are wanted; undefined while the schema is not known. */
  readonly #references: ReadonlySet<string> | undefined
  #bytes = 0
  #objects: WeaviateObject[] = []
  /** Rows seen. */
  rows = 0

  constructor(options: ReadRowsOptions, head: BackupHead | undefined) {
    this.#columns = options.columns ?? 'all'
    this.#fromRow = options.fromRow ?? 0
    this.#pageBytes = options.pageBytes ?? DEFAULT_PAGE_BYTES
    const properties = head?.schema.properties
    if (this.#columns === 'references' && Array.isArray(properties)) {
      this.#references = new Set(properties.filter((property) => isReference(property)).map(({name}) => name))
    }
  }

  #page(endRow: number): RowPage | undefined {
    if (this.#objects.length === 0) return undefined
    const page = {firstRow: endRow - this.#objects.length, objects: this.#objects}
    this.#objects = []
    this.#bytes = 0
    return page
  }

  /** Takes the text of the next row. Returns the page before it when that is full. */
  add(line: Uint8Array, number: number): RowPage | undefined {
    if (this.rows++ < this.#fromRow) return undefined
    const object = decodeObjectLine(line, {columns: this.#columns, line: number})
    if (this.#references) {
      for (const name of Object.keys(object.properties)) {
        if (!this.#references.has(name)) Reflect.deleteProperty(object.properties, name)
      }
    }

    const bytes = approximateBytes(object)
    const page = this.#bytes + bytes > this.#pageBytes ? this.#page(this.rows - 1) : undefined
    this.#objects.push(object)
    this.#bytes += bytes
    return page
  }

  /** What is left once all rows are in. */
  take(): RowPage | undefined {
    return this.#page(this.rows)
  }
}
