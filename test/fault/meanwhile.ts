/** Random schedules of jobs beside writers, with kills and pauses; and the log of what writers were told is done. */
import {type ChildProcess, spawn} from 'node:child_process'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

import {startEmbeddedWeaviate} from '../../src/testing/index.js'
import {root} from '../support/root.js'
import {BINARY, startRealServer} from './real-server.js'

export const COLLECTION = 'Meanwhile'

const JOBS = ['backup', 'settle', 'restore', 'merge', 'clear', 'drop', 'prune', 'verify'] as const
export type JobKind = (typeof JOBS)[number]

export interface Job {
  kind: JobKind
  /** Milliseconds after its start: killed with -9. */
  killAt?: number
  /** Stopped for some milliseconds. */
  pause?: {at: number; for: number}
  /** Milliseconds after the start of the schedule. */
  startAt: number
}

export interface Schedule {
  /** Another program drops the collection and makes it anew, milliseconds after the start. */
  dropAt?: number
  jobs: Job[]
  /** The server is killed and started again, or (embedded) cuts every connection for some milliseconds. */
  outage?: {at: number; for: number}
  seed: number
  /** Milliseconds between two writes of a writer. */
  writeEveryMs: number
  writers: number
}

/** A job that sleeps for longer than a lease lasts (30 s), and others before and after it has lost it; the writers are slower, for the same number of objects. */
export function longScheduleOf(seed: number, random: () => number): Schedule {
  const between = (from: number, to: number): number => Math.floor(from + random() * (to - from))
  const short = scheduleOf(seed, random)
  const jobs = short.jobs.map((job, index): Job => {
    const pause = {at: between(200, 1500), for: between(31_000, 38_000)}
    if (index === 0) return {kind: job.kind, pause, startAt: job.startAt}
    const isAfter = random() < 0.7
    // Two of a kind: the later one goes on with what the sleeper began.
    const kind = index === 1 && random() < 0.6 ? short.jobs[0]!.kind : job.kind
    return {...job, kind, startAt: isAfter ? between(31_000, 37_000) : job.startAt}
  })
  const dropAt = short.dropAt !== undefined && random() < 0.5 ? between(2000, 36_000) : undefined
  return {
    jobs,
    seed,
    writeEveryMs: 40,
    writers: short.writers,
    ...(short.outage && {outage: short.outage}),
    ...(dropAt && {dropAt}),
  }
}

export function scheduleOf(seed: number, random: () => number): Schedule {
  const between = (from: number, to: number): number => Math.floor(from + random() * (to - from))
  const jobs = Array.from({length: between(2, 5)}, (): Job => {
    const kind = JOBS[between(0, JOBS.length)]!
    const fate = random()
    return {
      kind,
      startAt: between(0, 600),
      ...(fate < 0.2 && {killAt: between(300, 1500)}),
      ...(fate > 0.85 && {pause: {at: between(300, 900), for: between(200, 1500)}}),
    }
  })
  const writers = between(1, 3)
  const outage = random() < 0.3 && {at: between(200, 1500), for: between(100, 1500)}
  const isDropped = random() < 0.25
  return {jobs, seed, writeEveryMs: 4, writers, ...(outage && {outage}), ...(isDropped && {dropAt: between(300, 1800)})}
}

/** An embedded server, or a real one. */
export interface MeanwhileServer {
  close: () => Promise<void>
  grpcUrl: string
  /** Away for some milliseconds, or for as long as a start takes. */
  interrupt: (ms: number) => Promise<void>
  url: string
}

export async function startMeanwhileServer(): Promise<MeanwhileServer> {
  if (BINARY !== undefined) {
    const real = await startRealServer({AUTOSCHEMA_ENABLED: 'false'})
    return {
      close: async () => real.remove(),
      grpcUrl: real.grpcUrl,
      async interrupt() {
        await real.kill()
        // Its ports may be another's for a moment.
        for (let attempt = 1; ; attempt++) {
          try {
            await real.start()
            return
          } catch (error) {
            if (attempt === 5) throw error
            await sleep(1000)
          }
        }
      },
      url: real.url,
    }
  }

  let isAway = false
  const embedded = await startEmbeddedWeaviate({
    autoSchema: false,
    onRequest: () => (isAway ? {drop: true} : undefined),
  })
  return {
    close: async () => embedded.close(),
    grpcUrl: embedded.grpcUrl!,
    async interrupt(ms) {
      isAway = true
      await sleep(ms)
      isAway = false
    },
    url: embedded.url,
  }
}

/** One write or delete (`text` null) that the server has confirmed. Milliseconds by performance.now(). */
export interface Acknowledged {
  acked: number
  begun: number
  text: null | string
}

