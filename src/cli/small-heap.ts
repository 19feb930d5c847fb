/** For jobs, whose process is the program's own: memory that stays small though much passes through it. */
import {setFlagsFromString} from 'node:v8'

import {holdYoungSpace, isYoungSpaceHeld} from '../platform/young-space.js'

/** MB of a half of the space for young objects: no more CPU than with V8's own 64 MB and more, and 110 MB less. */
const YOUNG_MB = 8

/** The heap may grow by so much of what lives, in per cent, before all of it is looked through; V8's own is 300. In all threads. */
const GROWING_PERCENT = 70

/**
 * Keeps V8's spaces small: of what is read and written nearly all dies young, and a larger space is only filled with it. Some of it
 * outlives a page and dies then: it is looked for more often, at no cost that could be measured (docs/performance.md).
 */
export function keepHeapSmall(): void {
  if (isYoungSpaceHeld()) return
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`)
  holdYoungSpace(YOUNG_MB)
}
