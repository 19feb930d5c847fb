/** Worker threads of this process: where their file is, and what becomes of those that die. */
import {existsSync} from 'node:fs'
import {availableParallelism} from 'node:os'
import {fileURLToPath} from 'node:url'
import {MessageChannel, Worker} from 'node:worker_threads'

import {DataOpsError} from '../../model/errors.js'
import {isYoungSpaceHeld} from '../../platform/young-space.js'
import {isOnThisMachine} from '../../weaviate/address.js'
import {type Offer, Peer} from './peer.js'

/** Threads that a job uses at most where it is not told how many. */
const MOST = 8

/** Objects that make a thread of its own worth its start, where nobody says how many there should be. Tests need fewer; no option. */
export const WORTH = {objects: 25_000}

/** Memory for what lives shortly, in each thread: a third of Node's own takes 3 % more time, and 25 MB less. */
const YOUNG_MB = 16

/** Where the file of a thread is. Tests make one of the sources; no option. */
export const ENTRY: {file?: string | undefined} = {}

/** How many threads a job uses. `pages`: that there are, about. `url`: of the server, where it is known. */
export function workersFor(
  wanted: number | undefined,
  {objects, pages, url}: {objects: number; pages: number; url?: string},
): number {
  if (wanted !== undefined) return Math.max(1, Math.min(wanted, pages))
  // A server beside us needs as many cores as we do: a second thread on two cores took them from it, and both were slower.
  const cores = url !== undefined && isOnThisMachine(url) ? availableParallelism() >> 1 : availableParallelism()
  return Math.max(1, Math.min(MOST, cores, workersWorth(objects)))
}

/** How many threads so many objects are worth. */
export function workersWorth(objects: number): number {
  return Math.floor(objects / WORTH.objects)
}

/** What a thread does. */
export type ThreadKind = 'backup' | 'restore' | 'verification'

/** What a thread is made with. */
export interface ThreadData {
  /** Whether its process holds the space for young objects, which it then has to do for itself. */
  holdsYoungSpace: boolean
  kind: ThreadKind
}

/** One of those that do the work of a job. */
export interface WorkingThread<Theirs extends object> {
  /** Ends it, whatever it does. */
  close: () => Promise<void>
  readonly peer: Peer<Theirs>
}

/** This thread as one of them: nothing is started for it. `theirs`: what it does; `ours`: what it can ask for. */
export function thisThread<Theirs extends object, Ours extends object>(
  theirs: (leader: () => Peer<Ours>) => Offer,
  ours: Offer,
): WorkingThread<Theirs> {
  const {port1, port2} = new MessageChannel()
  const leader: Peer<Ours> = new Peer<Ours>(
    port2,
    theirs(() => leader),
  )
  const peer = new Peer<Theirs>(port1, ours)
  return {
    async close() {
      const closed = new DataOpsError('INTERRUPTED', 'The worker was closed.')
      peer.end(closed)
      leader.end(closed)
      port1.close()
    },
    peer,
  }
}

export class Thread<Theirs extends object> implements WorkingThread<Theirs> {
  readonly peer: Peer<Theirs>
  readonly #worker: Worker
  #isClosed = false

  /** `number`: for messages, from 1. */
  constructor(kind: ThreadKind, number: number, ours: Offer) {
    const entry = entryFile()
    // From its sources, in tests.
    const execArgv = entry.endsWith('.ts') ? ['--import', 'tsx'] : []
    this.#worker = new Worker(entry, {
      execArgv,
      name: `${kind} ${number}`,
      resourceLimits: {maxYoungGenerationSizeMb: YOUNG_MB},
      workerData: {holdsYoungSpace: isYoungSpaceHeld(), kind} satisfies ThreadData,
    })
    this.peer = new Peer<Theirs>(this.#worker, ours)
    const died = (reason: string, cause?: unknown): void => {
      if (this.#isClosed) return
      this.peer.end(
        new DataOpsError('UNEXPECTED', `Worker ${number} of the ${kind} ended unexpectedly: ${reason}.`, {
          cause,
          details: {worker: number},
          hint: 'Run it again to continue; with `workers: 1` it runs in one thread.',
        }),
      )
    }

    this.#worker.on('error', (error) => {
      died(reasonOf(error), error)
    })
    this.#worker.on('exit', (code) => {
      died(`exit code ${code}`)
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.peer.end(new DataOpsError('INTERRUPTED', 'The worker was closed.'))
    await this.#worker.terminate()
  }
}

function reasonOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') return 'it ran out of memory'
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error)
}

/** Beside this file, or above it, however it was built. */
function entryFile(): string {
  if (ENTRY.file !== undefined) return ENTRY.file
  const isSource = import.meta.url.endsWith('.ts')
  const name = isSource ? 'worker.ts' : 'worker.js'
  for (const folder of isSource ? ['../../'] : ['./', '../', '../../']) {
    const file = fileURLToPath(new URL(`${folder}${name}`, import.meta.url))
    if (existsSync(file)) return file
  }

  throw new DataOpsError('UNEXPECTED', `The file ${name} of this package is missing.`, {hint: 'Install it again.'})
}
