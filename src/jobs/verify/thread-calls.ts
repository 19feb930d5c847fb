/** What the threads that check parts of a backup and the one that leads them say to each other. */
import type {CheckedPart} from '../../archive/hashes.js'
import type {EncryptionOptions} from '../../store/encryption.js'
import type {OpenAgain} from '../../store/open.js'
import type {PartRows} from './part-rows.js'

/** What a thread must know, once. */
export interface PartThreadSetup {
  /** Of the seal that it must find. */
  checksum: string
  keys: Pick<EncryptionOptions, 'identities'>
  name: string
  store: OpenAgain
}

/** Objects of a page, as `PartRowsOptions.onPage` is told of them. */
export interface CheckedPage {
  /** One behind another. */
  ids: string
  objects: number
  part: number
  /** Of each object that has an id here; absent where none is of a tenant. */
  tenants?: Array<string | undefined>
}

/** What a thread is asked; a part by its number among those of the seal. */
export interface ThreadCalls {
  hash: (part: number) => Promise<CheckedPart>
  /** The same, with its proof. */
  prove: (part: number) => Promise<CheckedPart>
  rows: (part: number) => Promise<PartRows>
  start: (setup: PartThreadSetup) => Promise<void>
}

/** What a thread asks of the one that leads. */
export interface LeaderCalls {
  hashed: (step: {bytes: number; part: number}) => void
  page: (page: CheckedPage) => Promise<void>
}
