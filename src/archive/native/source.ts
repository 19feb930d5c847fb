/** A collection of an export, as jobs read it: with the schema that it lacks. */
import type {OperationOptions} from '../../model/progress.js'
import type {ArchivePage, ReadArchiveOptions} from '../reader.js'
import type {NativeExport} from './export.js'

import {type BackupHead, type BackupSeal, FORMAT_VERSION, type SealedTenant} from '../../codec/document.js'
import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {TENANT_STATUSES, type TenantStatus, type WeaviateTenant} from '../../model/tenant.js'
import {TOOL_VERSION} from '../../model/version.js'
import {derivedUuid, sha256Hex} from '../../platform/node.js'
import {ContentDigest, type ContentStatistics} from '../content-digest.js'
import {fileStem} from '../names.js'
import {ExportFiles} from './files.js'
import {type ExportedShard} from './metadata.js'

/** What an export lacks of a collection. */
export interface Lacking {
  aliases?: readonly string[]
  schema: WeaviateClass
  /** Their states, where somebody knows them. */
  tenants?: readonly WeaviateTenant[]
}

/** What is known of the content as a whole: more once all of it was read. */
export interface ExportContent extends Pick<BackupSeal, 'object_count' | 'tenants'> {
  complete: true
  digest?: string
  statistics?: ContentStatistics
}

export class ExportSource {
  readonly files: ExportFiles
  readonly head: BackupHead
  readonly #export: NativeExport
  readonly #isBare: boolean
  #content?: ContentDigest

  /**
   * Without `lacking` nothing is known but the export itself: references are as it has them, and the digest is none.
   * @throws DataOpsError NOT_A_BACKUP when the export has no such collection.
   */
  constructor(native: NativeExport, collection: string, lacking?: Lacking) {
    this.#export = native
    this.#isBare = lacking === undefined
    this.files = new ExportFiles(native, collection)
    this.head = headOf(native, this.files, lacking ?? {schema: {class: collection}})
  }

  /** One writes faster than a server takes, in 100 MB less beside pages of 8 MiB. */
  get workers(): number {
    return 1
  }

  /** Of a backup of that collection alone, as far as notes of jobs are called by it. */
  get name(): string {
    const {id} = this.#export.facts
    const {name} = this.files.collection
    const stem = `${id}_${fileStem(name)}`
    return stem.length <= MAX_NAME ? stem : `${stem.slice(0, MAX_NAME - 9)}-${sha256Hex(stem).slice(0, 8)}`
  }

  get path(): string {
    return `${this.#export.path}#${this.files.collection.name}`
  }

  get objectCount(): number {
    return this.files.collection.objects
  }

  /** Known once `assertWhole` has looked at all of it. With another schema it is another content. */
  get fingerprint(): string {
    const {fingerprint} = this.files
    return this.#isBare ? fingerprint : sha256Hex(JSON.stringify([fingerprint, this.head.schema]))
  }

  get seal(): ExportContent {
    const content = this.#content
    const {objects, shards} = this.files.collection
    return {
      complete: true,
      object_count: objects,
      ...(content && {digest: content.hex(), statistics: content.statistics}),
      ...(isMultiTenant(this.head.schema) && {tenants: sealedTenants(shards, content)}),
    }
  }

