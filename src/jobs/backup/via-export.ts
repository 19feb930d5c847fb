/** Backups whose objects the server exports by itself, each node its own shards: added is what an export lacks, and where it lies. */
import type {ExportedShard} from '../../archive/native/metadata.js'
import type {SealedPart} from '../../codec/document.js'
import type {Store} from '../../store/store.js'
import type {Connection, ExportBackend, ExportState} from '../../weaviate/connection.js'
import type {Workplace} from '../options.js'
import type {BackupOptions, BackupResult, BackupRunResult} from './options.js'

import {SCHEMA_FILE} from '../../archive/names.js'
import {NativeExport} from '../../archive/native/export.js'
import {ExportSource, sealedTenants, tenantsOf} from '../../archive/native/source.js'
import {publishFolder} from '../../archive/publish.js'
import {sealFolder} from '../../archive/seal-folder.js'
import {type SealSummary} from '../../archive/writer.js'
import {locateServerExport} from '../../catalog/exports.js'
import {persistent} from '../../flow/persistent.js'
import {DataOpsError} from '../../model/errors.js'
import {newMembersOf} from '../../model/new-members.js'
import {plural} from '../../model/plural.js'
import {randomUUID} from '../../platform/node.js'
import {encryptionOf, isEncrypting} from '../../store/encryption.js'
import {resolveCollection, type ResolvedCollection} from '../../weaviate/resolve.js'
import {replicaSentences} from '../replica-watch.js'
import {wantedCollections} from '../wanted-collections.js'
import {accountOfExport, countForExport, type ExportAccount, type ExportCount} from './export-counts.js'
import {headOf} from './head.js'
import {type BackupJob, makeJob} from './job.js'
import {NotedExport, tellOfEarlierExports} from './noted-export.js'
import {nameOf} from './result.js'
import {register} from './seal.js'
import {exportByServer} from './server-export.js'

/** How a backup is made of an export that the server makes for it. */
export interface ExportBackupOptions extends Pick<
  BackupOptions,
  'maxRetries' | 'onProgress' | 'onWarning' | 'retryMaxWaitMs' | 'runId' | 'signal' | 'waitReplicasMs'
> {
  /** Where the server puts it. */
  backend: ExportBackend
  /** Collections to leave out, as patterns. */
  exclude?: readonly string[]
  /** Called with each backup as soon as it is sealed. */
  onSealed?: (backup: BackupResult) => Promise<void> | void
  /** Folder or URL in which the server's exports are seen from here, where that is not where the server says. */
  place?: string
}

/** What is known of a collection before it is exported. */
interface Before {
  count: ExportCount
  job: BackupJob
}

/** `BackupManager.exportCollections`. */
export async function backUpViaExport(
  {connection: direct, notes, store}: Workplace,
  names: readonly string[] | 'all',
  options: ExportBackupOptions,
): Promise<BackupRunResult> {
  const started = performance.now()
  const exports = direct.exports ?? direct.replicas?.main.exports
  if (!exports) throw tooOld(direct)
  if (isEncrypting(encryptionOf(store))) throw notEncrypted()
  const connection = persistent(direct, options)
  const runId = options.runId ?? randomUUID()
  const chosen: ResolvedCollection[] = []
  for (const name of await wantedCollections(connection, names, options.exclude)) {
    const collection = await resolveCollection(connection, name)
    if (chosen.every(({schema}) => schema.class !== collection.schema.class)) chosen.push(collection)
  }

  if (chosen.length === 0) return {backups: [], runId}
  const all: Before[] = []
  for (const collection of chosen) {
    const job = makeJob({
      collection,
      connection,
      notes,
      options: {...options, compress: true, format: 'parquet', runId},
      store,
    })
    all.push(await lookBefore(job))
  }

  const id = `elysia-${new Date().toISOString().slice(0, 19).replaceAll(/\D/g, '-')}-${runId.slice(0, 8)}`
  const collections = chosen.map(({schema}) => schema.class)
  await tellOfEarlierExports(exports, {connection, store, warn: (warning) => options.onWarning?.(warning)})
  const {backend} = options
  const noted = await NotedExport.of(store, {backend, collections, id, server: connection.describe})
  const order = {backend, collections, id, onBegun: async (begun: ExportState) => noted.begun(begun), options}
  const state = await exportByServer(exports, order).catch(async (error: unknown) => {
    await noted.failed(error)
    throw error
  })
  const native = await openHere(state, store, options)
  const backups: BackupResult[] = []
  for (const before of all) {
    const sealed = await seal(before, {backend, native, state})
    const backup = {...sealed, seconds: (performance.now() - started) / 1000}
    backups.push(backup)
    await options.onSealed?.(backup)
  }

  // By now the backups say where it lies.
  await noted.done()
  return {backups, runId}
}

