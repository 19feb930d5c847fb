/** What a pass over rows keeps account of: how far it is, what was refused, what is to be put back. */
import type {Placeholder, TargetTenant} from './checkpoint-file.js'
import type {Checkpoint, Pass} from './checkpoint.js'

import {type WeaviateTenant} from '../../model/tenant.js'
import {RowRanges} from './row-ranges.js'

/** That of one process is a checkpoint. */
export type RestoreAccount = Pick<
  Checkpoint,
  | 'calm'
  | 'gone'
  | 'objects'
  | 'placeholders'
  | 'references'
  | 'rejected'
  | 'save'
  | 'saveSoon'
  | 'skipped'
  | 'targetTenants'
  | 'tenants'
>

export interface ItemAccountOptions {
  /** Waits until nothing that an earlier attempt has sent can still be at work in the server. */
  calm: (signal?: AbortSignal) => Promise<void>
  /** Keeps outside of this process what stands in for objects that are not there, to be deleted by the next attempt. */
  keepPlaceholders: (placeholders: readonly Placeholder[]) => Promise<void>
  /** Left by an earlier attempt. */
  placeholders: Placeholder[]
  /** Not to be sent: the target had them before, or they were refused. */
  rejected?: RowRanges
  skipped: RowRanges
  targetTenants: TargetTenant[]
  tenants?: WeaviateTenant[]
}

/** That of one attempt at an item, which is done as a whole or not at all: nothing of it outlives the process but placeholders. */
export class ItemAccount implements RestoreAccount {
  readonly gone = new RowRanges()
  readonly objects: Pass = {count: 0, done: new RowRanges(), finished: false}
  readonly references: Pass & {announced: number} = {announced: 0, count: 0, done: new RowRanges(), finished: false}
  readonly rejected: RowRanges
  readonly skipped: RowRanges
  placeholders: Placeholder[]
  targetTenants: TargetTenant[]
  tenants?: WeaviateTenant[]
  readonly #options: ItemAccountOptions
  #kept: Placeholder[]

  constructor(options: ItemAccountOptions) {
    this.#options = options
    this.placeholders = options.placeholders
    this.#kept = options.placeholders
    this.rejected = options.rejected ?? new RowRanges()
    this.skipped = options.skipped
    this.targetTenants = options.targetTenants
    this.tenants = options.tenants
  }

  async calm(signal?: AbortSignal): Promise<void> {
    await this.#options.calm(signal)
  }

  async save(): Promise<void> {
    if (this.placeholders.length === 0 && this.#kept.length === 0) return
    const kept = [...this.placeholders]
    await this.#options.keepPlaceholders(kept)
    this.#kept = kept
  }

  async saveSoon(): Promise<void> {
    // Its rows are done once all of them are.
  }
}
