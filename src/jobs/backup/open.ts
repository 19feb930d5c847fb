/** The second step of a backup: a name of its own, and a writer there. */
import type {ArchiveWriter} from '../../archive/writer.js'
import type {BackupHead} from '../../codec/document.js'
import type {TenantNote} from '../../flow/tenants/note.js'
import type {TenantScope} from './journal.js'
import type {BackupPlan} from './plan.js'

import {ContentDigest} from '../../archive/content-digest.js'
import {type BackupEncryption, newBackupEncryption} from '../../archive/encrypted/writer.js'
import {openArchiveWriter} from '../../archive/open-writer.js'
import {headOf} from './head.js'
import {warnSkipped} from './job.js'
import {KeptJournal} from './kept-journal.js'
import {claimUnfinished, putTenantsBack} from './leftovers.js'
import {nameOf} from './result.js'
import {Sample} from './sample.js'
import {scopeOf} from './tenants.js'
import {type ClaimedBackup, type ClaimedName, claimName} from './unfinished.js'

/** A backup that no other process writes. */
export interface Claimed {
  claim: ClaimedName
  head: BackupHead
  plan: BackupPlan
  /** The claim, where it is of a backup that an earlier run has begun. */
  resumed?: ClaimedBackup
  /** undefined in collections without tenants. */
  scope?: TenantScope
}

/** A backup that is being written. */
export interface Open extends Claimed {
  /** Whether it, and the tenants that it has activated, are still this process's. @throws DataOpsError STORAGE when they are not. */
  check: () => Promise<void>
  content: ContentDigest
  /** When it was continued, RFC 3339. */
  continued: string[]
  /** What others need to write parts of it; undefined: it is not encrypted. */
  encryption?: BackupEncryption
  /** What tells the collection from another of its name; undefined where the server does not show it. */
  identity?: string
  journal: KeptJournal
  note: TenantNote
  /** Objects that an earlier run had read. */
  resumedObjects: number
  sample: Sample
  writer: ArchiveWriter
}

export async function claim(plan: BackupPlan): Promise<Claimed> {
  const {chain, job, tenantPlan, tenants, unfinished} = plan
  const {store} = job
  const resumed = job.options.resume ? await claimUnfinished(job, unfinished) : undefined
  const scope = resumed ? resumed.journal.tenants : tenantPlan && scopeOf(tenantPlan)
  warnSkipped(job, scope?.skipped)
  const head = resumed?.journal.head ?? (await headOf(job, {chain, scope, tenants}))
  const wanted = nameOf(job, new Date(head.metadata.timestamp))
  return {claim: resumed ?? (await claimName(store, wanted)), head, plan, resumed, scope}
}

export async function open(claimed: Claimed): Promise<Open> {
  const {head, resumed, scope} = claimed
  const {check, name} = claimed.claim
  const {binding, chain, chainIdentity, job} = claimed.plan
  const {connection, store} = job
  const {schema} = job.collection
  const content = new ContentDigest(chain?.schema ?? schema, resumed?.journal.content)
  const resumedObjects = content.objects
  const identity = await connection.identify(schema)
  const sample = new Sample(resumed?.journal.sample)
  const continued = [...(resumed?.journal.resumed ?? []), ...(resumed ? [new Date().toISOString()] : [])]
  const plan = resumed ? await planAgain(claimed.plan, resumed) : claimed.plan
  const encryption = await encryptionFor(claimed)
  const resumeAt = resumed?.journal.position
  const writer = await openArchiveWriter({...job, check, encryption, head, name, resumeAt})
  const fixed = {
    binding,
    chain: chainIdentity,
    head,
    identity,
    recipient: encryption?.recipient,
    resumed: continued,
    tenants: scope,
  }
  // Beside the journal, which only the next backup reads.
  const note = job.notes.begin(connection.describe)
  // Its tenants were put back above.
  const written = resumed && {...resumed.journal, activated: []}
  const journal = new KeptJournal({check, collection: schema.class, content, fixed, name, note, sample, store, written})
  const own = {content, continued, encryption, identity, journal, note, plan, resumedObjects, sample, writer}
  return {
    ...claimed,
    ...own,
    async check() {
      await check()
      await note.check()
    },
  }
}

/** With the tenants as they are by now: what an earlier run had activated is put back, and whoever held the backup was waited for. */
async function planAgain(plan: BackupPlan, {journal, name}: ClaimedBackup): Promise<BackupPlan> {
  const {job, tenants} = plan
  await putTenantsBack(job, name, journal)
  return tenants ? {...plan, tenants: await job.connection.listTenants(job.plan.className)} : plan
}

/** A new backup gets a key of its own; what is continued goes on with the one that it has, of which its journal knows the public half. */
async function encryptionFor({head, plan: {job}, resumed}: Claimed): Promise<BackupEncryption | undefined> {
  const {encryptTo} = job
  if (!encryptTo) return undefined
  const recipient = resumed?.journal.recipient
  if (recipient !== undefined) return {isHidden: encryptTo.hideNames === true, recipient}
  return newBackupEncryption(encryptTo, head.metadata.backup_id)
}