async function lookBefore(job: BackupJob): Promise<Before> {
  await job.replicas.begin()
  return {count: await countForExport(job), job}
}

/** What the server has written, where it can be read from here. Undefined, with a warning, where it cannot. */
async function openHere(
  state: ExportState,
  store: Store,
  {onWarning, place}: ExportBackupOptions,
): Promise<NativeExport | undefined> {
  const {id} = state
  const path = place === undefined ? state.path : `${place.replace(/\/+$/, '')}/${id}`
  const found = await findWritten(path, store, state)
  if (typeof found !== 'string') return found
  onWarning?.({
    code: 'export-not-read',
    details: {export: id, path, reason: found},
    message: `The export lies in ${path} and cannot be read from here (${found}): its objects were not looked at, and have no digest.`,
  })
  return undefined
}

/** Or why it cannot be read. */
async function findWritten(
  path: string,
  store: Store,
  {shards, startedAt}: ExportState,
): Promise<NativeExport | string> {
  let found: Awaited<ReturnType<typeof locateServerExport>>
  try {
    found = await locateServerExport(path, store)
  } catch (error) {
    if (error instanceof DataOpsError && error.code !== 'INTERRUPTED') return error.message
    throw error
  }

  if (!found) return 'there is no export'
  const native = await NativeExport.open(found.store, found.name)
  const isSame =
    Date.parse(native.facts.startedAt) === Date.parse(startedAt) &&
    [...shards].every(([collection, states]) => {
      const {objects} = native.collection(collection)
      return objects === states.reduce((sum, shard) => sum + shard.objects, 0)
    })
  return isSame ? native : 'what lies there is another one'
}

/** Of tenants that were there all the time, why they are not in the backup. */
const NOT_EXPORTED = 'the export of the server does not have it'

/** What is promised before anything is known. */
const PROMISE =
  'Each shard is exported by the server itself, as it is at one moment; objects written or deleted meanwhile may or may not be in it.'

interface Exported {
  backend: ExportBackend
  native: NativeExport | undefined
  state: ExportState
}

