/** The first step of a restore: everything that stands against it is found, and nothing is changed. A dry run ends here. */

import type {ObjectSource} from '../../flow/source.js'
import type {RestoreOptions, RestoreResult} from './options.js'

import {CheckpointNote} from '../../archive/checkpoint-note.js'
import {incompleteWarning, skippedWarning} from '../../archive/incomplete.js'
import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {compareSchemas} from '../../model/schema-compare.js'
import {type PreparedSchema, prepareForCreate} from '../../model/schema-prepare.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {sha256Hex} from '../../platform/node.js'
import {splitPlace} from '../../store/place.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {assertUnknownOverGrpc} from '../../weaviate/same-server.js'
import {leavesNone, type TransformPreview} from '../survey.js'
import {orBeginAnew, OTHER_WAYS} from './begin-anew.js'
import {Checkpoint} from './checkpoint.js'
import {
  checkContent,
  checkRefersToOthers,
  expectedObjects,
  makeObjection,
  missingTargets,
  refersToMissing,
  tenantsToRestore,
} from './checks.js'
import {findExisting} from './conflicts.js'
import {foretellCreation} from './foretold.js'
import {checkNoneForgotten} from './forgotten.js'
import {type KnownRestore, rejectedToRead, type RestoreJob, resultOf} from './job.js'
import {sendingOf} from './objects.js'
import {readRejected} from './rejected.js'
import {checkRequested, checkReservedNames} from './requested.js'
import {checkSameTarget, isOwn} from './same-target.js'
import {RestoredTenants} from './tenants.js'
import {TransformedSource} from './transformed.js'
import {type ArchiveView, viewWithoutTargets, withoutTargets} from './view.js'

/** A restore that nothing stands against, as far as that can be known before. */
export interface RestorePlan extends KnownRestore {
  /** The collection, where it is there and is to be used. */
  live?: Live
  /** What is written of the backup. */
  archive: ArchiveView
  /** Collections that the server does not have: references to them are left out. */
  dropped?: string[]
  /** Collections to be made, empty, as the backup refers to them. */
  emptyTargets: string[]
  /** Collections of the same go that it refers to. */
  needs: string[]
  prepared: PreparedSchema
  /** Objects and references in the file of refused ones that is to be sent. */
  refused?: number
}

interface Live {
  /** An earlier run of this restore has created it. */
  isOurs: boolean
  schema: WeaviateClass
}

/** `companions`: collections that are restored in the same go. */
export async function planRestore(job: RestoreJob, companions: ReadonlySet<string> = new Set()): Promise<RestorePlan> {
  const {archive, connection, options, target} = job
  const {head, seal} = archive
  const tenants = tenantsToRestore(head, seal, options.tenants)
  if (!options.acceptChanged) await archive.assertWhole({onProgress: options.onProgress, signal: options.signal})
  // What is lost stands first.
  const incomplete = incompleteWarning(archive.path, seal)
  if (incomplete) job.warn(incomplete)
  const leftOut = tenants && !options.tenants?.length ? skippedWarning(archive.path, seal) : undefined
  if (leftOut) job.warn(leftOut)
  const existing = (await connection.listCollections()).map((schema) => schema.class)
  const prepared = prepareForCreate(head.schema, {existing, name: target, overrides: options.overrides})
  for (const warning of prepared.warnings) job.warn(warning)
  if (options.overrides) {
    const original = prepareForCreate(head.schema, {name: target})
    checkRequested(wholeOf(original), wholeOf(prepared), options)
  }

  checkContent(archive, wholeOf(prepared), options)
  const refused = await refusedToSend(job)
  // Before the checkpoint is read: what it says would be old when another restore goes on meanwhile.
  if (!options.dryRun) await job.leases.take(`${target}@${connection.describe}`)
  const {checkpoint, live} = await orBeginAnew({connection, merge: options.merge, target}, async () => {
    const opened = await openCheckpoint(job)
    return {checkpoint: opened, live: await checkTarget(job, opened, prepared)}
  })
  if (live && isMultiTenant(live.schema) && !options.dryRun)
    await job.notes.putBack(connection, target, job.warn, options)
  if (!live) {
    checkReservedNames(head.schema, connection.version)
    checkRefersToOthers(head.schema, wholeOf(prepared))
  }

  const plan = {archive, checkpoint, emptyTargets: [], job, live, needs: [], prepared, refused, tenants}
  // What an interrupted run left out of the collection stays out.
  const isSettled = live && !(live.isOurs && options.missingTarget === 'drop')
  return isSettled ? plan : settleTargets(plan, new Set(existing), companions)
}

