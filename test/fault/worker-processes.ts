/** Worker processes on one S3 and one server, that are killed or stopped at random and started again as Kubernetes does, with clocks apart. */
import {setTimeout as sleep} from 'node:timers/promises'

import type {WorkersPlace} from './workers-place.js'

import {cli, type CliProcess, type CliRun, start} from '../cli/run-cli.js'

/** Loaded before a worker: its time of day differs, and its machine may seem to be another. */
const PRELOAD = `data:text/javascript,${encodeURIComponent(`
  import os from 'node:os'
  import {syncBuiltinESMExports} from 'node:module'
  const offset = Number(process.env.CLOCK_OFFSET ?? 0), Real = Date, before = Date.now
  Date.now = () => before() + offset
  globalThis.Date = class extends Real {
    constructor(...given) { super(...(given.length === 0 ? [Date.now()] : given)) }
  }
  const {HOST_NAME} = process.env
  if (HOST_NAME) {
    os.hostname = () => HOST_NAME
    syncBuiltinESMExports()
  }
`)}`

/** Exit code. */
const CANNOT_CONNECT = 6

export interface WorkersOptions {
  /** Each seems to be on a machine of its own: nobody sees whether another one lives. */
  apart?: boolean
  grpcUrl: string
  place: WorkersPlace
  url: string
  workers: number
}

export interface Ended {
  kills: number
  runs: CliRun[]
  stops: number
}

export interface Disturbance {
  everyMs: number
  /** Kills at most. */
  kills: number
  /** Milliseconds that one stands still instead of being killed; none by default. */
  stopMs?: number
}

export class WorkerProcesses {
  #kills = 0
  readonly #running = new Map<number, CliProcess>()

  constructor(private readonly options: WorkersOptions) {}

  environment(index: number): Record<string, string> {
    const {apart, grpcUrl, place, url, workers} = this.options
    return {
      ...place.env,
      // From an hour behind to an hour ahead.
      CLOCK_OFFSET: String(Math.round((index / Math.max(1, workers - 1) - 0.5) * 7_200_000)),
      ...(apart && {HOST_NAME: `worker-${index}`}),
      JOB_COMPLETIONS: String(workers),
      JOB_COMPLETION_INDEX: String(index),
      NODE_OPTIONS: `--import=${PRELOAD}`,
      WEAVIATE_GRPC_URL: grpcUrl,
      WEAVIATE_URL: url,
    }
  }

  /** A command that is done with, in this process. */
  async run(...argv: string[]): Promise<CliRun> {
    return cli(argv, this.environment(0))
  }

  start(index: number, ...argv: string[]): CliProcess {
    return start(argv, this.environment(index))
  }

  killAll(): void {
    for (const child of this.#running.values()) this.#kill(child)
  }

  /** Until each has ended by itself: one that was killed is started again, as its pod would be. */
  async untilDone(argv: readonly string[], disturbance?: Disturbance): Promise<Ended> {
    this.#kills = 0
    let stops = 0
    const stopped: Array<Promise<void>> = []
    // Where starting takes longer than a worker lives, nothing would ever be done: all of them get their turn again once something was.
    let [done, sinceDone] = [0, 0]
    const disturb = ({kills, stopMs}: Disturbance): void => {
      void this.#itemsDone().then((now) => {
        if (now !== done) [done, sinceDone] = [now, 0]
      })
      if (sinceDone++ >= this.options.workers) return
      const alive = [...this.#running.values()]
      const victim = alive[Math.floor(Math.random() * alive.length)]
      if (!victim) return
      if (stopMs === undefined || Math.random() < 0.5) {
        if (this.#kills < kills) this.#kill(victim)
        return
      }

      stops++
      victim.kill('SIGSTOP')
      stopped.push(
        sleep(stopMs).then(() => {
          victim.kill('SIGCONT')
        }),
      )
    }

    const all = Array.from({length: this.options.workers}, async (_, index) => this.#untilEnded(index, argv))
    const disturber = disturbance && setInterval(disturb, disturbance.everyMs, disturbance)
    try {
      const runs = await Promise.all(all)
      return {kills: this.#kills, runs, stops}
    } finally {
      clearInterval(disturber)
      await Promise.all(stopped)
    }
  }

  async #untilEnded(index: number, argv: readonly string[]): Promise<CliRun> {
    for (;;) {
      const child = this.start(index, ...argv)
      this.#running.set(index, child)
      const ended = await child.done
      this.#running.delete(index)
      // Whoever starts them starts what could not connect again, too: the server is busy with eight of them.
      if (!ended.stderr.includes('(SIGKILL)') && ended.code !== CANNOT_CONNECT) return ended
    }
  }

  async #itemsDone(): Promise<number> {
    return (await this.options.place.keys()).filter((key) => key.endsWith('.done')).length
  }

  #kill(child: CliProcess): void {
    this.#kills++
    child.kill('SIGKILL')
  }
}
