/** The journal of a backup while it is written. */
import type {ContentDigest} from '../../archive/content-digest.js'
import type {TenantNote} from '../../flow/tenants/note.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {BackupJournal, TransferProgress} from './journal.js'
import type {Sample} from './sample.js'

import {journalName} from '../../archive/names.js'
import {utf8} from '../../codec/bytes.js'
import {OwnFile} from '../../store/own-file.js'

export interface KeptJournalOptions {
  /** Whether the backup is still this process's. @throws DataOpsError STORAGE when it is not. */
  check: () => Promise<void>
  collection: string
  content: ContentDigest
  /** What does not change. */
  fixed: Pick<BackupJournal, 'binding' | 'chain' | 'head' | 'identity' | 'recipient' | 'resumed' | 'tenants'>
  /** Of the backup. */
  name: string
  note: TenantNote
  sample: Sample
  store: Store
  /** As an earlier run left it. */
  written?: BackupJournal
}

export class KeptJournal {
  readonly #file: OwnFile
  #written?: BackupJournal

  constructor(private readonly options: KeptJournalOptions) {
    this.#file = new OwnFile(options.store, journalName(options.name), options.check)
    this.#written = options.written
  }

  /** As it lies there; undefined: nothing could be continued yet. */
  get written(): BackupJournal | undefined {
    return this.#written
  }

  async saveProgress(progress: TransferProgress): Promise<void> {
    const {content, fixed, sample} = this.options
    this.#written = {
      ...progress,
      ...fixed,
      activated: progress.group,
      content: content.state(),
      sample: sample.objects(new Set(progress.remaining.map(({tenant}) => tenant))),
      version: 1,
    }
    await this.#save(this.#written)
  }

  /** Keeps what is to be put back after a crash. Only once there is progress: tenants are activated after that. */
  async saveActivated(activated: WeaviateTenant[]): Promise<void> {
    const {check, collection, note} = this.options
    // Nothing is written beside what is another process's by now.
    await check()
    await note.save(activated.map((tenant) => ({...tenant, collection})))
    if (this.#written) await this.#save({...this.#written, activated})
  }

  async #save(journal: BackupJournal): Promise<void> {
    await this.#file.put(utf8(JSON.stringify(journal)))
  }
}
