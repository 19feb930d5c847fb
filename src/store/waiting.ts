/** Waits for other processes that are long enough to be told of. */
import type {ProgressEvent} from '../model/progress.js'

/** Milliseconds after which a wait is told of. Tests wait less; no option. */
export const TOLD_AFTER = {ms: 2000}

/** A lease that another holds, and how long it is waited for. */
export interface Wait {
  /** In words: `process 4711 on host-b since 2026-02-01T10:30:00Z, which holds backups/.lock`. */
  for: string
  /** Milliseconds at most, from the beginning. */
  mostMs: number
  /** Milliseconds so far. */
  waitedMs: number
}

export type OnWait = (wait: Wait) => void

/** Tells of waits as of a stage of a collection. */
export function waitsToldTo(
  onProgress: ((event: ProgressEvent) => void) | undefined,
  collection: string,
): OnWait | undefined {
  if (!onProgress) return undefined
  return ({for: waitsFor, mostMs, waitedMs}) => {
    const total = Math.ceil(mostMs / 1000)
    const completed = Math.min(total, Math.floor(waitedMs / 1000))
    onProgress({collection, completed, stage: 'wait', total, unit: 'seconds', waitsFor})
  }
}
