/** As much of an unfinished backup's journal as says whether anybody needs it. */
import type {Store} from '../store/store.js'
import type {ArchivePosition} from './writer.js'

import {readOwnJson} from '../store/own-json.js'
import {journalName} from './names.js'

/** A journal names each tenant that is left to be read. */
export const MAX_JOURNAL_BYTES = 256 * 1024 * 1024

export interface JournalFacts {
  /** Tenants that may have been left active. */
  activated: number
  /** The id that the backup is to have. */
  backupId: string
  position: Pick<ArchivePosition, 'document' | 'parts'>
  recipient?: string
}

/** undefined: there is none, or it says that it is over. @throws DataOpsError CHECKPOINT when it cannot be understood; STORAGE when it cannot be read now. */
export async function readJournalFacts(store: Store, backup: string): Promise<JournalFacts | undefined> {
  return readOwnJson(store, journalName(backup), {
    maxBytes: MAX_JOURNAL_BYTES,
    name: 'journal',
    read(file) {
      file.member('version').exactly(1)
      const recipient = file.member('recipient').optional((item) => item.text())
      const position = file.member('position')
      position.member('parts').listOf((part) => part.object())
      return {
        activated: file.member('activated').array().length,
        backupId: file.member('head').member('metadata').member('backup_id').text(),
        position: position.value as ArchivePosition,
        ...(recipient !== undefined && {recipient}),
      }
    },
  })
}
