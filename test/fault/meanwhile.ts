/** Random schedules of jobs beside writers, with kills and pauses; and the log of what writers were told is done. */
import {type ChildProcess, spawn} from 'node:child_process'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

import type {EmbeddedWeaviate} from '../../src/testing/index.js'

import {root} from '../support/root.js'

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
  jobs: Job[]
  seed: number
  writers: number
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
  return {jobs, seed, writers: between(1, 3)}
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
  readonly #running: Array<Promise<void>> = []
  readonly #stop = new AbortController()

  constructor(
    private readonly server: EmbeddedWeaviate,
    private readonly random: () => number,
  ) {}

  start(writers: number): void {
    for (let writer = 0; writer < writers; writer++) this.#running.push(this.#write(writer))
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#running)
  }

  async #write(writer: number): Promise<void> {
    const ids: string[] = []
    for (let count = 0; !this.#stop.signal.aborted; count++) {
      const isNew = ids.length === 0 || this.random() < 0.6
      const id = isNew ? idOf(writer, count) : ids[Math.floor(this.random() * ids.length)]!
      if (isNew) ids.push(id)
      const text = !isNew && this.random() < 0.2 ? null : `${writer}.${count}`
      await this.put(id, text)
      await sleep(4)
    }
  }

  /** Logged only when it was acknowledged; what was refused (the collection is gone for a moment) happened or did not. */
  async put(id: string, text: null | string): Promise<void> {
    const begun = performance.now()
    const response =
      text === null
        ? await fetch(`${this.server.url}/v1/objects/${COLLECTION}/${id}`, {method: 'DELETE'})
        : await fetch(`${this.server.url}/v1/batch/objects`, {
            body: JSON.stringify({objects: [{class: COLLECTION, id, properties: {text}}]}),
            headers: {'content-type': 'application/json'},
            method: 'POST',
          })
    const body = await response.text()
    const isAcked = text === null ? response.status === 204 : response.ok && !body.includes('"error"')
    const history = this.log.get(id) ?? []
    if (isAcked) history.push({acked: performance.now(), begun, text})
    // Its state is not known from here on.
    else history.length = 0
    this.log.set(id, history)
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
