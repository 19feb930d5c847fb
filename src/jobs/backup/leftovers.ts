/** What killed runs of the same collection left: ended where that is all there is to do, continued where it is asked for. */
import type {SealedManifest} from '../../archive/manifest.js'
import type {BackupJob} from './job.js'
import type {TenantPlan} from './tenants.js'

import {BackupCatalog} from '../../catalog/catalog.js'
import {readEntryOf} from '../../catalog/entry.js'
import {DataOpsError} from '../../model/errors.js'
import {isAsTaken} from './changes.js'
import {unfitness} from './continuing.js'
import {type BackupJournal, type JournalBinding, sameBinding, writeJournal} from './journal.js'
import {type ClaimedBackup, claimToContinue, endLeftovers, findUnfinished, type UnfinishedBackup} from './unfinished.js'

/** Milliseconds. */
const RESUME_WITHIN_MS = 15 * 60_000

/**
 * Ends what killed runs left: tenants that they activated are put back, and a backup that they sealed is listed.
 * Returns the newest of those with the options of this run.
 */
export async function finishLeftovers(job: BackupJob, binding: JournalBinding): Promise<SealedManifest | undefined> {
  let finished: SealedManifest | undefined
  await endLeftovers(job.store, binding, async (name, {isSealed, journal, sealed}) => {
    await putTenantsBack(job, name, journal)
    if (!isSealed) return
    await new BackupCatalog(job.store).register(await readEntryOf(job.store, name))
    if (sameBinding(journal.binding, binding)) finished ??= sealed
  })
  return finished
}

/** Tenants that an earlier run of this backup activated. */
export async function putTenantsBack(
  {connection, plan, store}: BackupJob,
  name: string,
  journal: BackupJournal,
): Promise<void> {
  if (journal.activated.length === 0) return
  const there = new Set((await connection.listTenants(plan.className)).map((tenant) => tenant.name))
  const tenants = journal.activated.filter((tenant) => there.has(tenant.name))
  if (tenants.length > 0) await connection.setTenantStatus(plan.className, tenants)
  await writeJournal(store, name, {...journal, activated: []})
}

/** Unfinished backups that are to be continued, or for a run without `resume` all there are. `chain`: the identity of this run's transforms. */
export async function fitToContinue(
  job: BackupJob,
  binding: JournalBinding,
  {chain, tenantPlan}: {chain?: string; tenantPlan?: TenantPlan},
): Promise<UnfinishedBackup[]> {
  const {options, store} = job
  const {resume, resumeWithinMs = RESUME_WITHIN_MS} = options
  const found = await findUnfinished(store, binding)
  if (!resume) return found
  const fit: UnfinishedBackup[] = []
  for (const each of found) {
    // Who asks for it by name knows how old it is.
    const maxAgeMs = resume === true ? Infinity : resumeWithinMs
    const reason = await unfitness(job, each, {
      chain,
      isAsTaken: async (journal) => options.dryRun === true || isAsTaken(job, tenantPlan, journal),
      maxAgeMs,
    })
    if (reason === undefined) fit.push(each)
    else {
      job.warn({
        code: 'not-continued',
        details: {name: each.name, reason},
        message: `The unfinished backup ${store.describe(each.name)} is not continued: ${reason}.`,
      })
    }
  }

  return fit
}

/** One to continue: the newest that no other process writes. @throws DataOpsError STORAGE when one is required. */
export async function claimUnfinished(
  {collection, options, store}: BackupJob,
  unfinished: readonly UnfinishedBackup[],
): Promise<ClaimedBackup | undefined> {
  for (const {name} of unfinished) {
    const claim = await claimToContinue(store, name, {...options, collection: collection.schema.class})
    if (claim) return claim
  }

  const [newest] = unfinished
  if (options.resume !== true || !newest) return undefined
  throw new DataOpsError('STORAGE', `Another process is writing ${store.describe(newest.name)}.`, {
    hint: 'Wait for it, or leave out `resume` to take another backup beside it.',
  })
}
