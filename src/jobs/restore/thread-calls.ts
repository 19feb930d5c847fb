/** What the threads of a restore and the one that leads them say to each other. */
import type {WriteFailure} from '../../model/object.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {ConnectAgain} from '../../weaviate/connect.js'
import type {ConsistencyLevel, ServerCall} from '../../weaviate/connection.js'
import type {HeaderSource} from '../../weaviate/headers.js'
import type {SentObjects} from './sent-objects.js'

export interface ThreadCalls {
  /** `schema`: of the target. */
  start: (setup: {connect: ConnectAgain; schema: WeaviateClass}) => Promise<void>
  /** One call to the server. Resolves with those refused; rejects as the connection does. */
  write: (write: {
    consistency?: ConsistencyLevel
    sent: SentObjects
    what: 'objects' | 'references'
  }) => Promise<WriteFailure[]>
}

export interface LeaderCalls {
  called: (call: ServerCall) => void
  headers: HeaderSource
}
