/** A backup's plan in items, and what all who carry them out must know. */
import type {BackupHead} from '../../codec/document.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {BackupItem, BackupWork} from './items.js'
import type {BackupOptions} from './options.js'

import {newBackupEncryption} from '../../archive/encrypted/writer.js'
import {checkHead} from '../../archive/limits.js'
import {divideByContent} from '../../flow/divide.js'
import {slicesOfTenants} from '../../flow/parallel-reader.js'
import {persistent} from '../../flow/persistent.js'
import {TenantNotes} from '../../flow/tenants/note.js'
import {sendChain} from '../../flow/transform/sent.js'
import {chunks} from '../../model/chunks.js'
import {DataOpsError} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {canOpen, checkEncryption, encryptionOf} from '../../store/encryption.js'
import {listingAddresses} from '../../weaviate/replicas.js'
import {resolveCollection} from '../../weaviate/resolve.js'
import {DEFAULT_CONCURRENCY} from '../options.js'
import {planInClear} from '../plan-in-clear.js'
import {COUNTED_TENANTS} from './completeness.js'
import {headOf} from './head.js'
import {type BackupJob, makeJob, readingOf, warnSkipped} from './job.js'
import {type BackupPlan, checkOptions, planBackup} from './plan.js'
import {nameOf} from './result.js'
import {activationGroup, scopeOf} from './tenants.js'
import {claimName} from './unfinished.js'

/** Objects below which a range is not worth an item of its own. */
const MIN_OBJECTS = 1000

export interface DividedBackup {
  items: BackupItem[]
  work: BackupWork
}

/**
 * Plans a backup for workers that share nothing but the place. `items`: how many there should be, about. Of an encrypted one the key is put there.
 * @throws DataOpsError as a backup does before it reads; INVALID_INPUT for what several workers cannot do.
 */
export async function planBackupWork(
  direct: Connection,
  store: Store,
  name: string,
  {items, options, notes = new TenantNotes([store])}: {items: number; notes?: TenantNotes; options: BackupOptions},
): Promise<DividedBackup> {
  checkOptions(options)
  checkDivisible(options)
  await checkEncryption(encryptionOf(store))
  if (listingAddresses(direct).length > 1) throw notDivisible('compares replicas')
  const connection = persistent(direct, options)
  const collection = await resolveCollection(connection, name)
  const job = makeJob({collection, connection, notes, options: {...options, resume: false}, store})
  const plan = await planBackup(job)
  if (plan.step !== 'planned') throw new DataOpsError('UNEXPECTED', 'A backup that is begun anew cannot be sealed.')
  const {batchSize, chain, expectedObjects, tenantPlan, tenants} = plan
  const transforms = chain && sendChain(chain)
  if (chain && !transforms) throw notDivisible('changes objects by functions of a program')
  const scope = tenantPlan && scopeOf(tenantPlan)
  warnSkipped(job, scope?.skipped)
  const head = await headOf(job, {chain, scope, tenants})
  checkHead(head)
  const {counts, items: divided} = await divideBackup(plan, items)
  const identity = await connection.identify(collection.schema)
  const {encryption, name: free} = await takeName(job, head)
  if (encryption) {
    const {className} = job.plan
    job.warn({code: 'plan-in-clear', details: {collection: className}, message: planInClear(className)})
  }

  return {
    items: divided,
    work: {
      batchSize,
      compress: job.compress,
      counts,
      ...(encryption && {encryption}),
      ...(expectedObjects !== undefined && {expectedObjects}),
      format: job.format,
      head,
      ...(identity !== undefined && {identity}),
      name: free,
      schema: collection.schema,
      ...(scope && {scope}),
      ...(transforms && {transforms}),
    },
  }
}

function checkDivisible({format = 'json', settle}: BackupOptions): void {
  if (format === 'json') throw notDivisible('is one document')
  if (settle) throw notDivisible('settles')
}

