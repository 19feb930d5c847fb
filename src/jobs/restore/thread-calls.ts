/** What the threads of a restore and the one that leads them say to each other. */
import type {WriteFailure} from '../../model/object.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {ConnectAgain} from '../../weaviate/connect.js'
import type {ConsistencyLevel, ServerCall} from '../../weaviate/connection.js'
import type {SentObjects} from './sent-objects.js'

export interface ThreadSetup {
  connect: ConnectAgain
  /** Of the target. */
  schema: WeaviateClass
}

/** One call to the server. */
export interface ThreadWrite {
  consistency?: ConsistencyLevel
  sent: SentObjects
  what: 'objects' | 'references'
}

export interface ThreadCalls {
  start: (setup: ThreadSetup) => Promise<void>
  /** Resolves with those refused; rejects as the connection does. */
  write: (write: ThreadWrite) => Promise<WriteFailure[]>
}

export interface LeaderCalls {
  called: (call: ServerCall) => void
  headers: () => Promise<Record<string, string>>
}
