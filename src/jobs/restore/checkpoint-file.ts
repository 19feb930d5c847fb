/** The file of a checkpoint: what it holds, and how it is read back. */
import type {Field} from '../../model/fields.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {RowRange} from './row-ranges.js'

import {DataOpsError} from '../../model/errors.js'
import {readOwnJson} from '../../store/own-json.js'

/** What a checkpoint belongs to. Any difference means that it is not ours to continue. */
export interface CheckpointBinding {
  backupId: string
  /** The backup's content digest: an edited backup is another backup. */
  digest: string
  /** Options that change what is written where. */
  options: string
  server: string
  target: string
}

export interface CheckpointFile {
  bereft?: RowRange[]
  binding: CheckpointBinding
  conflictsSettled?: boolean
  created: boolean
  /** Of restores that ended in the same go, the last whose checkpoint is left: what those said that went before it. */
  endedWith?: EndedCheckpoint[]
  gone?: RowRange[]
  identity?: string
  late?: RowRange[]
  made?: boolean
  /** `announced`: as of `references`; earlier releases have left it out. */
  objects: PassFile & {announced?: number}
  placeholders?: Placeholder[]
  references: PassFile & {announced: number}
  rejected: RowRange[]
  /** Of the file of rejected objects, what belongs to these rows. */
  rejectedBytes: number
  skipped: RowRange[]
  targetTenants?: TargetTenant[]
  tenants?: WeaviateTenant[]
  unseen?: RowRange[]
  version: 1
}

/** A checkpoint that was there when its restore was confirmed. */
export interface EndedCheckpoint {
  file: CheckpointFile
  /** Where it lay. */
  path: string
}

/** An object that stands in for one that is not there, while a reference to it is written. */
export interface Placeholder {
  collection: string
  id: string
  tenant?: string
  /** The times that the server gave it, milliseconds since 1970: known once it has been written. */
  times?: [created: number, updated: number]
  /** Of its vectors, as they were written. */
  vectors: string
}

/** A tenant of a collection that objects refer to. */
export interface TargetTenant extends WeaviateTenant {
  collection: string
}

export interface PassFile {
  /** Objects (or references) written. */
  count: number
  done: RowRange[]
  finished: boolean
}

const MAX_BYTES = 256 * 1024 * 1024

/** undefined: there is none. @throws DataOpsError CHECKPOINT when it cannot be understood. */
export async function readCheckpoint(store: Store, name: string): Promise<CheckpointFile | undefined> {
  return readOwnJson(store, name, {
    damaged: (cause) =>
      new DataOpsError('CHECKPOINT', `The checkpoint ${store.describe(name)} is damaged.`, {
        cause,
        hint: 'Use `restart: true` to start over.',
      }),
    maxBytes: MAX_BYTES,
    name: 'checkpoint',
    read: readFile,
  })
}

function readFile(file: Field): CheckpointFile {
  const objects = file.member('objects')
  const references = file.member('references')
  return {
    bereft: file.member('bereft').optional(ranges),
    binding: readBinding(file.member('binding')),
    conflictsSettled: file.member('conflictsSettled').optional((item) => item.boolean()),
    created: file.member('created').boolean(),
    endedWith: file
      .member('endedWith')
      .optional((list) => list.listOf((one) => ({file: readFile(one.member('file')), path: text(one.member('path'))}))),
    gone: file.member('gone').optional(ranges),
    identity: file.member('identity').optional(text),
    late: file.member('late').optional(ranges),
    made: file.member('made').optional((item) => item.boolean()),
    objects: {...readPass(objects), announced: objects.member('announced').optional((rows) => rows.count())},
    placeholders: file.member('placeholders').optional((list) => list.listOf(readPlaceholder)),
    references: {...readPass(references), announced: references.member('announced').count()},
    rejected: ranges(file.member('rejected')),
    rejectedBytes: file.member('rejectedBytes').count(),
    skipped: ranges(file.member('skipped')),
    targetTenants: file
      .member('targetTenants')
      .optional((list) =>
        list.listOf((tenant) => ({...readInactive(tenant), collection: text(tenant.member('collection'))})),
      ),
    tenants: file.member('tenants').optional((list) => list.listOf(readInactive)),
    unseen: file.member('unseen').optional(ranges),
    version: file.member('version').exactly(1),
  }
}

function readBinding(field: Field): CheckpointBinding {
  // One that an earlier release has left out is another's.
  const member = (name: keyof CheckpointBinding): string => field.member(name).optional(text) ?? ''
  return {
    backupId: text(field.member('backupId')),
    digest: member('digest'),
    options: member('options'),
    server: member('server'),
    target: member('target'),
  }
}

function readPass(field: Field): PassFile {
  return {
    count: field.member('count').count(),
    done: ranges(field.member('done')),
    finished: field.member('finished').boolean(),
  }
}

export function readPlaceholder(field: Field): Placeholder {
  const tenant = field.member('tenant').optional(text)
  const times = field.member('times').optional(pair)
  return {
    collection: text(field.member('collection')),
    id: text(field.member('id')),
    ...(tenant !== undefined && {tenant}),
    ...(times && {times}),
    vectors: field.member('vectors').optional(text) ?? '',
  }
}

function readInactive(field: Field): WeaviateTenant {
  return {name: text(field.member('name')), status: field.member('status').oneOf(['COLD', 'FROZEN'])}
}

function ranges(field: Field): RowRange[] {
  return field.listOf((range) => {
    const [from, to] = pair(range)
    return from < to ? [from, to] : range.fail('is no range')
  })
}

function pair(field: Field): [number, number] {
  const [first, second, ...more] = field.array()
  if (!first || !second || more.length > 0) return field.fail('is no pair of numbers')
  return [first.count(), second.count()]
}

function text(field: Field): string {
  return field.text()
}
