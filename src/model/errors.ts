/** Why something failed, in a form that a program can act on. */
export type ErrorCode =
  /** The server answered something that nobody can act on but a developer. */
  | 'UNEXPECTED'
  /** Options that contradict each other or cannot be used here. */
  | 'INVALID_INPUT'
  /** Some objects were refused by the server; everything else is done. */
  | 'OBJECTS_REFUSED'
  /** Done, but not everything: objects that are there could not be read. */
  | 'INCOMPLETE'
  /** The path holds no backup, or one of a version that is not understood. */
  | 'NOT_A_BACKUP'
  /** The backup's bytes are not what was sealed. */
  | 'BACKUP_DAMAGED'
  /** Backup and collection hold different content. */
  | 'CONTENT_DIFFERS'
  | 'COLLECTION_MISSING'
  /** The backup has no object of that id. */
  | 'OBJECT_MISSING'
  | 'COLLECTION_EXISTS'
  /** The schemas of backup and target do not fit together. */
  | 'SCHEMA_MISMATCH'
  /** A protected name, or a question that nobody answered with yes. */
  | 'NOT_CONFIRMED'
  | 'CANNOT_CONNECT'
  | 'NOT_ALLOWED'
  /** No room, no memory, no permission, or another failure of the disk. */
  | 'STORAGE'
  /** The checkpoint belongs to another backup or target, or is damaged. */
  | 'CHECKPOINT'
  /** The server refused a request for good. */
  | 'SERVER_REFUSED'
  /** The server could not answer now; trying again may help. */
  | 'SERVER_UNAVAILABLE'
  /** Stopped by a signal or an AbortSignal. */
  | 'INTERRUPTED'

/** Process exit codes, a promise to scripts (docs/cli.md). */
export const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  BACKUP_DAMAGED: 4,
  CANNOT_CONNECT: 6,
  CHECKPOINT: 1,
  COLLECTION_EXISTS: 5,
  COLLECTION_MISSING: 5,
  CONTENT_DIFFERS: 4,
  INCOMPLETE: 3,
  INTERRUPTED: 130,
  INVALID_INPUT: 2,
  NOT_ALLOWED: 6,
  NOT_A_BACKUP: 2,
  NOT_CONFIRMED: 2,
  OBJECT_MISSING: 1,
  OBJECTS_REFUSED: 3,
  SCHEMA_MISMATCH: 1,
  SERVER_REFUSED: 1,
  SERVER_UNAVAILABLE: 1,
  STORAGE: 1,
  UNEXPECTED: 1,
}

/** What an error tells beside its code and sentence. */
export interface DataOpsErrorOptions {
  cause?: unknown
  /** Machine-readable particulars; never a secret. */
  details?: Record<string, unknown>
  /** What to do next, one sentence. */
  hint?: string
  /** True when the same call may succeed later. */
  retryable?: boolean
  /** Milliseconds the server asked to wait (Retry-After). */
  retryAfterMs?: number
}

/** What an error can be given on its way out. */
export type ErrorContext = Omit<DataOpsErrorOptions, 'cause'> & {code?: ErrorCode; message?: string}

/** The only error type that leaves the SDK. `message` is one sentence, `hint` the next step. */
export class DataOpsError extends Error {
  readonly code: ErrorCode
  readonly details: Record<string, unknown>
  readonly hint?: string
  readonly retryable: boolean
  /** Milliseconds the server asked to wait; undefined: it did not say. */
  readonly retryAfterMs?: number

  constructor(code: ErrorCode, message: string, options: DataOpsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause})
    this.name = 'DataOpsError'
    this.code = code
    this.details = options.details ?? {}
    this.hint = options.hint
    this.retryable = options.retryable ?? code === 'SERVER_UNAVAILABLE'
    this.retryAfterMs = options.retryAfterMs
  }

  /** The process exit code that stands for this error. */
  get exitCode(): number {
    return EXIT_CODES[this.code]
  }

  /** The same error with more context, itself as the cause; whatever is not given stays, and details are added to. */
  with(more: ErrorContext): DataOpsError {
    return withContext(this, more)
  }
}

