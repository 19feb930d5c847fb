/** Two sides that are compared, a live collection beside a backup as a rule: equal, or which objects are missing, extra or different. */
import type {TenantNotes} from '../../flow/tenants/note.js'
import type {TransformChain} from '../../flow/transform/transform.js'
import type {OperationOptions} from '../../model/progress.js'
import type {Connection} from '../../weaviate/connection.js'
import type {CollectionComparison, CompareOptions, ObjectDifference} from './options.js'
import type {ComparedSide} from './side.js'

import {ContentDigest} from '../../archive/content-digest.js'
import {describeDifference} from '../../codec/digest.js'
import {persistent} from '../../flow/persistent.js'
import {HASH_BYTES, KEY_BYTES, RecordList, TenantNumbers} from '../../flow/records.js'
import {TemporaryFolder} from '../../flow/temporary-folder.js'
import {DataOpsError} from '../../model/errors.js'
import {approximateBytes, objectKey, type WeaviateObject} from '../../model/object.js'
import {checkPositiveInteger} from '../../model/positive-integer.js'
import {compareSchemas, type SchemaDifference} from '../../model/schema-compare.js'
import {isMultiTenant} from '../../model/schema.js'
import {collectionMissing} from '../../weaviate/resolve.js'
import {ReplicaWatch} from '../replica-watch.js'
import {selectForComparison, tenantsApart, type TenantSelection} from './compare-tenants.js'
import {compareRecords, type Differences} from './differences.js'
import {LiveSide} from './live-side.js'
import {type ComparedSource, SourceSide} from './source-side.js'
import {tenantInWords} from './unknown.js'

const DEFAULT_LIMIT = 20
/** What was not compared where one of both has objects, in words. */
export const SCHEMA_ONLY = 'the objects: the backup holds the schema only'

export interface CompareCollectionOptions extends CompareOptions {
  /** What is made of the live objects before they are compared. */
  chain?: TransformChain
  /** The objects are given as they were restored, which is not as they were sealed. */
  isChanged?: boolean
  /** Name of the live collection; aliases are not followed. */
  collection: string
  /** Where tenants that are activated are noted. */
  notes?: TenantNotes
  /** Records of objects kept in memory for each side at most; default 100,000. */
  maxRecordsInMemory?: number
}

/**
 * Reads the live collection and the backup once each, in bounded memory, and compares them object by object. Both may have another name:
 * references to the collection itself are equal then.
 * @throws DataOpsError COLLECTION_MISSING; INVALID_INPUT for unknown tenants; BACKUP_DAMAGED when the rows of the backup are not what was
 * sealed; STORAGE; INTERRUPTED; or what the server answered once retries are used up.
 */
export async function compareCollection(
  direct: Connection,
  archive: ComparedSource,
  options: CompareCollectionOptions,
): Promise<CollectionComparison> {
  checkPositiveInteger(options.concurrency, 'concurrency')
  const started = performance.now()
  const {onWarning, signal} = options
  const connection = persistent(direct, {onWarning, signal})
  const schema = await connection.getCollection(options.collection)
  if (!schema) throw await collectionMissing(connection, options.collection)
  const watch = new ReplicaWatch(connection, schema, {...options, warn: onWarning})
  await watch.begin()
  const first = new SourceSide(archive, options)
  const compared = await compareSides(first, new LiveSide(connection, schema, options), options)
  const facts = await watch.end()
  return {
    backupDigest: compared.digests.first,
    backupId: archive.head.metadata.backup_id,
    ...(archive.isTransformed ? {changed: 'backup'} : options.chain && {changed: 'live'}),
    collection: schema.class,
    counts: {...compared.counts, backup: compared.objects.first, live: compared.objects.second},
    differences: compared.differences,
    equal: compared.equal,
    liveDigest: compared.digests.second,
    ...(compared.notCompared && {notCompared: compared.notCompared}),
    ...(facts?.report && {replicas: facts.report}),
    schemaDifferences: compared.schemaDifferences,
    seconds: (performance.now() - started) / 1000,
    ...(compared.tenantsLeftOut && {tenantsLeftOut: compared.tenantsLeftOut}),
  }
}

export interface CompareSidesOptions extends OperationOptions {
  /** Onloads offloaded tenants of live collections. */
  includeOffloaded?: boolean
  /** Differences to list at most; default 20. */
  limit?: number
  maxRecordsInMemory?: number
  tenants?: readonly string[]
}

/** What came of two sides. `missing`: of the second. */
export interface ComparedSides extends Pick<
  CollectionComparison,
  'differences' | 'equal' | 'notCompared' | 'schemaDifferences' | 'tenantsLeftOut'
