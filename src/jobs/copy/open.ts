/** A collection that is to be copied, as the source of a restore: its list of rows is that of an earlier run, or a new one. */
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {ResolvedCollection} from '../../weaviate/resolve.js'
import type {CopyOptions} from './options.js'

import {fileStem} from '../../archive/names.js'
import {type ListedSource, RowList} from '../../flow/live/row-list.js'
import {LiveSource} from '../../flow/live/source.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant} from '../../model/schema.js'
import {isOffloaded, type WeaviateTenant} from '../../model/tenant.js'
import {sha256Hex} from '../../platform/node.js'
import {warningOfThisServer} from '../../weaviate/which-server.js'
import {batchSizeFor, DEFAULT_CONCURRENCY, selectTenants, throttleOf} from '../options.js'
import {ReplicaWatch} from '../replica-watch.js'
import {orBeginAnew} from '../restore/begin-anew.js'
import {Checkpoint, checkpointFileOf} from '../restore/checkpoint.js'
import {type EndedTogether} from '../restore/ended-together.js'
import {checkNoneForgotten, forgottenIn} from '../restore/forgotten.js'
import {targetOf} from '../restore/job.js'
import {TargetLeases} from '../restore/target-leases.js'
import {removeBegun} from './begun-before.js'

export interface CopyJob {
  collection: ResolvedCollection
  /** Aliases of the source are left with it: the target is on the same server. */
  leavesAliases: boolean
  notes: TenantNotes
  options: CopyOptions
  /** Both wait for a server that is away. */
  source: Connection
  /** Holds the checkpoint, the list of rows and the refused objects. */
  store: Store
  target: Connection
  /** Of all that are copied in the same go. */
  together: EndedTogether
}

/** What is found out of the source's replicas while they are read. */
interface SourceReplicas {
  /** What is warned of once all of it was read. */
  atTheEnd: Warning[]
  watch: ReplicaWatch
}

/** Once it is open; to be closed with `release`. */
export interface OpenedCopy {
  job: CopyJob
  leases: TargetLeases
  leftOut: Array<{name: string; reason: string}>
  list: RowList
  replicas: SourceReplicas
  source: LiveSource
  /** Of what an earlier run has left, and of the source before it is read. */
  warnings: Warning[]
}

export async function openCopy(job: CopyJob): Promise<OpenedCopy> {
  const {options, store} = job
  const name = nameOf(job)
  const leases = new TargetLeases({
    backup: name,
    collection: targetNameOf(job),
    onProgress: options.onProgress,
    signal: options.signal,
    stores: [store],
  })
  if (!options.dryRun) await leases.take(`list of ${name}`)
  try {
    const {leftOut, tenants} = await tenantsOf(job)
    const at = {connection: job.target, merge: options.merge, target: targetNameOf(job)}
    const {list, warnings} = await orBeginAnew(at, async () => listOf(job, name, tenants))
    const source = await sourceOf(job, name, list)
    const replicas = await watchReplicas(job, warnings)
    for (const warning of leftOutWarnings({job, leftOut})) options.onWarning?.(warning)
    job.together.add(store, checkpointFileOf(name, checkpointAt(job, list)))
    return {job, leases, leftOut, list, replicas, source, warnings}
  } catch (error) {
    await leases.release()
    throw error
  }
}

/** As a backup does: a listing reads one replica of each shard, or as many as nodes were named. What is found before goes to `warnings`. */
async function watchReplicas({collection, options, source}: CopyJob, warnings: Warning[]): Promise<SourceReplicas> {
  const atTheEnd: Warning[] = []
  let warn = (warning: Warning): void => {
    warnings.push(warning)
  }

  const watch = new ReplicaWatch(source, collection.schema, {
    ...options,
    warn(warning) {
      warn(warningOfThisServer(warning, source))
    },
  })
  if (!options.skipData) await watch.begin()
  warn = (warning) => {
    atTheEnd.push(warning)
    options.onWarning?.(warning)
  }

  return {atTheEnd, watch}
}

