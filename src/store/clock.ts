/** Time as holders of leases and of items know it: their own, never another machine's. */
import {setTimeout as sleep} from 'node:timers/promises'

import {interrupted} from '../model/errors.js'

export interface Clock {
  /** Milliseconds that never go back. */
  monotonic: () => number
  /** Milliseconds since 1970; goes on while the machine sleeps. */
  ofDay: () => number
  /** @throws DataOpsError INTERRUPTED when the signal fires. */
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

export const CLOCK: Clock = {
  monotonic: () => performance.now(),
  ofDay: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, {signal})
    } catch {
      throw interrupted(signal)
    }
  },
}

export interface Moment {
  monotonic: number
  ofDay: number
}

export function momentOf(clock: Clock): Moment {
  return {monotonic: clock.monotonic(), ofDay: clock.ofDay()}
}

/** Milliseconds that another clock is apart from this one, which told the time, in whole seconds, between two moments of this one. */
export function clocksApart(told: number, before: number, after: number): number {
  return told < before - 1000 ? before - told : Math.max(0, told - after)
}

/** Milliseconds since, by the clock that says more: one of them stands still while the machine sleeps. */
export function elapsedSince({monotonic, ofDay}: Moment, clock: Clock): number {
  return Math.max(clock.monotonic() - monotonic, clock.ofDay() - ofDay)
}
