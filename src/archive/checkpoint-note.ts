/** Says beside a backup that a restore of it waits to be continued, where its checkpoint lies in another place. */
import type {Warning} from '../model/progress.js'
import type {Store} from '../store/store.js'

import {utf8} from '../codec/bytes.js'
import {DataOpsError} from '../model/errors.js'
import {forget} from '../store/forget.js'
import {readOwnJson} from '../store/own-json.js'
import {checkpointNoteName} from './names.js'

export class CheckpointNote {
  readonly #key: string
  #isWritten = false

  /** `checkpoint`: its name; `path`: where it lies; `store`: where the backup does. */
  constructor(private readonly at: {checkpoint: string; path: string; store: Store; warn: (warning: Warning) => void}) {
    this.#key = checkpointNoteName(at.checkpoint)
  }

  /** Once, before the checkpoint. A place that nothing can be written to is said. */
  async write(): Promise<void> {
    if (this.#isWritten) return
    this.#isWritten = true
    try {
      await this.at.store.put(this.#key, utf8(JSON.stringify({checkpoint: this.at.path})))
    } catch (error) {
      if (!(error instanceof DataOpsError)) throw error
      this.at.warn({
        code: 'checkpoint-not-noted',
        details: {checkpoint: this.at.path, reason: error.message},
        message: `Nothing says beside the backup that this restore needs it until it has ended: whoever may write there can remove it meanwhile. ${error.message}`,
      })
    }
  }

  /** After the checkpoint. */
  async remove(): Promise<void> {
    try {
      await forget(this.at.store, this.#key)
    } catch (error) {
      // Where it could not be written, there is none.
      if (!(error instanceof DataOpsError)) throw error
    }
  }
}

/** Where the checkpoint lies that a note speaks of; undefined: it does not say. That it is there is enough. */
export async function notedCheckpoint(store: Store, note: string): Promise<string | undefined> {
  return readOwnJson(store, note, {
    name: 'note',
    read: (file) => file.member('checkpoint').text(),
  }).catch(() => undefined)
}
