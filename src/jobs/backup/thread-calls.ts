/** What the threads of a backup and the one that leads them say to each other. */
import type {ContentState, ObjectContent} from '../../archive/content-digest.js'
import type {Extent, WrittenPart} from '../../archive/writer.js'
import type {RetryOptions} from '../../flow/options.js'
import type {Slice} from '../../flow/parallel-reader.js'
import type {Cost} from '../../flow/throttle.js'
import type {WeaviateObject} from '../../model/object.js'
import type {Warning} from '../../model/progress.js'
import type {OpenAgain} from '../../store/open.js'
import type {ConnectAgain} from '../../weaviate/connect.js'
import type {ServerCall} from '../../weaviate/connection.js'
import type {HeaderSource} from '../../weaviate/headers.js'
import type {BackupWork} from './items.js'

/** What a thread must know, once. */
export interface ThreadSetup extends Omit<BackupWork, 'counts' | 'identity' | 'scope'>, RetryOptions {
  /** Pages in flight of this thread at most. */
  concurrency: number
  connect: ConnectAgain
  /** Bytes and milliseconds between two flushes. */
  flushEvery: {bytes: number; ms: number}
  /** Whether what became of each object is wanted, to look at it again later. */
  isIndexed: boolean
  /** Whether the rate is limited. */
  isLimited: boolean
  store: OpenAgain
}

/** A page that a thread has dealt with. */
export interface ThreadPage {
  /** Of the part that the thread is writing, so far. */
  bytes: number
  /** With transforms: what was written. Two must not be one. */
  changed?: Array<Pick<WeaviateObject, 'id' | 'tenant'>>
  /** Of a document: its lines, to be written in the order of coming, and what belongs to them. */
  document?: {lines: Uint8Array; result: ThreadResult; written: Extent}
  /** Ids of the objects as they were read, one behind another. */
  ids: string
  /** What was written, where that is wanted. */
  indexed?: Array<[updated: number | undefined, content: ObjectContent]>
  /** Some of the objects as they were read. */
  sample: WeaviateObject[]
  /** Pages that another thread could take over, about. */
  spare: number
  tenant?: string
}

/** What a thread has written since it last said so. */
export interface ThreadResult {
  content: ContentState
  parts: WrittenPart[]
  /** What of its slices is not read, or not written for good. */
  remaining: Slice[]
  /** With transforms: which objects were read, as `TakenSum` tells it. */
  takenSum?: string
}

/** What a thread is asked. */
export interface ThreadCalls {
  /** Lets go of what it has open. */
  close: () => Promise<void>
  /** Ends the part that it is writing. */
  finish: () => Promise<void>
  /** Takes a slice from what it reads, where that is worth it. */
  give: () => Slice | undefined
  /** The server has pushed another thread back. */
  pushBack: () => void
  /** Resolves once these are read; rejects as a job does. */
  read: (slices: Slice[]) => Promise<void>
  start: (setup: ThreadSetup) => Promise<void>
  /** Ends what it does as Ctrl-C ends a job. */
  stop: () => void
}

/** What a thread asks of the one that leads. */
export interface LeaderCalls {
  called: (call: ServerCall) => void
  flushed: (result: ThreadResult) => Promise<void>
  headers: HeaderSource
  page: (page: ThreadPage) => Promise<void>
  partName: (extension: string) => Promise<string>
  /** Resolves once the rate allows it. */
  pay: (cost: Cost) => Promise<void>
  pushedBack: () => void
  warn: (warning: Warning) => void
}