> {
  counts: Pick<CollectionComparison['counts'], 'different' | 'extra' | 'missing'>
  digests: {first: string; second: string}
  objects: {first: number; second: number}
}

/** Reads both once, and what differs a second time. */
export async function compareSides(
  first: ComparedSide,
  second: ComparedSide,
  options: CompareSidesOptions,
): Promise<ComparedSides> {
  const folder = new TemporaryFolder()
  try {
    return await new Comparison(first, second, folder, options).run()
  } finally {
    await folder.remove()
  }
}

/** What was read of a side. */
interface Content {
  content: ContentDigest
  records: RecordList
}

class Comparison {
  readonly #tenantNumbers = new TenantNumbers()

  constructor(
    private readonly first: ComparedSide,
    private readonly second: ComparedSide,
    private readonly folder: TemporaryFolder,
    private readonly options: CompareSidesOptions,
  ) {}

  async #selectTenants(): Promise<TenantSelection> {
    const {onWarning, tenants} = this.options
    const [first, second] = [this.first, this.second]
    if (tenants && tenants.length > 0 && !isMultiTenant(first.schema) && !isMultiTenant(second.schema)) {
      throw new DataOpsError('INVALID_INPUT', `The collection "${second.className}" has no tenants.`, {
        hint: 'Leave the tenants out.',
      })
    }

    const selection = selectForComparison(await first.held(), await second.tenants(), this.options)
    for (const {name, reason} of selection.leftOut) {
      onWarning?.({
        code: 'tenant-not-compared',
        details: {name, reason},
        message: `Tenant "${name}" is not compared: ${reason}.`,
      })
    }