/** The entry of one collection. */
async function seal(before: Before, {backend, native, state}: Exported): Promise<Omit<BackupResult, 'seconds'>> {
  const {count} = before
  const {tenants} = count
  const job = await withSchemaOfExport(before.job)
  const {collection, options, store} = job
  const {aliases, schema} = collection
  const name = schema.class
  const source = native && new ExportSource(native, name, {aliases, schema, tenants})
  const content = await source?.survey(options)
  const exported = source?.files.collection.shards ?? shardsOf(state, name)
  const account = accountOfExport(count, await countForExport(job), exported)
  const {counted, left, shortfall} = account
  const shards = [...exported, ...left.map((tenant) => ({name: tenant.name, objects: 0, skipped: NOT_EXPORTED}))]
  const head = await headOf(job, {tenants: tenants && tenantsOf(shards, tenants)})
  const {columns: _, ...metadata} = head.metadata
  const parts = source ? await partsOf(source) : []
  const summary: SealSummary = {
    amendments: [],
    complete: shortfall === 0,
    counted,
    ...(content && {digest: content.hex()}),
    finished: new Date().toISOString(),
    guarantee: await guaranteeOf(job, account, state),
    objectCount: counted.read,
    statistics: content?.statistics ?? {},
    ...(tenants && {tenants: sealedTenants(shards, content)}),
  }
  const document = {
    metadata: {
      ...metadata,
      guarantee: PROMISE,
      export: {backend, id: state.id, path: state.path, place: native?.path ?? null},
      requires: ['export'],
    },
    schema,
  }
  const held = {
    bytes: parts.reduce((sum, {bytes}) => sum + bytes, 0),
    parts,
    rows: parts.reduce((sum, {rows}) => sum + rows, 0),
  }
  const wanted = nameOf(job, new Date(head.metadata.timestamp))
  const sealed = sealFolder(summary, {head: document, held, where: store.describe(wanted)})
  const files = [{bytes: sealed.schema, name: SCHEMA_FILE}]
  const published = await publishFolder(store, wanted, sealed.metadata, {files, parts: []})
  const bytes = sealed.metadata.length + sealed.schema.length
  return register(job, document, {bytes, name: published, seal: sealed.seal}, 0)
}

/** What was written of properties and vectors that the collection got meanwhile is in the export: it takes the schema that has them. */
async function withSchemaOfExport(job: BackupJob): Promise<BackupJob> {
  const {collection, connection} = job
  const {schema} = collection
  const now = await connection.getCollection(schema.class)
  if (now && JSON.stringify(now) === JSON.stringify(schema)) return job
  const isLarger = now !== undefined && newMembersOf(schema, now).length > 0 && newMembersOf(now, schema).length === 0
  job.warn({
    code: 'schema-changed',
    message: `The schema of "${schema.class}" was changed while it was exported: the backup has the one from ${isLarger ? 'after' : 'before'}.`,
  })
  return isLarger ? {...job, collection: {...collection, schema: now}} : job
}

function shardsOf({shards}: ExportState, collection: string): ExportedShard[] {
  return (shards.get(collection) ?? []).map(({name, objects, skipReason, status}) => ({
    name,
    objects,
    ...(status === 'SKIPPED' && {skipped: skipReason ?? 'skipped'}),
  }))
}

async function partsOf(source: ExportSource): Promise<SealedPart[]> {
  const looked = await source.files.look()
  return looked.map(({bytes, extent, file, footer, sha256}) => ({
    bytes,
    file,
    ...(extent && {first_id: extent.first, last_id: extent.last}),
    rows: footer.rows,
    sha256,
  }))
}

async function guaranteeOf(
  job: BackupJob,
  {counted, left, shortfall, uncounted}: ExportAccount,
  state: ExportState,
): Promise<string> {
  const replicas = await job.replicas.end()
  return [
    `The server exported each shard by itself, as it was at a moment after ${state.startedAt}; what was written meanwhile may be in it or not.`,
    `It counted ${counted.before ?? 'an unknown number'} before and ${counted.after ?? 'an unknown number'} after; ${counted.read} were exported.`,
    ...(uncounted > 0 ? [`${plural(uncounted, 'tenant was', 'tenants were')} inactive and not counted.`] : []),
    ...(shortfall > 0 ? [`${shortfall} that it counted both times are not in it.`] : []),
    ...(left.length > 0
      ? [`The export says nothing of ${plural(left.length, 'tenant')}, "${left[0]!.name}" among them.`]
      : []),
    ...(replicas ? replicaSentences(replicas) : []),
  ].join(' ')
}

function tooOld({version}: Connection): DataOpsError {
  return new DataOpsError(
    'INVALID_INPUT',
    `The server (version ${version}) cannot export by itself: that takes 1.37 or later.`,
    {
      details: {version},
      hint: 'Back up without it.',
    },
  )
}

function notEncrypted(): DataOpsError {
  return new DataOpsError('INVALID_INPUT', 'What the server exports by itself is not encrypted.', {
    hint: 'Leave out the recipients, or back up without the export.',
  })
}
