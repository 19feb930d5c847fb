/** What the server, the network or gRPC said, as a DataOpsError. The one place that decides what may be tried again. */
import {DataOpsError, type ErrorCode, interrupted} from '../model/errors.js'

/**
 * Failures that pass by themselves, known only by their words: Weaviate reports them under 422, 500, gRPC UNKNOWN, or for one object
 * inside a reply that says OK. Read off its public sources (1.39), file by file.
 */
const TRANSIENT_REASONS: readonly RegExp[] = [
  /store is read-only/, // entities/storagestate/status.go; transient in entities/errors/transient.go
  /read-only mode is enabled temporal/, // usecases/config/operational_mode.go
  /not enough memory/, // entities/errors/transient.go
  /no space left on device/, // ENOSPC, transient in entities/errors/transient.go
  /leader not found/, // cluster/types/errs.go
  /leadership lost|node is not the leader/, // hashicorp/raft, passed on by cluster/raft_apply_endpoints.go
  /server is not ready: either starting up or shutting down/, // usecases/cluster/transactions_write.go
  /node is shutting down|already shut or dropped/, // adapters/repos/db/index.go, shard.go
  /non-existing index|(cannot|could not) find index for class|source class .* not found in schema|not found locally/, // adapters/repos/db: the schema is read, the collection not opened yet
  /local (\S+ shard|index) (is )?not ready/, // adapters/repos/db/index.go, usecases/replica/errors/errors.go
  /cannot achieve consistency level|cannot reach enough replicas/, // usecases/replica/errors/errors.go, coordinator.go
  /context deadline exceeded/, // Go, between nodes
  /resolve node name/, // usecases/sharding/remote_index.go, usecases/replica: a node that is away for some seconds is not in the cluster's list
  /connection refused|connection reset by peer|no such host|i\/o timeout|broken pipe/, // Go, between nodes
  /insert into geo index.*(entrypoint|empty hnsw graph)/, // adapters/repos/db/vector/geo: a graph that is being cleaned up after a clear
  /get status for node \S+: unmarshal node status/, // usecases/export: its file is being written
  /too many requests|rate limit/i, // modules that call a provider, usecases/modulecomponents
]

/** gRPC and HTTP clients say this of a message over the limit, and the code alone (8, 500) does not. */
const TOO_LARGE = /larger than max|request body too large/i
/** In them, how long the message is. */
const TOO_LARGE_BYTES = /larger than max \((\d+) vs/

/** Whether the server's words name a failure that passes by itself (read-only shard, out of memory, no leader, …). */
export function isTransientReason(reason: string): boolean {
  return TRANSIENT_REASONS.some((pattern) => pattern.test(reason))
}

/** Whether the server refused one object of a batch for want of a permission: it would refuse them all. */
export function isForbidden(reason: string): boolean {
  return reason.includes('authorization, forbidden action')
}

/** The error for that. */
export function forbidden(action: string, reason: string): DataOpsError {
  return notAllowed(action, {reason})
}

/** The server's words for a tenant that nothing can be asked of, whatever stands before them. */
const TENANT_AWAY = /\btenant not (?<how>active|found): (?:'(?<cold>[^']*)'|"(?<gone>[^"]*)")/

/** The error for that: a tenant was there, and active, when the job began. `undefined` for other words. */
function tenantAway(action: string, details: {reason: string}): DataOpsError | undefined {
  const {cold, gone, how} = TENANT_AWAY.exec(details.reason)?.groups ?? {}
  const tenant = cold ?? gone
  if (!tenant) return undefined
  const isGone = how === 'found'
  return new DataOpsError(
    'SERVER_REFUSED',
    `Cannot ${action}: ${isGone ? `there is no tenant "${tenant}"` : `the tenant "${tenant}" is not active`}.`,
    {
      details: {...details, tenant},
      hint: isGone
        ? 'Somebody may have removed it meanwhile: run it again, without this tenant.'
        : 'Somebody may have deactivated or offloaded it meanwhile: activate it, or leave it out, and run it again.',
    },
  )
}

const NO_SECRETS = new Set(['content-type', 'x-weaviate-cluster-url'])

/** Text without any of these secrets: header values, and the token within `Bearer …`. */
export function redact(text: string, headers: Readonly<Record<string, string>>): string {
  let result = text
  for (const [name, value] of Object.entries(headers)) {
    if (NO_SECRETS.has(name.toLowerCase())) continue
    for (const secret of [value, value.replace(/^(Bearer|Basic) /i, '')]) {
      // Shorter ones are no secrets, and would tear words apart.
      if (secret.length >= 6) result = result.replaceAll(secret, '***')
    }
  }

  return result
}

const HTTP_TRANSIENT = new Set([408, 425, 429, 502, 503, 504])

export interface RestFailure {
  /** What was tried, to follow "Cannot": `read objects of Article`. */
  action: string
  /** The reply's text. */
  body: string
  /** Milliseconds. */
  retryAfterMs?: number
  status: number
}