/** Of tenants that are not copied though nobody left them out. */
export function leftOutWarnings({job, leftOut}: Pick<OpenedCopy, 'job' | 'leftOut'>): Warning[] {
  return leftOut.map(({name, reason}) => ({
    code: 'tenant-skipped',
    details: {name, reason},
    message: `Tenant "${name}" of "${job.collection.schema.class}" is not copied: ${reason}.`,
  }))
}

/** Whether an earlier run of this copy can be gone on with. */
export async function isBegun({job, list}: Pick<OpenedCopy, 'job' | 'list'>): Promise<boolean> {
  const where = checkpointAt(job, list)
  if (await Checkpoint.exists(job.store, nameOf(job), where)) return true
  return (await job.together.find(job.store, checkpointFileOf(nameOf(job), where))) !== undefined
}

/** Says which checkpoint an earlier run of this copy would have left. Before any of the same go is opened. */
export async function addEarlier(job: CopyJob): Promise<void> {
  const list = await RowList.find(job.store, `${nameOf(job)}.rows`)
  if (list) job.together.add(job.store, checkpointFileOf(nameOf(job), checkpointAt(job, list)))
}

function checkpointAt(job: CopyJob, {id}: RowList): {server: string; target: string} {
  return {server: job.target.describe, target: targetOf(targetNameOf(job), id, job.options)}
}

/** The name that the copy is asked to have. */
export function targetNameOf({collection, options}: CopyJob): string {
  return options.name ?? collection.schema.class
}

/** What its files are called by: the same for each run. */
function nameOf(job: CopyJob): string {
  const {collection, source, target} = job
  const what = JSON.stringify([source.describe, collection.schema.class, target.describe, targetNameOf(job)])
  return `${fileStem(collection.schema.class)}-${sha256Hex(what).slice(0, 8)}`
}

async function tenantsOf(job: CopyJob): Promise<{leftOut: OpenedCopy['leftOut']; tenants?: WeaviateTenant[]}> {
  const {collection, notes, options, source} = job
  const {schema} = collection
  if (!isMultiTenant(schema)) return {leftOut: []}
  if (!options.dryRun) {
    await notes.putBack(source, schema.class, options.onWarning, options)
  }

  const chosen = selectTenants(await source.listTenants(schema.class), options.tenants)
  const isRead = (tenant: WeaviateTenant): boolean => options.includeOffloaded === true || !isOffloaded(tenant)
  const away = chosen.find(
    (tenant) => !isRead(tenant) && options.tenants?.some((rule) => rule.startsWith(`${tenant.name}=`)),
  )
  if (away) {
    throw new DataOpsError(
      'INVALID_INPUT',
      `Tenant "${away.name}" of "${schema.class}" is offloaded, and was to be copied under another name.`,
      {
        hint: 'Add `includeOffloaded: true`, or leave it out.',
      },
    )
  }

  return {
    leftOut: chosen.filter((tenant) => !isRead(tenant)).map(({name}) => ({name, reason: 'offloaded'})),
    tenants: chosen.filter((tenant) => isRead(tenant)),
  }
}

async function listOf(
  job: CopyJob,
  name: string,
  tenants: WeaviateTenant[] | undefined,
): Promise<Pick<OpenedCopy, 'list' | 'warnings'>> {
  const {options, store} = job
  const folder = `${name}.rows`
  const listed = await listedSource(job)
  const found = options.restart ? undefined : await RowList.find(store, folder)
  if (found && (await isBegun({job, list: found}))) {
    const member = (Object.keys(listed) as Array<keyof ListedSource>).find((key) => listed[key] !== found.source[key])
    if (member === undefined) return {list: found, warnings: []}
    throw notThatCopy(changed(job, member))
  }

  if (found && (await isOtherwiseBegun(job, found))) {
    throw notThatCopy(
      options.atomic
        ? 'This copy was begun, and not ended, without `atomic`.'
        : 'This copy was begun, and not ended, with `atomic`.',
    )
  }

  if (options.restart) await checkBeginning(job, name)
  // Its name is in the list that is about to go.
  const left = options.restart ? await removeEarlier(job, name, folder) : undefined
  const list = await RowList.begin(store, folder, {source: listed, ...(tenants && {tenants})})
  return {list, warnings: left ? [left] : []}
}