async function openCheckpoint(job: RestoreJob): Promise<Checkpoint> {
  const {archive, connection, options, place, target, together} = job
  const checkpoint = await Checkpoint.open(
    place,
    archive.name,
    {
      backupId: archive.head.metadata.backup_id ?? '',
      digest: contentOf(archive),
      options: bindingOf(options),
      server: connection.describe,
      target,
    },
    {isRetry: options.retryRejected !== undefined, restart: options.restart, together},
  )
  if (options.dryRun) return checkpoint
  checkpoint.fence = async () => job.leases.check()
  checkpoint.note = noteOf(job, checkpoint)
  // By itself again: that of the other restore may go first this time.
  if (checkpoint.isOnlyTold) await checkpoint.save()
  return checkpoint
}

/** With what functions make of it, where that stays the same: under the same name they may be others by now. */
function contentOf({fingerprint, head, isLive, isTransformed, seal}: ObjectSource): string {
  const isMade = isTransformed && !isLive && (head.metadata.transforms ?? []).some(({kind}) => kind === 'functions')
  return isMade && seal?.digest !== undefined ? `${fingerprint} ${seal.digest}` : fingerprint
}

/** undefined: the checkpoint itself lies beside the backup, where everybody sees it. */
function noteOf({home, place, warn}: RestoreJob, checkpoint: Checkpoint): CheckpointNote | undefined {
  if (place === home) return undefined
  const path = checkpoint.describe()
  return new CheckpointNote({checkpoint: splitPlace(path).name, path, store: home, warn})
}

/** What becomes of references to collections that the server does not have. @throws DataOpsError SCHEMA_MISMATCH. */
function settleTargets(plan: RestorePlan, existing: ReadonlySet<string>, companions: ReadonlySet<string>): RestorePlan {
  const {archive, job, prepared} = plan
  const absent = missingTargets(wholeOf(prepared), new Set([...existing, job.target]))
  const needs = absent.filter((target) => companions.has(target))
  const missing = absent.filter((target) => !companions.has(target))
  if (missing.length === 0) return {...plan, needs}
  const {missingTarget = 'fail'} = job.options
  if (missingTarget === 'fail') throw refersToMissing(job.target, missing)
  const isCreated = missingTarget === 'create'
  job.warn({
    code: isCreated ? 'target-created' : 'references-dropped',
    details: {missing},
    message: isCreated
      ? `"${job.target}" refers to ${missing.join(', ')}: created empty, without the objects that are referred to.`
      : `References of "${job.target}" to ${missing.join(', ')} are left out.`,
  })
  if (isCreated) return {...plan, emptyTargets: missing, needs}
  const gone = new Set(missing)
  const {afterCreate, create} = prepared
  return {
    ...plan,
    archive: viewWithoutTargets(archive, gone),
    dropped: missing,
    needs,
    prepared: {
      ...prepared,
      create: withoutTargets(create, gone),
      ...(afterCreate && {afterCreate: withoutTargets(afterCreate, gone)}),
    },
  }
}

/** Both steps of a creation in one. */
export function wholeOf({afterCreate, create}: PreparedSchema): WeaviateClass {
  const properties = [...(create.properties ?? []), ...(afterCreate?.properties ?? [])]
  return {...create, ...afterCreate, properties}
}

/** What a dry run tells. @throws DataOpsError COLLECTION_EXISTS when objects are there that must not be. */
export async function foretell(plan: RestorePlan): Promise<RestoreResult> {
  const {checkpoint, job, live} = plan
  const {merge, onConflict} = job.options
  if (live && merge && onConflict === 'fail' && !checkpoint.conflictsSettled) {
    const {existing} = await existingNow(plan, live)
    if (existing.size > 0) throw conflict(job.target, existing.size)
  }

  if (!live) await foretellCreation(job, wholeOf(plan.prepared))
  const expected = toSend(plan)
  return {
    ...resultOf(plan, {restored: 0, resumed: checkpoint.objects.count}),
    ...(job.archive instanceof TransformedSource && {changes: await changesOf(plan, job.archive)}),
    ...(expected !== undefined && {expected}),
  }
}

