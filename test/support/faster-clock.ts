/** Time of leases and items goes so many times as fast: who takes something over watches it for a while. */
import {afterAll, beforeAll} from 'vitest'

import {CLOCK} from '../../src/store/clock.js'

const FASTER = 10

/** Called where tests are declared. */
export function fasterClock(): void {
  const usual = {...CLOCK}
  beforeAll(() => {
    CLOCK.monotonic = () => usual.monotonic() * FASTER
    CLOCK.ofDay = () => usual.ofDay() * FASTER
    CLOCK.sleep = async (ms, signal) => usual.sleep(ms / FASTER, signal)
  })
  afterAll(() => {
    Object.assign(CLOCK, usual)
  })
}
