/** Changes of objects on their way from a source to a sink, and of the schema and the tenants with them: one mechanism for backup, restore and copy. */
import type {JsonObject, WeaviateObject} from '../../model/object.js'
import type {Warning} from '../../model/progress.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {WeaviateTenant} from '../../model/tenant.js'

import {orInterrupted} from '../../model/errors.js'

/** What becomes of one object: left out, another one, or several. */
export type Changed = null | readonly WeaviateObject[] | WeaviateObject

/** What reads a source once, as it comes to the transform that asks for it. */
export interface Look {
  /** Objects may come to the source and leave it between this look and the reading of what it chooses. */
  isLive?: boolean
  /** Without properties and vectors where the transform says that it reads no more than ids. */
  pages: () => AsyncIterable<readonly WeaviateObject[]>
  schema: WeaviateClass
  signal?: AbortSignal
}

/** Objects are never changed in place, only made anew. The same object is always changed in the same way. */
export interface Transform {
  /** As it stands in a backup's metadata: `kind`, and whatever decides what it does. No secrets. */
  readonly record: JsonObject & {kind: string}
  /** Objects may be left out: a backup made with it is a part. */
  readonly isPartial?: boolean
  /** What another thread makes it again from, where the record does not tell enough: JSON. */
  readonly sent?: JsonObject
  /** `ids`: of an object it reads no more than id, tenant and times. Default: all. */
  readonly reads?: 'ids' | 'objects'
  /** What its look has found that is to be told. */
  readonly warning?: Warning
  /** What is to be told of its being made to objects of that schema. */
  remark?: (schema: WeaviateClass) => undefined | Warning
  /** Must see all objects before it can change the first. Returns what goes on in its place. */
  look?: (look: Look) => Promise<Transform>
  /** One result for each object, in order. `schema`: of the objects that are given. */
  page?: (objects: readonly WeaviateObject[], schema: WeaviateClass) => Promise<readonly Changed[]> | readonly Changed[]
  /** What the objects' schema becomes. @throws DataOpsError INVALID_INPUT when it cannot. */
  schema?: (schema: WeaviateClass) => WeaviateClass
  /** What the tenants become, with the states they are to have. */
  tenants?: (tenants: readonly WeaviateTenant[]) => WeaviateTenant[]
}

/** Kinds that leave objects out and change none: made to what they have left once more, they change nothing. */
export const CHOICES: ReadonlySet<string> = new Set(['ids', 'limit', 'sample', 'where'])

/** Objects, each with the row of the source that it comes from. */
export interface RowsOfPage {
  objects: WeaviateObject[]
  rows: number[]
}

/** A transform in its place. */
export interface Step {
  /** Of the objects that come to it. */
  schema: WeaviateClass
  transform: Transform
}

/** Transforms one after another, for one source. */
export class TransformChain {
  /** Of steps whose outcome is known: nothing is looked at. */
  constructor(
    readonly steps: readonly Step[],
    /** What the objects have in the end. */
    readonly schema: WeaviateClass,
    /** undefined in collections without. */
    readonly tenants?: WeaviateTenant[],
  ) {}

  /**
   * Works out what becomes of a source. `read`: its pages, as often as it is called; absent: nothing needs to be looked at.
   * @throws DataOpsError INVALID_INPUT when a transform does not fit it.
   */
  static async of(
    transforms: readonly Transform[],
    source: {
      /** Objects may come and go meanwhile. */
      isLive?: boolean
      read?: (columns: 'all' | 'ids') => AsyncIterable<readonly WeaviateObject[]>
      schema: WeaviateClass
      signal?: AbortSignal
      tenants?: readonly WeaviateTenant[]
    },
  ): Promise<TransformChain> {
    const {isLive, read, signal} = source
    let chain = new TransformChain([], source.schema, source.tenants && [...source.tenants])
    for (const given of transforms) {
      const before = chain
      if (!read) {
        chain = before.#with(given)
        continue
      }

      const pages = async function* (): AsyncGenerator<readonly WeaviateObject[]> {
        const columns = given.reads === 'ids' && !before.readsObjects ? 'ids' : 'all'
        for await (const objects of read(columns)) yield before.objects(objects, signal)
      }

      chain = before.#with(given.look ? await given.look({isLive, pages, schema: before.schema, signal}) : given)
    }

    return chain
  }

  #with(transform: Transform): TransformChain {
    const {schema} = this
    // What has no tenants is said before that none of them is meant.
    const changed = transform.schema?.(schema) ?? schema
    const tenants = transform.tenants ? transform.tenants(this.tenants ?? []) : this.tenants
    return new TransformChain([...this.steps, {schema, transform}], changed, tenants)
  }

  /** As they stand in the metadata. */
  get records(): JsonObject[] {
    return this.steps.map(({transform}) => transform.record)
  }

  get warnings(): Warning[] {
    return this.steps.flatMap(({schema, transform}) => [
      ...(transform.warning ? [transform.warning] : []),
      ...[transform.remark?.(schema) ?? []].flat(),
    ])
  }

  get isPartial(): boolean {
    return this.steps.some(({transform}) => transform.isPartial)
  }

  /** Whether more than ids must be read of each object. */
  get readsObjects(): boolean {
    return this.steps.some(({transform}) => transform.page && transform.reads !== 'ids')
  }

  async objects(objects: readonly WeaviateObject[], signal?: AbortSignal): Promise<WeaviateObject[]> {
    const changed = await this.page({objects: [...objects], rows: objects.map((_, index) => index)}, signal)
    return changed.objects
  }

  /** What comes of one object has its row. A function that never answers can be interrupted. */
  async page(page: RowsOfPage, signal?: AbortSignal): Promise<RowsOfPage> {
    let now = page
    for (const {schema, transform} of this.steps) {
      if (!transform.page) continue
      const results = await orInterrupted(Promise.resolve(transform.page(now.objects, schema)), signal)
      const next: RowsOfPage = {objects: [], rows: []}
      for (const [index, row] of now.rows.entries()) {
        const result = results[index]
        if (!result) continue
        for (const object of Array.isArray(result)
          ? (result as readonly WeaviateObject[])
          : [result as WeaviateObject]) {
          next.objects.push(object)
          next.rows.push(row)
        }
      }

      now = next
    }

    return now
  }
}

/** A transform of each object by itself. */
export function eachObject(change: (object: WeaviateObject) => Changed): NonNullable<Transform['page']> {
  return (objects) => objects.map((object) => change(object))
}
