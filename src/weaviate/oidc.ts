/** Access tokens of an identity provider, for servers with OIDC. Messages are made and checked by oauth4webapi and sent over our transport, which knows CAs and proxies. */
import type {AuthorizationServer, Client, ClientAuth} from 'oauth4webapi'

import type {ConnectOptions} from './connection.js'

import {DataOpsError} from '../model/errors.js'
import {hasStatus} from './errors.js'
import {HttpClient} from './rest/http.js'

export interface AuthTransport {
  ca?: string
  proxy?: string
  timeoutMs: number
  /** The server's REST address. */
  url: string
}

type Credentials = NonNullable<ConnectOptions['oidc']>

/** What Weaviate says of its identity provider. */
interface ServerConfiguration {
  clientId: string
  /** The provider's own configuration. */
  href: string
  scopes?: null | string[]
}

interface Token {
  accessToken: string
  /** By `Date.now()`: a machine that slept must know that the token has expired. */
  expiresAt: number
}

/** What a provider that does not say so is taken to mean, in seconds. */
const SOON_SECONDS = 60
/** Taken off every token's time: it has a way to go before it is looked at. */
const LAG_SECONDS = 2
const ACTION = 'get a token from the identity provider'

/** Resolves with an access token that is still good by its time, and is not `refused`: one that the server has not accepted. Without a way to get another it is that one again. */
export type TokenSource = (refused?: string) => Promise<string>

/**
 * A function that gets a token when there is none; calls at the same time share one request.
 * @throws DataOpsError INVALID_INPUT when the server knows no OIDC. The function itself: NOT_ALLOWED when the provider gives no token, or why it cannot be reached.
 */
export async function createTokenSource(credentials: Credentials, transport: AuthTransport): Promise<TokenSource> {
  const http = new HttpClient({...transport, headers: async () => ({})})
  const request = await createRequest(credentials, http, await readServerConfiguration(http))
  let token = givenToken(credentials)
  let running: Promise<Token> | undefined
  return async (refused) => {
    // Many calls are refused at once: the first of them asks for another, which the rest find here.
    if (refused !== undefined && refused === token?.accessToken && token.expiresAt < Infinity) token = undefined
    if (token && Date.now() < token.expiresAt) return token.accessToken
    running ??= request()
      .then((next) => {
        token = next
        return next
      })
      .finally(() => {
        running = undefined
      })
    const {accessToken} = await running
    return accessToken
  }
}

/** Without a refresh token nothing can be got in its place: the server says when it has expired. */
function givenToken(credentials: Credentials): Token | undefined {
  if (!('accessToken' in credentials)) return undefined
  const {accessToken, expiresIn = SOON_SECONDS, refreshToken} = credentials
  return {accessToken, expiresAt: refreshToken ? expiryOf(expiresIn) : Infinity}
}

function expiryOf(seconds: number): number {
  return Date.now() + (seconds - LAG_SECONDS) * 1000
}

async function createRequest(
  credentials: Credentials,
  http: HttpClient,
  {clientId, href, scopes}: ServerConfiguration,
): Promise<() => Promise<Token>> {
  const {
    allowInsecureRequests,
    ClientSecretPost: asClient,
    customFetch,
    genericTokenEndpointRequest,
    None: asNobody,
    processGenericTokenEndpointResponse,
  } = await import('oauth4webapi')
  const client: Client = {client_id: clientId}
  const given = 'scopes' in credentials ? (credentials.scopes ?? []) : []
  const scope = (...more: string[]): string => [...(scopes ?? []), ...given, ...more].join(' ')
  let refreshToken = 'refreshToken' in credentials ? credentials.refreshToken : undefined
  const messageTo = ({token_endpoint: endpoint}: AuthorizationServer): [string, Record<string, string>, ClientAuth] => {
    if ('clientSecret' in credentials) {
      // Microsoft's takes no request without a scope.
      const isBare = scope() === '' && endpoint?.startsWith('https://login.microsoftonline.com')
      const form = {scope: isBare ? `${clientId}/.default` : scope()}
      return ['client_credentials', form, asClient(credentials.clientSecret)]
    }

    if ('password' in credentials) {
      const {password, username} = credentials
      return ['password', {password, scope: scope('offline_access'), username}, asNobody()]
    }

    return ['refresh_token', {refresh_token: refreshToken ?? ''}, asNobody()]
  }

  const ask = async (): Promise<Token> => {
    const provider = await readProvider(http, href)
    const [grant, form, authentication] = messageTo(provider)
    const reply = await genericTokenEndpointRequest(provider, client, authentication, grant, form, {
      // Servers inside a cluster may have a provider without TLS.
      [allowInsecureRequests]: true,
      [customFetch]: async (url: string, {body}: {body?: unknown}) => post(http, url, String(body)),
    })
    const answer = await processGenericTokenEndpointResponse(provider, client, reply)
    // Providers that rotate refresh tokens take only the newest.
    refreshToken = answer.refresh_token ?? refreshToken
    return {accessToken: answer.access_token, expiresAt: expiryOf(answer.expires_in ?? SOON_SECONDS)}
  }

  return async () =>
    ask().catch(async (error: unknown) => {
      throw noToken(error)
    })
}

async function post(http: HttpClient, url: string, form: string): Promise<Response> {
  const {value} = await http.json<Record<string, unknown>>({
    action: ACTION,
    body: form,
    contentType: 'application/x-www-form-urlencoded;charset=UTF-8',
    method: 'POST',
    path: url,
  })
  // Who signed in is not ours to check: Weaviate looks at the access token itself.
  const {id_token: _, ...rest} = value
  return Response.json(rest)
}

async function readProvider(http: HttpClient, href: string): Promise<AuthorizationServer> {
  const {value} = await http.json<Partial<AuthorizationServer>>({action: ACTION, method: 'GET', path: href})
  return {...value, issuer: value.issuer ?? new URL(href).origin}
}

async function readServerConfiguration(http: HttpClient): Promise<ServerConfiguration> {
  try {
    const {value} = await http.json<ServerConfiguration>({
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

/** What an error of OAuth is called: one word. Whatever else a provider says may be what it was sent, with the secrets in it. */
const ERROR_WORD = /^[a-z][a-z_.-]{0,63}$/i

/** What is no answer passes as it is; a provider that fails has refused nothing; all else is a refusal. */
function noToken(error: unknown): DataOpsError {
  const known = error instanceof DataOpsError ? error : undefined
  const {reason, status} = known?.details ?? {}
  const isAnswer = typeof status === 'number'
  if (known && !isAnswer && (known.retryable || known.code === 'CANNOT_CONNECT')) return known
  const word = typeof reason === 'string' && ERROR_WORD.test(reason) ? reason : undefined
  // Under another name than a status of Weaviate, which would be taken for one that is starting.
  const details = {...(isAnswer && {providerStatus: status}), ...(word !== undefined && {reason: word})}
  const said = [isAnswer && `HTTP ${status}`, word].filter(Boolean).join(', ')
  if (isAnswer && (known?.retryable === true || status >= 500)) {
    return new DataOpsError('SERVER_UNAVAILABLE', `The identity provider cannot answer now (${said}).`, {
      details,
      hint: 'Try again once it does.',
      retryAfterMs: known?.retryAfterMs,
    })
  }

  return new DataOpsError('NOT_ALLOWED', `The identity provider gave no token${said && ` (${said})`}.`, {
    details,
    hint: 'Check the OIDC credentials.',
  })
}
