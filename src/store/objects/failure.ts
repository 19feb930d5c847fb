/** Turns what a cloud says into sentences that a person can act on. */
import type {Failure, FailureKind} from './client.js'

import {DataOpsError} from '../../model/errors.js'

/** What was being done when it failed. */
export interface ObjectAction {
  /** `write`, `read`, `list`, … */
  verb: string
  /** The URL of what was touched. */
  where: string
}

const SENTENCES: Readonly<Record<FailureKind, [reason: string, hint?: string]>> = {
  absent: ['it does not exist', 'Check the URL.'],
  busy: ['the service does not answer', 'Try again; what is finished is kept.'],
  clock: ['the clock of this machine differs too much from that of the service', 'Set the clock.'],
  condition: ['another process changed it', 'Run it again.'],
  conflict: ['other writes of the same name were under way', 'Run it again.'],
  denied: [
    'the credentials do not allow it',
    'docs/clouds.md lists the permissions that each job needs; check them, and which credentials are in use.',
  ],
  full: [
    'there is no room left, or the quota is used up',
    'Remove backups that are no longer needed (`BackupCatalog.prune`), or have the quota raised.',
  ],
  'no-bucket': ['there is no such bucket', 'Create it, or check its name, the account and the endpoint.'],
  'no-credentials': [
    'there are no usable credentials',
    'Give them in the way that this cloud has for it: the environment, a profile, a sign-in, or the identity of the machine.',
  ],
  refused: ['the service refused it'],
  region: ['the bucket lies in another region', 'Set the region of the bucket (AWS_REGION, or in the profile).'],
  'too-large': ['it is larger than the service takes', "Use `format: 'parquet'`: it writes several files."],
  unreachable: ['the service cannot be reached', 'Check the network, the endpoint, and proxies on the way.'],
  unsupported: ['the service cannot do it', 'Use a service that keeps conditions of writes (If-None-Match).'],
}

/** A failure of a call, on its way to whoever knows what it means. */
export class ClientError extends Error {
  constructor(
    readonly failure: Failure,
    readonly action: ObjectAction,
  ) {
    super(failure.reason)
  }

  /** As it leaves the store. */
  toDataOpsError(): DataOpsError {
    const {code, kind, permission, reason, status} = this.failure
    const [sentence, hint] = SENTENCES[kind]
    const {verb, where} = this.action
    const words = reason === '' ? '' : ` (${reason.replace(/\.$/, '')})`
    return new DataOpsError('STORAGE', `Cannot ${verb} ${where}: ${sentence}${words}.`, {
      details: {code, path: where, ...(permission !== undefined && {permission}), reason: kind, status},
      hint: permission === undefined ? hint : `Allow ${permission}: ${hint}`,
      retryable: kind === 'busy' || kind === 'conflict',
    })
  }
}

/** Whether an error is a failure of this kind. */
export function isFailure(error: unknown, ...kinds: FailureKind[]): error is ClientError {
  return error instanceof ClientError && kinds.includes(error.failure.kind)
}

/** Runs a piece of work of the store; whatever goes wrong leaves as a DataOpsError. */
export async function leavingAsDataOpsError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof ClientError ? error.toDataOpsError() : error
  }
}

const UNREACHABLE: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
/** Said also of a connection that stood, on which something may have been asked. */
const LOST_ON_THE_WAY: ReadonlySet<string> = new Set(['EHOSTUNREACH', 'ENETDOWN', 'ENETUNREACH'])
const CUT: ReadonlySet<string> = new Set([
  'ABORT_ERR',
  'EADDRNOTAVAIL',
  'ECONNABORTED',
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
])
/** An answer that is none of HTTP, or was changed on its way. */
const GARBLED = /^(?:HPE_|ERR_SSL_(?:BAD_RECORD|DECRYPTION_FAILED))/
const CUT_NAMES: ReadonlySet<string> = new Set(['AbortError', 'RequestTimeout', 'TimeoutError'])

/** What the network did, in whichever of the causes it stands; undefined: it is no failure of the network. */
export function networkFailure(error: unknown): Failure | undefined {
  for (let depth = 0, each: unknown = error; each instanceof Error && depth < 5; each = each.cause, depth++) {
    const code = 'code' in each && typeof each.code === 'string' ? each.code : ''
    if (UNREACHABLE.has(code)) {
      const reason = firstLine((error as Error).message)
      return {code, kind: 'unreachable', mayBeDone: LOST_ON_THE_WAY.has(code), reason}
    }

    const isCut =
      CUT.has(code) ||
      GARBLED.test(code) ||
      CUT_NAMES.has(each.name) ||
      /^(?:aborted|socket hang up|terminated)$/.test(each.message)
    if (isCut) return {code: code || each.name, kind: 'busy', mayBeDone: true, reason: `cut off: ${code || each.name}`}
  }

  return undefined
}

/** The first line of what a service or SDK says: below it stand identifiers of the request. Of URLs in it, without what may be a secret: who asks, signatures, sessions. */
export function firstLine(message: string): string {
  const [line = ''] = message.split('\n', 1)
  return line.replaceAll(/(\w:\/\/)(?:[^\s/@]*@)?([^\s?#]*)[?#][^\s]*|(\w:\/\/)[^\s/@]*@/g, '$1$2$3').slice(0, 300)
}

/** The error of a listing that has more, and says not where: what is known of it is not all. */
export function endlessListing(): Error {
  return Object.assign(new Error('it says that its listing goes on, and not where'), {Code: 'InternalError', code: 500})
}

/** What the header `Retry-After` asks for, where it says so in seconds. */
export function retryAfter(header: unknown): Pick<Failure, 'retryAfterMs'> {
  const seconds = Number(header)
  return seconds > 0 ? {retryAfterMs: seconds * 1000} : {}
}

/** What a status alone says. */
export function kindOfStatus(status: number | undefined): FailureKind {
  if (status === undefined) return 'refused'
  if (status === 404) return 'absent'
  if (status === 409) return 'conflict'
  if (status === 412) return 'condition'
  if (status === 401 || status === 403) return 'denied'
  if (status === 501) return 'unsupported'
  if (status === 507) return 'full'
  if (status === 408 || status === 429 || status >= 500) return 'busy'
  return 'refused'
}
