/** A live collection beside a backup: equal, or which objects are missing, extra or different. */
import type {ObjectSource} from '../../flow/source.js'
import type {TransformChain} from '../../flow/transform/transform.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {CollectionComparison, CompareOptions, ObjectDifference} from './options.js'

import {ContentDigest} from '../../archive/content-digest.js'
import {objectKey} from '../../archive/reader.js'
import {describeDifference} from '../../codec/digest.js'
import {defaultBatchSize, TARGET_BYTES} from '../../flow/page-size.js'
import {ParallelReader, type Slice, slicesOfTenants} from '../../flow/parallel-reader.js'
import {persistent} from '../../flow/persistent.js'
import {
  HASH_BYTES,
  KEY_BYTES,
  MAX_RECORDS_IN_MEMORY,
  partitionsFor,
  RecordList,
  TemporaryFolder,
  TenantNumbers,
} from '../../flow/records.js'
import {withActiveTenants} from '../../flow/tenants/activation.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {Throttle} from '../../flow/throttle.js'
import {DataOpsError} from '../../model/errors.js'
import {approximateBytes, type WeaviateObject} from '../../model/object.js'
import {compareSchemas} from '../../model/schema-compare.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {nodePlatform} from '../../platform/node.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {collectionMissing} from '../../weaviate/resolve.js'
import {SameServer} from '../../weaviate/same-server.js'
import {checkPositiveInteger, DEFAULT_CONCURRENCY} from '../options.js'
import {ReplicaWatch} from '../replica-watch.js'
import {selectForComparison, type TenantSelection} from './compare-tenants.js'
import {compareRecords, type Differences} from './differences.js'

const DEFAULT_LIMIT = 20
/** Objects fetched together to see what differs in them. */
const OBJECTS_A_FETCH = 100

/** What a comparison reads of a backup. */
type ComparedArchive = Pick<ObjectSource, 'head' | 'objectCount' | 'pages' | 'path' | 'seal'>

export interface CompareCollectionOptions extends CompareOptions {
  /** What is made of the live objects before they are compared. */
  chain?: TransformChain
  /** The objects are given as they were restored, which is not as they were sealed. */
  isChanged?: boolean
  /** Name of the live collection; aliases are not followed. */
  collection: string
  /** Where tenants that are activated are noted. */
  notes?: TenantNotes
  /** Records of objects kept in memory for each side at most; default 300,000. */
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
  archive: ComparedArchive,
  options: CompareCollectionOptions,
): Promise<CollectionComparison> {
  checkPositiveInteger(options.concurrency, 'concurrency')
  const started = performance.now()
  const {onWarning, signal} = options
  const connection = persistent(direct, {onWarning, signal})
  const schema = await connection.getCollection(options.collection)
  if (!schema) throw await collectionMissing(connection, options.collection)
  const folder = new TemporaryFolder()
  try {
    const watch = new ReplicaWatch(connection, schema, {
      ...options,
      warn(warning) {
        onWarning?.(warning)
      },
    })
    await watch.begin()
    const result = await new Comparison(connection, archive, schema, folder, options).run()
    const facts = await watch.end()
    return {...result, ...(facts?.report && {replicas: facts.report}), seconds: (performance.now() - started) / 1000}
  } finally {
    await folder.remove()
  }
}

/** One side of a comparison. */
interface Side {
  content: ContentDigest
  records: RecordList
}

class Comparison {
  readonly #archive: ComparedArchive
  readonly #concurrency: number
  readonly #connection: Connection
  readonly #folder: TemporaryFolder
  readonly #limit: number
  readonly #maxInMemory: number
  readonly #options: CompareCollectionOptions
  readonly #plan: CollectionPlan
  readonly #sameServer: SameServer
  readonly #tenantNumbers = new TenantNumbers()
  readonly #throttle: Throttle

