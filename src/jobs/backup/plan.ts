/** The first step of a backup: what will be read, by the options and by what earlier runs left. A dry run ends here. */
import type {TransformChain} from '../../flow/transform/transform.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {JournalBinding} from './journal.js'
import type {BackupOptions, BackupResult} from './options.js'

import {checkHead} from '../../archive/limits.js'
import {requireLocks} from '../../archive/locked.js'
import {type SealedManifest} from '../../archive/manifest.js'
import {FORMATS} from '../../codec/codec.js'
import {countInTenants} from '../../flow/tenants/count.js'
import {chainIdentity} from '../../flow/transform/sent.js'
import {renamesOf} from '../../flow/transform/tenants.js'
import {DataOpsError} from '../../model/errors.js'
import {checkPositiveInteger} from '../../model/positive-integer.js'
import {isMultiTenant} from '../../model/schema.js'
import {sha256Hex} from '../../platform/node.js'
import {tenantsOf} from '../../weaviate/resolve.js'
import {batchSizeFor, checkTenantsChosen} from '../options.js'
import {chainOf, foretellChanges} from './changes.js'
import {COUNTED_TENANTS} from './completeness.js'
import {headOf} from './head.js'
import {type BackupJob, warnSkipped} from './job.js'
import {finishLeftovers, fitToContinue} from './leftovers.js'
import {foretold} from './result.js'
import {planTenants, scopeOf, type TenantPlan} from './tenants.js'
import {findUnfinished, type UnfinishedBackup, type UnreadableJournal, unreadableJournals} from './unfinished.js'

/** A backup that nothing stands against, as far as that can be known before. */
export interface BackupPlan {
  step: 'planned'
  /** Objects a page at most. */
  batchSize: number
  binding: JournalBinding
  /** What transforms make of it; undefined: objects are written as they are. */
  chain?: TransformChain
  /** Tells it from another; undefined without one, and where nobody can tell. */
  chainIdentity?: string
  /** Objects of the collection; undefined: not known. */
  expectedObjects?: number
  job: BackupJob
  /** undefined in collections without tenants, as `tenants`. */
  tenantPlan?: TenantPlan
  /** All there are. */
  tenants?: WeaviateTenant[]
  /** That may be continued; without `resume`, all there are. */
  unfinished: UnfinishedBackup[]
}

/** What was to be continued is sealed already: a killed run had only its last steps to do. */
export interface AlreadySealed {
  step: 'sealed'
  job: BackupJob
  manifest: SealedManifest
}

/** @throws DataOpsError INVALID_INPUT naming the option. */
export function checkOptions(options: BackupOptions): void {
  if (options.format !== undefined && !FORMATS.includes(options.format)) {
    throw new DataOpsError('INVALID_INPUT', `"${options.format}" is not a backup format.`, {
      hint: `Choose one of ${FORMATS.join(', ')}.`,
    })
  }

  const isChanged = (options.transforms ?? []).length > 0 || renamesOf(options.tenants ?? []).length > 0
  if (options.settle && isChanged) {
    throw new DataOpsError('INVALID_INPUT', 'A backup that changes objects on the way cannot settle.', {
      hint: 'Back the collection up with `settle`, and change the objects when they are restored.',
    })
  }

  if (options.resume === true && options.settle) {
    throw new DataOpsError(
      'INVALID_INPUT',
      'A backup that settles cannot be resumed: what it had read is not remembered.',
      {hint: 'Run it anew, without `resume`.'},
    )
  }

  if (options.lockMode !== undefined && options.lockForMs === undefined)
    throw new DataOpsError('INVALID_INPUT', 'A mode of locks was given, and no time to lock the backup for.', {
      hint: 'Say for how long (`lockForMs`), or leave out `lockMode`.',
    })
  checkPositiveInteger(options.lockForMs, 'time to lock the backup for, in milliseconds,')
  checkTenantsChosen(options.tenants)
  checkPositiveInteger(options.batchSize, 'batch size')
  checkPositiveInteger(options.concurrency, 'concurrency')
  checkPositiveInteger(options.workers, 'number of workers')
}

/** Ends what killed runs left of their work on this collection; unless it is a dry run, nothing else is changed. */
export async function planBackup(job: BackupJob): Promise<AlreadySealed | BackupPlan> {
  const {options} = job
  const {schema} = job.collection
  if (options.lockForMs !== undefined) await requireLocks(job.store)
  const binding = bindingOf(job)
  const finished = options.dryRun ? undefined : await finishLeftovers(job, binding)
  if (isMultiTenant(schema) && !options.dryRun) await putNotedBack(job, binding)
  const tenants = await tenantsOfJob(job)
  await job.sameServer.prove(tenants)
  const holdsData = options.includeData !== false
  if (holdsData) await job.replicas.begin()
  const tenantPlan = tenants && planTenants(tenants, options)
  const expectedObjects = holdsData ? await countPlanned(job, tenantPlan) : 0
  const chain = await chainOf(job, tenantPlan)
  const identity = chain && chainIdentity(chain)
  const unfinished = await unfinishedOf(job, binding, {...(chain && {chain: {identity}}), tenantPlan})
  if (!options.resume) warnUnfinished(job, unfinished)
  const unreadable = await unreadableJournals(job.store, schema.class)
  for (const each of unreadable) warnUnreadable(job, each)
  if (options.resume === true && unfinished.length === 0 && !finished && unreadable[0]) throw unreadable[0].error
  if (options.resume === true && unfinished.length === 0) {
    if (finished) return {job, manifest: finished, step: 'sealed'}
    throw new DataOpsError(
      'INVALID_INPUT',
      `There is no unfinished backup of "${schema.class}" with these options to resume.`,
      {hint: 'Run it again without `resume`.'},
    )
  }

  return {
    batchSize: batchSizeFor(options, expectedObjects ?? Number.MAX_SAFE_INTEGER),
    binding,
    chain,
    chainIdentity: identity,
    expectedObjects,
    job,
    step: 'planned',
    tenantPlan,
    tenants,
    unfinished,
  }
}

