import type {ContentState} from '../../archive/content-digest.js'
import type {ArchivePosition} from '../../archive/writer.js'
import type {BackupHead} from '../../codec/document.js'
import type {Slice} from '../../flow/parallel-reader.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {CompletenessState} from './completeness.js'
import type {SampledObject} from './sample.js'

import {MAX_JOURNAL_BYTES} from '../../archive/journal-facts.js'
import {journalName} from '../../archive/names.js'
import {utf8} from '../../codec/bytes.js'
import {DataOpsError} from '../../model/errors.js'
import {forget} from '../../store/forget.js'
import {readOwnJson} from '../../store/own-json.js'

/** Inactive tenants that are read, and put back, together. */
export interface ActivationGroup {
  slices: Slice[]
  /** With the states to put back. */
  tenants: WeaviateTenant[]
}

/** How far a transfer is, as of the last flush. */
export interface TransferProgress {
  /** Absent from journals of earlier releases. */
  checked?: CompletenessState
  /** Tenants that have to be active for `remaining` to be read, with the states to put back. */
  group: WeaviateTenant[]
  position: ArchivePosition
  /** Slices not read, or not in `position`. */
  remaining: Slice[]
  /** Objects that were read, and what came of them is in `position`, by tenant; absent where none are changed on the way. */
  taken?: Array<[tenant: null | string, objects: number]>
  /** Which those were; absent from journals of earlier releases too. */
  takenSum?: string
  /** Groups whose turn has not come, with what is left to read of them. */
  waiting: ActivationGroup[]
}

/** The tenants of a backup, decided when it starts and kept when it is resumed. */
export interface TenantScope {
  /** Names of those that are in it. */
  read: string[]
  skipped: Array<{name: string; reason: string}>
}

/** What an unfinished backup needs to go on: where the bytes on disk end, and what is still to be read. */
export interface BackupJournal extends TransferProgress {
  /** Tenants that this backup may have activated, with the states to put back. */
  activated: WeaviateTenant[]
  binding: JournalBinding
  /** Which transforms have made what is there, as `chainIdentity` tells them; absent where objects are written as they are. */
  chain?: string
  content: ContentState
  head: BackupHead
  /** What tells the collection from another of its name; absent where the server does not show it. */
  identity?: string
  /** Of the key that its files are encrypted to: the public half. */
  recipient?: string
  /** When it was continued, RFC 3339. */
  resumed?: string[]
  /** Some of the objects that were read, for when there is no `identity`. */
  sample?: SampledObject[]
  /** Absent in collections without tenants. */
  tenants?: TenantScope
  version: 1
}

/** A journal belongs to one server, collection, schema and set of options. */
export interface JournalBinding {
  collection: string
  options: string
  schemaSha256: string
  server: string
}

/** As `sameBinding`, at whatever address the server is. */
export function sameWork(a: JournalBinding, b: JournalBinding): boolean {
  return sameBinding(a, {...b, server: a.server})
}

export function sameBinding(a: JournalBinding, b: JournalBinding): boolean {
  return (
    a.collection === b.collection &&
    a.options === b.options &&
    a.schemaSha256 === b.schemaSha256 &&
    a.server === b.server
  )
}

/** undefined: there is none. @throws DataOpsError CHECKPOINT when it cannot be understood. */
export async function readJournal(store: Store, backup: string): Promise<BackupJournal | undefined> {
  const name = journalName(backup)
  return readOwnJson(store, name, {
    damaged: (cause) =>
      new DataOpsError('CHECKPOINT', `The journal ${store.describe(name)} is damaged.`, {
        cause,
        hint: 'Run the backup without `resume`, and remove the unfinished one.',
      }),
    maxBytes: MAX_JOURNAL_BYTES,
    name: 'journal',
    // What else it holds is as this program has written it: it is in no place that others write to.
    read(file) {
      file.member('version').exactly(1)
      file.member('remaining').array()
      file.member('position').member('rows').count()
      return file.value as BackupJournal
    },
  })
}

/** Replaced as a whole: a crash leaves the journal before or the journal after. */
export async function writeJournal(store: Store, backup: string, journal: BackupJournal): Promise<void> {
  await store.put(journalName(backup), utf8(JSON.stringify(journal)))
}

export async function removeJournal(store: Store, backup: string): Promise<void> {
  await forget(store, journalName(backup))
}
