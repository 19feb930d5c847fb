/** Whether two objects have the same UUID and tenant, in bounded memory. */
import {throwIfAborted} from '../model/errors.js'
import {type Keyed, RecordList, TenantNumbers} from './records.js'
import {TemporaryFolder} from './temporary-folder.js'

/** Of a source that does not say how many objects it has. */
const MANY = 10_000_000

export class DuplicateCheck {
  readonly #folder = new TemporaryFolder()
  readonly #records: RecordList
  readonly #tenants = new TenantNumbers()

  constructor(expected = MANY, maxInMemory?: number) {
    this.#records = new RecordList({expected, folder: this.#folder, maxInMemory, tenants: this.#tenants})
  }

  add(object: Keyed): void {
    this.#records.add(object)
  }

  async settle(): Promise<void> {
    await this.#records.settle()
  }

  /** One that is there twice. */
  async first(): Promise<Keyed | undefined> {
    const {value} = await this.all().next()
    return value ?? undefined
  }

  /** Each that is there once more. */
  async *all(signal?: AbortSignal): AsyncGenerator<Keyed, void, undefined> {
    for (let index = 0; index < this.#records.partitions; index++) {
      throwIfAborted(signal)
      const seen = new Set<string>()
      for (const key of await this.#records.keys(index)) {
        if (seen.has(key)) yield this.#tenants.keyedBy(key)
        seen.add(key)
      }
    }
  }

  async close(): Promise<void> {
    await this.#folder.remove()
  }
}