/** With what would be refused of it. */
async function changesOf(
  {archive, job, prepared}: RestorePlan,
  {preview}: TransformedSource,
): Promise<TransformPreview> {
  if (job.options.skipData) return preview
  const objection = makeObjection(wholeOf(prepared), job.options)
  let refused: TransformPreview['refused']
  for await (const {objects} of archive.pages({signal: job.options.signal})) {
    for (const object of objects) {
      const reason = objection(object)
      if (reason === undefined) continue
      refused ??= {first: {id: object.id, reason}, objects: 0}
      refused.objects++
    }
  }

  return {...preview, ...(refused && {refused})}
}

export function conflict(target: string, count: number): DataOpsError {
  return new DataOpsError(
    'COLLECTION_EXISTS',
    `${plural(count, 'object')} of the backup ${count === 1 ? 'is' : 'are'} in "${target}" already.`,
    {
      details: {objects: count},
      hint: "Use `onConflict: 'overwrite'` or `onConflict: 'skip'`.",
    },
  )
}

/** The file is looked through as a whole before anything is created for it. @throws DataOpsError INVALID_INPUT when there are none in it. */
async function refusedToSend(job: RestoreJob): Promise<number | undefined> {
  const {retryRejected} = job.options
  if (retryRejected === undefined) return undefined
  const {name, store} = rejectedToRead(job, retryRejected)
  let lines = 0
  if ((await store.stat(name))?.kind !== 'directory') for await (const _ of readRejected(store, name)) lines++
  if (lines > 0) return lines
  throw new DataOpsError('INVALID_INPUT', `There are no refused objects in ${store.describe(name)}.`, {
    hint: 'Give the ….rejected.jsonl file that a restore has named.',
  })
}

/** Objects that a run would send now; undefined when the backup does not say how many it has. */
function toSend({checkpoint, job, refused, tenants}: RestorePlan): number | undefined {
  const {skipData} = job.options
  if (refused !== undefined) return refused
  // Only before that are the objects refused other ones than those written.
  if (skipData || checkpoint.objects.finished) return 0
  const all = expectedObjects(job.archive, tenants)
  return all === undefined
    ? undefined
    : all - checkpoint.objects.count - checkpoint.rejected.size - checkpoint.skipped.size
}

/** For a dry run, which changes no states: inactive tenants are left out, and said to be. */
async function existingNow(restore: RestorePlan, {isOurs, schema}: Live): ReturnType<typeof findExisting> {
  const {job, tenants} = restore
  const plan = planCollection(schema)
  const there = tenants ? await job.connection.listTenants(plan.className) : []
  const wanted = new Map(tenants?.map(({name}) => [name, false]))
  for (const {name, status} of there) if (wanted.has(name) && status === 'HOT') wanted.set(name, true)
  const inactive = there.filter(({name}) => wanted.get(name) === false)
  if (inactive.length > 0) {
    job.warn({
      code: 'tenants-not-searched',
      details: {tenants: inactive.map(({name}) => name)},
      message: `${inactive.length} inactive tenants of "${plan.className}" were not searched for objects of the backup.`,
    })
  }

  return findExisting({
    ...sendingOf(job, plan, undefined),
    archive: job.archive,
    selected: ({tenant}) => tenant === undefined || wanted.get(tenant) === true,
    tenants: new RestoredTenants({...restore, isNew: isOurs, plan}),
  })
}

