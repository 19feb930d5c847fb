/** Who we are to the server: the headers of each request. */
import type {ConnectOptions, WeaviateClientLike} from './connection.js'

import {DataOpsError} from '../model/errors.js'
import {hasStatus} from './errors.js'
import {HttpClient} from './rest/http.js'

/** Gives the authorization for one more request; undefined: none. */
export type Authorize = () => Promise<{authorization?: string; headers?: Record<string, string>}>

export interface AuthTransport {
  ca?: string
  proxy?: string
  timeoutMs: number
  /** The server's REST address. */
  url: string
}

/** @throws DataOpsError INVALID_INPUT when there is more than one kind of credentials. */
export async function createAuthorize(
  options: Pick<ConnectOptions, 'apiKey' | 'oidc'> & {client?: WeaviateClientLike},
  basic: string | undefined,
  transport: AuthTransport,
): Promise<Authorize> {
  const {apiKey, client, oidc} = options
  if ([apiKey, client, oidc, basic].filter(Boolean).length > 1) {
    throw new DataOpsError('INVALID_INPUT', 'More than one kind of credentials is given.', {
      hint: 'Give one of: an API key, OIDC credentials, an existing client, a user and password in the address.',
    })
  }

  if (client) return async () => detailsOf(client)
  if (oidc) {
    const token = await createOidc(oidc, transport)
    return async () => ({authorization: `Bearer ${await token()}`})
  }

  const authorization = apiKey ? `Bearer ${apiKey}` : basic
  return async () => ({authorization})
}

/** Host, token and headers of an existing client, as they are now. */
export async function detailsOf(
  client: WeaviateClientLike,
): Promise<{authorization?: string; headers: Record<string, string>; host: string}> {
  let details: Awaited<ReturnType<WeaviateClientLike['getConnectionDetails']>>
  try {
    details = await client.getConnectionDetails()
  } catch {
    // Its own words may hold what an identity provider was told.
    throw new DataOpsError('NOT_ALLOWED', 'The Weaviate client could not get a token.', {
      hint: 'Check the credentials that it was made with.',
    })
  }

  // A client with OIDC credentials gives "Bearer " where the server knows no OIDC.
  const token = details.bearerToken?.replace(/^Bearer\s*/, '')
  return {
    authorization: token ? `Bearer ${token}` : undefined,
    headers: toRecord(details.headers),
    host: details.host,
  }
}

function toRecord(headers: unknown): Record<string, string> {
  const entries = Array.isArray(headers) ? headers : Object.entries(headers ?? {})
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => Array.isArray(entry) && typeof entry[1] === 'string'),
  )
}

const FOREVER_SECONDS = 10 * 365 * 24 * 3600
const SOON_SECONDS = 60

/**
 * A source of access tokens, got and refreshed by `weaviate-client` over our transport (its own knows neither a CA nor a proxy).
 * Its background refresh stays off: it would outlive the connection, and fail where nobody catches it.
 */
async function createOidc(
  oidc: NonNullable<ConnectOptions['oidc']>,
  transport: AuthTransport,
): Promise<() => Promise<string>> {
  const http = new HttpClient({...transport, headers: async () => ({})})
  const {AuthAccessTokenCredentials, AuthClientCredentials, AuthUserPasswordCredentials, ConnectionREST} =
    await import('weaviate-client')
  // The client joins a list of scopes with commas.
  const scopes = 'scopes' in oidc && oidc.scopes ? [oidc.scopes.join(' ')] : undefined
  const isSilentRefresh = false
  let credentials
  if ('clientSecret' in oidc) {
    credentials = new AuthClientCredentials({clientSecret: oidc.clientSecret, scopes, silentRefresh: isSilentRefresh})
  } else if ('password' in oidc) {
    const {password, username} = oidc
    credentials = new AuthUserPasswordCredentials({password, scopes, silentRefresh: isSilentRefresh, username})
  } else {
    // Without a refresh token the client could but warn, on the console: the server says when the token has expired.
    const expiresIn = oidc.refreshToken ? (oidc.expiresIn ?? SOON_SECONDS) : FOREVER_SECONDS
    const {accessToken, refreshToken} = oidc
    credentials = new AuthAccessTokenCredentials({accessToken, expiresIn, refreshToken, silentRefresh: isSilentRefresh})
  }

  const configuration = await readOidcConfiguration(http)
  const rest = new ConnectionREST({authClientSecret: credentials, host: transport.url})
  let failure: DataOpsError | undefined
  let rotated: string | undefined
  const noted = async <T>(task: Promise<T>) => {
    try {
      return await task
    } catch (error) {
      failure = error as DataOpsError
      throw error
    }
  }

  const action = 'get a token from the identity provider'
  Object.assign(rest.http, {
    externalGet: async (path: string) => (await noted(http.json({action, method: 'GET', path}))).value,
    async externalPost(path: string, form: URLSearchParams, contentType: string) {
      // Providers that rotate refresh tokens take only the newest.
      if (rotated && form.get('grant_type') === 'refresh_token') form.set('refresh_token', rotated)
      const reply = http.json<{refresh_token?: string}>({
        action,
        body: form.toString(),
        contentType,
        method: 'POST',
        path,
      })
      const {value} = await noted(reply)
      rotated = value.refresh_token ?? rotated
      return value
    },
    // Asked before every request; a copy, as the client adds scopes to it.
    getRaw: async () => ({json: async () => structuredClone(configuration), status: 200}),
  })

  const login = async () => {
    failure = undefined
    try {
      return await rest.login()
    } catch {
      // Read again, as TypeScript does not see that it was set meanwhile.
      const reason = failure as DataOpsError | undefined
      if (reason && (reason.retryable || reason.code === 'CANNOT_CONNECT')) throw reason
      const said = typeof reason?.details.reason === 'string' ? ` (${reason.details.reason})` : ''
      throw new DataOpsError('NOT_ALLOWED', `The identity provider gave no token${said}.`, {
        hint: 'Check the OIDC credentials.',
      })
    }
  }

  let running: Promise<string> | undefined
  return async () => {
    running ??= login().finally(() => {
      running = undefined
    })
    return running
  }
}

async function readOidcConfiguration(http: HttpClient): Promise<unknown> {
  try {
    const {value} = await http.json({
      action: "read the server's OIDC configuration",
      method: 'GET',
      path: '/v1/.well-known/openid-configuration',
    })
    return value
  } catch (error) {
    if (!hasStatus(error, 404)) throw error
    throw new DataOpsError('INVALID_INPUT', 'OIDC credentials are given, but the server is not set up for OIDC.', {
      hint: 'Use an API key, or none where access is anonymous.',
    })
  }
}
