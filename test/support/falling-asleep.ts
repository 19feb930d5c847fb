/** A machine that sleeps for longer than a lease lasts: its time of day goes on meanwhile. */
import {CLOCK} from '../../src/store/clock.js'
import {LEASE} from '../../src/store/lease.js'

export function fallingAsleep(): {end: () => void; fall: () => void} {
  const {ofDay} = CLOCK
  return {
    end() {
      CLOCK.ofDay = ofDay
    },
    fall() {
      CLOCK.ofDay = () => ofDay() + LEASE.ms + 1000
    },
  }
}
