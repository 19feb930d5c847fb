/** Restores that go on together: a run that died while it removed their checkpoints has left what all of them said in the last one. */
import type {Store} from '../../store/store.js'

import {type CheckpointFile, readCheckpoint} from './checkpoint-file.js'

export class EndedTogether {
  readonly #checkpoints: Array<{name: string; store: Store}> = []
  #ended?: Promise<ReadonlyMap<string, CheckpointFile>>

  /** The checkpoint of one of them, there or not. Before anything is looked for. */
  add(store: Store, name: string): void {
    this.#checkpoints.push({name, store})
  }

  /** What is there by now is looked for anew. */
  refresh(): void {
    this.#ended = undefined
  }

  /** What a checkpoint said that is gone, where another one that is left tells of it. */
  async find(store: Store, name: string): Promise<CheckpointFile | undefined> {
    if (this.#checkpoints.length < 2) return undefined
    this.#ended ??= this.#read()
    return (await this.#ended).get(store.describe(name))
  }

  async #read(): Promise<ReadonlyMap<string, CheckpointFile>> {
    const ended = new Map<string, CheckpointFile>()
    for (const {name, store} of this.#checkpoints) {
      // One that cannot be read is told of by who goes on with it.
      const file = await readCheckpoint(store, name).catch(() => undefined)
      for (const one of file?.endedWith ?? []) ended.set(one.path, one.file)
    }

    return ended
  }
}
