/** A small file that one run writes again and again while it holds a lease. */
import type {PutCondition, Store} from './store.js'

import {DataOpsError} from '../model/errors.js'

const MOST_TRIES = 10

/**
 * Written on condition that it is still as this run has left it: what a run that stood still has on its way to the disk must not land on
 * its successor's, nor where the successor has removed it.
 */
export class OwnFile {
  /** As this run left it; undefined: it has not written it yet. */
  #condition?: PutCondition

  /** `check`: whether the lease is held. @throws what `put` is to throw when it was lost. */
  constructor(
    private readonly store: Store,
    private readonly key: string,
    private readonly check: () => Promise<void>,
  ) {}

  /** For who has just looked at the lease. @throws DataOpsError STORAGE, and as `check`. */
  async put(bytes: Uint8Array): Promise<void> {
    this.#condition ??= await this.#found()
    let tag = await this.store.put(this.key, bytes, this.#condition)
    for (let tries = 1; tag === undefined && this.#condition; tries++) {
      if (tries > MOST_TRIES) throw changedByOthers(this.store.describe(this.key))
      // An answer was lost, or somebody has edited or removed it: it is this run's all the same, as it is while the lease is.
      this.#condition = await this.#found()
      tag = await this.store.put(this.key, bytes, this.#condition)
    }

    this.#condition = tag === undefined ? undefined : {ifMatch: tag}
  }

  /** What is there while the lease is held. */
  async #found(): Promise<PutCondition | undefined> {
    const entry = await this.store.stat(this.key, 'file')
    await this.check()
    if (!entry) return {ifAbsent: true}
    return entry.tag === undefined ? undefined : {ifMatch: entry.tag}
  }
}

function changedByOthers(where: string): DataOpsError {
  return new DataOpsError('STORAGE', `${where} is changed by another program, again and again.`, {
    hint: 'Stop that program, and run this again.',
  })
}
