/** The last step of a restore: counts, compares, puts tenants into their states, and shows the collection to readers of its aliases. */
import type {Warning} from '../../model/progress.js'
import type {CollectionComparison} from '../verify/options.js'
import type {RestoreAccount} from './account.js'
import type {RestoreOptions, RestoreResult} from './options.js'
import type {Written} from './write.js'

import {countObjects} from '../../flow/count-objects.js'
import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {planBare} from '../../weaviate/collection-plan.js'
import {replicationFactor} from '../../weaviate/replicas.js'
import {tenantsOf} from '../../weaviate/resolve.js'
import {warningOfThisServer} from '../../weaviate/which-server.js'
import {type Confirmation, confirmationOf, DEFAULT_CONSISTENCY, isSampled, SAMPLE} from '../confirmation.js'
import {ReplicaWatch} from '../replica-watch.js'
import {compareCollection} from '../verify/compare.js'
import {isUnknown} from '../verify/unknown.js'
import {restoreAliases, switchAlias} from './aliases.js'
import {rejectedFileOf, type RestoreJob, resultOf} from './job.js'
import {isThere} from './objects.js'
import {readRejected} from './rejected.js'
import {checkStillThere} from './same-target.js'
import {putTenantsBack, type Target} from './target.js'
import {viewHashedAgain} from './view.js'

/** The checkpoint is left: a later run is no continuation of this one once it is removed. */
export async function confirm({target}: Written): Promise<RestoreResult> {
  const {restore, resumed, transfer} = target
  const {checkpoint, job} = restore
  await transfer.rejected.sync()
  let verification: CollectionComparison | undefined
  let confirmation: Confirmation | undefined
  const {consistency = DEFAULT_CONSISTENCY, signal} = job.options
  const writes = {as: 'written', consistency} as const
  const warn = (warning: Warning): void => {
    job.warn(warningOfThisServer(warning, job.connection))
  }

  const watch = new ReplicaWatch(job.connection, transfer.plan.schema, {signal, warn, writes})
  let kept: number
  try {
    await checkStillThere(job.connection, transfer.plan.className, checkpoint.identity)
    if (!job.options.skipData) await watch.begin()
    // In a merge it may have been there before.
    kept = target.isOurs ? await keptOf(target) : 0
    verification = await countAndCompare(target, kept)
    confirmation = await confirmationIn(target)
    if (confirmation) await watch.end()
  } catch (error) {
    await putTenantsBack(job, transfer.tenants, {isLast: true})
    throw error
  }

  await transfer.tenants.settle({isLast: true})
  await checkTenantsHold(target)
  // Readers of an alias see nothing that has not been counted, and with `atomic` nothing that differs.
  const isShown = job.atomicAlias === undefined || verification?.equal !== false
  const aliases = isShown ? await restoreAliases(job) : []
  if (job.atomicAlias !== undefined && isShown) aliases.push(await switchAlias(job, job.atomicAlias))
  if (verification && !verification.equal) {
    job.warn(
      isUnknown(verification)
        ? {
            code: 'not-all-compared',
            details: {notCompared: verification.notCompared},
            message: `Not all of "${job.target}" could be compared: ${verification.notCompared?.join('; ')}.`,
          }
        : {code: 'content-differs', message: `"${job.target}" does not hold what the backup holds.`},
    )
  }

  for (const warning of ofOthers(job, checkpoint)) job.warn(warning)
  const {objects, references} = checkpoint
  return {
    ...resultOf(restore, {restored: objects.count - resumed.objects, resumed: resumed.objects}),
    aliases,
    references: references.count - resumed.references,
    ...(confirmation && {confirmation, ...(watch.report && {replicas: watch.report})}),
    ...(kept > 0 && {rejectedButKept: kept}),
    ...(verification && {verification}),
  }
}

/**
 * A collection with tenants has nothing by which it is known from another of its name, and its tenants are counted, and put back, one group
 * after another: so once all that is done, something of what was written is looked for.
 * @throws DataOpsError CONTENT_DIFFERS when none of it is there.
 */
async function checkTenantsHold({restore: {job}, transfer}: Target): Promise<void> {
  const {connection, options, sample} = job
  const {plan} = transfer
  if (!plan.multiTenant || options.skipData || sample.objects.length === 0) return
  const names = [...new Set(sample.objects.flatMap(({tenant}) => tenant ?? []))]
  const live = await connection.listTenants(plan.className, names)
  const active = live.find(({status}) => status === 'HOT')?.name
  const ids = sample.objects.flatMap(({id, tenant}) => (tenant === active ? [id] : [])).slice(0, SAMPLE)
  const isGone = live.length === 0
  if (!isGone && ids.length === 0) return
  if (!isGone && (await transfer.lookUp.some(ids, {tenant: active}, () => true))) return
  throw new DataOpsError(
    'CONTENT_DIFFERS',
    isGone
      ? `The tenants that were written to "${plan.className}" are no longer there.`
      : `Of what was written to tenant "${active}" of "${plan.className}" nothing is there any more: the collection, or that tenant, was emptied or made anew.`,
    {
      details: {collection: plan.className, ...(active !== undefined && {tenant: active})},
      hint: 'Find what differs with `verifyCollection`.',
    },
  )
}

