/** The file of a worker thread: what it does stands in the data that it is made with. */
import {parentPort, workerData} from 'node:worker_threads'

import type {ThreadData} from './jobs/workers/thread.js'

import {type Offer, Peer} from './jobs/workers/peer.js'
import {holdYoungSpace} from './platform/young-space.js'

/** Half of the space for young objects, below what a thread may have (`YOUNG_MB` of its limits counts three of these). */
const YOUNG_MB = 4

const port = parentPort
if (!port) throw new TypeError('this file is one of a worker thread')
const {holdsYoungSpace, kind} = workerData as ThreadData
if (holdsYoungSpace) holdYoungSpace(YOUNG_MB)

function serve<Theirs extends object>(offer: (leader: () => Peer<Theirs>) => Offer): void {
  const leader: Peer<Theirs> = new Peer<Theirs>(
    port!,
    offer(() => leader),
  )
}

if (kind === 'restore') serve((await import('./jobs/restore/thread.js')).restoreThread)
else if (kind === 'verification') serve((await import('./jobs/verify/thread.js')).partThread)
else serve((await import('./jobs/backup/thread.js')).backupThread)
