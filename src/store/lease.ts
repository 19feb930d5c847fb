/** Leases between processes, on this machine or on several that share a place. */
import {setTimeout as sleep} from 'node:timers/promises'

import type {Store} from './store.js'

import {DataOpsError, throwIfAborted} from '../model/errors.js'
import {randomUUID} from '../platform/node.js'
import {CLOCK, elapsedSince, momentOf} from './clock.js'
import {FileLeases, type LeaseRecord, RELEASED} from './lease-files.js'
import {isSelf, lifeOf, type Owner, SELF} from './process.js'
import {type OnWait, TOLD_AFTER} from './waiting.js'

/** Milliseconds: how long a lease lasts that is not renewed, and how often its holder renews it. Tests wait less; no option. */
export const LEASE = {ms: 30_000, renewMs: 5000}
/** Milliseconds that a lease may ask for at most: nobody's file stops others for longer. */
const MAX_MS = 3_600_000
/** Times that a lease which nobody holds may be refused in a row by its place, and nothing change: then waiting is of no use. */
const MAX_REFUSED = 20

/** Who holds a lease. */
export interface LeaseHolder extends Owner {
  /** RFC 3339, by the holder's own clock: for people only. */
  since?: string
  /** What it is held for. */
  subject?: string
}

interface LeaseText extends LeaseHolder {
  /** Milliseconds that it lasts without being renewed. */
  ms: number
}

/** What this process has seen of leases: one has expired when it did not change for its time on this monotonic clock. Nobody's time of day is asked. */
export class LeaseObserver {
  readonly #seen = new Map<string, {since: number; tag: string}>()

  /** `now`: milliseconds that never go back. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** How long it has not changed, milliseconds. */
  unchangedFor(place: string, {generation, tag}: LeaseRecord): number {
    const key = `${place}.${generation}`
    const known = this.#seen.get(key)
    if (known?.tag === tag) return this.now() - known.since
    this.#seen.set(key, {since: this.now(), tag})
    return 0
  }

  /** What is of no more use. */
  forget(place: string, generation: number): void {
    this.#seen.delete(`${place}.${generation}`)
  }
}

const observer = new LeaseObserver()

/** Texts of the leases that this thread holds, or is taking; one set however often this file is loaded. What is not in it was given up, though its file could not be removed. */
const own = ownLeases()

function ownLeases(): Set<string> {
  const key = Symbol.for('@elysia/data-ops/leases')
  const found: unknown = Reflect.get(globalThis, key)
  if (found instanceof Set) return found as Set<string>
  const made = new Set<string>()
  Reflect.set(globalThis, key, made)
  return made
}

export interface LeaseOptions {
  observer?: LeaseObserver
  /** What it is held for, for those who find it held. */
  subject?: string
}

/** For who waits. */
interface WaitingOptions extends LeaseOptions {
  onWait?: OnWait
  signal?: AbortSignal
}

/** Tells of a wait that has become a long one: once a second, since to find out who is waited for asks the place. */
class TellsOfWait {
  readonly #started = performance.now()
  #nextMs = TOLD_AFTER.ms

  /** `mostMs`: default: what its holder may be silent for. */
  constructor(
    private readonly store: Store,
    private readonly name: string,
    private readonly how: {mostMs?: number; onWait: OnWait | undefined; options: LeaseOptions},
  ) {}

  async now(): Promise<void> {
    const {mostMs, onWait, options} = this.how
    const waitedMs = performance.now() - this.#started
    if (!onWait || waitedMs < this.#nextMs) return
    this.#nextMs = waitedMs + 1000
    const place = new FileLeases(this.store)
    const silentMs = (await place.read(this.name)).map(({text}) => parseText(text).ms)
    const holder = (await Lease.describe(this.store, this.name, options)) ?? {}
    onWait({
      for: `${describeHolder(holder)}, which holds ${place.describe(this.name)}`,
      mostMs: mostMs ?? (Math.max(0, ...silentMs) || LEASE.ms),
      waitedMs,
    })
  }
}

/**
 * Held by one at a time. One whose holder has ended, as far as this machine can say, is free at once; any other when it has not been
 * renewed for its time. Who stood still that long has lost it: `check` before what must not happen twice.
 */
export class Lease {
  /** Waits up to `waitMs`, by default long enough to see one expire. @throws DataOpsError STORAGE, naming the holder, when the time is up. */
  static async acquire(
    store: Store,
    name: string,
    {onWait, signal, waitMs = LEASE.ms * 1.5, ...options}: WaitingOptions & {waitMs?: number} = {},
  ): Promise<Lease> {
    const started = performance.now()
    const tell = new TellsOfWait(store, name, {mostMs: waitMs, onWait, options})
    for (let pause = 10; ; pause = Math.min(pause * 1.5, 250)) {
      const lease = await this.tryAcquire(store, name, options)
      if (lease) return lease
      if (performance.now() - started > waitMs) throw await leaseHeld(store, name, options)
      throwIfAborted(signal)
      await tell.now()
      // Jitter, so that those who wait do not meet again and again.
      await sleep(pause * (0.5 + Math.random()))
    }
  }