/** What others did meanwhile: to a live source, and to a target that is to have none of it. */
function ofOthers(
  {options: {onConflict}, target}: RestoreJob,
  {bereft, late, skipped}: Pick<RestoreAccount, 'bereft' | 'late' | 'skipped'>,
): Warning[] {
  return [
    ...(late.size > 0 ? [cameLater(target, late.size)] : []),
    ...(bereft.size > 0 ? [lostReferences(target, bereft.size)] : []),
    // What was there before was an error.
    ...(onConflict === 'fail' && skipped.size > 0 ? [writtenMeanwhile(target, skipped.size)] : []),
  ]
}

function writtenMeanwhile(target: string, objects: number): Warning {
  return {
    code: 'written-meanwhile',
    details: {collection: target, objects},
    message: `Others wrote ${plural(objects, 'object')} of the backup into "${target}" while it was restored: ${objects === 1 ? 'it is' : 'they are'} left as ${objects === 1 ? 'it is' : 'they are'}.`,
  }
}

function cameLater(target: string, objects: number): Warning {
  return {
    code: 'came-later',
    details: {collection: target, objects},
    message: `${plural(objects, 'object')} came to be there, or to be chosen, after "${target}" was looked through for what it has already: ${objects === 1 ? 'it is' : 'they are'} not written. Run it again for ${objects === 1 ? 'it' : 'them'}.`,
  }
}

function lostReferences(target: string, objects: number): Warning {
  return {
    code: 'references-gone',
    details: {collection: target, objects},
    message: `${plural(objects, 'object')} that ${objects === 1 ? 'was' : 'were'} written to "${target}" ${objects === 1 ? 'was' : 'were'} deleted in the source, or no longer chosen, before what ${objects === 1 ? 'it refers' : 'they refer'} to was read: ${objects === 1 ? 'it has' : 'they have'} no references there.`,
  }
}

/** @throws DataOpsError CONTENT_DIFFERS when the counts do. */
async function countAndCompare(target: Target, kept: number): Promise<CollectionComparison | undefined> {
  const {isOurs, restore} = target
  const {checkpoint, job, tenants} = restore
  const {atomic, skipData, verify} = job.options
  if (skipData || (!verify && !atomic)) {
    await confirmCount(target, kept)
    return undefined
  }

  // The comparison reads every tenant of a new collection, unless it is offloaded: to open each of them twice would tell no more.
  const isCountedThere = isOurs && tenants && checkpoint.tenants?.every(({status}) => status !== 'FROZEN')
  if (!isCountedThere) await confirmCount(target, kept)
  const verification = await compare(target)
  if (isCountedThere) checkCount(target, verification.counts.live, kept)
  return verification
}

/** Counts are always compared, in merges too: a server that lost what it confirmed must not go unseen. */
async function confirmCount(target: Target, kept: number): Promise<void> {
  const {restore, transfer} = target
  const {onProgress, skipData} = restore.job.options
  if (skipData) return
  onProgress?.({
    collection: transfer.plan.className,
    completed: restore.checkpoint.objects.count,
    stage: 'confirm',
    total: transfer.total,
  })
  checkCount(target, await countRestored(target), kept)
}

/** `kept`: objects that the server refused and has all the same. */
function checkCount({isOurs, restore, transfer}: Target, live: number, kept: number): void {
  const written = restore.checkpoint.objects.count + kept
  // A collection that was there may hold others as well.
  if (isOurs ? live === written : live >= written) return
  const {className} = transfer.plan
  throw new DataOpsError(
    'CONTENT_DIFFERS',
    isOurs
      ? `"${className}" has ${plural(live, 'object')} where ${written} were written.`
      : `"${className}" has ${plural(live, 'object')} where at least the ${written} that were written should be.`,
    {
      details: {live, rejected: restore.checkpoint.rejected.size, written},
      hint: 'Find what differs with `verifyCollection`.',
    },
  )
}