  /**
   * Looks at every byte, and whether the schema can be that of it. What is read from now on is what was looked at.
   * @throws DataOpsError BACKUP_DAMAGED; SCHEMA_MISMATCH; STORAGE; INTERRUPTED.
   */
  async assertWhole(options: Pick<OperationOptions, 'onProgress' | 'signal'> = {}): Promise<void> {
    await this.files.look(options)
    const {hasTenants} = this.files
    if (this.#isBare) return
    if (hasTenants === undefined || hasTenants === isMultiTenant(this.head.schema)) return
    const {name} = this.files.collection
    throw new DataOpsError(
      'SCHEMA_MISMATCH',
      hasTenants
        ? `The export of "${name}" has tenants, and the schema that was given for it has none.`
        : `The export of "${name}" has no tenants, and the schema that was given for it has.`,
      {hint: 'Give the schema that the collection had when it was exported.'},
    )
  }

  /** Reads all of it, and knows its digest and statistics from then on. @throws DataOpsError as `assertWhole`. */
  async survey({onProgress, signal}: OperationOptions = {}): Promise<ContentDigest> {
    if (this.#content) return this.#content
    await this.assertWhole({onProgress, signal})
    const content = new ContentDigest(this.head.schema)
    const collection = this.files.collection.name
    for await (const {objects, release} of this.pages({signal})) {
      for (const object of objects) content.add(object)
      release?.()
      onProgress?.({collection, completed: content.objects, stage: 'verify', total: this.objectCount})
    }

    this.#content = content
    return content
  }

  /** @throws DataOpsError BACKUP_DAMAGED when something is read that was not looked at, or cannot be understood. */
  async *pages(options: ReadArchiveOptions = {}): AsyncGenerator<ArchivePage, void, undefined> {
    await this.assertWhole({signal: options.signal})
    yield* this.files.pages(this.head.schema, options)
  }
}

/** Characters of a name to which others are added. */
const MAX_NAME = 160
const STATUS = /^tenant status is (\w+)$/

/** What it was like in an offloaded tenant nobody knows: it is not in the export. */
function isLeftOut({skipped}: ExportedShard): boolean {
  return skipped !== undefined && skipped !== 'no data'
}

/** `content`: of all of it, where it was read. */
export function sealedTenants(shards: readonly ExportedShard[], content: ContentDigest | undefined): SealedTenant[] {
  return shards.map((shard) => {
    const {name, objects, skipped} = shard
    if (isLeftOut(shard)) return {name, skipped: skipped ?? 'skipped'}
    return {...(content && {digest: content.tenant(name).digest}), name, object_count: objects}
  })
}

/** Those of an export, with the states that are known of them. What the export tells comes first: it is as old as the objects are. */
export function tenantsOf(shards: readonly ExportedShard[], tenants: readonly WeaviateTenant[]): WeaviateTenant[] {
  const known = new Map(tenants.map(({name, status}) => [name, status]))
  return shards.map((shard) => ({name: shard.name, status: statusOf(shard, known.get(shard.name))}))
}

function headOf(native: NativeExport, files: ExportFiles, {aliases, schema, tenants = []}: Lacking): BackupHead {
  const {facts} = native
  const {name, shards} = files.collection
  return {
    metadata: {
      ...(aliases && {aliases: [...aliases]}),
      backup_id: derivedUuid(JSON.stringify(['collection', facts.id, facts.startedAt, name])),
      collection: name,
      options: {compress: true, format: 'parquet', include_data: true},
      run_id: derivedUuid(JSON.stringify(['export', facts.id, facts.startedAt])),
      ...(isMultiTenant(schema) && {tenants: tenantsOf(shards, tenants)}),
      timestamp: facts.startedAt,
      tool_version: TOOL_VERSION,
      version: FORMAT_VERSION,
      weaviate_version: facts.version,
    },
    schema: renamed(schema, name),
  }
}

function statusOf({skipped}: ExportedShard, known: TenantStatus | undefined): TenantStatus {
  const [, told] = STATUS.exec(skipped ?? '') ?? []
  return TENANT_STATUSES[told ?? ''] ?? known ?? 'HOT'
}

/** A class under another name; what refers to itself goes on to do so. */
function renamed(schema: WeaviateClass, name: string): WeaviateClass {
  if (schema.class === name) return schema
  const properties = schema.properties?.map((property) => ({
    ...property,
    dataType: property.dataType.map((type) => (type === schema.class ? name : type)),
  }))
  return {...schema, class: name, ...(properties && {properties})}
}
