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
  unit?: 'files' | 'objects' | 'rows' | 'tenants'
}

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

export interface Warning {
  /** Stable, kebab-case: `grpc-unreachable`, `tenants-skipped`, … */
  code: string
  details?: Record<string, unknown>
  /** One sentence for a person. */
  message: string
}

/** Options that every long operation takes. */
export interface OperationOptions {
  onProgress?: (event: ProgressEvent) => void
  onWarning?: (warning: Warning) => void
  /** Aborting finishes the page in hand, then rejects with INTERRUPTED. */
  signal?: AbortSignal
}
