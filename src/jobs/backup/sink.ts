/** Where a backup's objects go: changed where that is asked for, counted into the digest, and written. */
import type {ContentDigest, ObjectContent} from '../../archive/content-digest.js'
import type {TransformChain} from '../../flow/transform/transform.js'
import type {WeaviateObject} from '../../model/object.js'
import type {ObjectIndex} from './object-index.js'

import {DuplicateCheck} from '../../flow/duplicates.js'
import {type ObjectSink, writeAll} from '../../model/sink.js'
import {becomesOne, checkTenants} from '../survey.js'
import {TakenSum} from './taken.js'

export interface ArchiveSinkOptions {
  /** Absent: objects are written as they are. */
  chain?: TransformChain
  content: ContentDigest
  /** Remembers each object for `settle`. */
  contents?: ObjectIndex
  expectedObjects?: number
  /** Remembers some of what is read. */
  sample?: {add: (objects: readonly WeaviateObject[]) => void}
  signal?: AbortSignal
  /** What others have taken, with a chain: without one the digest knows it. */
  taken?: ReadonlyArray<[tenant: null | string, objects: number]>
  /** Of the same, as `TakenSum` tells it. */
  takenSum?: string
  writer: ObjectSink
}

export class ArchiveSink {
  readonly #duplicates?: DuplicateCheck
  readonly #taken = new Map<string | undefined, number>()
  #takenInAll = 0
  readonly #takenSum: TakenSum
  /** What other threads have read, and neither the digest nor `#taken` knows yet. */
  readonly #ahead = new Map<string | undefined, number>()
  #aheadInAll = 0

  constructor(private readonly options: ArchiveSinkOptions) {
    this.#takenSum = new TakenSum(options.takenSum)
    for (const [tenant, objects] of options.taken ?? []) this.count(tenant ?? undefined, objects)
    if (options.chain) this.#duplicates = new DuplicateCheck(options.expectedObjects)
  }

  /** Whether objects are changed on the way: a user's function may still look at those that were written. */
  get isChanging(): boolean {
    return this.options.chain !== undefined
  }

  /** Every object that is in the backup, where that is remembered. */
  get contents(): ObjectIndex | undefined {
    return this.options.contents
  }

  /** Objects of the collection that were taken, by earlier runs too, whatever became of them. */
  get taken(): number {
    const {chain, content} = this.options
    return (chain ? this.#takenInAll : content.objects) + this.#aheadInAll
  }

  /** The same, of one tenant of the collection. */
  takenOf(tenant: string | undefined): number {
    const {chain, content} = this.options
    const known = tenant === undefined ? content.objects : content.tenant(tenant).objectCount
    return (chain ? (this.#taken.get(tenant) ?? 0) : known) + (this.#ahead.get(tenant) ?? 0)
  }

  /** Where there is a chain: those of which what came is in the writer. */
  get takenByTenant(): Array<[tenant: string | undefined, objects: number]> {
    return [...this.#taken]
  }

  /** Which they were. */
  get takenSum(): string {
    return this.#takenSum.hex()
  }

  /** Which objects another thread has taken, where there is a chain. */
  countSum(hex: string): void {
    this.#takenSum.merge(hex)
  }

  /** Objects that were taken, where there is a chain. */
  count(tenant: string | undefined, objects: number): void {
    this.#taken.set(tenant, (this.#taken.get(tenant) ?? 0) + objects)
    this.#takenInAll += objects
  }

  /** Objects that another thread has read; below 0: that are known by now. */
  countAhead(tenant: string | undefined, objects: number): void {
    this.#ahead.set(tenant, (this.#ahead.get(tenant) ?? 0) + objects)
    this.#aheadInAll += objects
  }

  /** Some of a page that another thread has read, and what it has made of it. */
  async noteOthers({
    changed = [],
    indexed = [],
    sample,
  }: {
    changed?: ReadonlyArray<Pick<WeaviateObject, 'id' | 'tenant'>>
    indexed?: ReadonlyArray<[object: WeaviateObject, content: ObjectContent]>
    sample: readonly WeaviateObject[]
  }): Promise<void> {
    for (const [object, content] of indexed) this.options.contents?.set(object, content)
    this.options.sample?.add(sample)
    for (const object of changed) this.#duplicates?.add(object)
    await this.#duplicates?.settle()
  }

  /** Objects as the collection has them. */
  async write(objects: readonly WeaviateObject[]): Promise<void> {
    const {chain, content, contents, sample, writer} = this.options
    const written = chain ? await this.#changed(chain, objects) : objects
    for (const object of written) {
      const added = content.add(object)
      contents?.set(object, added)
    }

    sample?.add(objects)
    await writeAll(writer, written)
  }

  /** Once all are written. @throws DataOpsError INVALID_INPUT when two have become one. */
  async check(): Promise<void> {
    const twice = await this.#duplicates?.first()
    if (twice) throw becomesOne(twice)
  }

  async close(): Promise<void> {
    await this.#duplicates?.close()
  }

  async #changed(chain: TransformChain, objects: readonly WeaviateObject[]): Promise<readonly WeaviateObject[]> {
    const changed = await chain.objects(objects, this.options.signal)
    checkTenants(chain, changed)
    for (const {tenant} of objects) this.count(tenant, 1)
    this.#takenSum.add(objects)
    for (const object of changed) this.#duplicates?.add(object)
    await this.#duplicates?.settle()
    return changed
  }
}
