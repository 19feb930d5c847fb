/** What all steps of one restore share: where from, where to, how, and what was warned of. */
import path from 'node:path'

import type {ObjectSource} from '../../flow/source.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {EndedTogether} from './ended-together.js'

import {noteAt, notesBeside} from '../../archive/encrypted/notes.js'
import {rejectedName, stillRejectedName} from '../../archive/names.js'
import {persistent} from '../../flow/persistent.js'
import {ActiveTenants} from '../../flow/tenants/active-tenants.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {type Warning} from '../../model/progress.js'
import {encryptionOf, withEncryption} from '../../store/encryption.js'
import {openStoreLike} from '../../store/open.js'
import {splitPlace} from '../../store/place.js'
import {DEFAULT_CONSISTENCY, SpreadSample} from '../confirmation.js'
import {keptWarnings} from '../options.js'
import {type Checkpoint, checkpointFileOf} from './checkpoint.js'
import {type RestoreOptions, type RestoreResult} from './options.js'
import {TargetLeases} from './target-leases.js'

export interface RestoreJob {
  /** Of all collections that are restored in the same go. */
  active: ActiveTenants
  archive: ObjectSource
  /** With `atomic`: the name that readers use, pointed at the collection once it is verified. */
  atomicAlias?: string
  connection: Connection
  /** Without retries of its own. */
  direct: Connection
  /** Where the backup lies. */
  home: Store
  /** Held while the target is written. */
  leases: TargetLeases
  /** What readers call the target. */
  name: string
  /** Where tenants that are activated are noted. */
  notes: TenantNotes
  options: RestoreOptions
  /** Holds the checkpoint and the refused objects. */
  place: Store
  /** Some of what this run has written. */
  sample: SpreadSample
  /** As what is left in the place names it: the same for all workers of a job. */
  server: string
  /** The collection that is written. */
  target: string
  /** Their checkpoints, and its own. */
  together?: EndedTogether
  warn: (warning: Warning) => void
  /** All so far. */
  warnings: Warning[]
  /** What writes in place of the connection, while a pass has several workers. */
  writers: {by?: Pick<Connection, 'writeObjects' | 'writeReferences'> | undefined}
}

/** A restore whose earlier runs are known. */
export interface KnownRestore {
  checkpoint: Checkpoint
  job: RestoreJob
  /** To be restored; undefined in collections without tenants. */
  tenants?: WeaviateTenant[]
}

/** What is restored, and where notes of that are put. */
export interface OpenedSource {
  source: ObjectSource
  store: Store
  /** What is to be said of it. */
  warnings?: readonly Warning[]
}

/** What is restored, as it was named, and how it is opened. */
export interface SourceToRestore {
  backup: string
  open: () => Promise<OpenedSource>
}

interface JobContext {
  /** Of the other collections that are restored in the same go. */
  active?: ActiveTenants
  /** Asked before each call that changes something; default: whether the target is still held. */
  guard?: () => Promise<void>
  /** The piece of a job that notes of tenants are of. */
  noteOf?: string
  notes: TenantNotes
  /** What the server is called by; default: its address. */
  server?: string
  /** Of all that are restored in the same go: this one is put to them. */
  together?: EndedTogether
  /** In place of the connection. */
  writes?: RestoreJob['writers']['by']
}

export function makeJob(
  connection: Connection,
  {source: archive, store, warnings: said = []}: OpenedSource,
  options: RestoreOptions,
  {active, guard, noteOf, notes, server = connection.describe, together, writes}: JobContext,
): RestoreJob {
  const name = options.name ?? archive.head.metadata.collection
  const {onWarning: warn, warnings} = keptWarnings(options)
  for (const warning of said) warn(warning)
  const target = targetOf(name, archive.head.metadata.backup_id ?? '', options)
  const place = placeOfNotes(store, options)
  const leases = new TargetLeases({
    backup: archive.name,
    collection: target,
    onProgress: options.onProgress,
    signal: options.signal,
    stores: place === store ? [store] : [store, place],
  })
  const writers: RestoreJob['writers'] = {by: writes}
  const patient = persistent(connection, {
    consistency: options.consistency ?? DEFAULT_CONSISTENCY,
    guard: guard ?? (async () => leases.guard()),
    maxRetries: options.maxRetries,
    onWarning: (warning) => options.onWarning?.(warning),
    retryMaxWaitMs: options.retryMaxWaitMs,
    signal: options.signal,
    writes: () => writers.by,
  })
  const allNotes = notes.beside(place)
  together?.add(place, checkpointFileOf(archive.name, {server, target}))
  return {
    active: active ?? new ActiveTenants(patient, {note: allNotes.begin(patient.describe, noteOf)}),
    archive,
    ...(options.atomic && {atomicAlias: name}),
    connection: patient,
    direct: connection,
    home: store,
    leases,
    name,
    notes: allNotes,
    options,
    place,
    sample: new SpreadSample(),
    server,
    target,
    ...(together && {together}),
    warn,
    warnings,
    writers,
  }
}

/** The collection that is written: the same for each run of one backup, so that an interrupted one is found again. */
export function targetOf(name: string, backupId: string, {atomic}: Pick<RestoreOptions, 'atomic'>): string {
  return atomic ? `${name}_${backupId.replaceAll('-', '').slice(0, 8)}` : name
}

/** Where the checkpoint and the refused objects lie: beside the backup, unless told. */
export function placeOfNotes(backup: Store, {checkpointDirectory}: Pick<RestoreOptions, 'checkpointDirectory'>): Store {
  if (checkpointDirectory === undefined) return backup
  return withEncryption(notesBeside(backup, openStoreLike(checkpointDirectory, backup)), encryptionOf(backup))
}

/** The file of refused objects that is to be read, as a person named it. */
export function rejectedToRead({home}: RestoreJob, file: string): {name: string; store: Store} {
  const {folder, name} = splitPlace(file)
  return noteAt(home, openStoreLike(folder, home), name)
}

/** The name of the file that this run puts refused objects into: of this target alone, and never the one that it reads. */
export function rejectedFileOf({archive: {name}, options, place, server, target}: RestoreJob): string {
  const at = `${target}@${server}`
  const written = rejectedName(name, at)
  const read = options.retryRejected
  const isRead = read !== undefined && path.basename(read) === path.basename(place.describe(written))
  return isRead ? stillRejectedName(name, at) : written
}

/** A result, without what only a finished restore knows. `rejected`: by all runs of this restore. */
export function resultOf(
  {checkpoint, job, tenants}: KnownRestore,
  {rejected = checkpoint.rejected.size, restored, resumed}: {rejected?: number; restored: number; resumed: number},
): RestoreResult {
  return {
    aliases: [],
    backupId: job.archive.head.metadata.backup_id ?? '',
    collection: job.target,
    dryRun: job.options.dryRun === true,
    ...(checkpoint.gone.size > 0 && {gone: checkpoint.gone.size}),
    references: 0,
    rejected,
    ...(rejected > 0 && {rejectedFile: job.place.describe(rejectedFileOf(job))}),
    restored,
    resumed,
    // Whoever runs it knows when it began.
    seconds: 0,
    skipped: checkpoint.skipped.size,
    ...(tenants && {tenants: tenants.length}),
    warnings: job.warnings,
  }
}