function notDivisible(what: string): DataOpsError {
  return new DataOpsError('INVALID_INPUT', `A backup that ${what} cannot be written by several machines.`, {
    hint: 'Use `format: "parquet"`, without what only one process can do, or take it with one process.',
  })
}

/** As any backup takes its name: of an encrypted one the key is there before somebody else may find it free. */
async function takeName(
  job: BackupJob,
  {metadata: {backup_id: id, timestamp}}: BackupHead,
): Promise<Pick<BackupWork, 'encryption' | 'name'>> {
  const claim = await claimName(job.store, nameOf(job, new Date(timestamp)))
  try {
    const encryption = await putKey(job, claim.name, id)
    await claim.check()
    return {...(encryption && {encryption}), name: claim.name}
  } finally {
    await claim.release()
  }
}

/** What transforms have made is looked through for ids that are there twice: whoever seals must be able to read it. */
async function putKey(
  {encryptTo, options, store}: BackupJob,
  name: string,
  id: string,
): Promise<BackupWork['encryption']> {
  if (!encryptTo) return undefined
  if (options.transforms?.length && !canOpen(encryptTo)) {
    throw new DataOpsError(
      'INVALID_INPUT',
      'Several machines cannot change objects of a backup that they cannot read.',
      {
        hint: 'Give the identity of one of the recipients too.',
      },
    )
  }

  const {isHidden, keyFile, recipient} = await newBackupEncryption(encryptTo, id)
  if (keyFile) await store.put(`${name}/${keyFile.name}`, keyFile.content)
  return {isHidden, recipient}
}

/** Items of about as many objects each: ranges of UUIDs, ranges of a tenant, tenants, groups of tenants. */
export async function divideBackup(
  plan: BackupPlan,
  items: number,
): Promise<{counts: BackupWork['counts']; items: BackupItem[]}> {
  const {expectedObjects, job, tenantPlan} = plan
  if (job.options.includeData === false) return {counts: [], items: []}
  if (!tenantPlan) {
    const parts = partsFor(expectedObjects ?? Number.MAX_SAFE_INTEGER, items)
    const slices = await divideByContent(readingOf(job), parts)
    return {counts: [[null, expectedObjects ?? 0]], items: slices.map((slice) => ({slices: [slice]}))}
  }

  const {active, activate} = tenantPlan
  const divided = await divideActive(plan, active, items)
  const inactive = activate.map((group): BackupItem => {
    const {slices, tenants} = activationGroup(group)
    return {activate: tenants, slices}
  })
  return {counts: divided.counts, items: [...divided.items, ...inactive]}
}

/** Few tenants are divided by what each of them has, many are put together. */
async function divideActive(
  {job}: BackupPlan,
  tenants: readonly WeaviateTenant[],
  items: number,
): Promise<{counts: BackupWork['counts']; items: BackupItem[]}> {
  if (tenants.length > Math.max(items, 1) || tenants.length > COUNTED_TENANTS) {
    const size = Math.ceil(tenants.length / Math.max(items, 1))
    return {counts: [], items: Array.from(chunks(tenants, size), (group) => ({slices: slicesOfTenants(group)}))}
  }

  const {connection, options, plan} = job
  const counted = await inParallel(tenants, {atOnce: DEFAULT_CONCURRENCY, signal: options.signal}, async ({name}) => ({
    name,
    objects: await connection.count(plan.className, name, options.signal),
  }))
  const total = counted.reduce((sum, {objects}) => sum + objects, 0)
  const counts: BackupWork['counts'] = []
  const divided: BackupItem[] = []
  for (const {name, objects} of counted) {
    const share = Math.max(1, Math.round((items * objects) / Math.max(1, total)))
    const slices = await divideByContent({...readingOf(job), tenant: name}, partsFor(objects, share))
    if (slices.length > 1) counts.push([name, objects])
    divided.push(...slices.map((slice) => ({slices: [slice]})))
  }

  return {counts, items: divided}
}

function partsFor(objects: number, wanted: number): number {
  return Math.max(1, Math.min(wanted, Math.ceil(objects / MIN_OBJECTS)))
}
