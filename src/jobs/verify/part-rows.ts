/** Every row of one part of a backup, decoded. */
import type {SealedManifest} from '../../archive/manifest.js'
import type {Problem} from '../../archive/problem.js'
import type {Archive, ArchivePage} from '../../archive/reader.js'
import type {SealedPart} from '../../codec/document.js'
import type {Keyed} from '../../flow/records.js'
import type {WeaviateObject} from '../../model/object.js'

import {ContentDigest, type ContentState} from '../../archive/content-digest.js'
import {DataOpsError, throwIfAborted} from '../../model/errors.js'
import {damageSaid} from '../../store/damaged.js'
import {ProblemList} from './problem-list.js'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** What was found in a part. */
export interface PartRows {
  content: ContentState
  /** Whether all of its rows could be read. */
  isComplete: boolean
  problems: Problem[]
}

export interface PartRowsOptions {
  /** Is told of the objects of each page: of those whose id is a UUID, which of them there are. */
  onPage: (page: {keys: Keyed[]; objects: number}) => Promise<void>
  signal?: AbortSignal
}

/** The parts of a backup, read by whoever reads them. */
export interface PartReader {
  /** Parts at the same time. */
  atOnce: number
  rows: (index: number, options: PartRowsOptions) => Promise<PartRows>
}

/** Reads the part of that number among those of the seal. @throws DataOpsError STORAGE, INTERRUPTED: damage is a problem, not an error. */
export async function checkPartRows(archive: Archive, index: number, options: PartRowsOptions): Promise<PartRows> {
  return new PartRowCheck(archive, index, options).run()
}

class PartRowCheck {
  readonly #content: ContentDigest
  readonly #file: string
  /** Ordinal of its first row. */
  readonly #from: number
  readonly #manifest: SealedManifest
  readonly #part: SealedPart
  readonly #problems = new ProblemList()
  readonly #tenants?: ReadonlyMap<string, {skipped?: string}>
  #firstId?: string
  #lastId?: string

  constructor(
    private readonly archive: Archive,
    index: number,
    private readonly options: PartRowsOptions,
  ) {
    const manifest = archive.manifest as SealedManifest
    const {name, schema, seal} = manifest
    const part = seal.parts[index]
    if (!part) throw new TypeError(`there is no part ${index}`)
    this.#content = new ContentDigest(schema)
    this.#file = archive.store.describe(part.file === null ? name : `${name}/${part.file}`)
    this.#from = seal.parts.slice(0, index).reduce((sum, {rows}) => sum + rows, 0)
    this.#manifest = manifest
    this.#part = part
    this.#tenants = seal.tenants && new Map(seal.tenants.map((tenant) => [tenant.name, tenant]))
  }

  async run(): Promise<PartRows> {
    const isComplete = await this.#read()
    return {content: this.#content.state(), isComplete, problems: this.#problems.all()}
  }

  async #read(): Promise<boolean> {
    const {signal} = this.options
    const isDirectory = this.#manifest.kind === 'directory'
    const end = this.#from + this.#part.rows
    let next = this.#from
    try {
      for await (const page of this.archive.pages({fromRow: this.#from, signal})) {
        if (isDirectory && page.firstRow >= end) break
        if (page.firstRow !== next) this.#add('rows', `Row ${page.firstRow} follows row ${next - 1}.`)
        next = page.endRow
        await this.#take(page)
        page.release?.()
        throwIfAborted(signal)
        if (isDirectory && next >= end) break
      }
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#add('content', damageSaid(this.archive.path, error))
      return false
    }

    if (next !== end) this.#add('rows', `It has ${next - this.#from} rows, the seal says ${this.#part.rows}.`)
    this.#checkExtent()
    return next === end
  }

  async #take(page: ArchivePage): Promise<void> {
    const keys: Keyed[] = []
    for (const [index, object] of page.objects.entries()) {
      const {id, tenant} = object
      if (UUID.test(id)) {
        if (this.#firstId === undefined || id < this.#firstId) this.#firstId = id
        if (this.#lastId === undefined || id > this.#lastId) this.#lastId = id
        keys.push({id, tenant})
      } else this.#add('id', `Row ${page.rows[index]}: ${JSON.stringify(id).slice(0, 60)} is not a UUID.`)

      const reason = this.#tenantProblem(object)
      if (reason) this.#add('tenant', `Row ${page.rows[index]}: object ${id} ${reason}.`)
      this.#content.add(object)
    }

    await this.options.onPage({keys, objects: page.objects.length})
  }

  #tenantProblem({tenant}: WeaviateObject): string | undefined {
    if (!this.#tenants) return tenant === undefined ? undefined : 'has a tenant, and the collection has none'
    if (tenant === undefined) return 'has no tenant'
    const sealed = this.#tenants.get(tenant)
    if (!sealed) return `is of the tenant "${tenant}", which the seal does not list`
    return sealed.skipped === undefined ? undefined : `is of the tenant "${tenant}", which was skipped`
  }

  #checkExtent(): void {
    const [firstId, lastId] = [this.#firstId, this.#lastId]
    const {first_id: sealedFirst, last_id: sealedLast, rows} = this.#part
    // Void rows count for the extent, and are not seen here: then it can only be said what must lie within.
    const isExact = this.#content.objects === rows
    const isFits = isExact
      ? firstId === sealedFirst && lastId === sealedLast
      : firstId === undefined ||
        (sealedFirst !== undefined && sealedLast !== undefined && firstId >= sealedFirst && lastId! <= sealedLast)
    if (isFits) return
    this.#add(
      'extent',
      `Its ids go from ${firstId ?? 'none'} to ${lastId ?? 'none'}, the seal says from ${sealedFirst ?? 'none'} to ${sealedLast ?? 'none'}.`,
    )
  }

  #add(kind: string, message: string): void {
    this.#problems.add(this.#file, kind, message)
  }
}

/** Errors that speak of the content, not of the disk or of an interruption. */
function isDamage(error: unknown): error is DataOpsError {
  return error instanceof DataOpsError && ['BACKUP_DAMAGED', 'INVALID_INPUT', 'NOT_A_BACKUP'].includes(error.code)
}
