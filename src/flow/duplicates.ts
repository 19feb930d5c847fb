/** Whether two objects have the same UUID and tenant, in bounded memory. */
import type {WeaviateObject} from '../model/object.js'

import {throwIfAborted} from '../model/errors.js'
import {
  idOf,
  KEY_BYTES,
  keyAt,
  MAX_RECORDS_IN_MEMORY,
  partitionsFor,
  RecordList,
  TenantNumbers,
  tenantOf,
} from './records.js'
import {TemporaryFolder} from './temporary-folder.js'

/** Of a source that does not say how many objects it has. */
const MANY = 10_000_000

export class DuplicateCheck {
  readonly #folder = new TemporaryFolder()
  readonly #records: RecordList
  readonly #tenants = new TenantNumbers()

  constructor(expectedObjects = MANY, maxInMemory = MAX_RECORDS_IN_MEMORY) {
    this.#records = new RecordList({
      folder: this.#folder,
      maxInMemory,
      partitions: partitionsFor(expectedObjects, maxInMemory),
      recordBytes: KEY_BYTES,
    })
  }

  add({id, tenant}: Pick<WeaviateObject, 'id' | 'tenant'>): void {
    this.#records.add(this.#tenants.number(tenant), id)
  }

  async settle(): Promise<void> {
    await this.#records.settle()
  }

  /** One that is there twice. */
  async first(): Promise<undefined | {id: string; tenant?: string}> {
    const {value} = await this.all().next()
    return value ?? undefined
  }

  /** Each that is there once more. */
  async *all(signal?: AbortSignal): AsyncGenerator<{id: string; tenant?: string}, void, undefined> {
    for (let index = 0; index < this.#records.partitions; index++) {
      throwIfAborted(signal)
      const records = await this.#records.read(index)
      const seen = new Set<string>()
      for (let at = 0; at < records.length; at += KEY_BYTES) {
        const key = keyAt(records, at)
        if (seen.has(key)) {
          const tenant = this.#tenants.name(tenantOf(key))
          yield {id: idOf(key), ...(tenant !== undefined && {tenant})}
        }

        seen.add(key)
      }
    }
  }

  async close(): Promise<void> {
    await this.#folder.remove()
  }
}
