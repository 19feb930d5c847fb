import type {Connection} from '../../weaviate/connection.js'
import type {ClearOptions, ClearResult} from './options.js'

import {DataOpsError} from '../../model/errors.js'
import {type WeaviateClass} from '../../model/schema.js'
import {noticingStandstill} from '../../store/standstill.js'
import {collectionMissing} from '../../weaviate/resolve.js'
import {type ManagerOptions, type Workplace, workplaceOf} from '../options.js'
import {Clear, type ClearRun, type Outcome} from './clear.js'
import {readDropMarker} from './drop-marker.js'
import {checkProtected} from './plan.js'

/** Empties collections. */
export class ClearManager {
  readonly #at: Workplace

  constructor(connection: Connection, options: ManagerOptions = {}) {
    this.#at = workplaceOf(connection, options)
  }

  /** Objects in a collection, in its active and inactive tenants; not in offloaded ones. @throws DataOpsError COLLECTION_MISSING; INVALID_INPUT for an alias. */
  async count(name: string, signal?: AbortSignal): Promise<number> {
    const schema = await this.#collection(name)
    return new Clear(this.#at, {signal}).count(schema)
  }

  /**
   * Deletes all objects of a collection, and nothing else. With `keepSchema: false` it is dropped and created again. With `backupFirst`
   * nothing is deleted but what the backup holds.
   * @throws DataOpsError COLLECTION_MISSING, INVALID_INPUT for an alias or (`keepSchema: false`) offloaded tenants, NOT_CONFIRMED for a protected name, BACKUP_DAMAGED when the backup taken first
   * does not hold, CONTENT_DIFFERS when a collection that is to be dropped still changes, COLLECTION_EXISTS when another one stands in the place of one that was dropped, CHECKPOINT when one of that name was dropped at another address and is not made again yet, INTERRUPTED, or what the
   * server answered once retries are used up; STORAGE when this process stood still for so long that it must not go on.
   */
  async clearCollection(name: string, options: ClearOptions = {}): Promise<ClearResult> {
    const started = performance.now()
    checkProtected(name, options)
    const result = await noticingStandstill(async (guard) => this.#clear(name, {...options, guard}))
    return {...result, seconds: (performance.now() - started) / 1000}
  }

  async #clear(name: string, options: ClearRun): Promise<Outcome> {
    const clear = new Clear(this.#at, options)
    const marker = await readDropMarker(this.#at.store, name, this.#at.connection.describe)
    const finished = marker && (await clear.finishDrop(name, marker))
    if (finished) return finished
    const schema = await this.#collection(name)
    // The server may take a name in another case for its own.
    checkProtected(schema.class, options)
    return clear.run(schema)
  }

  async #collection(name: string): Promise<WeaviateClass> {
    const alias = (await this.#at.connection.listAliases()).find((candidate) => candidate.alias === name)
    if (alias) {
      throw new DataOpsError('INVALID_INPUT', `"${name}" is an alias of "${alias.collection}".`, {
        details: {alias: name, collection: alias.collection},
        hint: `To clear that collection, name it: ${alias.collection}.`,
      })
    }

    const schema = await this.#at.connection.getCollection(name)
    if (!schema) throw await collectionMissing(this.#at.connection, name)
    return schema
  }
}