/** Whether the target may be written. Returns its class when it exists and is to be used. */
async function checkTarget(
  job: RestoreJob,
  checkpoint: Checkpoint,
  prepared: PreparedSchema,
): Promise<Live | undefined> {
  const {connection, options, target} = job
  await checkNames(job)
  const schema = await connection.getCollection(target)
  if (!schema) {
    await assertUnknownOverGrpc(connection, target, options)
    if (checkpoint.resumed && checkpoint.objects.count > 0) {
      throw new DataOpsError('CHECKPOINT', `"${target}" is gone since this restore was interrupted.`, {
        hint: 'Run it again with `restart: true`.',
      })
    }

    return undefined
  }

  await checkSameTarget({archive: job.archive, checkpoint, connection, live: schema})
  if (checkpoint.resumed && checkpoint.created) {
    if (await isOwn({checkpoint, connection, live: schema})) return {isOurs: true, schema}
    // Nothing was written, and nothing is there to be gone on with.
    checkpoint.created = false
    if (!options.dryRun) await checkpoint.remove()
  }

  if (!options.merge && options.retryRejected === undefined) {
    throw new DataOpsError(
      'COLLECTION_EXISTS',
      `There is already a collection "${target}" at ${connection.describe}.`,
      {
        details: {collection: target},
        hint: `Restore ${OTHER_WAYS}.`,
      },
    )
  }

  checkFits(prepared, schema, target)
  const {forgotten} = checkpoint
  await checkNoneForgotten({connection, forgotten, live: schema, options, path: checkpoint.describe()})
  return {isOurs: false, schema}
}

/** @throws DataOpsError COLLECTION_EXISTS when a name is an alias that must be none, or no alias that must be one; INVALID_INPUT. */
async function checkNames({archive, atomicAlias, connection, options, target}: RestoreJob): Promise<void> {
  if (!connection.capabilities.aliases) {
    if (atomicAlias === undefined) return
    throw new DataOpsError(
      'INVALID_INPUT',
      `The server (version ${connection.version}) has no aliases, so that a restore cannot be atomic.`,
      {hint: 'Leave out `atomic`, and restore with `verify: true`.'},
    )
  }

  const aliases = await connection.listAliases()
  const alias = aliases.find((candidate) => candidate.alias === target)
  if (alias) {
    throw new DataOpsError('COLLECTION_EXISTS', `"${target}" is an alias of "${alias.collection}".`, {
      hint: 'Give the collection another name with `name`.',
    })
  }

  const shown = aliases.find((candidate) => candidate.alias === atomicAlias)
  if (shown && (options.skipData || !archive.head.metadata.options.include_data)) {
    throw new DataOpsError(
      'INVALID_INPUT',
      `The alias "${shown.alias}" would point at a collection without objects, in place of "${shown.collection}".`,
      {hint: 'Restore under another name with `name`, or with objects.'},
    )
  }

  const changed = shown && archive instanceof TransformedSource ? archive.preview : undefined
  const emptied =
    changed && leavesNone(changed, shown!.alias, 'Choose others, or restore under another name with `name`.')
  if (emptied) throw emptied

  if (atomicAlias !== undefined && (await connection.getCollection(atomicAlias))) {
    throw new DataOpsError('COLLECTION_EXISTS', `"${atomicAlias}" is a collection, so it cannot become an alias.`, {
      hint: 'Restore atomically under a name that is free or an alias already, with `name`.',
    })
  }
}

/** @throws DataOpsError SCHEMA_MISMATCH when a collection that is there cannot hold every object of the backup. */
function checkFits(prepared: PreparedSchema, live: WeaviateClass, target: string): void {
  const blocking = compareSchemas(prepared.create, live, {ignoreName: true}).filter(
    (difference) => difference.severity === 'blocking',
  )
  if (blocking.length === 0) return
  const shown = blocking
    .slice(0, 5)
    .map(({path: field, backup, live: there}) => `${field}: backup ${brief(backup)}, collection ${brief(there)}`)
  throw new DataOpsError('SCHEMA_MISMATCH', `The backup does not fit "${target}": ${shown.join('; ')}.`, {
    details: {differences: blocking},
    hint: 'Restore under another name with `name`, or change the collection.',
  })
}

/** A value of a schema in a few words; all of it stands in `details`. */
function brief(value: unknown): string {
  if (value === undefined) return 'none'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

/** Options that change what is written, so that another run cannot continue with others. */
function bindingOf(options: RestoreOptions): string {
  const {merge, missingTarget, onConflict, overrides, skipData, tenants, transforms = []} = options
  const text = JSON.stringify({
    merge: merge === true,
    ...(missingTarget === 'drop' && {missingTarget}),
    onConflict: onConflict ?? 'overwrite',
    overrides: Object.entries(overrides ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)),
    skipData: skipData === true,
    tenants: [...(tenants ?? [])].sort(),
    ...(transforms.length > 0 && {transforms: transforms.map(({record}) => record)}),
  })
  return sha256Hex(text).slice(0, 16)
}
