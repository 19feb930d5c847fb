/** The journal of a backup while it is written. */
import type {ContentDigest} from '../../archive/content-digest.js'
import type {TenantNote} from '../../flow/tenants/note.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {Sample} from './sample.js'
import type {TransferProgress} from './transfer.js'

import {type BackupJournal, writeJournal} from './journal.js'

export interface KeptJournalOptions {
  collection: string
  content: ContentDigest
  /** What does not change. */
  fixed: Pick<BackupJournal, 'binding' | 'head' | 'identity' | 'recipient' | 'resumed' | 'tenants'>
  /** Of the backup. */
  name: string
  note: TenantNote
  sample: Sample
  store: Store
  /** As an earlier run left it. */
  written?: BackupJournal
}

export class KeptJournal {
  readonly #options: KeptJournalOptions
  #written?: BackupJournal

  constructor(options: KeptJournalOptions) {
    this.#options = options
    this.#written = options.written
  }

  /** As it lies there; undefined: nothing could be continued yet. */
  get written(): BackupJournal | undefined {
    return this.#written
  }

  async saveProgress(progress: TransferProgress): Promise<void> {
    const {content, fixed, name, sample, store} = this.#options
    this.#written = {
      ...progress,
      ...fixed,
      activated: progress.group,
      content: content.state(),
      sample: sample.objects(new Set(progress.remaining.map(({tenant}) => tenant))),
      version: 1,
    }
    await writeJournal(store, name, this.#written)
  }

  /** Keeps what is to be put back after a crash. Only once there is progress: tenants are activated after that. */
  async saveActivated(activated: WeaviateTenant[]): Promise<void> {
    const {collection, name, note, store} = this.#options
    await note.save(activated.map((tenant) => ({...tenant, collection})))
    if (this.#written) await writeJournal(store, name, {...this.#written, activated})
  }
}
