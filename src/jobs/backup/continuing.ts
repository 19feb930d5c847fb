/** Whether an unfinished backup is one of the collection that is there now, and what it holds so far. */
import type {WeaviateObject} from '../../model/object.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {BackupJob} from './job.js'
import type {BackupJournal} from './journal.js'

import {ContentDigest, type ObjectContent} from '../../archive/content-digest.js'
import {isPartLocked} from '../../archive/locked.js'
import {journalName} from '../../archive/names.js'
import {readUnfinished} from '../../archive/unfinished-reader.js'
import {withActiveTenants} from '../../flow/tenants/activation.js'
import {DataOpsError} from '../../model/errors.js'
import {unchangedFor} from '../../store/store-time.js'
import {tenantsOf} from '../../weaviate/resolve.js'
import {isSame, type SampledObject} from './sample.js'

/** Of tenants that sleep, that many are asked at most. */
const WOKEN_TENANTS = 4

interface Fitness {
  /** What tells the transforms of this run from others. */
  chain?: string
  /** With a chain: whether what was taken is there as it was; a reading of all ids. */
  isAsTaken: (journal: BackupJournal) => Promise<boolean>
  maxAgeMs: number
}

/** Why an unfinished backup is not to be continued, in words; undefined when it is surely one of this collection, and young. */
export async function unfitness(
  job: BackupJob,
  {journal, name}: {journal: BackupJournal; name: string},
  {chain, isAsTaken, maxAgeMs}: Fitness,
): Promise<string | undefined> {
  const {store} = job
  const age = await unchangedFor(store, journalName(name))
  if (age === undefined) return 'it has been finished, or removed'
  const isLocked = await isPartLocked(store, name)
  if (isLocked === 'unknown') return 'these credentials may not see whether what there is of it is locked'
  if (isLocked) return 'a run that was killed while it sealed it has locked what there is of it'
  if (age > maxAgeMs) return `it was left ${Math.round(age / 60_000)} minutes ago`
  if (journal.chain !== chain)
    return 'what the changes on the way would make of the collection is not what they made of it then'
  const other = await otherCollection(job, journal)
  if (other !== undefined || chain === undefined || (await isAsTaken(journal))) return other
  // What was made of it does not tell what it was made of, so that it cannot be looked at again one by one.
  return 'what it had read of the collection was changed since, and what changes on the way made of that cannot be put right'
}

/** Why it is not surely one of this collection. */
async function otherCollection(job: BackupJob, journal: BackupJournal): Promise<string | undefined> {
  const {connection, plan} = job
  const identity = await connection.identify(plan.schema)
  if (identity !== undefined && journal.identity !== undefined) {
    return identity === journal.identity ? undefined : 'it is one of another collection of that name'
  }

  // Nothing that could be another collection's.
  if (journal.position.rows === 0) return undefined
  return (await isOfThis(job, journal.sample ?? []))
    ? undefined
    : 'nothing shows that it is one of this very collection'
}

/** Whether what was read shows that. Tenants that sleep cannot be asked: where all of them do, some are woken for it. */
async function isOfThis(
  {connection, notes, options: {dryRun, signal}, plan}: BackupJob,
  sample: readonly SampledObject[],
): Promise<boolean> {
  const asking = {connection, plan, signal}
  const tenants = await tenantsOf(connection, plan.schema)
  if (!tenants) return isSame(sample, asking)
  const read = new Set(sample.map(({tenant}) => tenant))
  const among = tenants.filter(({name}) => read.has(name))
  const active = among.filter(({status}) => status === 'HOT')
  const asleep = among.filter(({status}) => status === 'COLD').slice(0, WOKEN_TENANTS)
  if (active.length > 0 || asleep.length === 0) return isSame(sample, {...asking, active: namesOf(active)})
  // A dry run wakes nobody: the run itself will ask.
  if (dryRun) return true
  let isThis = false
  const note = notes.begin(connection.describe)
  await withActiveTenants(connection, {className: plan.className, note, signal, tenants: asleep}, async (group) => {
    isThis = await isSame(sample, {...asking, active: namesOf(group)})
  })
  return isThis
}

function namesOf(tenants: readonly WeaviateTenant[]): Set<string> {
  return new Set(tenants.map(({name}) => name))
}

/** Reads back what an unfinished backup holds, page by page. @throws DataOpsError BACKUP_DAMAGED in the end, when that is not what its journal says. */
export async function* readBack(
  store: Store,
  {journal, name}: {journal: BackupJournal; name: string},
): AsyncGenerator<Array<[object: WeaviateObject, content: ObjectContent]>, void, undefined> {
  const content = new ContentDigest(journal.head.schema)
  for await (const objects of readUnfinished(store, name, journal)) {
    yield objects.map((object) => [object, content.add(object)])
  }

  const expected = new ContentDigest(journal.head.schema, journal.content)
  if (content.hex() === expected.hex() && content.objects === expected.objects) return
  throw new DataOpsError('BACKUP_DAMAGED', `The unfinished backup ${store.describe(name)} is not what was written.`, {
    hint: 'Take a new backup, without `resume`.',
  })
}