/** Writers that log what they were told; each id belongs to one of them, so that its history has an order. */
export class Writers {
  readonly log = new Map<string, Acknowledged[]>()
  /** Texts that were written before the collection was dropped, each answered by then: none of them can be in the new one. */
  readonly textsBefore = new Set<string>()
  /** When another program began to drop the collection, and when it had made it anew. */
  dropped?: {begun: number; ended: number}
  /** Of texts written since. */
  #generation = ''
  readonly #answered = new Set<string>()
  readonly #running: Array<Promise<void>> = []
  readonly #stop = new AbortController()

  constructor(
    private readonly server: Pick<MeanwhileServer, 'url'>,
    private readonly random: () => number,
  ) {}

  start({writeEveryMs, writers}: Schedule): void {
    for (let writer = 0; writer < writers; writer++) this.#running.push(this.#write(writer, writeEveryMs))
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#running)
  }

  /** Drops the collection and makes it anew by `make`: what was written before is gone, rightly. */
  async drop(make: () => Promise<void>): Promise<void> {
    const begun = performance.now()
    for (const text of this.#answered) this.textsBefore.add(text)
    await make()
    const ended = performance.now()
    this.dropped = {begun, ended}
    this.#generation = 'anew '
    for (const [id, history] of this.log) {
      this.log.set(
        id,
        history.filter((each) => each.begun > ended),
      )
    }
  }

  async #write(writer: number, everyMs: number): Promise<void> {
    const ids: string[] = []
    for (let count = 0; !this.#stop.signal.aborted; count++) {
      const isNew = ids.length === 0 || this.random() < 0.6
      const id = isNew ? idOf(writer, count) : ids[Math.floor(this.random() * ids.length)]!
      if (isNew) ids.push(id)
      const text = !isNew && this.random() < 0.2 ? null : `${this.#generation}${writer}.${count}`
      await this.put(id, text)
      await sleep(everyMs)
    }
  }

  /** Logged only when it was acknowledged; what was refused (the collection is gone for a moment) happened or did not. */
  async put(id: string, text: null | string): Promise<void> {
    const begun = performance.now()
    const isAcked = await this.#send(id, text).catch(() => false)
    if (text !== null) this.#answered.add(text)
    const history = this.log.get(id) ?? []
    // Whether what was under way while it was dropped is in the new one is not known.
    const isOfOne = !this.dropped || begun > this.dropped.ended || performance.now() < this.dropped.begun
    if (isAcked && isOfOne) history.push({acked: performance.now(), begun, text})
    // Its state is not known from here on.
    else history.length = 0
    this.log.set(id, history)
  }

  async #send(id: string, text: null | string): Promise<boolean> {
    if (text === null) {
      const {status} = await fetch(`${this.server.url}/v1/objects/${COLLECTION}/${id}`, {method: 'DELETE'})
      return status === 204
    }

    const response = await fetch(`${this.server.url}/v1/batch/objects`, {
      body: JSON.stringify({objects: [{class: COLLECTION, id, properties: {text}}]}),
      headers: {'content-type': 'application/json'},
      method: 'POST',
    })
    const body = await response.text()
    return response.ok && !body.includes('"error"')
  }
}

function idOf(writer: number, count: number): string {
  const spread = ((count * 2_654_435_761) >>> 0).toString(16).padStart(8, '0')
  return `${spread}-${String(writer).padStart(4, '0')}-4000-8000-${count.toString(16).padStart(12, '0')}`
}

export interface Ran {
  code: null | number
  ended: number
  job: Job
  json: undefined | Record<string, unknown>
  started: number
  stderr: string
}

/** Runs a command as a process of its own. */
export async function runJob(job: Job, argv: readonly string[]): Promise<Ran> {
  const started = performance.now()
  const child = spawn(process.execPath, [path.join(root, 'bin', 'run.js'), ...argv, '--json'], {
    env: {...process.env, HOME: root},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const timers = faults(child, job)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const code = await new Promise<null | number>((resolve) => {
    child.once('close', resolve)
  })
  for (const timer of timers) clearTimeout(timer)
  return {code, ended: performance.now(), job, json: parsed(stdout), started, stderr}
}

function parsed(text: string): Ran['json'] {
  try {
    return JSON.parse(text) as Ran['json']
  } catch {
    return undefined
  }
}

function faults(child: ChildProcess, {killAt, pause}: Job): NodeJS.Timeout[] {
  const timers: NodeJS.Timeout[] = []
  if (killAt !== undefined) timers.push(setTimeout(() => child.kill('SIGKILL'), killAt))
  if (pause) {
    timers.push(
      setTimeout(() => child.kill('SIGSTOP'), pause.at),
      setTimeout(() => child.kill('SIGCONT'), pause.at + pause.for),
    )
  }

  return timers
}
