/** What a backup holds of each object, for comparing it with what is there: id and update time. */
import type {Archive} from '../../archive/reader.js'
import type {BackupHead} from '../../codec/document.js'
import type {Warning} from '../../model/progress.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {Connection} from '../../weaviate/connection.js'

import {listIds} from '../../flow/list-ids.js'
import {type Slice, slicesOfTenants} from '../../flow/parallel-reader.js'
import {withActiveTenants} from '../../flow/tenants/activation.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {Throttle} from '../../flow/throttle.js'
import {plural} from '../../model/plural.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {tenantsOf} from '../../weaviate/resolve.js'
import {ObjectIndex} from '../backup/object-index.js'
import {DEFAULT_CONCURRENCY} from '../options.js'
import {checkDroppable} from './plan.js'
import {changeOfShape} from './shape.js'

/** Objects that are named as examples. */
const SAMPLE = 20
/** Only ids and times are compared. */
const NOTHING = {hash: new Uint8Array(32), references: 0, vectors: 'missing'} as const

export interface LiveObject {
  id: string
  /** Milliseconds since 1970. */
  lastUpdateTimeUnix?: number
  tenant?: string
}

/** Every object of a backup with its update time, some 100 bytes each. */
export class HeldObjects {
  readonly #index = new ObjectIndex()

  /** @throws DataOpsError BACKUP_DAMAGED, STORAGE or INTERRUPTED. */
  static async of(archive: Archive, signal?: AbortSignal): Promise<HeldObjects> {
    const held = new HeldObjects()
    for await (const page of archive.pages({signal}))
      for (const object of page.objects) held.#index.set(object, NOTHING)
    return held
  }

  /** Whether the backup has that very version. One without a time is none that can be vouched for. */
  has({id, lastUpdateTimeUnix, tenant}: LiveObject): boolean {
    return lastUpdateTimeUnix !== undefined && this.#index.get(tenant, id)?.updated === lastUpdateTimeUnix
  }
}

/** Objects that no backup has. */
export class FreshObjects {
  count = 0
  readonly sample: Array<{id: string; tenant?: string}> = []

  add({id, tenant}: LiveObject): void {
    this.count++
    if (this.sample.length < SAMPLE) this.sample.push({id, ...(tenant !== undefined && {tenant})})
  }
}

export interface Survey {
  /** What else of the collection is not as a backup has it, in words. */
  changed?: string
  /** Not in the backup as they are. */
  fresh: FreshObjects
  /** All that were listed. */
  objects: number
}

export interface SurveyOptions {
  connection: Connection
  /** What the schema and the tenants are compared with, too. */
  head?: BackupHead
  held: HeldObjects
  notes: TenantNotes
  schema: WeaviateClass
  signal?: AbortSignal
}

/**
 * Lists every object with its update time, those of inactive tenants too, and compares it with the backup.
 * @throws DataOpsError INVALID_INPUT when a tenant is offloaded.
 */
export async function survey(options: SurveyOptions): Promise<Survey> {
  const {connection, head, held, notes, schema, signal} = options
  const tenants = await tenantsOf(connection, schema)
  checkDroppable(schema.class, tenants ?? [])
  const changed = head && (await changeOfShape(connection, head, tenants))
  const found: Survey = {changed, fresh: new FreshObjects(), objects: 0}
  const listing = {concurrency: DEFAULT_CONCURRENCY, connection, plan: planCollection(schema), signal}
  const throttle = new Throttle(listing)
  const list = async (slices: Slice[]): Promise<void> => {
    for await (const objects of listIds({...listing, slices, throttle})) {
      for (const object of objects) if (!held.has(object)) found.fresh.add(object)
      found.objects += objects.length
    }
  }

  const how = {note: notes.begin(connection.describe), signal}
  await (tenants
    ? withActiveTenants(connection, {className: schema.class, tenants, ...how}, async (group) =>
        list(slicesOfTenants(group)),
      )
    : list([{...WHOLE_RANGE}]))
  return found
}

/** What is there and is not deleted, since the backup does not have it as it is. */
export function objectsKept(name: string, {count, sample}: Survey['fresh']): Warning {
  return {
    code: 'objects-kept',
    details: {objects: sample, total: count},
    message: `${plural(count, 'object')} of "${name}" written after or during the backup ${count === 1 ? 'is' : 'are'} not deleted: the backup does not have ${count === 1 ? 'it as it is' : 'them as they are'}.`,
  }
}
