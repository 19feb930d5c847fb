/** Whether references are there no more often than they were sent: restores that keep their notes in two places know nothing of each other, and each sends all of them. */
import type {JsonValue, WeaviateObject} from '../../model/object.js'

import {ObjectsById} from '../../flow/by-id.js'
import {toTarget} from '../../flow/live/sink.js'
import {DataOpsError} from '../../model/errors.js'
import {parseBeacon} from '../../weaviate/values.js'
import {SAMPLE, Spread} from '../confirmation.js'
import {countReferences, type RestoreTransferOptions} from './objects.js'

interface SentObject {
  id: string
  /** How often each reference was sent. */
  sent: ReadonlyMap<string, number>
  tenant?: string
}

/** Some of those whose references were sent, spread over all. */
export class SentReferences {
  readonly #spread = new Spread<SentObject>()

  constructor(private readonly transfer: RestoreTransferOptions) {}

  add(objects: readonly WeaviateObject[]): void {
    const {plan} = this.transfer
    for (const object of objects) {
      if (countReferences(plan, object) === 0) continue
      this.#spread.add(() => {
        const {id, tenant} = object
        return {id, sent: this.#tally(toTarget(this.transfer, object)), ...(tenant !== undefined && {tenant})}
      })
    }
  }

  /** @throws DataOpsError CONTENT_DIFFERS when one of them has a reference more often. */
  async check(): Promise<void> {
    const {plan, tenants} = this.transfer
    const byId = new ObjectsById(this.transfer)
    const looked = this.#spread.items.slice(0, SAMPLE)
    const doubled: string[] = []
    for (const [tenant, group] of Map.groupBy(looked, (each) => each.tenant)) {
      const sentBy = new Map(group.map(({id, sent}) => [id, sent]))
      await tenants.whileActive([{tenant}], async () => {
        for await (const {objects} of byId.read([...sentBy.keys()], {tenant, viaRest: true})) {
          for (const live of objects) {
            const sent = sentBy.get(live.id)
            const isDoubled = [...this.#tally(live)].some(([key, times]) => times > (sent?.get(key) ?? times))
            if (isDoubled) doubled.push(live.id)
          }
        }
      })
    }

    if (doubled.length === 0) return
    throw new DataOpsError(
      'CONTENT_DIFFERS',
      `${doubled.length} of ${looked.length} objects of "${plan.className}" that were looked at have a reference more often than it was sent, ${doubled[0]} among them: somebody else restores into it at the same time, or did.`,
      {details: {collection: plan.className, ids: doubled}},
    )
  }

  /** By property and UUID: a beacon may name its class or not. */
  #tally({properties}: WeaviateObject): Map<string, number> {
    const times = new Map<string, number>()
    for (const name of this.transfer.plan.referenceNames) {
      const references = properties[name]
      for (const reference of Array.isArray(references) ? references : []) {
        const id = idOf(reference)
        if (id === undefined) continue
        const key = `${name} ${id}`
        times.set(key, (times.get(key) ?? 0) + 1)
      }
    }

    return times
  }
}

function idOf(reference: JsonValue): string | undefined {
  if (typeof reference !== 'object' || reference === null || Array.isArray(reference)) return undefined
  return typeof reference.beacon === 'string' ? parseBeacon(reference.beacon)?.id.toLowerCase() : undefined
}
