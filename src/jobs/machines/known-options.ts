/** Options of jobs: one that several machines would not go by is refused, and never left out in silence. */
import type {CreateBackupJobOptions, CreateRestoreJobOptions, JobKind} from './options.js'

import {DataOpsError} from '../../model/errors.js'

type Names<Options> = Readonly<Record<keyof Required<Options>, true>>

const BACKUP: Names<CreateBackupJobOptions> = {
  batchSize: true,
  compress: true,
  exclude: true,
  format: true,
  id: true,
  includeData: true,
  includeOffloaded: true,
  items: true,
  leaseMs: true,
  onProgress: true,
  onWarning: true,
  signal: true,
  tenants: true,
  transforms: true,
}

const RESTORE: Names<CreateRestoreJobOptions> = {
  allowNonFinite: true,
  allowRehash: true,
  allowVectorization: true,
  atomic: true,
  batchSize: true,
  consistency: true,
  id: true,
  items: true,
  leaseMs: true,
  merge: true,
  missingTarget: true,
  name: true,
  onConflict: true,
  onProgress: true,
  onWarning: true,
  overrides: true,
  signal: true,
  tenants: true,
  transforms: true,
  verify: true,
  withAliases: true,
}

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