/** Objects in the collection, or in those of its tenants that are restored. */
async function countRestored(target: Target): Promise<number> {
  const {restore, transfer} = target
  const {connection, options} = restore.job
  const {className, multiTenant} = transfer.plan
  if (!multiTenant) return countObjects(connection, className, undefined, options.signal)
  const {tenants} = transfer
  let live = 0
  for (const group of tenants.groups()) {
    const objects = group.map((tenant) => ({tenant}))
    live += await tenants.whileActive(objects, async () => countObjects(connection, className, group, options.signal))
  }

  return live
}

/**
 * What the numbers rest on, where a count alone would tell too little: some objects are read by id where one address of a cluster is
 * known, at the level of the writes; and in a merge, where others' objects may make up in number for missing ones.
 */
async function confirmationIn(target: Target): Promise<Confirmation | undefined> {
  const {isOurs, restore, transfer} = target
  const {job} = restore
  const {connection, options, sample} = job
  const {className, schema} = transfer.plan
  if (options.skipData || (isOurs && replicationFactor(schema) <= 1)) return undefined
  const {consistency = DEFAULT_CONSISTENCY} = options
  const wanted = !isOurs || isSampled(connection, schema) ? sample.objects.slice(0, SAMPLE) : []
  const bare = planBare(schema)
  const missing: string[] = []
  for (const {id, tenant} of wanted) {
    const found = await transfer.tenants.whileActive([{tenant}], async () =>
      transfer.throttle.run(async () =>
        connection.replicas
          ? connection.replicas.readable({collection: className, consistency, ids: [id], tenant})
          : connection.getObjects({collection: bare, ids: [id], tenant}),
      ),
    )
    if (found.length === 0) missing.push(id)
  }

  if (missing.length > 0) {
    throw new DataOpsError(
      'CONTENT_DIFFERS',
      `${missing.length} of ${wanted.length} objects that were written to "${className}" cannot be read at ${consistency}.`,
      {
        details: {consistency, missing},
        hint: `Find what differs with \`verifyCollection\`${isOurs ? '.' : '; what another program has deleted since is not missing.'}`,
      },
    )
  }

  return confirmationOf(connection, schema, {consistency, sample: wanted.length})
}

async function compare({restore}: Target): ReturnType<typeof compareCollection> {
  const {job, tenants} = restore
  const {concurrency, onProgress, signal, tenants: chosen} = job.options
  // It activates what is inactive by itself, a group at a time.
  await job.active.putBack()
  const view = job.options.allowRehash ? viewHashedAgain(restore.archive) : restore.archive
  const comparison = await compareCollection(job.direct, view, {
    collection: job.target,
    concurrency,
    isChanged: view !== job.archive || job.archive.seal?.digest === undefined,
    notes: job.notes,
    onProgress,
    signal,
    // Others of the target are no business of a restore that chooses.
    tenants: chosen || job.options.transforms?.length ? tenants?.map(({name}) => name) : undefined,
  })
  return asRequested(comparison, job.options.overrides)
}

/** Equal but for what was asked for is equal. */
function asRequested(
  comparison: CollectionComparison,
  overrides: RestoreOptions['overrides'] = {},
): CollectionComparison {
  const {counts, notCompared, schemaDifferences} = comparison
  const isSame = counts.missing + counts.extra + counts.different === 0
  const asked = Object.keys(overrides)
  const isAsked = (path: string): boolean =>
    asked.some((change) => change === path || path.startsWith(`${change}.`) || change.startsWith(`${path}.`))
  const others = schemaDifferences.filter(({path, severity}) => severity === 'blocking' && !isAsked(path))
  if (!isSame || others.length > 0 || notCompared) return comparison
  return {...comparison, equal: true}
}

/** How many of the objects that the server refused are there all the same: some it stores, and then says no. */
async function keptOf({restore, transfer}: Target): Promise<number> {
  const {checkpoint, job} = restore
  if (job.options.skipData || checkpoint.rejected.size === 0) return 0
  const live = await tenantsOf(job.connection, transfer.plan.schema)
  const there = live && new Set(live.map(({name}) => name))
  const ids: string[] = []
  for await (const {object, pass} of readRejected(job.place, rejectedFileOf(job))) {
    if (pass !== 'objects') continue
    // A tenant that is not there keeps nothing.
    if (there && !there.has(object.tenant ?? '')) continue
    if (await isThere(transfer, object)) ids.push(object.id)
  }

  if (ids.length > 0) {
    job.warn({
      code: 'rejected-but-kept',
      details: {ids},
      message: `The server refused ${plural(checkpoint.rejected.size, 'object')} and keeps ${ids.length} of them all the same: ${ids.slice(0, 10).join(', ')}${ids.length > 10 ? ', …' : ''}.`,
    })
  }

  return ids.length
}
