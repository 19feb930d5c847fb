/** A thread of a restore: encodes batches and sends them over a connection of its own. */
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {LeaderCalls, ThreadCalls} from './thread-calls.js'

import {planCollection} from '../../weaviate/collection-plan.js'
import {connectAgain} from '../../weaviate/connect.js'
import {type Offer, type Peer, started} from '../workers/peer.js'
import {receiveObjects} from './sent-objects.js'

/** `leader`: known once the thread is. */
export function restoreThread(leader: () => Peer<LeaderCalls>): Offer {
  let thread: undefined | {collection: CollectionPlan; connection: Connection}
  const calls: ThreadCalls = {
    async start({connect, schema}) {
      const connection = await connectAgain(connect, {
        headers: async (refused) => connect.headers ?? leader().call('headers', refused),
        onCall(call) {
          leader()
            .call('called', call)
            .catch(() => {})
        },
      })
      thread = {collection: planCollection(schema), connection}
    },
    async write({consistency, sent, what}) {
      const {collection, connection} = started(thread)
      const request = {collection, objects: receiveObjects(sent), ...(consistency && {consistency})}
      return what === 'objects' ? connection.writeObjects(request) : connection.writeReferences(request)
    },
  }
  return {...calls}
}