    return selection
  }

  async #read(
    side: ComparedSide,
    {takesPart}: TenantSelection,
    {before, expected, isRead, total}: {before: number; expected: number; isRead: boolean; total: number},
  ): Promise<Content> {
    const content = new ContentDigest(side.schema)
    const records = new RecordList({
      expected,
      folder: this.folder,
      maxInMemory: this.options.maxRecordsInMemory,
      recordBytes: KEY_BYTES + HASH_BYTES,
      tenants: this.#tenantNumbers,
    })
    if (!isRead) return {content, records}
    await side.read(takesPart, async (objects) => {
      for (const object of objects) records.add(object, content.add(object).hash)
      await records.settle()
      this.#progress(before + content.objects, total)
    })
    side.check(content, takesPart)
    return {content, records}
  }

  /** Looks at the objects that differ, a few at a time on both sides, to name what differs in them. */
  async #nameMembers({listed}: Differences): Promise<void> {
    const wanted = new Map<string, ObjectDifference>()
    for (const difference of listed) {
      if (difference.state === 'different') wanted.set(objectKey(difference.tenant, difference.id), difference)
    }

    if (wanted.size === 0) return
    const tenants = new Set(Array.from(wanted.values(), ({tenant}) => tenant))
    await this.second.eachGroup(tenants, async (isOpen) => {
      const open = new Set([...tenants].filter((tenant) => isOpen(tenant)))
      await this.first.eachGroup(open, async (isOpenToo) => {
        await this.#nameMembersOf(wanted, (tenant) => isOpen(tenant) && isOpenToo(tenant))
      })
    })
  }

  async #nameMembersOf(
    wanted: Map<string, ObjectDifference>,
    isOpen: (tenant: string | undefined) => boolean,
  ): Promise<void> {
    const {atOnce} = this.second
    let chunk: WeaviateObject[] = []
    let bytes = 0
    for await (const objects of this.first.wanted(wanted, isOpen)) {
      for (const object of objects) {
        chunk.push(object)
        bytes += approximateBytes(object)
        if (chunk.length >= atOnce.objects || bytes >= atOnce.bytes) {
          await this.#nameMembersIn(chunk, wanted)
          chunk = []
          bytes = 0
        }
      }
    }

    await this.#nameMembersIn(chunk, wanted)
  }

  async #nameMembersIn(objects: readonly WeaviateObject[], wanted: Map<string, ObjectDifference>): Promise<void> {
    if (objects.length === 0) return
    const ours = new Map(objects.map((object) => [objectKey(object.tenant, object.id), object]))
    // What was deleted since it was compared is not there: that it differed stays true, in what can no longer be said.
    for await (const others of this.second.find(objects)) {
      for (const [key, other] of others) {
        const [object, difference] = [ours.get(key), wanted.get(key)]
        if (object && difference)
          difference.members = describeDifference(this.first.schema, object, other, this.second.schema)
      }
    }
  }

  /** That an object is missing or extra which is there says nothing, unless one knows that the other side has it once more. */
  #warnOfTwice(twice: Differences['twice']): void {
    if (twice.length === 0) return
    const {className: collection} = this.second
    const named = twice.map(({id, tenant}) => (tenant === undefined ? id : `${id} (tenant ${tenant})`)).join(', ')
    this.options.onWarning?.({
      code: 'listed-twice',
      details: {collection, objects: twice},
      message: `What is compared of "${collection}" has an object twice, on one side, which counts as extra or missing: ${named}.`,
    })
  }

  #progress(completed: number, total: number): void {
    this.options.onProgress?.({
      collection: this.second.className,
      completed,
      stage: 'verify',
      total: Math.max(total, completed),
    })
  }

  async run(): Promise<ComparedSides> {
    const [first, second] = [this.first, this.second]
    const selection = await this.#selectTenants()
    const schemaDifferences = [
      ...compareSchemas(first.schema, second.schema, {ignoreName: true}),
      ...(await this.#tenantsApart(selection)),
    ]
    for (const side of [first, second]) await side.prove(selection.takesPart)
    const [ours, theirs] = await this.#readBoth(selection)
    const isSame = theirs.content.objects === ours.content.objects && theirs.content.hex() === ours.content.hex()
    const differences = isSame
      ? {counts: {different: 0, extra: 0, missing: 0}, listed: [], twice: []}
      : await compareRecords(ours.records, theirs.records, {
          limit: this.options.limit ?? DEFAULT_LIMIT,
          signal: this.options.signal,
          tenants: this.#tenantNumbers,
        })
    this.#warnOfTwice(differences.twice)
    if (differences.listed.length > 0) await this.#nameMembers(differences)
    const {leftOut} = selection
    const notCompared = await this.#notCompared(selection)
    const isEqual = isSame && notCompared.length === 0
    return {
      counts: differences.counts,
      differences: differences.listed,
      digests: {first: ours.content.hex(), second: theirs.content.hex()},
      equal: isEqual && schemaDifferences.every(({severity}) => severity !== 'blocking'),
      ...(notCompared.length > 0 && {notCompared}),
      objects: {first: ours.content.objects, second: theirs.content.objects},
      schemaDifferences,
      ...(leftOut.length > 0 && {tenantsLeftOut: leftOut.map(({name, reason}) => ({name, reason}))}),
    }
  }

  /** Whose objects show nothing of it: of collections that both have tenants. */
  async #tenantsApart({takesPart}: TenantSelection): Promise<SchemaDifference[]> {
    const [first, second] = [this.first, this.second]
    if (!isMultiTenant(first.schema) || !isMultiTenant(second.schema)) return []
    return tenantsApart(await first.held(), await second.tenants(), takesPart)
  }

  /** Once both are read: why nobody knows whether they are equal. */
  async #notCompared({leftOut, takesPart}: TenantSelection): Promise<string[]> {
    const [first, second] = [this.first, this.second]
    const open = leftOut.filter(({isOpen}) => isOpen).map((tenant) => tenantInWords(tenant))
    const unshown: string[] = []
    const changed: string[] = []
    for (const side of [first, second]) {
      const change = await side.changed()
      if (change !== undefined) changed.push(change)
      const reason = side.unshown()
      if (reason === undefined) continue
      unshown.push(reason)
      this.options.onWarning?.({
        code: 'objects-not-shown',
        details: {collection: side.className, reason},
        message: `What was compared of "${side.className}" is not what is there: ${reason}.`,
      })
    }

    const isSchemaOnly = first.hasObjects !== second.hasObjects
    const isBlind = isSchemaOnly && !(await (first.hasObjects ? first : second).isEmpty(takesPart))
    return [...open, ...changed, ...unshown, ...(isBlind ? [SCHEMA_ONLY] : [])]
  }

  async #readBoth(selection: TenantSelection): Promise<[Content, Content]> {
    const [first, second] = [this.first, this.second]
    const hasObjects = first.hasObjects && second.hasObjects
    const ofFirst = hasObjects ? await first.count(selection.takesPart) : 0
    const ofSecond = (hasObjects ? await second.count(selection.takesPart, ofFirst) : 0) ?? 0
    const expected = Math.max(ofSecond, ofFirst ?? 0)
    const total = ofSecond + (ofFirst ?? ofSecond)
    if (!hasObjects) {
      this.options.onWarning?.({
        code: 'schema-only',
        message: `The backup holds the schema only: the objects of "${second.className}" were not compared.`,
      })
    }

    const how = {expected, isRead: hasObjects, total}
    const ours = await this.#read(first, selection, {...how, before: 0})
    return [ours, await this.#read(second, selection, {...how, before: ours.content.objects})]
  }
}