/** `DataOpsError.with`, also for an error of another copy of this package. */
export function withContext(error: DataOpsError, more: ErrorContext): DataOpsError {
  return new DataOpsError(more.code ?? error.code, more.message ?? error.message, {
    cause: error,
    details: {...error.details, ...more.details},
    hint: more.hint ?? error.hint,
    retryable: more.retryable ?? error.retryable,
    retryAfterMs: more.retryAfterMs ?? error.retryAfterMs,
  })
}

/** For `catch`: a value in place of an error of this code, or of which that is true. Whatever else it is, is thrown on. */
export function insteadOf<T>(value: T, which: ErrorCode | ((error: unknown) => boolean)): (error: unknown) => T {
  return (error) => {
    if (typeof which === 'string' ? error instanceof DataOpsError && error.code === which : which(error)) return value
    throw error
  }
}

/** What Node, its zlib and the system say where no memory is left. */
const NO_MEMORY: ReadonlySet<unknown> = new Set([
  'ENOMEM',
  'ERR_MEMORY_ALLOCATION_FAILED',
  'ERR_WORKER_OUT_OF_MEMORY',
  'Z_MEM_ERROR',
])
const NO_MEMORY_SAID = /^(?:Array buffer allocation failed|Out of memory)/i
const MAX_CAUSES = 5

/** The error of a machine, or a limit, without memory left, for what says that, itself or as a cause; undefined for all else. It says nothing of what was read. */
export function outOfMemory(error: unknown): DataOpsError | undefined {
  for (let depth = 0, each = error; each instanceof Error && depth < MAX_CAUSES; each = each.cause, depth++) {
    const {code} = each as {code?: unknown}
    if (!NO_MEMORY.has(code) && !(each instanceof RangeError && NO_MEMORY_SAID.test(each.message))) continue
    const said = each.message.replace(/\.$/, '')
    return new DataOpsError('STORAGE', `There is not enough memory to go on (${said}).`, {
      cause: error,
      details: {reason: 'memory'},
      hint: 'End other programs, or give this one more memory (the limit of its container, ulimit -v); with `workers: 1` it needs less.',
    })
  }

  return undefined
}

/** For a `catch` that takes every error for content that is not understood. @throws DataOpsError STORAGE for one that says nothing of the content. */
export function throwIfOutOfMemory(error: unknown): void {
  const known = outOfMemory(error)
  if (known) throw known
}

/** Whether the same call would end so again: nobody interrupted it, and waiting changes nothing. */
export function isRefusal(error: unknown): error is DataOpsError {
  return error instanceof DataOpsError && !error.retryable && error.code !== 'INTERRUPTED'
}

/** The same error with more particulars: what was done before it, where something is. */
export function withDetails(error: unknown, details: Record<string, unknown>): Error {
  if (!(error instanceof DataOpsError)) return error instanceof Error ? error : new Error(String(error))
  return error.with({details})
}

/** The error that an aborted operation rejects with. */
export function interrupted(signal?: AbortSignal): DataOpsError {
  const reason: unknown = signal?.reason
  if (reason instanceof DataOpsError) return reason
  return new DataOpsError('INTERRUPTED', 'The operation was interrupted.', {cause: reason, retryable: false})
}

/** @throws DataOpsError INTERRUPTED when the signal has fired. */
export function throwIfAborted(signal?: AbortSignal): void {
  if (signal?.aborted) throw interrupted(signal)
}

/** What a task comes to, unless the signal fires first, whatever the task waits for. @throws DataOpsError INTERRUPTED. */
export async function orInterrupted<T>(task: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return task
  const {promise: stopped, reject} = Promise.withResolvers<never>()
  const stop = (): void => {
    reject(interrupted(signal))
  }

  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, {once: true})
  try {
    // What the task comes to afterwards is waited for as well: nobody else would hear of its failure.
    return await Promise.race([stopped, task])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