/** What killed runs have left active. What is continued is known again by tenants that are active, and its journal has them put back. */
async function putNotedBack(
  {collection: {schema}, connection, notes, options, store, warn}: BackupJob,
  binding: JournalBinding,
): Promise<void> {
  const isContinued = Boolean(options.resume) && (await findUnfinished(store, binding)).length > 0
  if (isContinued) await notes.putBackOfDead(connection, schema.class, warn)
  else await notes.putBack(connection, schema.class, warn, options)
}

/** @throws DataOpsError INVALID_INPUT when one is required, and none could be told from others. */
async function unfinishedOf(
  job: BackupJob,
  binding: JournalBinding,
  {chain, tenantPlan}: {chain?: {identity?: string}; tenantPlan?: TenantPlan},
): Promise<UnfinishedBackup[]> {
  const {resume, settle} = job.options
  if (settle) return []
  if (!chain || chain.identity !== undefined) return fitToContinue(job, binding, {chain: chain?.identity, tenantPlan})
  if (resume !== true) return []
  throw new DataOpsError(
    'INVALID_INPUT',
    'A backup that functions of this program change cannot be resumed: nobody can tell whether they are the same.',
    {hint: 'Give them as a module, which is known again by its content, or run it anew, without `resume`.'},
  )
}

/** What a dry run tells. @throws DataOpsError INVALID_INPUT when the collection could not be read back from a backup. */
export async function foretell(plan: BackupPlan): Promise<Omit<BackupResult, 'seconds'>> {
  const {chain, expectedObjects, job, tenantPlan, tenants} = plan
  const scope = tenantPlan && scopeOf(tenantPlan)
  warnSkipped(job, scope?.skipped)
  checkHead(await headOf(job, {chain, scope, tenants}))
  const foretelling = foretold(job, expectedObjects ?? (await countActive(job, tenantPlan)), scope)
  if (!chain || job.options.includeData === false) return foretelling
  const changes = await foretellChanges(job, chain, {expected: expectedObjects, tenantPlan})
  return {...foretelling, changes, objectCount: changes.objects, ...(chain.isPartial && {partial: true})}
}

/** @throws DataOpsError INVALID_INPUT when tenants are asked for where there are none. */
async function tenantsOfJob({collection, connection, options}: BackupJob): Promise<undefined | WeaviateTenant[]> {
  const {schema} = collection
  const tenants = await tenantsOf(connection, schema)
  if (tenants || !options.tenants?.length) return tenants
  throw new DataOpsError('INVALID_INPUT', `The collection "${schema.class}" has no tenants.`, {
    hint: 'Leave the tenants out.',
  })
}

/** Objects to come, or undefined when that would take a call for each of thousands of tenants. */
async function countPlanned(
  {collection, connection, options: {signal}}: BackupJob,
  tenantPlan: TenantPlan | undefined,
): Promise<number | undefined> {
  const name = collection.schema.class
  if (!tenantPlan) return connection.count(name, undefined, signal)
  if (tenantPlan.active.length > COUNTED_TENANTS || tenantPlan.activate.length > 0) return undefined
  const names = tenantPlan.active.map((tenant) => tenant.name)
  return countInTenants(connection, name, names, signal)
}

/** A dry run wakes nobody: what it cannot count it says. */
async function countActive(
  {collection, connection, options: {signal}, warn}: BackupJob,
  tenantPlan: TenantPlan | undefined,
): Promise<number> {
  const {activate = [], active = []} = tenantPlan ?? {}
  const inactive = activate.flat().map(({name}) => name)
  if (inactive.length > 0) {
    warn({
      code: 'tenants-not-counted',
      details: {tenants: inactive},
      message: `The objects of ${inactive.length} inactive tenants are not counted.`,
    })
  }

  const names = active.map(({name}) => name)
  return countInTenants(connection, collection.schema.class, names, signal)
}

function warnUnreadable({store, warn}: BackupJob, {error, name}: UnreadableJournal): void {
  warn({
    code: 'journal-unreadable',
    details: {name, reason: error.message},
    message: `Whether the unfinished backup ${store.describe(name)} could be continued, and whether its run has left tenants active, is not known: ${error.message}`,
  })
}

function warnUnfinished({collection, store, warn}: BackupJob, unfinished: readonly UnfinishedBackup[]): void {
  const left = unfinished.find(({inUse}) => !inUse)
  if (!left) return
  warn({
    code: 'unfinished-backup',
    details: {hint: 'Continue it with `resume: true`, or remove it.', name: left.name},
    message: `An unfinished backup of "${collection.schema.class}" is at ${store.describe(left.name)}.`,
  })
}

function bindingOf({collection, compress, connection, encryptTo, format, options}: BackupJob): JournalBinding {
  const {schema} = collection
  const {includeData, includeOffloaded, settle, tenants, transforms = []} = options
  return {
    collection: schema.class,
    options: JSON.stringify({
      compress,
      ...(encryptTo && {encryptTo: encryptTo.encryptTo ?? 'passphrase', hideNames: encryptTo.hideNames === true}),
      format,
      includeData: includeData !== false,
      includeOffloaded: includeOffloaded === true,
      settle: settle === true,
      tenants: [...(tenants ?? [])].sort(),
      ...(transforms.length > 0 && {transforms: transforms.map(({record}) => record)}),
    }),
    schemaSha256: sha256Hex(JSON.stringify(schema)),
    server: connection.describe,
  }
}