  /** The lease, or undefined when another holds it. One that was not seen before counts as held, unless its holder has ended. */
  static async tryAcquire(store: Store, name: string, options: LeaseOptions = {}): Promise<Lease | undefined> {
    const place = new FileLeases(store)
    const seen = await place.read(name)
    const lives = seen.map((record) => lifeOfLease(place.describe(name), record, options.observer))
    if (lives.some((life) => life === 'held' || life === 'running')) return undefined
    const text = JSON.stringify({
      ...SELF,
      ms: LEASE.ms,
      since: new Date().toISOString(),
      subject: options.subject,
      token: randomUUID(),
    })
    own.add(text)
    let record: LeaseRecord | undefined
    try {
      record = await place.take(name, text, seen)
    } finally {
      if (!record) own.delete(text)
    }

    for (const {generation} of seen) (options.observer ?? observer).forget(place.describe(name), generation)
    return record && new this(place, name, record, lives.includes('expired'))
  }

  /**
   * As `tryAcquire`, but watches a holder that cannot be asked until it shows itself, or has not for its time.
   * @throws DataOpsError INTERRUPTED; STORAGE where nobody holds it and the place does not let it be written.
   */
  static async watchAndAcquire(
    store: Store,
    name: string,
    {onWait, signal, ...options}: WaitingOptions = {},
  ): Promise<Lease | undefined> {
    const place = new FileLeases(store)
    const tell = new TellsOfWait(store, name, {onWait, options})
    const tags = async (): Promise<string> => (await place.read(name)).map(({tag}) => tag).join('\n')
    const before = await tags()
    for (let refused = 0; ;) {
      const lease = await this.tryAcquire(store, name, options)
      if (lease) return lease
      const records = await place.read(name)
      const isRunning = records.some((record) => lifeOf(parseText(record.text)) === 'running')
      if (isRunning || (await tags()) !== before) return undefined
      if (!(await this.isHeld(store, name, options)) && ++refused > MAX_REFUSED)
        throw leaseRefused(place.describe(name))
      throwIfAborted(signal)
      await tell.now()
      await sleep(Math.min(200, LEASE.ms / 10))
    }
  }

  /** Whoever holds it has lost it, and what it was held for is nobody's any more. */
  static async takeAway(store: Store, name: string): Promise<void> {
    const place = new FileLeases(store)
    for (const record of await place.read(name)) await place.release(name, record)
  }

  /** Who holds it, as far as can be seen now; undefined when it is free, or its holder has ended. */
  static async describe(store: Store, name: string, options: LeaseOptions = {}): Promise<LeaseHolder | undefined> {
    const place = new FileLeases(store)
    for (const record of (await place.read(name)).reverse()) {
      const life = lifeOfLease(place.describe(name), record, options.observer)
      if (life !== 'held' && life !== 'running') continue
      const {ms: _, ...holder} = parseText(record.text)
      return holder
    }

    return undefined
  }

  /** Whether a holder that may live holds it now. */
  static async isHeld(store: Store, name: string, options: LeaseOptions = {}): Promise<boolean> {
    return (await this.describe(store, name, options)) !== undefined
  }

  #beat: Promise<void> = Promise.resolve()
  #isLost = false
  #renewed = momentOf(CLOCK)
  readonly #timer: NodeJS.Timeout

