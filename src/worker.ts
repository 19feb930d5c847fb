/** The file of a worker thread: what it does stands in the data that it is made with. */
import {parentPort, workerData} from 'node:worker_threads'

import type {LeaderCalls} from './jobs/backup/thread-calls.js'
import type {LeaderCalls as RestoreCalls} from './jobs/restore/thread-calls.js'
import type {LeaderCalls as PartCalls} from './jobs/verify/thread-calls.js'
import type {ThreadData} from './jobs/workers/thread.js'

import {Peer} from './jobs/workers/peer.js'
import {holdYoungSpace} from './platform/young-space.js'

/** Half of the space for young objects, below what a thread may have (`YOUNG_MB` of its limits counts three of these). */
const YOUNG_MB = 4

const port = parentPort
if (!port) throw new TypeError('this file is one of a worker thread')
const {holdsYoungSpace, kind} = workerData as ThreadData
if (holdsYoungSpace) holdYoungSpace(YOUNG_MB)
if (kind === 'restore') {
  const {restoreThread} = await import('./jobs/restore/thread.js')
  const leader: Peer<RestoreCalls> = new Peer<RestoreCalls>(
    port,
    restoreThread(() => leader),
  )
} else if (kind === 'verification') {
  const {partThread} = await import('./jobs/verify/thread.js')
  const leader: Peer<PartCalls> = new Peer<PartCalls>(
    port,
    partThread(() => leader),
  )
} else {
  const {backupThread} = await import('./jobs/backup/thread.js')
  const leader: Peer<LeaderCalls> = new Peer<LeaderCalls>(
    port,
    backupThread(() => leader),
  )
}
