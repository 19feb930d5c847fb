/** One backup, step after step: planBackup → claim → open → transfer → seal → register. */
import type {Workplace} from '../options.js'
import type {BackupOptions, BackupResult} from './options.js'

import {removeUnfinished} from '../../archive/unfinished.js'
import {persistent} from '../../flow/persistent.js'
import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant} from '../../model/schema.js'
import {checkEncryption, encryptionOf} from '../../store/encryption.js'
import {isLeaseLost} from '../../store/lease.js'
import {resolveCollection} from '../../weaviate/resolve.js'
import {type BackupJob, makeJob} from './job.js'
import {removeJournal} from './journal.js'
import {claim, type Claimed, open, type Open} from './open.js'
import {checkOptions, foretell, planBackup} from './plan.js'
import {resultOf} from './result.js'
import {register, seal} from './seal.js'
import {transfer} from './write.js'

/** `BackupManager.backupCollection`, in a store that is open. */
export async function backUpCollection(
  {connection: direct, notes, store}: Workplace,
  name: string,
  options: BackupOptions,
): Promise<BackupResult> {
  checkOptions(options)
  await checkEncryption(encryptionOf(store))
  const started = performance.now()
  const connection = persistent(direct, options)
  const result = await runAnew(options, async (changed) =>
    run(makeJob({collection: await resolveCollection(connection, name), connection, notes, options: changed, store})),
  )
  return {...result, seconds: (performance.now() - started) / 1000}
}

/** Times that a backup is begun anew: since properties came into being while it ran, or a service has dropped what was uploaded. */
const MAX_ANEW = 3

async function runAnew<T>(given: BackupOptions, attempt: (options: BackupOptions) => Promise<T>): Promise<T> {
  let options = given
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt(options)
    } catch (error) {
      const isDropped = error instanceof DataOpsError && error.details.beginAgain === true
      const isAnew = isDropped || (error instanceof DataOpsError && error.details.newMembers)
      if (!isAnew || attempts > MAX_ANEW) throw error
      const code = isDropped ? 'upload-dropped' : 'schema-changed'
      given.onWarning?.({code, details: error.details, message: `${error.message} It is begun anew.`})
      // From the parts that are finished.
      if (isDropped) options = {...given, resume: 'auto'}
    }
  }
}

async function run(job: BackupJob): Promise<Omit<BackupResult, 'seconds'>> {
  const plan = await planBackup(job)
  if (plan.step === 'sealed') return resultOf(job, plan.manifest, plan.manifest.seal.object_count)
  if (job.options.dryRun) return foretell(plan)
  const claimed = await claim(plan)
  try {
    return await write(claimed)
  } finally {
    await claimed.claim.release()
  }
}

async function write(claimed: Claimed): Promise<Omit<BackupResult, 'seconds'>> {
  const {job} = claimed.plan
  const opened = await open(claimed)
  const sealed = await leftInOrder(opened, async () => seal(await transfer(opened)))
  const result = await register(job, opened.head, sealed, opened.resumedObjects)
  // Last: until then, whoever comes next knows what is left to do.
  await removeJournal(job.store, claimed.claim.name)
  await forgetNotes(job)
  return result
}

/** What was continued had tenants active that are as they were by now; whoever had noted them has shown no life since. */
async function forgetNotes({collection: {schema}, connection, notes, options, warn}: BackupJob): Promise<void> {
  if (!options.resume || !isMultiTenant(schema)) return
  await notes.putBackOfDead(connection, schema.class, warn)
}

/** What stops `body` leaves what can be continued, and says so, or nothing. */
async function leftInOrder<T>(opened: Open, body: () => Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    const {note, writer} = opened
    const {check, name} = opened.claim
    const {written} = opened.journal
    const {chain, chainIdentity, job} = opened.plan
    const {options, store} = job
    await writer.close()
    // It is another process's by now, and so are what lies there and the tenants that were activated for it.
    const lost: unknown = await check().catch((error_: unknown) => error_)
    if (isLeaseLost(lost)) await note.save([]).catch(() => {})
    await note.leave()
    if (isLeaseLost(lost)) throw lost
    const isResumable = !options.settle && (!chain || (chainIdentity !== undefined && !isRefused(error)))
    if (written && isResumable && !isRecreated(error)) throw unfinishedError(job, error, name)
    // Nobody could continue it.
    if (!written || written.activated.length === 0) {
      // The journal last: without it nobody knows what the rest is.
      await removeUnfinished(store, name)
        .then(async () => removeJournal(store, name))
        .catch(() => {})
    }

    throw error
  }
}

function unfinishedError({store}: BackupJob, error: unknown, name: string): unknown {
  if (!(error instanceof DataOpsError)) return error
  return error.with({
    details: {resumable: true, unfinished: store.describe(name)},
    hint: error.hint ?? 'Run it again with `resume: true` to continue.',
  })
}

/** By a transform, of which the same would come again. */
function isRefused(error: unknown): boolean {
  return error instanceof DataOpsError && error.code === 'INVALID_INPUT'
}

/** What was read is of a collection that is no more: nobody could continue it. */
function isRecreated(error: unknown): boolean {
  return error instanceof DataOpsError && error.details.recreated === true
}
