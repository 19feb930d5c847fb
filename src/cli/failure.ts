/** What a command says of an error: for a person, and for programs. */
import {saidOfSecond} from '../config/second-server.js'
import {describeSettings, type Settings} from '../config/settings.js'
import {DataOpsError, outOfMemory, withContext} from '../model/errors.js'
import {withoutUserInfo} from '../model/user-info.js'
import {isTwoServers} from '../weaviate/errors.js'
import {asTyped} from './hints.js'

/** What `--json` prints under `error`. */
export interface FailureDescription {
  code: string
  details: Record<string, unknown>
  exitCode: number
  hint?: string
  message: string
}

/** `instanceof` fails across copies of this package; anything unknown is a defect, and says so. */
export function asDataOpsError(error: unknown): DataOpsError {
  if (error instanceof Error && error.name === 'DataOpsError') return error as DataOpsError
  const memory = outOfMemory(error)
  if (memory) return memory
  const message = error instanceof Error ? error.message : String(error)
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (code === 'EMFILE' || code === 'ENFILE') {
    return new DataOpsError('STORAGE', 'Too many files are open.', {
      details: {code},
      hint: 'Raise the limit of open files (ulimit -n).',
    })
  }

  return new DataOpsError('UNEXPECTED', message || 'Something unexpected happened.')
}

/** A failed connection says which address or sign-in was tried, and who gave it. `second`: of the other server, where there are two. */
export function withSource(error: DataOpsError, first: Settings | undefined, second?: Settings): DataOpsError {
  const settings = second ? settingsOf(error, {first, second}) : first
  if (!settings || (error.code !== 'CANNOT_CONNECT' && error.code !== 'NOT_ALLOWED')) return error
  const origin = error.code === 'CANNOT_CONNECT' ? addressOrigin(settings, error) : credentialsOrigin(settings)
  const hint = [error.hint, origin].filter(Boolean).join(' ')
  return withContext(error, {
    details: {settings: describeSettings(settings)},
    hint: settings === second ? saidOfSecond(asTyped(hint)) : hint,
  })
}

/** Those of the server that an error is about, where there are two. */
function settingsOf(
  error: DataOpsError,
  {first, second}: {first: Settings | undefined; second: Settings},
): Settings | undefined {
  const {which} = error.details
  if (which === undefined) return [first, second].find((each) => isOf(error, each))
  return which === 'second' || which === 'target' ? second : first
}

/** Whether an error names the server of these settings. */
function isOf(error: DataOpsError, settings: Settings | undefined): boolean {
  const {grpcUrl, url} = settings ?? {}
  return [url?.value, grpcUrl?.value].some(
    (address) => address !== undefined && error.message.includes(withoutUserInfo(address, {isAddress: true})),
  )
}

function addressOrigin({grpcUrl, url}: Settings, error: DataOpsError): string {
  if (isTwoServers(error)) {
    const grpc = grpcUrl?.from ?? 'the default (port 50051 of the same host): set WEAVIATE_GRPC_URL or --grpc-url'
    return `The address of REST came from ${url?.from ?? 'the host'}, that of gRPC from ${grpc}.`
  }

  if (!url || url.kind === 'default') return 'No address was given: set WEAVIATE_URL or --url.'
  return `The address came from ${url.from}.`
}

function credentialsOrigin({apiKey, client, oidc}: Settings): string {
  const given = apiKey ?? oidc ?? client
  return given
    ? `The credentials came from ${given.from}.`
    : 'No credentials were given: set WEAVIATE_API_KEY or --api-key.'
}
