/** A backup, or another source, as one of two things that are compared. */
import type {ContentDigest} from '../../archive/content-digest.js'
import type {ObjectSource} from '../../flow/source.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {ComparedSide, HeldTenant, TakesPart, ThereTenant} from './side.js'

import {DataOpsError} from '../../model/errors.js'
import {objectKey, type WeaviateObject} from '../../model/object.js'
import {changesEachTime} from '../survey.js'

/** What a comparison reads of a source. */
export type ComparedSource = Pick<ObjectSource, 'head' | 'isTransformed' | 'objectCount' | 'pages' | 'path' | 'seal'>

/** Objects that differ, kept while they are looked for: each time it is read as a whole. */
const LOOKED_UP = {bytes: 64 * 1024 * 1024, objects: 100_000}

export interface SourceSideOptions {
  /** The objects are given as they were restored, which is not as they were sealed. */
  isChanged?: boolean
  signal?: AbortSignal
}

export class SourceSide implements ComparedSide {
  readonly atOnce = LOOKED_UP

  constructor(
    private readonly source: ComparedSource,
    private readonly options: SourceSideOptions,
  ) {}

  get className(): string {
    return this.source.head.metadata.collection
  }

  get hasObjects(): boolean {
    return this.source.head.metadata.options.include_data
  }

  get schema(): WeaviateClass {
    return this.source.head.schema
  }

  async count(): Promise<number | undefined> {
    return this.source.objectCount
  }

  async eachGroup(_: ReadonlySet<string | undefined>, body: (isOpen: TakesPart) => Promise<void>): Promise<void> {
    await body(() => true)
  }

  async *find(objects: readonly WeaviateObject[]): AsyncGenerator<ReadonlyMap<string, WeaviateObject>> {
    const keys = new Map(objects.map((object) => [objectKey(object.tenant, object.id), object]))
    for await (const some of this.wanted(keys, () => true))
      yield new Map(some.map((object) => [objectKey(object.tenant, object.id), object]))
  }

  async held(): Promise<HeldTenant[]> {
    const {head, seal} = this.source
    const held = new Map<string, HeldTenant>()
    // Where the seal does not say, there may be some.
    for (const {name} of head.metadata.tenants ?? []) held.set(name, {name, objects: 1})
    for (const {name, object_count: objects = 0, skipped} of seal?.tenants ?? []) {
      held.set(name, {name, objects, ...(skipped !== undefined && {skipped})})
    }

    return [...held.values()]
  }

  async isEmpty(): Promise<boolean> {
    return !this.hasObjects || this.source.objectCount === 0
  }

  /** What it lacks shows in its digest. */
  unshown(): undefined {}

  async changed(): Promise<undefined> {}

  async prove(): Promise<void> {}

  async read(takesPart: TakesPart, take: (objects: readonly WeaviateObject[]) => Promise<void>): Promise<void> {
    for await (const {objects, release} of this.source.pages({signal: this.options.signal})) {
      await take(objects.filter(({tenant}) => takesPart(tenant)))
      // Hashed and noted.
      release?.()
    }
  }

  async tenants(): Promise<ThereTenant[]> {
    const held = await this.held()
    return held.map(({name, skipped}) => ({name, ...(skipped !== undefined && {skipped}), status: 'HOT'}))
  }

  async *wanted(keys: ReadonlyMap<string, unknown>, isOpen: TakesPart): AsyncGenerator<readonly WeaviateObject[]> {
    for await (const {objects} of this.source.pages({signal: this.options.signal})) {
      const found = objects.filter(({id, tenant}) => isOpen(tenant) && keys.has(objectKey(tenant, id)))
      if (found.length > 0) yield found
    }
  }

  /** A comparison with rows that changed on the disk would accuse the other of it. */
  check(content: ContentDigest, takesPart: TakesPart): void {
    const {path, seal} = this.source
    if (seal?.digest === undefined || this.options.isChanged) return
    const held = seal?.tenants?.filter(({name, skipped}) => skipped === undefined && takesPart(name))
    // Their number too: no tenant that the seal does not list may add to them.
    const isSame = held
      ? held.every(({digest, name}) => content.tenant(name).digest === digest) &&
        held.reduce((sum, tenant) => sum + (tenant.object_count ?? 0), 0) === content.objects
      : content.hex() === seal.digest
    if (isSame) return
    if (this.source.isTransformed) throw changesEachTime(path)
    throw new DataOpsError('BACKUP_DAMAGED', `${path} is damaged: its objects are not those that were sealed.`, {
      details: {path},
      hint: 'See what is wrong with `verifyBackup`. Compare with another backup.',
    })
  }
}
