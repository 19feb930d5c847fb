/** What a pass over rows keeps account of: how far it is, what was refused, what is to be put back. */
import type {Placeholder} from './checkpoint-file.js'

import {type Checkpoint, passFrom} from './checkpoint.js'
import {type RowRange, RowRanges} from './row-ranges.js'

/** That of one process is a checkpoint. */
export type RestoreAccount = Pick<
  Checkpoint,
  | 'bereft'
  | 'calm'
  | 'gone'
  | 'late'
  | 'objects'
  | 'placeholders'
  | 'references'
  | 'rejected'
  | 'save'
  | 'saveSoon'
  | 'skipped'
  | 'targetTenants'
  | 'tenants'
  | 'unseen'
>

/** Rows that are announced at once, before the first of them is sent. */
const ANNOUNCED_ROWS = 5000

/** On the disk before the first row up to there leaves, and `ahead` more: a crash must not hide what was sent. */
export async function announce(
  account: Pick<RestoreAccount, 'objects' | 'references' | 'save'>,
  pass: 'objects' | 'references',
  to: number,
  ahead = ANNOUNCED_ROWS,
): Promise<void> {
  if (to <= account[pass].announced) return
  account[pass].announced = to + ahead
  await account.save()
}

export interface ItemAccountOptions extends Pick<
  RestoreAccount,
  'calm' | 'placeholders' | 'targetTenants' | 'tenants'
> {
  /** Rows whose objects earlier attempts, or an earlier run, may have sent end before it. */
  announced: number
  /** Keeps outside of this process what stands in for objects that are not there, to be deleted by the next attempt. */
  keepPlaceholders: (placeholders: readonly Placeholder[]) => Promise<void>
  /** Not to be sent: the target had them before, or they were refused. */
  rejected: readonly RowRange[]
  skipped: readonly RowRange[]
}

/** That of one attempt at an item, which is done as a whole or not at all: nothing of it outlives the process but placeholders. */
export function itemAccount({
  announced,
  keepPlaceholders,
  rejected,
  skipped,
  ...known
}: ItemAccountOptions): RestoreAccount {
  const last = {kept: known.placeholders}
  return {
    ...known,
    bereft: new RowRanges(),
    gone: new RowRanges(),
    late: new RowRanges(),
    objects: {...passFrom(undefined), announced},
    references: {...passFrom(undefined), announced: 0},
    rejected: new RowRanges(rejected),
    async save() {
      if (this.placeholders.length === 0 && last.kept.length === 0) return
      const placeholders = [...this.placeholders]
      await keepPlaceholders(placeholders)
      last.kept = placeholders
    },
    async saveSoon() {
      // Its rows are done once all of them are.
    },
    skipped: new RowRanges(skipped),
    unseen: new RowRanges(),
  }
}
