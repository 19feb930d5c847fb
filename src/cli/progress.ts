/** Shows a manager's progress on stderr: a live line on a terminal, sparse plain lines elsewhere. */
import type {ProgressEvent, ProgressStage, Warning} from '../model/progress.js'

import {formatCount, plural} from '../model/plural.js'
import {formatBar, formatBytes, formatRate, formatSeconds, printable} from './format.js'
import {truncate} from './width.js'

const DESCRIPTIONS: Readonly<Record<ProgressStage, string>> = {
  backup: 'Backing up',
  carry: 'Copying the backup of',
  clear: 'Clearing',
  confirm: 'Confirming',
  references: 'Writing references of',
  restore: 'Restoring',
  scan: 'Scanning',
  seal: 'Sealing',
  settle: 'Settling',
  tenants: 'Preparing tenants of',
  verify: 'Verifying',
  wait: 'Waiting for',
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const REDRAW_MS = 100
const PLAIN_INTERVAL_MS = 10_000
/** A tenth of the way is worth a line, but not more often than this. */
const PLAIN_STEP_MS = 1000
/** Between two lines of JSON of one stage. */
const JSON_INTERVAL_MS = 1000
const RATE_WINDOW_MS = 10_000

/** A stage of one collection, as far as it is. */
export interface StageState {
  /** `[milliseconds, units done]` of the last seconds, oldest first: the rate is what lies between. */
  samples: Array<[at: number, completed: number]>
  event: ProgressEvent
  startedAt: number
  /** Units done when it began, by earlier runs. */
  startedWith: number
}

export function startStage(event: ProgressEvent, now: number): StageState {
  const startedWith = event.resumed ?? event.completed
  return {event, samples: [[now, startedWith]], startedAt: now, startedWith}
}

export function advanceStage(state: StageState, event: ProgressEvent, now: number): StageState {
  const samples = [...state.samples, [now, event.completed] as [number, number]]
  // Ten a second are enough for a rate, and keep the list short.
  if (samples.length > 2 && now - samples.at(-3)![0] < REDRAW_MS) samples.splice(-2, 1)
  while (samples.length > 2 && now - samples[1]![0] > RATE_WINDOW_MS) samples.shift()
  return {...state, event, samples}
}

/** Units a second over the last ten seconds; undefined before there is anything to measure. */
export function rateOf(state: StageState, now: number): number | undefined {
  const [at, completed] = state.samples[0]!
  const seconds = (now - at) / 1000
  const done = state.event.completed - completed
  return seconds > 0 && done > 0 ? done / seconds : undefined
}

/** Description, bar, percentage, n/total, rate, bytes, time left; what is not known is left out. */
export function describeStage(state: StageState, now: number, options: {bar: boolean}): string {
  const {bytes, collection, completed, stage, total, unit = 'objects'} = state.event
  // The name of who is waited for is long: it may be cut.
  if (stage === 'wait') return `Waiting ${completed}/${total ?? '?'} s for ${printable(state.event.waitsFor ?? '')}`
  const parts = [`${DESCRIPTIONS[stage]} ${printable(collection)}`]
  if (total === undefined) {
    if (completed > 0) parts.push(`${formatCount(completed)} ${unit}`)
  } else {
    const fraction = total === 0 ? 1 : Math.min(1, completed / total)
    const percentage = `${Math.floor(fraction * 100)} %`
    if (options.bar) parts.push(`${formatBar(fraction, 20)} ${percentage.padStart(5)}`)
    else parts.push(percentage)
    parts.push(`${formatCount(completed)}/${formatCount(total)} ${unit}`)
  }

  const rate = rateOf(state, now)
  if (rate !== undefined) parts.push(formatRate(rate))
  if (bytes) parts.push(formatBytes(bytes))
  if (rate !== undefined && total !== undefined && total > completed)
    parts.push(`${formatSeconds((total - completed) / rate)} left`)
  return parts.join('  ')
}

/** The line that stays when a stage is over. */
export function summarizeStage(state: StageState, now: number): string {
  const {bytes, collection, completed, resumed, stage, unit = 'objects'} = state.event
  const seconds = (now - state.startedAt) / 1000
  if (stage === 'wait') return `Waited ${formatSeconds(completed)} for ${printable(state.event.waitsFor ?? '')}`
  const parts = [`${DESCRIPTIONS[stage]} ${printable(collection)}:`]
  const done = completed - state.startedWith
  if (completed > 0)
    parts.push(`${plural(completed, unit.slice(0, -1))}${resumed ? ` (${formatCount(resumed)} earlier)` : ''},`)
  if (bytes) parts.push(`${formatBytes(bytes)},`)
  parts.push(formatSeconds(seconds))
  if (done > 0 && seconds >= 0.5) parts.push(`(${formatRate(done / seconds)})`)
  return parts.join(' ')
}

/** One line of `--progress json`. */
export interface ProgressLine extends ProgressEvent {
  /** RFC 3339. */
  at: string
  kind: 'begin' | 'end' | 'progress'
  /** Units a second over the last ten seconds. */
  rate?: number
  /** Of this stage. */
  seconds: number
  secondsLeft?: number
}

export function eventOf(state: StageState, now: number, kind: ProgressLine['kind']): ProgressLine {
  const {event, startedAt} = state
  const rate = rateOf(state, now)
  const left = event.total === undefined ? undefined : event.total - event.completed
  return {
    at: new Date(now).toISOString(),
    kind,
    ...event,
    ...(rate !== undefined && {rate}),
    seconds: (now - startedAt) / 1000,
    ...(kind !== 'end' && rate !== undefined && left !== undefined && left > 0 && {secondsLeft: left / rate}),
  }
}

export interface ProgressOutput {
  columns?: number
  isTTY?: boolean
  write: (text: string) => unknown
}

export interface ProgressOptions {
  /** A JSON document a line: events, warnings, other texts. */
  json?: boolean
  /** Plain lines even on a terminal. */
  plain?: boolean
  now?: () => number
  output?: ProgressOutput
  /** No progress at all; warnings are still shown. */
  quiet?: boolean
}

/** Takes a manager's events. `stop()` must be called before anything else is printed. */
export class ProgressReporter {
  readonly #json: boolean
  readonly #live: boolean
  readonly #now: () => number
  readonly #output: ProgressOutput
  readonly #quiet: boolean
  #drawnAt = -Infinity
  #frame = 0
  #lineShown = false
  #plainAt = 0
  #plainTenth = 0
  #state: StageState | undefined
  #timer: NodeJS.Timeout | undefined

  constructor({
    now = Date.now,
    output = process.stderr,
    json = false,
    plain = false,
    quiet = false,
  }: ProgressOptions = {}) {
    this.#json = json
    this.#now = now
    this.#output = output
    this.#quiet = quiet
    this.#live = Boolean(output.isTTY) && !plain && !quiet && !json
  }

  #beginStage(now: number): void {
    if (this.#live) {
      this.#timer ??= setInterval(() => {
        this.#draw(this.#now())
      }, REDRAW_MS).unref()
      this.#draw(now)
      return
    }

    this.#plainAt = now
    if (this.#json) {
      this.#printEvent(now, 'begin')
      return
    }

    this.#plainTenth = tenthOf(this.#state!.event)
    this.print(`${describeStage(this.#state!, now, {bar: false})}…`)
  }

  #finishStage(): void {
    if (!this.#state) return
    if (this.#json) this.#printEvent(this.#now(), 'end')
    else this.print(`${this.#live ? '✔ ' : ''}${summarizeStage(this.#state, this.#now())}`)
    this.#state = undefined
  }

  #draw(now: number): void {
    if (!this.#state || now - this.#drawnAt < REDRAW_MS) return
    this.#drawnAt = now
    const text = `${SPINNER[this.#frame++ % SPINNER.length]} ${describeStage(this.#state, now, {bar: true})}`
    // One write, so that the line never flickers; the last column stays free, or the terminal wraps.
    this.#output.write(`\r\u{1B}[2K${truncate(text, (this.#output.columns ?? 80) - 1)}`)
    this.#lineShown = true
  }

  #eraseLine(): void {
    if (!this.#lineShown) return
    this.#output.write('\r\u{1B}[2K')
    this.#lineShown = false
    this.#drawnAt = -Infinity
  }

  #printEvent(now: number, kind: 'begin' | 'end' | 'progress'): void {
    if (this.#state) this.#output.write(`${JSON.stringify(eventOf(this.#state, now, kind))}\n`)
  }

  #printSparsely(now: number): void {
    const state = this.#state!
    if (this.#json) {
      if (now - this.#plainAt < JSON_INTERVAL_MS) return
      this.#plainAt = now
      this.#printEvent(now, 'progress')
      return
    }

    const tenth = tenthOf(state.event)
    const waited = now - this.#plainAt
    if (waited < PLAIN_INTERVAL_MS && !(tenth > this.#plainTenth && waited >= PLAIN_STEP_MS)) return
    this.#plainAt = now
    this.#plainTenth = tenth
    this.print(describeStage(state, now, {bar: false}))
  }

  update(event: ProgressEvent): void {
    if (this.#quiet) return
    const now = this.#now()
    const last = this.#state?.event
    if (this.#state && last?.stage === event.stage && last.collection === event.collection) {
      this.#state = advanceStage(this.#state, event, now)
    } else {
      this.#finishStage()
      this.#state = startStage(event, now)
      this.#beginStage(now)
      return
    }

    if (this.#live) this.#draw(now)
    else this.#printSparsely(now)
  }

  warn(warning: Pick<Warning, 'message'>): void {
    if (this.#json)
      this.#output.write(`${JSON.stringify({at: this.#time(), kind: 'warning', message: warning.message})}\n`)
    else this.print(`Warning: ${printable(warning.message)}`)
  }

  #time(): string {
    return new Date(this.#now()).toISOString()
  }

  /** A line of its own, above the live one. */
  print(text: string): void {
    this.#eraseLine()
    this.#output.write(
      this.#json ? `${JSON.stringify({at: this.#time(), kind: 'text', message: text})}\n` : `${text}\n`,
    )
  }

  /** Ends the stage at work: with its summary, or without when it failed. */
  stop(outcome: 'done' | 'failed' = 'done'): void {
    if (outcome === 'done') this.#finishStage()
    else this.#eraseLine()
    this.#state = undefined
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

function tenthOf({completed, total}: ProgressEvent): number {
  return total ? Math.floor((completed / total) * 10) : 0
}
