import type {Connection} from '../../weaviate/connection.js'
import type {CopiedCollections, CopyManagerOptions, CopyOptions, CopyResult, CopyRunOptions} from './options.js'

import {openStore} from '../../store/open.js'
import {called} from '../../weaviate/which-server.js'
import {DEFAULT_DIRECTORY, tenantNotes} from '../options.js'
import {copyCollection, copyCollections, type CopyPlace} from './copy.js'

/** Copies collections from one server to another, or within one under another name. */
export class CopyManager {
  readonly #place: CopyPlace

  /** `target`: default the source's own server. */
  constructor(source: Connection, target: Connection = source, options: CopyManagerOptions = {}) {
    const store = options.store ?? openStore(options.directory ?? DEFAULT_DIRECTORY)
    const isOne = source === target
    this.#place = {
      notes: tenantNotes(store, options.stateDirectory),
      source: isOne ? source : called(source, 'source'),
      store,
      target: isOne ? target : called(target, 'target'),
    }
  }

  /**
   * Copies a collection, given by name or alias: the objects that there are while their ids are listed, each as it is when it is read. A run
   * that was interrupted is continued from its checkpoint.
   * @throws DataOpsError INVALID_INPUT, also when the target is the source; COLLECTION_MISSING, COLLECTION_EXISTS, SCHEMA_MISMATCH, CHECKPOINT,
   * INTERRUPTED, CONTENT_DIFFERS, or what one of the servers answered once retries are used up.
   */
  async copyCollection(name: string, options: CopyOptions = {}): Promise<CopyResult> {
    return copyCollection(this.#place, name, options)
  }

  /** Copies several collections, or all there are, in an order that references between them allow; names may be patterns (`Art*`). */
  async copyCollections(names: readonly string[] | 'all', options: CopyRunOptions = {}): Promise<CopiedCollections> {
    return copyCollections(this.#place, names, options)
  }
}
