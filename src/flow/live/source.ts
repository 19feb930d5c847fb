/** A live collection as a source: in the order of its ids, which are listed first and kept, so that a job that stops can go on. */
import type {WeaviateObject} from '../../model/object.js'
import type {OperationOptions} from '../../model/progress.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {ResolvedCollection} from '../../weaviate/resolve.js'
import type {FetchOptions} from '../fetch-page.js'
import type {ObjectSource, ReadSourceOptions, SourcePage} from '../source.js'
import type {Throttle} from '../throttle.js'
import type {RowList, Segment} from './row-list.js'

import {type BackupHead, FORMAT_VERSION} from '../../codec/document.js'
import {chunks} from '../../model/chunks.js'
import {DataOpsError, throwIfAborted} from '../../model/errors.js'
import {newMembersOf} from '../../model/new-members.js'
import {TOOL_VERSION} from '../../model/version.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {SameServer} from '../../weaviate/same-server.js'
import {ObjectsById} from '../by-id.js'
import {PageSize, TARGET_BYTES} from '../page-size.js'
import {inactiveNow} from '../tenants/activation.js'
import {ActiveTenants, type HeldNote} from '../tenants/active-tenants.js'
import {ACTIVATION_GROUP} from '../tenants/room.js'
import {Births, type KnownObject} from './births.js'
import {inOrder} from './in-order.js'
import {scanSegment} from './scan.js'
import {readStretch, type Stretch, stretches} from './stretches.js'

/** Ids and times weigh little: pages of the server's usual limit. */
const SCAN_PAGE = 10_000
/** Rows of a segment of the list: the first are there soon, later ones are few. */
const FIRST_SEGMENT = 4096
const LARGEST_SEGMENT = 131_072

export interface LiveSourceOptions extends OperationOptions {
  /** Objects a page at most. */
  batchSize: number
  collection: ResolvedCollection
  /** Pages in flight at most. */
  concurrency: number
  /** Waits for a server that is away. */
  connection: Connection
  /** Whether inactive tenants are activated to be read; else they are passed over. */
  isWaking: boolean
  list: RowList
  name: string
  /** Where tenants that are activated are noted. */
  note?: HeldNote
  /** Objects, as far as is known. */
  objectCount?: number
  /** For each of the two things that read: objects, and the list of their ids. */
  throttle: () => Throttle
}

export class LiveSource implements ObjectSource {
  readonly #active: ActiveTenants
  readonly #groups: ReadonlyArray<ReadonlyArray<string | undefined>>
  readonly #list: RowList
  readonly #pageSizes: Readonly<Record<FetchOptions['include'], PageSize>>
  readonly #plan: CollectionPlan
  readonly #reading: Throttle
  readonly #sameServer: SameServer
  readonly #scanning: Throttle
  /** Of the last reading of all objects. */
  #known: readonly KnownObject[] = []
  #newMembers: readonly string[] = []
  #scan: Promise<void> | undefined
  readonly head: BackupHead
  readonly name: string