/** While the earlier run can still be gone on with. @throws DataOpsError CHECKPOINT. */
async function checkBeginning(job: CopyJob, name: string): Promise<void> {
  const {options, store, target} = job
  const live = options.merge ? await target.getCollection(targetNameOf(job)) : undefined
  if (!live) return
  const file = checkpointFileOf(name, {server: target.describe, target: targetNameOf(job)})
  const forgotten = await forgottenIn(store, file)
  await checkNoneForgotten({connection: target, forgotten, live, options, path: store.describe(file)})
}

/** What a run that is not gone on with has left on the target, where it was an atomic one. */
async function removeEarlier(job: CopyJob, name: string, folder: string): Promise<undefined | Warning> {
  const {options, store, target} = job
  if (options.dryRun) return undefined
  const earlier = await RowList.find(store, folder).catch(() => undefined)
  if (!earlier) return undefined
  const written = targetOf(targetNameOf(job), earlier.id, {atomic: true})
  return removeBegun({name, store, target, written})
}

function notThatCopy(message: string): DataOpsError {
  return new DataOpsError('CHECKPOINT', message, {
    hint: 'Use the options of the interrupted run, or `restart: true` to start over.',
  })
}

/** Whether an earlier run goes on with this list under the other name: under that of readers where this one is atomic, else under a temporary one. */
async function isOtherwiseBegun(job: CopyJob, {id}: RowList): Promise<boolean> {
  const {options, store, target} = job
  const other = targetOf(targetNameOf(job), id, {atomic: !options.atomic})
  return Checkpoint.exists(store, nameOf(job), {server: target.describe, target: other})
}

function changed({collection}: CopyJob, member: keyof ListedSource): string {
  const name = collection.schema.class
  if (member === 'identity') return `"${name}" was dropped and made anew since this copy was interrupted.`
  if (member === 'schemaSha256') return `The schema of "${name}" has changed since this copy was interrupted.`
  return 'This copy was begun with another choice of tenants.'
}

async function listedSource({collection, options, source}: CopyJob): Promise<ListedSource> {
  const {schema} = collection
  const identity = await source.identify(schema)
  const {includeOffloaded = false, tenants = []} = options
  return {
    collection: schema.class,
    ...(identity !== undefined && {identity}),
    schemaSha256: sha256Hex(JSON.stringify(schema)),
    server: source.describe,
    tenants: JSON.stringify([includeOffloaded, [...tenants].sort()]),
  }
}

async function sourceOf(job: CopyJob, name: string, list: RowList): Promise<LiveSource> {
  const {collection, leavesAliases, notes, options, source} = job
  const {concurrency = DEFAULT_CONCURRENCY, skipData} = options
  const isCounted = list.tenants === undefined && !skipData
  const objectCount = isCounted ? await source.count(collection.schema.class, undefined, options.signal) : undefined
  return new LiveSource({
    batchSize: batchSizeFor(options, objectCount ?? Number.MAX_SAFE_INTEGER),
    collection: leavesAliases ? {...collection, aliases: []} : collection,
    concurrency,
    connection: source,
    isWaking: !options.dryRun,
    list,
    name,
    note: notes.begin(source.describe),
    ...(objectCount !== undefined && {objectCount}),
    onWarning: options.onWarning,
    signal: options.signal,
    throttle: () => throttleOf(options),
  })
}
