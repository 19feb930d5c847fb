/** Notices that this process stood still (was stopped, slept with its machine) for as long as a lease lasts. */
import {DataOpsError} from '../model/errors.js'
import {CLOCK, elapsedSince, momentOf} from './clock.js'
import {LEASE} from './lease.js'

/**
 * For jobs that no lease guards: another may have done their work since, and what they have looked at be other things by now. A slow
 * server is no standstill. `awake` is to be asked before each write. @throws DataOpsError STORAGE, by `awake`, when this process stood
 * still at any time since `body` began.
 */
export async function noticingStandstill<T>(body: (awake: () => Promise<void>) => Promise<T>): Promise<T> {
  let last = momentOf(CLOCK)
  let longest = 0
  const beat = (): void => {
    longest = Math.max(longest, elapsedSince(last, CLOCK))
    last = momentOf(CLOCK)
  }

  const timer = setInterval(beat, LEASE.renewMs).unref()
  try {
    return await body(async () => {
      beat()
      if (longest > LEASE.ms) throw stoodStill(longest)
    })
  } finally {
    clearInterval(timer)
  }
}

function stoodStill(ms: number): DataOpsError {
  const seconds = Math.round(ms / 1000)
  return new DataOpsError('STORAGE', `This process stood still for ${seconds} s, and changes nothing any more.`, {
    details: {stoodStillMs: Math.round(ms)},
    hint: 'What it has looked at may have changed since, or another process have done its work: see what is there, and run it again. A call that was on its way may have been sent when this one woke.',
  })
}