  constructor(
    connection: Connection,
    archive: ComparedArchive,
    schema: WeaviateClass,
    folder: TemporaryFolder,
    options: CompareCollectionOptions,
  ) {
    this.#archive = archive
    this.#concurrency = options.concurrency ?? DEFAULT_CONCURRENCY
    this.#connection = connection
    this.#folder = folder
    this.#limit = options.limit ?? DEFAULT_LIMIT
    this.#maxInMemory = options.maxRecordsInMemory ?? MAX_RECORDS_IN_MEMORY
    this.#options = options
    this.#plan = planCollection(schema)
    this.#sameServer = new SameServer(connection, schema, options)
    this.#throttle = new Throttle({
      concurrency: this.#concurrency,
      onWarning: options.onWarning,
      signal: options.signal,
    })
  }

  async #selectTenants(): Promise<TenantSelection> {
    const {head, seal} = this.#archive
    const {schema} = this.#plan
    const {onWarning, tenants} = this.#options
    if (tenants && tenants.length > 0 && !isMultiTenant(schema) && !isMultiTenant(head.schema)) {
      throw new DataOpsError('INVALID_INPUT', `The collection "${schema.class}" has no tenants.`, {
        hint: 'Leave the tenants out.',
      })
    }

    const live = isMultiTenant(schema) ? await this.#connection.listTenants(schema.class) : []
    const selection = selectForComparison(head, seal, live, this.#options)
    for (const {name, reason} of selection.leftOut) {
      onWarning?.({
        code: 'tenant-not-compared',
        details: {name, reason},
        message: `Tenant "${name}" is not compared: ${reason}.`,
      })
    }

    return selection
  }

  /** Objects of the live side as far as that costs one call; else what the backup says: it decides only how memory is divided. */
  async #countLive(selection: TenantSelection): Promise<number> {
    const {multiTenant, className} = this.#plan
    if (multiTenant) return selection.live.length === 0 ? 0 : (this.#archive.objectCount ?? 0)
    return this.#connection.count(className, undefined, this.#options.signal)
  }

  #side(schema: WeaviateClass, partitions: number): Side {
    return {
      content: new ContentDigest(schema, nodePlatform),
      records: new RecordList({
        folder: this.#folder,
        maxInMemory: this.#maxInMemory,
        partitions,
        recordBytes: KEY_BYTES + HASH_BYTES,
      }),
    }
  }

  #take({content, records}: Side, object: WeaviateObject): void {
    records.add(this.#tenantNumbers.number(object.tenant), object.id, content.add(object).hash)
  }

  async #readBackup(side: Side, selection: TenantSelection, total: number): Promise<void> {
    const {signal} = this.#options
    for await (const page of this.#archive.pages({signal})) {
      for (const object of page.objects) if (selection.takesPart(object.tenant)) this.#take(side, object)
      await side.records.settle()
      this.#progress(side.content.objects, total)
    }

    this.#checkSealed(side.content, selection)
  }

  /** A comparison with rows that changed on the disk would accuse the collection of it. */
  #checkSealed(content: ContentDigest, {takesPart}: TenantSelection): void {
    const {path, seal} = this.#archive
    if (seal?.digest === undefined || this.#options.isChanged) return
    const held = seal.tenants?.filter(({name, skipped}) => skipped === undefined && takesPart(name))
    // Their number too: no tenant that the seal does not list may add to them.
    const isSame = held
      ? held.every(({digest, name}) => content.tenant(name).digest === digest) &&
        held.reduce((sum, tenant) => sum + (tenant.object_count ?? 0), 0) === content.objects
      : content.hex() === seal.digest
    if (isSame) return
    throw new DataOpsError('BACKUP_DAMAGED', `${path} is damaged: its objects are not those that were sealed.`, {
      details: {path},
      hint: 'See what is wrong with `verifyBackup`. Compare with another backup.',
    })
  }

  async #readLive(
    side: Side,
    selection: TenantSelection,
    {before, expected, total}: {before: number; expected: number; total: number},
  ): Promise<void> {
    const {chain} = this.#options
    const read = async (slices: Slice[]): Promise<void> => {
      const reader = new ParallelReader({
        batchSize: defaultBatchSize(expected),
        concurrency: this.#concurrency,
        connection: this.#connection,
        expectedObjects: Math.max(0, expected - side.content.objects),
        include: 'objects',
        plan: this.#plan,
        signal: this.#options.signal,
        slices,
        throttle: this.#throttle,
      })
      for await (const page of reader.pages()) {
        for (const object of (await chain?.objects(page.objects)) ?? page.objects) this.#take(side, object)
        await side.records.settle()
        page.done()
        this.#progress(before + side.content.objects, total)
      }
    }

    if (this.#plan.multiTenant) {
      await this.#withTenants(selection.live, async (group) => {
        await this.#sameServer.prove(group.map(({name}) => ({name, status: 'HOT'})))
        await read(slicesOfTenants(group))
      })
    } else await read([{...WHOLE_RANGE}])
  }

  async #withTenants(tenants: WeaviateTenant[], body: (group: WeaviateTenant[]) => Promise<void>): Promise<void> {
    const {notes, signal} = this.#options
    const note = notes?.begin(this.#connection.describe)
    await withActiveTenants(this.#connection, this.#plan.className, tenants, {note, signal}, body)
  }

  /** Fetches the objects that differ, a few at a time from both sides, to name what differs in them. */
  async #nameMembers({listed}: Differences, selection: TenantSelection): Promise<void> {
    const wanted = new Map<string, ObjectDifference>()
    const tenants = new Set<string | undefined>()
    for (const difference of listed) {
      if (difference.state !== 'different') continue
      wanted.set(objectKey(difference.tenant, difference.id), difference)
      tenants.add(difference.tenant)
    }

    if (wanted.size === 0) return
    if (!this.#plan.multiTenant) {
      await this.#nameMembersOf(wanted, () => true)
      return
    }

    // One pass over the backup for all active tenants, and one for each group of a hundred others.
    const concerned = selection.live.filter(({name}) => tenants.has(name))
    await this.#withTenants(concerned, async (group) => {
      const names = new Set(group.map(({name}) => name))
      await this.#nameMembersOf(wanted, (tenant) => tenant !== undefined && names.has(tenant))
    })
  }

  async #nameMembersOf(
    wanted: Map<string, ObjectDifference>,
    isActive: (tenant: string | undefined) => boolean,
  ): Promise<void> {
    const {signal} = this.#options
    let chunk: WeaviateObject[] = []
    let bytes = 0
    for await (const page of this.#archive.pages({signal})) {
      const found = page.objects.filter(
        (object) => isActive(object.tenant) && wanted.has(objectKey(object.tenant, object.id)),
      )
      for (const object of found) {
        chunk.push(object)
        bytes += approximateBytes(object)
        if (chunk.length >= OBJECTS_A_FETCH || bytes >= TARGET_BYTES) {
          await this.#nameMembersIn(chunk, wanted)
          chunk = []
          bytes = 0
        }
      }
    }

    await this.#nameMembersIn(chunk, wanted)
  }

  async #nameMembersIn(objects: readonly WeaviateObject[], wanted: Map<string, ObjectDifference>): Promise<void> {
    const byTenant = new Map<string | undefined, WeaviateObject[]>()
    for (const object of objects) {
      const group = byTenant.get(object.tenant)
      if (group) group.push(object)
      else byTenant.set(object.tenant, [object])
    }

    const {schema} = this.#archive.head
    for (const [tenant, group] of byTenant) {
      const ids = group.map(({id}) => id)
      const live = new Map((await this.#fetch(ids, tenant)).map((object) => [object.id, object]))
      for (const object of group) {
        const other = live.get(object.id)
        const difference = wanted.get(objectKey(object.tenant, object.id))
        // What was deleted since it was compared is not here: that it differed stays true, in what can no longer be said.
        if (difference && other) {
          difference.members = describeDifference(schema, object, other, this.#liveSchema)
        }
      }
    }
  }

  /** Live objects by id. */
  async #fetch(ids: string[], tenant: string | undefined): Promise<WeaviateObject[]> {
    const {chain, signal} = this.#options
    const objects = await this.#throttle.run(async () =>
      this.#connection.getObjects({collection: this.#plan, ids, signal, tenant}),
    )
    return (await chain?.objects(objects)) ?? objects
  }

  /** Of the objects that are compared. */
  get #liveSchema(): WeaviateClass {
    return this.#options.chain?.schema ?? this.#plan.schema
  }

  #progress(completed: number, total: number): void {
    this.#options.onProgress?.({
      collection: this.#plan.className,
      completed,
      stage: 'verify',
      total: Math.max(total, completed),
    })
  }

  async run(): Promise<Omit<CollectionComparison, 'seconds'>> {
    const {head} = this.#archive
    const {schema} = this.#plan
    const schemaDifferences = compareSchemas(head.schema, this.#liveSchema, {ignoreName: true})
    const selection = await this.#selectTenants()
    await this.#sameServer.prove(selection.live)
    const isHoldsObjects = head.metadata.options.include_data
    const expectedLive = isHoldsObjects ? await this.#countLive(selection) : 0
    const partitions = partitionsFor(Math.max(expectedLive, this.#archive.objectCount ?? 0), this.#maxInMemory)
    const live = this.#side(this.#liveSchema, partitions)
    const backup = this.#side(head.schema, partitions)
    if (isHoldsObjects) {
      const total = expectedLive + (this.#archive.objectCount ?? expectedLive)
      await this.#readBackup(backup, selection, total)
      await this.#readLive(live, selection, {before: backup.content.objects, expected: expectedLive, total})
    } else {
      this.#options.onWarning?.({
        code: 'schema-only',
        message: `The backup holds the schema only: the objects of "${schema.class}" were not compared.`,
      })
    }

    const isSame = live.content.objects === backup.content.objects && live.content.hex() === backup.content.hex()
    const differences = isSame
      ? {counts: {different: 0, extra: 0, missing: 0}, listed: []}
      : await compareRecords(backup.records, live.records, {
          limit: this.#limit,
          signal: this.#options.signal,
          tenants: this.#tenantNumbers,
        })
    if (differences.listed.length > 0) await this.#nameMembers(differences, selection)
    const {leftOut} = selection
    return {
      backupDigest: backup.content.hex(),
      backupId: head.metadata.backup_id,
      collection: schema.class,
      counts: {...differences.counts, backup: backup.content.objects, live: live.content.objects},
      differences: differences.listed,
      equal:
        isSame &&
        leftOut.every(({isOpen}) => !isOpen) &&
        schemaDifferences.every(({severity}) => severity !== 'blocking'),
      liveDigest: live.content.hex(),
      schemaDifferences,
      ...(leftOut.length > 0 && {tenantsLeftOut: leftOut.map(({name, reason}) => ({name, reason}))}),
    }
  }
}
