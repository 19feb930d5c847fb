import {sleep} from '../../weaviate/retry.js'
import {stillChanging} from './guarantee.js'
import {type Survey} from './held.js'

/** Milliseconds in which nothing may change before a drop. */
const QUIET_FOR = 2000

export interface Quiet {
  found: Survey
  /** When the last look began, of the monotonic clock. */
  started: number
}

/**
 * Looks at a collection twice, with the quiet time in between.
 * @throws DataOpsError CONTENT_DIFFERS when there is anything that the backup has not, or that has changed.
 */
export async function waitUntilQuiet(
  name: string,
  look: () => Promise<Survey>,
  {quietForMs = QUIET_FOR, signal}: {quietForMs?: number; signal?: AbortSignal},
): Promise<Quiet> {
  let before: Survey | undefined
  for (;;) {
    const started = performance.now()
    const found = await look()
    const isOther = found.changed !== undefined || found.fresh.count > 0
    if (isOther || (before && found.objects !== before.objects)) throw stillChanging(name, found, before)
    if (before || quietForMs === 0) return {found, started}
    before = found
    await sleep(quietForMs, signal)
  }
}
