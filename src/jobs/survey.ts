/** What comes of transforms, found by looking through all that they are given. */
import type {RowsOfPage, TransformChain} from '../flow/transform/transform.js'
import type {JsonObject, WeaviateObject} from '../model/object.js'
import type {OperationOptions} from '../model/progress.js'

import {ContentDigest} from '../archive/content-digest.js'
import {DuplicateCheck} from '../flow/duplicates.js'
import {DataOpsError, throwIfAborted} from '../model/errors.js'
import {isMultiTenant, type WeaviateClass} from '../model/schema.js'

/** An object without the numbers of its vectors. */
export interface ShownObject {
  /** Numbers of each vector (`vector`, `vectors.<name>`). */
  dimensions: Record<string, number>
  id: string
  properties: JsonObject
  tenant?: string
}

/** What comes of transforms. */
export interface TransformPreview {
  /** The first object of the source that is not left out, and what becomes of it. */
  example?: {after: ShownObject[]; before: ShownObject}
  /** Properties and vectors (`vector`, `vectors.<name>`) that the schema no longer has under their names. */
  lost: string[]
  /** That come out. */
  objects: number
  /** Objects, or members of them, are left out. */
  partial: boolean
  /** Objects of the source. */
  read: number
  /** Of those that would be sent, the ones that would not be: with the first of them, and the reason. */
  refused?: {first: {id: string; reason: string}; objects: number}
  /** As they stand in metadata. */
  transforms: JsonObject[]
  /** Of those that come out, the ones that lack a vector. */
  withoutVector: number
}

export interface Survey {
  content: ContentDigest
  /** Objects that come of one at most. */
  most: number
  preview: TransformPreview
  /** Names of those that objects are of. */
  tenants: ReadonlySet<string>
}

/** @throws DataOpsError INVALID_INPUT when an object cannot be changed, or two would become one. */
export async function lookThrough(
  pages: AsyncIterable<RowsOfPage>,
  chain: TransformChain,
  {expected, onProgress, schema, signal}: OperationOptions & {expected?: number; schema: WeaviateClass},
): Promise<Survey> {
  const content = new ContentDigest(chain.schema)
  const duplicates = new DuplicateCheck(expected)
  const tenants = new Set<string>()
  let most = 1
  let read = 0
  let example: TransformPreview['example']
  try {
    for await (const page of pages) {
      throwIfAborted(signal)
      read += page.objects.length
      const changed = await chain.page(page, signal)
      checkTenants(chain, changed.objects)
      most = Math.max(most, mostOfARow(changed.rows))
      for (const object of changed.objects) {
        content.add(object)
        duplicates.add(object)
        if (object.tenant !== undefined) tenants.add(object.tenant)
      }

      await duplicates.settle()
      example ??= exampleOf(page, changed)
      onProgress?.({collection: schema.class, completed: read, stage: 'scan', total: expected})
    }

    const twice = await duplicates.first()
    if (twice) throw becomesOne(twice)
  } finally {
    await duplicates.close()
  }

  const preview: TransformPreview = {
    ...(example && {example}),
    lost: lostOf(schema, chain.schema),
    objects: content.objects,
    partial: chain.isPartial,
    read,
    transforms: chain.records,
    withoutVector: content.statistics.objects_without_vector,
  }
  return {content, most, preview, tenants}
}

function exampleOf(page: RowsOfPage, changed: RowsOfPage): TransformPreview['example'] {
  const [row] = changed.rows
  const before = page.objects[page.rows.indexOf(row ?? -1)]
  if (!before) return undefined
  const after = changed.objects.filter((_, index) => changed.rows[index] === row)
  return {after: after.map((object) => shown(object)), before: shown(before)}
}

function shown({id, properties, tenant, vector, vectors}: WeaviateObject): ShownObject {
  const dimensions: Record<string, number> = vector ? {vector: vector.length / 4} : {}
  for (const [name, {bytes}] of vectors ?? []) dimensions[`vectors.${name}`] = bytes.length / 4
  return {dimensions, id, properties, ...(tenant !== undefined && {tenant})}
}

function mostOfARow(rows: readonly number[]): number {
  let most = 0
  let same = 0
  for (const [index, row] of rows.entries()) {
    same = index > 0 && rows[index - 1] === row ? same + 1 : 1
    most = Math.max(most, same)
  }

  return most
}

export function checkTenants({schema}: TransformChain, objects: readonly WeaviateObject[]): void {
  const needsTenant = isMultiTenant(schema)
  const wrong = objects.find(({tenant}) => (tenant !== undefined) !== needsTenant)
  if (!wrong) return
  throw new DataOpsError(
    'INVALID_INPUT',
    needsTenant
      ? `The object ${wrong.id} has no tenant, and would go into a collection with tenants.`
      : `The object ${wrong.id} is of tenant "${wrong.tenant}", and would go into a collection without.`,
    {details: {id: wrong.id}, hint: 'Let the transform change the schema (multiTenancyConfig) and the objects alike.'},
  )
}

/** What functions make of a source is not what they made of it when it was looked through. */
export function changesEachTime(path: string): DataOpsError {
  return new DataOpsError(
    'INVALID_INPUT',
    `The transforms make something else of ${path} each time: the same object must always become the same.`,
    {hint: 'Take chance, the time and counters out of them, and begin anew.'},
  )
}

/** Undefined where something is left, or there was nothing: a filter that was mistyped leaves no name without what its readers see. */
export function leavesNone(
  {objects, read}: Pick<TransformPreview, 'objects' | 'read'>,
  name: string,
  hint: string,
): DataOpsError | undefined {
  if (read === 0 || objects > 0) return undefined
  return new DataOpsError(
    'INVALID_INPUT',
    `The changes leave none of the ${read} objects of the backup: nothing would be left of "${name}".`,
    {hint},
  )
}

export function becomesOne({id, tenant}: {id: string; tenant?: string}): DataOpsError {
  return new DataOpsError(
    'INVALID_INPUT',
    `Two objects would become ${id}${tenant === undefined ? '' : ` of tenant "${tenant}"`}: one of them would be lost.`,
    {
      details: {id, ...(tenant !== undefined && {tenant})},
      hint: 'Leave one of them out with a filter, or give it another UUID with a transform of your own.',
    },
  )
}

/** Members that the schema no longer has under their names. */
function lostOf(before: WeaviateClass, after: WeaviateClass): string[] {
  const there = new Set(membersOf(after))
  return membersOf(before).filter((member) => !there.has(member))
}

function membersOf({properties, vectorConfig, vectorIndexType}: WeaviateClass): string[] {
  return [
    ...(properties ?? []).map(({name}) => name),
    ...(vectorIndexType ? ['vector'] : []),
    ...Object.keys(vectorConfig ?? {}).map((name) => `vectors.${name}`),
  ]
}
