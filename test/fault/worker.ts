/**
 * The tool, in a process that kills itself (SIGKILL) before, or shortly after, its n-th step: a call to the file system or to the server.
 * argv: one JSON `WorkerJob`. Prints one JSON line `{steps, result?, error?}` when it lives to the end.
 */
import {promises as fs} from 'node:fs'
import {syncBuiltinESMExports} from 'node:module'
import process from 'node:process'

import type {TransformFlags} from '../../src/cli/transform-flags.js'
import type {BackupOptions} from '../../src/jobs/backup/options.js'
import type {ClearOptions} from '../../src/jobs/clear/options.js'
import type {CopyRunOptions} from '../../src/jobs/copy/options.js'
import type {ReplaceOptions} from '../../src/jobs/replace/options.js'
import type {RestoreOptions, RestoreRunOptions} from '../../src/jobs/restore/options.js'
import type {JsonObject} from '../../src/model/object.js'

import {transformsAgain} from '../../src/flow/transform/again.js'
import {FLUSH_EVERY} from '../../src/jobs/backup/transfer.js'
import {GRACE, SAVE_EVERY} from '../../src/jobs/restore/checkpoint.js'
import {ENTRY} from '../../src/jobs/workers/thread.js'
import {LEASE} from '../../src/store/lease.js'
import {PART} from '../../src/store/objects/writer.js'

export interface WorkerJob {
  /** Milliseconds after the step; 0 (default): before it is taken. */
  afterMs?: number
  /** Changes on the way, of a backup, a restore or a copy, as the flags of commands say them. */
  changes?: TransformFlags
  /** Folder of the backups. */
  directory: string
  /** A backup's flushes: milliseconds between two. */
  flushMs?: number
  grpcUrl: string
  /** Milliseconds that its leases last without being renewed. */
  leaseMs?: number
  /** The step to die at; none: lives. */
  killAt?: number
  run:
    | {backups: string[]; job: 'restores'; options?: RestoreRunOptions}
    | {collection: string; job: 'backup'; options?: BackupOptions; transforms?: JsonObject[]}
    | {collection: string; job: 'copy'; options?: CopyRunOptions; to: {grpcUrl: string; url: string}}
    | {against: string; collection: string; job: 'verify'}
    | {collection: string; job: 'clear'; options?: ClearOptions}
    | {collection: string; job: 'count'}
    | {backup: string; job: 'replace'; options?: ReplaceOptions}
    | {backup: string; job: 'restore'; options?: RestoreOptions}
    | {job: 'prune'; keepLast: number}
  /** Of a part of an upload to object storage. */
  partBytes?: number
  /** A restore's checkpoints: milliseconds between two. */
  saveMs?: number
  /** The file of its threads. */
  threadFile?: string
  transport?: 'auto' | 'rest'
  url: string
}

const job = JSON.parse(process.argv[2]!) as WorkerJob
let steps = 0

function step(): void {
  steps++
  if (steps !== job.killAt) return
  if (job.afterMs) setTimeout(die, job.afterMs)
  else die()
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

/** Counts every call of a function. */
function counted<F extends (...values: never[]) => unknown>(original: F): F {
  return function (this: unknown, ...values: never[]) {
    step()
    return original.apply(this, values)
  } as F
}

for (const name of ['link', 'mkdir', 'open', 'rename', 'rm', 'rmdir', 'unlink'] as const) {
  Object.assign(fs, {[name]: counted(fs[name] as never)})
}

// What is done with an open file: the prototype is nowhere but on an instance.
const handle = await fs.open(process.execPath, 'r')
const prototype: Record<string, (...values: never[]) => unknown> = Reflect.getPrototypeOf(handle) as never
await handle.close()
for (const name of ['close', 'sync', 'truncate', 'write', 'writeFile', 'writev'])
  prototype[name] = counted(prototype[name]!)
syncBuiltinESMExports()
steps = 0

// After the patches: `import {rename} from 'node:fs/promises'` sees them.
const {
  BackupCatalog,
  BackupManager,
  ClearManager,
  connect,
  CopyManager,
  DataOpsError,
  ReplaceManager,
  RestoreManager,
  Verifier,
} = await import('../../src/index.js')
FLUSH_EVERY.ms = job.flushMs ?? FLUSH_EVERY.ms
SAVE_EVERY.ms = job.saveMs ?? SAVE_EVERY.ms
GRACE.ms = 20
ENTRY.file = job.threadFile
PART.bytes = job.partBytes ?? PART.bytes
if (job.leaseMs !== undefined) Object.assign(LEASE, {ms: job.leaseMs, renewMs: job.leaseMs / 6})

function counting<T extends object>(made: T): T {
  for (const [name, member] of Object.entries(made)) {
    if (typeof member === 'function' && name !== 'close') Object.assign(made, {[name]: counted(member as never)})
  }

  return made
}

const connection = counting(await connect({grpcUrl: job.grpcUrl, transport: job.transport ?? 'auto', url: job.url}))

const place = {directory: job.directory}
// With them comes oclif, which takes as long to load as all else.
const transforms = job.changes ? await (await import('../../src/cli/transform-flags.js')).transformsOf(job.changes) : []
const changes = transforms.length > 0 ? {transforms} : {}

async function work(run: WorkerJob['run']): Promise<unknown> {
  switch (run.job) {
    case 'backup': {
      const {transforms: again} = transformsAgain(run.transforms ?? [])
      const options = {...run.options, ...changes, ...(again.length > 0 && {transforms: again})}
      return new BackupManager(connection, place).backupCollection(run.collection, options)
    }

    case 'clear': {
      return new ClearManager(connection, place).clearCollection(run.collection, run.options)
    }

    case 'copy': {
      const target = counting(await connect(run.to))
      try {
        return await new CopyManager(connection, target, place).copyCollection(run.collection, {
          ...run.options,
          ...changes,
        })
      } finally {
        await target.close()
      }
    }

    case 'count': {
      return {count: await new ClearManager(connection, place).count(run.collection)}
    }

    case 'prune': {
      return new BackupCatalog(job.directory).prune({keepLast: run.keepLast})
    }

    case 'replace': {
      return new ReplaceManager(connection, place).replaceCollection(run.backup, run.options)
    }

    case 'restore': {
      return new RestoreManager(connection, place).restoreCollection(run.backup, {...run.options, ...changes})
    }

    case 'restores': {
      return new RestoreManager(connection, place).restoreCollections(run.backups, run.options)
    }

    case 'verify': {
      return new Verifier({connection, ...place}).verifyCollection(run.collection, run.against)
    }
  }
}

try {
  const result = await work(job.run)
  process.stdout.write(`${JSON.stringify({result, steps})}\n`)
} catch (error) {
  if (!(error instanceof DataOpsError)) throw error
  process.stdout.write(
    `${JSON.stringify({error: {code: error.code, hint: error.hint, message: error.message}, steps})}\n`,
  )
}

await connection.close()
