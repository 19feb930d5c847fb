/** Who we are to the server: the headers of each request. */
import type {ConnectOptions, WeaviateClientLike} from './connection.js'

import {DataOpsError} from '../model/errors.js'
import {type AuthTransport, createTokenSource} from './oidc.js'

/** Gives the authorization for one more request; undefined: none. `refused`: one that the server has not accepted, in whose place there may be another. */
export type Authorize = (refused?: string) => Promise<{authorization?: string; headers?: Record<string, string>}>

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
    const token = await createTokenSource(oidc, transport)
    return async (refused) => ({authorization: `Bearer ${await token(refused?.replace(/^Bearer /, ''))}`})
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
