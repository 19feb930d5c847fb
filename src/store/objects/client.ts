/** What the client of a cloud must do so that backups can lie there: one request a call, no retries; everything else is done once, for all of them. */

import type {ReceivedBuffers} from '../../platform/received-buffers.js'
import type {ObjectLock, PutCondition} from '../store.js'

import {concatBytes} from '../../codec/bytes.js'

export interface ObjectClient {
  /** A tag in the form of the service that no object has. */
  readonly noTag: string
  /** Begins a write of unknown length; nothing is to be seen of it before `complete`. */
  begin: (key: string, options: BeginOptions, call: Call) => Promise<Upload>
  /** What went wrong, for an error that any of these calls threw. */
  failure: (error: unknown) => Failure
  /** From `start` up to `end` or the end of the object; undefined when it holds nothing at all. `tag`: only of that version. */
  get: (key: string, range: ReadRange, call: Call) => Promise<Piece | undefined>
  /** undefined: there is nothing of that name. */
  head: (key: string, call: Call) => Promise<FoundObject | undefined>
  /** One page, in the order of the keys. */
  list: (request: ListRequest, call: Call) => Promise<ListPage>
  /** Locks of single objects. */
  readonly locks: LockClient
  /** The new tag; fails with `condition` when that is not met. */
  put: (key: string, bytes: Uint8Array, options: PutOptions, call: Call) => Promise<string>
  /** Removes objects, at most a page of a listing; one that is not there is none to be removed. */
  remove: (keys: readonly string[], call: Call) => Promise<void>
  /** Writes that were begun and never completed. Absent: the service drops them by itself, and charges nothing or shows them to nobody. */
  uploads?: (prefix: string, call: Call) => Promise<UnfinishedUpload[]>
}

/** The name of the metadata that tells one write of an object from another. */
export const MARK = 'elysia-write'

export interface Call {
  /** Ends the request. */
  signal: AbortSignal
}

export interface BeginOptions {
  /** From the first moment. */
  lock?: ObjectLock
  /** Stored as metadata `MARK`. */
  mark: string
}

export interface PutOptions extends BeginOptions {
  condition?: PutCondition
}

/** Locks of single objects, in a bucket that keeps older versions. */
export interface LockClient {
  areOn: (call: Call) => Promise<LocksFound>
  /** Sets the lock of a version; fails where that would shorten it. */
  lock: (version: ObjectVersion, lock: ObjectLock, call: Call) => Promise<void>
  /** Of a version that `versions` gave; undefined: it has none. Absent: `versions` says it. */
  lockOf?: (version: ObjectVersion, call: Call) => Promise<ObjectLock | undefined>
  /** One page, in the order of the keys; of each key all versions, in an order from old to new or the other way. */
  versions: (request: VersionRequest, call: Call) => Promise<VersionPage>
  /** Whether a page lists the versions of a key from the newest to the oldest; default false. */
  readonly isNewestFirst?: boolean
}

export interface LocksFound {
  /** The answer's header of that name, a text or a `Date`: the time by the service's clock. */
  date?: unknown
  /** Whether the bucket has them. */
  isOn: boolean
}

export interface ObjectVersion extends FoundObject {
  /** What is seen without naming a version. */
  isCurrent: boolean
  /** It says that the object was removed, and holds nothing. */
  isRemoval: boolean
  /** Where the listing says it. */
  lock?: ObjectLock
  version: string
}

export interface VersionRequest {
  /** `next` of the page before. */
  after?: string
  delimiter?: '/'
  /** More versions of a key than two may be left out. */
  isForNames?: boolean
  prefix: string
}

export interface VersionPage {
  folders: string[]
  next?: string
  versions: ObjectVersion[]
}

/** Bytes from `start` up to `end`, more than none. */
export interface ReadRange {
  end: number
  /** As many bytes, to be filled: what comes may lie in it. */
  memory?: Uint8Array
  start: number
  tag?: string
  /** Default: what is there now. */
  version?: string
}

export interface ListRequest {
  /** `next` of the page before. */
  after?: string
  delimiter?: '/'
  limit?: number
  prefix: string
}

export interface ListPage {
  folders: string[]
  next?: string
  objects: FoundObject[]
}

export interface FoundObject {
  bytes: number
  key: string
  mark?: string
  /** Milliseconds since 1970, by the service's clock. */
  modified: number
  tag: string
}

export interface Piece {
  bytes: Uint8Array
  modified: number
  /** Bytes of the whole object. */
  size: number
  tag: string
}

/**
 * The bytes of an answer to `get`, each copied once; of whoever does not know ranges they are more.
 * `received`: of a body whose pieces are views of what Node read from the connection, and nobody else's.
 */
export async function bodyOf(
  body: AsyncIterable<Uint8Array>,
  {end, start, memory = new Uint8Array(end - start)}: ReadRange,
  received?: ReceivedBuffers,
): Promise<Uint8Array> {
  const others: Uint8Array[] = []
  let filled = 0
  for await (const piece of body) {
    if (others.length > 0 || filled + piece.length > memory.length)
      others.push(received ? new Uint8Array(piece) : piece)
    else {
      memory.set(piece, filled)
      filled += piece.length
    }

    received?.note(piece)
  }

  const bytes = memory.subarray(0, filled)
  return others.length === 0 ? bytes : concatBytes([bytes, ...others])
}

/** What an answer to `get` holds, by its header `Content-Range`: whoever does not know ranges sends all of it. */
export function contentOf(
  bytes: Uint8Array,
  contentRange: string | undefined,
  {end, start}: ReadRange,
): Pick<Piece, 'bytes' | 'size'> {
  const total = /\/(\d+)$/.exec(contentRange ?? '')?.[1]
  return total === undefined ? {bytes: bytes.subarray(start, end), size: bytes.length} : {bytes, size: Number(total)}
}

/** A write under way. Parts may be sent at the same time, and again. */
export interface Upload {
  abort: (call: Call) => Promise<void>
  /** Makes it visible on condition that the key is free; fails with `condition` when it is not. */
  complete: (call: Call) => Promise<void>
  readonly limits: UploadLimits
  /** `number` from 1; `isLast`: none follows. */
  part: (number: number, bytes: Uint8Array, isLast: boolean, call: Call) => Promise<void>
}

export interface UploadLimits {
  /** Parts that may be under way at once. */
  atOnce: number
  /** All but the last must have one size. */
  isEqual?: boolean
  parts: number
}

/** A write that was begun, and neither completed nor dropped. */
export interface UnfinishedUpload {
  abort: (call: Call) => Promise<void>
  /** Milliseconds since 1970, by the service's clock. */
  begun: number
  key: string
}

export type FailureKind =
  /** Nothing of that name, or no upload. */
  | 'absent'
  /** The service cannot answer now: throttled, overloaded, cut off. */
  | 'busy'
  /** The time of this machine is wrong. */
  | 'clock'
  /** A condition was not met. */
  | 'condition'
  /** Another write was under way. */
  | 'conflict'
  | 'denied'
  /** No room is left: the storage, or a quota of it, is used up. */
  | 'full'
  | 'no-bucket'
  | 'no-credentials'
  | 'refused'
  | 'region'
  | 'too-large'
  | 'unreachable'
  /** The service does not know what was asked for. */
  | 'unsupported'

export interface Failure {
  /** The service's own word for it. */
  code?: string
  kind: FailureKind
  /** Whether the service may have done what was asked although it failed. */
  mayBeDone: boolean
  /** What would allow it, where that is known. */
  permission?: string
  /** In the service's words; no secret. */
  reason: string
  retryAfterMs?: number
  status?: number
}
