import type {ErrorCode} from '../../model/errors.js'

/** What `examine` looks at. */
export type CheckName =
  | 'catalog'
  | 'clock'
  | 'conditions'
  | 'connection'
  | 'grpc'
  | 'leftovers'
  | 'locks'
  | 'one-server'
  | 'permissions'
  | 'place'
  | 'replicas'
  | 'space'
  | 'tenants'
  | 'version'

/** What one check came to. */
export interface Finding {
  check: CheckName
  /** Of an error: why. */
  code?: ErrorCode
  details?: Record<string, unknown>
  /** What mends it, or how to find out. */
  hint?: string
  /** `ok`: looked at and right. `unknown`: could not be found out. `warning`: jobs run, but something is amiss. `error`: jobs fail. */
  level: 'error' | 'ok' | 'unknown' | 'warning'
  /** One sentence. */
  message: string
}

/** What one look finds. */
export type Look = () => Promise<Finding | Finding[]>

export function ok(check: CheckName, message: string, details?: Record<string, unknown>): Finding {
  return {check, ...(details && {details}), level: 'ok', message}
}
