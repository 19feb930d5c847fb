/** What a manager is doing now; sent often, rendered by whoever listens. */
export interface ProgressEvent {
  /** Bytes that went to or came from the backup so far. */
  bytes?: number
  collection: string
  /** Units done, with `resumed` ones. */
  completed: number
  /** Units done by earlier runs. */
  resumed?: number
  stage: ProgressStage
  /** Units in all, when known. */
  total?: number
  /** objects unless told. */
  unit?: 'files' | 'objects' | 'rows' | 'seconds' | 'tenants'
  /** Of `wait`: who holds what, in words. */
  waitsFor?: string
}

/** What a job is at. */
export type ProgressStage =
  | 'backup'
  | 'carry'
  | 'clear'
  | 'confirm'
  | 'references'
  | 'restore'
  | 'scan'
  | 'seal'
  | 'settle'
  | 'tenants'
  | 'verify'
  /** Nothing is done until another process has shown that it is at work, or was silent for its time. */
  | 'wait'

/** What a caller should know though the job goes on. */
export interface Warning {
  /** Stable, kebab-case: `grpc-unreachable`, `tenants-skipped`, … */
  code: string
  details?: Record<string, unknown>
  /** One sentence for a person. */
  message: string
}

/** Options that every long operation takes. */
export interface OperationOptions {
  /** Called often, from within the work: it should be quick. */
  onProgress?: (event: ProgressEvent) => void
  /** Called once a warning, when it arises; results hold them too. */
  onWarning?: (warning: Warning) => void
  /** Aborting finishes the page in hand, then rejects with INTERRUPTED. */
  signal?: AbortSignal
}
