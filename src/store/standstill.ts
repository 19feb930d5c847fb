/** Notices that this process stood still (was stopped, slept with its machine) for as long as a lease lasts. */
import {DataOpsError} from '../model/errors.js'
import {CLOCK, elapsedSince, momentOf} from './clock.js'
import {LEASE} from './lease.js'

/** For jobs that hold no lease: another may have done their work since, and what they have looked at be other things by now. A slow server is no standstill. */
export class Standstill {
  #last = momentOf(CLOCK)
  #longest = 0
  readonly #timer = setInterval(() => {
    this.#beat()
  }, LEASE.renewMs).unref()

  #beat(): void {
    this.#longest = Math.max(this.#longest, elapsedSince(this.#last, CLOCK))
    this.#last = momentOf(CLOCK)
  }

  /** Before each write. @throws DataOpsError STORAGE when it stood still at any time since this began. */
  check(): void {
    this.#beat()
    if (this.#longest <= LEASE.ms) return
    const seconds = Math.round(this.#longest / 1000)
    throw new DataOpsError('STORAGE', `This process stood still for ${seconds} s, and changes nothing any more.`, {
      details: {stoodStillMs: Math.round(this.#longest)},
      hint: 'What it has looked at may have changed since, or another process have done its work: see what is there, and run it again. A call that was on its way may have been sent when this one woke.',
    })
  }

  end(): void {
    clearInterval(this.#timer)
  }
}
