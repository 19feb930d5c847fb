/** How much memory V8 gives to what lives shortly. For programs whose process is their own: V8's flags are the process's. */
import {PerformanceObserver} from 'node:perf_hooks'
import {getHeapSpaceStatistics, setFlagsFromString} from 'node:v8'

/** Objects that are made at once, and how often at most, to have the space grow. */
const JUNK = {objects: 8192, times: 64}
/** Milliseconds between two times that it is made to grow again. */
const PATIENCE_MS = 1000

let isHeld = false

/** Whether `holdYoungSpace` was called: threads then have to hold theirs as well. */
export function isYoungSpaceHeld(): boolean {
  return isHeld
}

/**
 * Has the half of this thread's space for young objects grow to `megabytes`, and no further, nor that of any other thread. V8 lets it grow
 * to 32 MB and more where much passes through: it is only filled with what is dead already. The smallest, 1 MB, to which it shrinks while
 * little happens, costs a tenth more CPU.
 */
export function holdYoungSpace(megabytes: number): void {
  isHeld = true
  grow(megabytes)
  let grownAt = performance.now()
  new PerformanceObserver(() => {
    if (performance.now() - grownAt < PATIENCE_MS) return
    grow(megabytes)
    grownAt = performance.now()
  }).observe({entryTypes: ['gc']})
}

function grow(megabytes: number): void {
  const target = megabytes * 2 ** 20
  // It is half of it or less; what is told of one that is being collected may be a little less than it is.
  const isSmaller = (): boolean => capacity() < target * 0.6
  if (isSmaller()) {
    setFlagsFromString(`--semi-space-growth-factor=${Math.max(2, Math.round(target / capacity()))}`)
    // It grows when more outlived a collection than it holds.
    const kept: unknown[] = []
    for (let time = 0; time < JUNK.times && isSmaller(); time++) {
      kept.push(Array.from({length: JUNK.objects}, (_, index) => ({index})))
    }
  }

  setFlagsFromString('--semi-space-growth-factor=1')
}

/** Bytes of one of its two halves. */
function capacity(): number {
  const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')
  return young ? young.space_used_size + young.space_available_size : Infinity
}