/** The error for a REST reply with a status of 300 or more. `details`: `{status, reason, tooLarge?}`. */
export function restError({action, body, retryAfterMs, status}: RestFailure): DataOpsError {
  const reason = serverWords(body)
  const said = reason ? `: ${reason}` : '.'
  const details = {reason, status}
  if (status === 401 || status === 403) return notAllowed(action, details)
  if (status === 413 || TOO_LARGE.test(reason)) {
    return new DataOpsError('SERVER_REFUSED', `Cannot ${action}: the request is too large for the server${said}`, {
      details: {...details, tooLarge: true},
    })
  }

  // A 429 too, and no overload: it stays so until somebody raises it.
  if (body.includes('USAGE_LIMIT_EXCEEDED') || reason.includes('collections count limit')) {
    return new DataOpsError('SERVER_REFUSED', `Cannot ${action}: the server answered HTTP ${status}${said}`, {details})
  }

  if (HTTP_TRANSIENT.has(status) || isTransientReason(reason)) {
    return new DataOpsError(
      'SERVER_UNAVAILABLE',
      `Cannot ${action}: the server cannot answer now (HTTP ${status})${said}`,
      {details, retryAfterMs},
    )
  }

  const away = tenantAway(action, details)
  if (away) return away
  if (status < 400) {
    return new DataOpsError('SERVER_REFUSED', `Cannot ${action}: the server redirects elsewhere (HTTP ${status}).`, {
      details,
      hint: 'Give the address that it redirects to.',
    })
  }

  const code: ErrorCode = status >= 500 ? 'UNEXPECTED' : 'SERVER_REFUSED'
  return new DataOpsError(code, `Cannot ${action}: the server answered HTTP ${status}${said}`, {details})
}

/** Weaviate's words out of `{"error":[{"message"}]}` or `{"message"}`; other text as it is, without markup, cut to 1,000 characters. */
export function serverWords(body: string): string {
  let words = body
  try {
    const parsed = JSON.parse(body) as {error?: unknown; message?: unknown}
    if (Array.isArray(parsed.error)) {
      words = parsed.error
        .map((item: unknown) => (item as {message?: unknown})?.message)
        .filter((message) => typeof message === 'string')
        .join('; ')
    } else if (typeof parsed.message === 'string') words = parsed.message
    else if (typeof parsed.error === 'string') words = parsed.error
  } catch {
    words = body.replaceAll(/<[^>]*>/g, ' ')
  }

  words = words.replaceAll(/\s+/g, ' ').trim()
  return words.length > 1000 ? `${words.slice(0, 1000)}…` : words
}

function notAllowed(action: string, details: Record<string, unknown>): DataOpsError {
  // RBAC says which: `insufficient permissions to read_data [[…`.
  const permission = /insufficient permissions to (\w+_\w+)/.exec(
    typeof details.reason === 'string' ? details.reason : '',
  )?.[1]
  const isUnknown = areUnknownCredentials(details)
  return new DataOpsError(
    'NOT_ALLOWED',
    isUnknown
      ? `Cannot ${action}: the server does not accept these credentials.`
      : `Cannot ${action}: these credentials do not have the permission${permission === undefined ? '' : ` ${permission}`}.`,
    {
      details: {...details, ...(permission !== undefined && {permission})},
      hint: isUnknown
        ? 'Check the API key or the OIDC credentials.'
        : permission === undefined
          ? 'Ask for a role that allows it; what the server said is in the details.'
          : `Ask for a role with ${permission}.`,
    },
  )
}

function areUnknownCredentials({grpcStatus, status}: Readonly<Record<string, unknown>>): boolean {
  return status === 401 || grpcStatus === 'UNAUTHENTICATED'
}

/** Whether the server did not accept the credentials, whatever they may do. */
export function isUnauthenticated(error: unknown): boolean {
  return error instanceof DataOpsError && error.code === 'NOT_ALLOWED' && areUnknownCredentials(error.details)
}

/** Names of gRPC status codes by number. */
export const GRPC_STATUS = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

const GRPC_TRANSIENT = new Set(['ABORTED', 'CANCELLED', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'UNAVAILABLE'])

export interface GrpcFailure {
  /** What was tried, to follow "Cannot". */
  action: string
  /** Sent with the call; taken out of the server's words. */
  metadata?: Readonly<Record<string, string>>
  signal?: AbortSignal
}

/**
 * The error for a failed gRPC call, given grpc-js's ServiceError (`code`, `details`).
 * `details`: `{grpcStatus, reason, tooLarge?, bytes?}`; `tooLarge` means that a smaller page or batch will pass (such an error is not `retryable`);
 * `bytes`: of the message, where that was told.
 */
