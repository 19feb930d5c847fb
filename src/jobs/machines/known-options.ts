/** Options of jobs: one that several machines would not go by is refused, and never left out in silence. */
import {DataOpsError} from '../../model/errors.js'
import {SENT_OPTIONS} from '../restore/items.js'
import {
  BACKUP_OPTIONS,
  type CreateBackupJobOptions,
  type CreateRestoreJobOptions,
  JOB_OPTIONS,
  type JobKind,
} from './options.js'

const BACKUP: ReadonlyArray<keyof CreateBackupJobOptions> = [...JOB_OPTIONS, ...BACKUP_OPTIONS, 'exclude']
const RESTORE: ReadonlyArray<keyof CreateRestoreJobOptions> = [...JOB_OPTIONS, ...SENT_OPTIONS, 'transforms']
const KNOWN: Readonly<Record<JobKind, readonly string[]>> = {backup: BACKUP, restore: RESTORE}
/** Of each machine that works at it. */
const OF_WORKERS = new Set(['concurrency', 'maxRate', 'maxRetries', 'retryMaxWaitMs'])

/** @throws DataOpsError INVALID_INPUT naming one that is not of such a job. */
export function checkKnownOptions(kind: JobKind, options: object): void {
  const other = Object.entries(options).find(
    ([name, value]) => value !== undefined && value !== false && !KNOWN[kind].includes(name),
  )
  if (!other) return
  const [name] = other
  throw new DataOpsError('INVALID_INPUT', `A ${kind} with \`${name}\` cannot be done by several machines.`, {
    hint: OF_WORKERS.has(name)
      ? 'Give it to `JobManager.work`: each machine has its own.'
      : `Leave it out, or ${kind === 'backup' ? 'take it' : 'restore'} with one process.`,
  })
}
