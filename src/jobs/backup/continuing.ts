/** Whether an unfinished backup is one of the collection that is there now, and what it holds so far. */
import type {WeaviateObject} from '../../model/object.js'
import type {Store} from '../../store/store.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {BackupJournal, SampledObject} from './journal.js'
import type {ObjectIndex} from './object-index.js'

import {ContentDigest} from '../../archive/content-digest.js'
import {journalName} from '../../archive/names.js'
import {readUnfinished} from '../../archive/unfinished-reader.js'
import {DataOpsError} from '../../model/errors.js'
import {nodePlatform} from '../../platform/node.js'
import {unchangedFor} from '../../store/store-time.js'

/** Objects that are remembered, of those read first and of those read last. */
const SAMPLE = 8

/** Some of what a backup has read. */
export class Sample {
  readonly #first: SampledObject[]
  #last: SampledObject[] = []

  constructor(earlier: readonly SampledObject[] = []) {
    this.#first = [...earlier].slice(0, SAMPLE)
  }

  add({creationTimeUnix, id, tenant}: WeaviateObject): void {
    if (creationTimeUnix === undefined) return
    const list = this.#first.length < SAMPLE ? this.#first : this.#last
    list.push({created: creationTimeUnix, id, ...(tenant !== undefined && {tenant})})
    if (this.#last.length > SAMPLE * 64) this.#last = this.#last.slice(-SAMPLE)
  }

  get objects(): SampledObject[] {
    return [...this.#first, ...this.#last.slice(-SAMPLE)]
  }
}

interface Fitness {
  connection: Connection
  maxAgeMs: number
  plan: CollectionPlan
  signal?: AbortSignal
  store: Store
}

/** Why an unfinished backup is not to be continued, in words; undefined when it is surely one of this collection, and young. */
export async function unfitness(
  {journal, name}: {journal: BackupJournal; name: string},
  {connection, maxAgeMs, plan, signal, store}: Fitness,
): Promise<string | undefined> {
  const age = await unchangedFor(store, journalName(name))
  if (age === undefined) return 'it has been finished, or removed'
  if (age > maxAgeMs) return `it was left ${Math.round(age / 60_000)} minutes ago`
  const identity = await connection.identify(plan.schema)
  if (identity !== undefined && journal.identity !== undefined) {
    return identity === journal.identity ? undefined : 'it is one of another collection of that name'
  }

  // Nothing that could be another collection's.
  if (journal.position.rows === 0) return undefined
  return (await holdsOneOf(journal.sample ?? [], {connection, plan, signal}))
    ? undefined
    : 'nothing shows that it is one of this very collection'
}

/** Whether one of the objects is there that came into being when it did, and none that came at another time. */
async function holdsOneOf(
  sample: readonly SampledObject[],
  {connection, plan, signal}: Pick<Fitness, 'connection' | 'plan' | 'signal'>,
): Promise<boolean> {
  const states = plan.multiTenant
    ? new Map((await connection.listTenants(plan.className)).map(({name, status}) => [name, status]))
    : undefined
  const asked = sample.filter(({tenant}) => !states || states.get(tenant ?? '') === 'HOT')
  let same = 0
  for (const [tenant, objects] of Map.groupBy(asked, (each) => each.tenant)) {
    const created = new Map(objects.map((each) => [each.id, each.created]))
    const live = await connection.getObjects({collection: plan, ids: [...created.keys()], signal, tenant})
    for (const {creationTimeUnix, id} of live) {
      if (creationTimeUnix !== created.get(id)) return false
      same++
    }
  }

  return same > 0
}

/** Reads back what an unfinished backup holds. @throws DataOpsError BACKUP_DAMAGED when that is not what its journal says. */
export async function indexUnfinished(
  store: Store,
  {journal, name}: {journal: BackupJournal; name: string},
  index: ObjectIndex,
): Promise<void> {
  const content = new ContentDigest(journal.head.schema, nodePlatform)
  for await (const objects of readUnfinished(store, name, journal)) {
    for (const object of objects) index.set(object, content.add(object))
  }

  const expected = new ContentDigest(journal.head.schema, nodePlatform, journal.content)
  if (content.hex() === expected.hex() && content.objects === expected.objects) return
  throw new DataOpsError('BACKUP_DAMAGED', `The unfinished backup ${store.describe(name)} is not what was written.`, {
    hint: 'Take a new backup, without `resume`.',
  })
}