export function grpcError(error: unknown, {action, metadata = {}, signal}: GrpcFailure): DataOpsError {
  if (error instanceof DataOpsError) return error
  if (signal?.aborted) return interrupted(signal)
  const {code, details: words} = error as {code?: unknown; details?: unknown}
  if (typeof code !== 'number') return unexpected(error, action)
  const reason = serverWords(redact(typeof words === 'string' ? words : '', metadata))
  // A wrong or missing key is UNKNOWN to Weaviate's gRPC, but for these words (adapters/handlers/grpc/v1).
  const grpcStatus = reason.startsWith('extract auth: ') ? 'UNAUTHENTICATED' : (GRPC_STATUS[code] ?? 'UNKNOWN')
  const said = reason ? `: ${reason}` : '.'
  const details = {grpcStatus, reason}
  if (grpcStatus === 'UNAUTHENTICATED' || grpcStatus === 'PERMISSION_DENIED') return notAllowed(action, details)
  if (TOO_LARGE.test(reason)) {
    return new DataOpsError('SERVER_REFUSED', `Cannot ${action}: the message is too large${said}`, {
      details: {...details, ...lengthIn(reason), tooLarge: true},
    })
  }

  // grpc-js reports a broken HTTP/2 stream as INTERNAL with these words.
  const isTransient = GRPC_TRANSIENT.has(grpcStatus) || reason.includes('RST_STREAM') || isTransientReason(reason)
  if (isTransient) {
    return new DataOpsError(
      'SERVER_UNAVAILABLE',
      `Cannot ${action}: the server cannot answer now (gRPC ${grpcStatus})${said}`,
      {details},
    )
  }

  const away = tenantAway(action, details)
  if (away) return away
  return new DataOpsError(
    grpcStatus === 'INTERNAL' || grpcStatus === 'DATA_LOSS' ? 'UNEXPECTED' : 'SERVER_REFUSED',
    `Cannot ${action}: the server answered gRPC ${grpcStatus}${said}`,
    {details},
  )
}

function lengthIn(reason: string): {bytes?: number} {
  const bytes = TOO_LARGE_BYTES.exec(reason)?.[1]
  return bytes === undefined ? {} : {bytes: Number(bytes)}
}

/** Whether a smaller page or batch would pass. */
export function isTooLarge(error: unknown): error is DataOpsError {
  return error instanceof DataOpsError && error.details.tooLarge === true
}

/** Whether REST and gRPC were found to be two servers. */
export function isTwoServers(error: unknown): boolean {
  return error instanceof DataOpsError && error.code === 'CANNOT_CONNECT' && error.details.addresses !== undefined
}

/** Whether the server answered with this HTTP status. */
export function hasStatus(error: unknown, ...statuses: number[]): error is DataOpsError {
  return error instanceof DataOpsError && statuses.includes(error.details.status as number)
}

const TLS_CODE = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO$|HOSTNAME_MISMATCH)/
const UNREACHED = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** The error for a request that got no reply. `details`: `{address, networkCode, reached}`. */
export function networkError(error: unknown, action: string, address: string): DataOpsError {
  if (error instanceof DataOpsError) return error
  const networkCode = networkCodeOf(error)
  const details = {address, networkCode, reached: !UNREACHED.has(networkCode)}
  if (TLS_CODE.test(networkCode)) {
    return new DataOpsError('CANNOT_CONNECT', `Cannot ${action}: TLS with ${address} failed (${networkCode}).`, {
      cause: error,
      details,
      hint: 'Check that the address takes https, and give the CA certificate that its own is signed by.',
    })
  }

  // undici gives its HTTPParserError a code only sometimes.
  if (networkCode.startsWith('HPE_') || (error as Error).name === 'HTTPParserError') {
    return new DataOpsError('CANNOT_CONNECT', `Cannot ${action}: ${address} does not speak HTTP.`, {
      cause: error,
      details,
      hint: 'Check the port, and whether the address needs https.',
    })
  }

  if (networkCode === 'UND_ERR_INVALID_ARG' || networkCode === 'ERR_INVALID_CHAR') {
    return new DataOpsError('INVALID_INPUT', 'A header or key holds characters that HTTP does not allow.', {
      hint: 'Look for line breaks at its end.',
    })
  }

  if (!networkCode) return unexpected(error, action)
  return new DataOpsError(
    'SERVER_UNAVAILABLE',
    details.reached
      ? `Cannot ${action}: the connection to ${address} broke (${networkCode}).`
      : `Cannot ${action}: ${address} cannot be reached (${networkCode}).`,
    {cause: error, details},
  )
}

function networkCodeOf(error: unknown): string {
  for (let current = error, depth = 0; current && depth < 4; depth++) {
    const {cause, code} = current as {cause?: unknown; code?: unknown}
    if (typeof code === 'string') return code
    current = cause
  }

  return ''
}

function unexpected(error: unknown, action: string): DataOpsError {
  const words = error instanceof Error ? error.message : String(error)
  return new DataOpsError('UNEXPECTED', `Cannot ${action}: ${words}`, {cause: error})
}