  private constructor(
    private readonly place: FileLeases,
    private readonly name: string,
    private record: LeaseRecord,
    /** Taken from a holder of whom nobody knows whether it lives: what it has open may still be written to. */
    readonly isTakenOver: boolean,
  ) {
    this.#timer = setInterval(() => {
      this.#beat = this.#beat.then(async () => this.#renew())
    }, LEASE.renewMs)
    this.#timer.unref()
  }

  /** Grows each time it is taken from another holder. */
  get generation(): number {
    return this.record.generation
  }

  /** Whether it is what lies under that name in a store: also in another one that leads to the same place. */
  async isIn(store: Store, name: string): Promise<boolean> {
    return (await new FileLeases(store).read(name)).some(({text}) => text === this.record.text)
  }

  /** When it was last renewed, milliseconds since 1970 by the clock of the place: some seconds ago. @throws DataOpsError STORAGE where it was lost. */
  async renewedAt(): Promise<number> {
    const at = await this.place.writtenAt(this.name, this.record)
    if (at !== undefined) return at
    throw lost(this.place.describe(this.name))
  }

  async #renew(): Promise<void> {
    const now = momentOf(CLOCK)
    try {
      // Who stood still may not write over it: somebody may have had it meanwhile, and given it back.
      if (elapsedSince(this.#renewed, CLOCK) > LEASE.ms) {
        const record = await this.place.retake(this.name, this.record)
        if (record) this.record = record
        else this.#isLost = true
      } else if (!(await this.place.renew(this.name, this.record)) || elapsedSince(this.#renewed, CLOCK) > LEASE.ms) {
        this.#isLost = true
      }

      this.#renewed = now
    } catch {
      // The next beat tries again; `check` tells the holder.
    }
  }

  /** @throws DataOpsError STORAGE when another process has taken it. */
  async check(): Promise<void> {
    if (!this.#isLost && (await this.place.holds(this.name, this.record))) return
    throw lost(this.place.describe(this.name))
  }

  /** As `check`, and asks the place only where this process stood still for so long that another may have taken it. */
  async checkIfStale(): Promise<void> {
    if (this.#isLost || elapsedSince(this.#renewed, CLOCK) > LEASE.ms) await this.check()
  }

  /** One whose file cannot be removed is given up all the same, and free when this process has ended: what was done with it is done. */
  async release(): Promise<void> {
    clearInterval(this.#timer)
    await this.#beat
    try {
      await this.place.release(this.name, this.record)
    } catch (error) {
      if (!(error instanceof DataOpsError)) throw error
    } finally {
      // Not before: what somebody else of this process has by then would be removed as if it were still this one.
      own.delete(this.record.text)
    }
  }
}

function lost(path: string): DataOpsError {
  return new DataOpsError('STORAGE', `The lease ${path} was lost to another process.`, {
    details: {leaseLost: true, path},
    hint: 'This process stood still for too long: see what the other one has done, or run it again.',
    retryable: true,
  })
}

/** What `check` of a lease throws, where it was lost: who is kept from looking at it has not lost it. */
export async function throwIfLost(check: () => Promise<void>): Promise<void> {
  try {
    await check()
  } catch (error) {
    if (isLeaseLost(error)) throw error
  }
}

export function isLeaseLost(error: unknown): boolean {
  return error instanceof DataOpsError && error.details.leaseLost === true
}

/** `held`: its holder cannot be asked, and its time has not passed. */
function lifeOfLease(
  place: string,
  record: LeaseRecord,
  by: LeaseObserver = observer,
): 'dead' | 'expired' | 'held' | 'running' {
  if (record.text === RELEASED) return 'dead'
  const text = parseText(record.text)
  const life = lifeOf(text)
  if (life === 'dead' || (isSelf(text) && !own.has(record.text))) return 'dead'
  if (by.unchangedFor(place, record) > text.ms) return 'expired'
  return life === 'running' ? 'running' : 'held'
}

/** A holder that cannot be read is one of whom nothing is known. */
function parseText(text: string): LeaseText {
  try {
    const {host, machine, ms, pid, since, started, subject, thread} = JSON.parse(text) as Record<string, unknown>
    const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
    return {
      host: textOf(host),
      machine: textOf(machine),
      ms: typeof ms === 'number' && ms > 0 ? Math.min(ms, MAX_MS) : LEASE.ms,
      pid: Number.isSafeInteger(pid) && Number(pid) > 0 ? Number(pid) : undefined,
      since: textOf(since),
      started: textOf(started),
      subject: textOf(subject),
      thread: Number.isSafeInteger(thread) ? Number(thread) : undefined,
    }
  } catch {
    return {ms: LEASE.ms}
  }
}

/** Says in words who holds a lease. */
export function describeHolder({host, pid, since}: LeaseHolder): string {
  const who = pid === undefined ? 'another process' : `process ${pid} on ${host ?? 'another host'}`
  return since === undefined ? who : `${who} since ${since}`
}

/** As of a place that says that a name is taken where nothing is. */
function leaseRefused(where: string): DataOpsError {
  return new DataOpsError('STORAGE', `Nobody holds ${where}, and it cannot be taken all the same.`, {
    details: {path: where, reason: 'refused'},
    hint: 'See what the place answers to writes on condition (doctor): some refuse a name that was removed where versions are kept.',
  })
}

/** The error of one who did not get a lease. */
async function leaseHeld(store: Store, name: string, options: LeaseOptions): Promise<DataOpsError> {
  const holder = await Lease.describe(store, name, options)
  const where = store.describe(name)
  if (!holder) return leaseRefused(where)
  return new DataOpsError('STORAGE', `${where} is held by ${describeHolder(holder)}.`, {
    details: {host: holder.host, path: where, pid: holder.pid, since: holder.since},
    hint: 'Try again once it has finished, or has been gone for half a minute.',
    retryable: true,
  })
}
