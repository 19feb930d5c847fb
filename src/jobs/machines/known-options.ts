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

/** All that a job can have: the compiler finds one that is missing here, or too many. */
type Names<Options> = Readonly<Record<keyof Required<Options>, true>>

const BACKUP: Names<CreateBackupJobOptions> = {...named(JOB_OPTIONS), ...named(BACKUP_OPTIONS), exclude: true}
const RESTORE: Names<CreateRestoreJobOptions> = {...named(JOB_OPTIONS), ...named(SENT_OPTIONS), transforms: true}
const KNOWN: Readonly<Record<JobKind, Readonly<Record<string, true>>>> = {backup: BACKUP, restore: RESTORE}
/** Of each machine that works at it. */
const OF_WORKERS = new Set(['concurrency', 'maxRate', 'maxRetries', 'retryMaxWaitMs'])

/** @throws DataOpsError INVALID_INPUT naming one that is not of such a job. */
export function checkKnownOptions(kind: JobKind, options: object): void {
  const other = Object.entries(options).find(
    ([name, value]) => value !== undefined && value !== false && !Object.hasOwn(KNOWN[kind], name),
  )
  if (!other) return
  const [name] = other
  throw new DataOpsError('INVALID_INPUT', `A ${kind} with \`${name}\` cannot be done by several machines.`, {
    hint: OF_WORKERS.has(name)
      ? 'Give it to `JobManager.work`: each machine has its own.'
      : `Leave it out, or ${kind === 'backup' ? 'take it' : 'restore'} with one process.`,
  })
}

function named<Name extends string>(names: readonly Name[]): Record<Name, true> {
  return Object.fromEntries(names.map((name) => [name, true])) as Record<Name, true>
}