  constructor(private readonly options: LiveSourceOptions) {
    const {batchSize, collection, connection, isWaking, list, name, note, throttle} = options
    this.#list = list
    this.#plan = planCollection(collection.schema)
    this.#reading = throttle()
    this.#scanning = throttle()
    this.#pageSizes = {
      ids: new PageSize(SCAN_PAGE),
      objects: new PageSize(batchSize),
      references: new PageSize(batchSize),
    }
    this.#sameServer = new SameServer(connection, collection.schema, options)
    this.#active = new ActiveTenants(connection, {note})
    const {tenants} = list
    const inactive = inactiveNow(tenants ?? []).filter(({status}) => status !== 'HOT')
    this.#active.admit(collection.schema.class, inactive)
    this.#groups = tenants ? groupsOf(tenants.filter(({status}) => isWaking || status === 'HOT')) : [[undefined]]
    this.name = name
    this.head = headOf(options)
  }

  get fingerprint(): string {
    return this.#list.id
  }

  get objectCount(): number | undefined {
    return this.#list.place ? this.options.objectCount : this.#list.rows
  }

  get isLive(): boolean {
    return true
  }

  get path(): string {
    return `"${this.#plan.className}" at ${this.options.connection.describe}`
  }

  /** Objects that the server counted and did not list. */
  get shortfall(): number {
    return this.#list.shortfall
  }

  /** Properties and vectors that the collection has got, in words, when its objects were last read to the end: they are read without. */
  get newMembers(): readonly string[] {
    return this.#newMembers
  }

  /** @throws DataOpsError CANNOT_CONNECT when REST and gRPC are two servers. */
  async assertWhole(): Promise<void> {
    await this.#sameServer.prove(this.#list.tenants)
  }

  /** Ascending by row; `gone` has rows whose objects are no longer there. @throws DataOpsError SERVER_REFUSED when the collection is another by now. */
  async *pages(options: ReadSourceOptions = {}): AsyncGenerator<SourcePage, void, undefined> {
    const {columns = 'all', fromRow = 0, signal = this.options.signal} = options
    const include = columns === 'all' ? 'objects' : columns
    const births = new Births()
    let held: undefined | {group: number; release: () => void}
    try {
      for (let index = this.#list.segmentOf(fromRow); ;) {
        throwIfAborted(signal)
        const group = this.#groupOf(index)
        if (group === undefined) break
        if (held?.group !== group) {
          held?.release()
          held = {group, release: await this.#hold(group, signal)}
        }

        if (this.#list.groupOf(index) === undefined) await this.#listMore(signal)
        // A group without objects has no segment.
        if (this.#list.groupOf(index) === undefined) continue
        const segment = await this.#list.read(index)
        // While these are read, the next are listed.
        if (this.#groupOf(index + 1) === group && this.#list.groupOf(index + 1) === undefined) {
          this.#listMore(signal).catch(() => undefined)
        }

        for await (const page of this.#read(segment, {fromRow, include, signal})) {
          births.add(segment, page)
          yield page
        }

        index++
      }
    } finally {
      held?.release()
      await this.#scan?.catch(() => undefined)
      await this.#active.putBack()
    }

    await this.#endOf(include, births)
  }

  async #endOf(include: FetchOptions['include'], births: Births): Promise<void> {
    if (include === 'objects') {
      // A collection that lost all of what was read last is another, unless something of it is as it was.
      await this.#assertSame(births.areStrange ? births.known : undefined)
      this.#known = births.known
    } else if (include === 'references') await this.#assertSame(this.#known.length > 0 ? this.#known : undefined)
  }

  /** Of a segment that is there, or of the one that will be listed next. */
  #groupOf(segment: number): number | undefined {
    const known = this.#list.groupOf(segment)
    const {place} = this.#list
    return known ?? (place && Math.floor(place.tenant / ACTIVATION_GROUP))
  }

  async #hold(group: number, signal: AbortSignal | undefined): Promise<() => void> {
    const {className} = this.#plan
    const names = this.#tenantsOf(group).filter((name) => name !== undefined)
    const release = await this.#active.hold(
      names.map((name) => ({collection: className, name})),
      signal,
    )
    try {
      await this.#sameServer.prove(names.map((name) => ({name, status: 'HOT'})))
      return release
    } catch (error) {
      release()
      throw error
    }
  }

  #tenantsOf(group: number): ReadonlyArray<string | undefined> {
    return this.#groups[group] ?? []
  }

  /** Lists on, once at a time: whoever needs more meanwhile waits for what is under way. */
  async #listMore(signal: AbortSignal | undefined): Promise<void> {
    this.#scan ??= this.#listSegment(signal).finally(() => {
      this.#scan = undefined
    })
    return this.#scan
  }

  async #listSegment(signal: AbortSignal | undefined): Promise<void> {
    const {place, segments} = this.#list
    if (!place) return
    const group = Math.floor(place.tenant / ACTIVATION_GROUP)
    const first = group * ACTIVATION_GROUP
    const {place: next, ...found} = await scanSegment(
      {
        ...this.options,
        pageSize: this.#pageSizes.ids,
        plan: this.#plan,
        signal,
        tenants: this.#tenantsOf(group),
        throttle: this.#scanning,
      },
      {...place, tenant: place.tenant - first},
      Math.min(LARGEST_SEGMENT, FIRST_SEGMENT * 2 ** Math.min(segments, 8)),
    )
    const isLast = group >= this.#groups.length - 1
    const behind = isLast ? undefined : {tenant: first + ACTIVATION_GROUP}
    await this.#list.add(found, {
      group,
      lacking: found.lacking,
      place: next ? {...next, tenant: first + next.tenant} : behind,
    })
  }

  async *#read(
    segment: Segment,
    {fromRow, include, signal}: {fromRow: number; include: FetchOptions['include']; signal?: AbortSignal},
  ): AsyncGenerator<SourcePage> {
    const fetching: FetchOptions = {
      connection: this.options.connection,
      include,
      pageSize: this.#pageSizes[include],
      plan: this.#plan,
      signal,
      throttle: this.#reading,
    }
    const {concurrency} = this.options
    const {pageSize} = fetching
    const room = {
      atOnce: concurrency,
      bytes: concurrency * TARGET_BYTES,
      weigh: ({ids}: Stretch) => pageSize.weigh(ids.length),
    }
    yield* inOrder(stretches(segment, fromRow, pageSize), room, async (stretch) => readStretch(fetching, stretch))
  }

  /** Where the server does not show which collection it is. What was rewritten lies beside what was not. */
  async #holdsOneOf(known: readonly KnownObject[]): Promise<boolean> {
    const {connection} = this.options
    const {className} = this.#plan
    const byId = new ObjectsById({connection, plan: this.#plan})
    for (const [tenant, group] of Map.groupBy(known, (each) => each.tenant)) {
      const held = tenant === undefined ? [] : [{collection: className, name: tenant}]
      const release = await this.#active.hold(held, this.options.signal)
      try {
        const ids = group.map(({id}) => id)
        const created = new Map(group.map((each) => [each.id, each.created]))
        const isSame = ({creationTimeUnix, id}: WeaviateObject): boolean => creationTimeUnix === created.get(id)
        if (await byId.some(ids, {tenant}, isSame)) return true
      } finally {
        release()
        await this.#active.putBack()
      }
    }

    return false
  }

  /** What was read from start to end is one collection. `doubtful`: objects of it, where nothing else shows it; undefined: it was shown. */
  async #assertSame(doubtful: readonly KnownObject[] | undefined): Promise<void> {
    const {connection} = this.options
    const {collection, identity} = this.#list.source
    const now = await connection.getCollection(collection)
    const found = now && identity !== undefined ? await connection.identify(now) : undefined
    const isSame = found === undefined ? !doubtful || (await this.#holdsOneOf(doubtful)) : found === identity
    if (now && isSame) {
      this.#newMembers = newMembersOf(this.#plan.schema, now)
      return
    }

    const what = found === undefined ? 'made anew, or all of it written anew,' : 'dropped and made anew'
    throw new DataOpsError(
      'SERVER_REFUSED',
      `"${collection}" was ${now ? what : 'dropped'} while it was being read, or since its ids were listed.`,
      {
        details: {collection, recreated: true},
        hint: 'Run it again with `restart: true`.',
      },
    )
  }
}

function headOf({collection, connection, list}: LiveSourceOptions): BackupHead {
  const {aliases, schema} = collection
  return {
    metadata: {
      aliases,
      backup_id: list.id,
      collection: schema.class,
      options: {compress: false, format: 'json', include_data: true},
      run_id: list.id,
      ...(list.tenants && {tenants: list.tenants}),
      timestamp: new Date().toISOString(),
      tool_version: TOOL_VERSION,
      version: FORMAT_VERSION,
      weaviate_version: connection.version,
    },
    schema: schema satisfies WeaviateClass,
  }
}

function groupsOf(tenants: readonly WeaviateTenant[]): string[][] {
  const names = tenants.map(({name}) => name)
  return [...chunks(names, ACTIVATION_GROUP)]
}
