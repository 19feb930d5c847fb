/** Objects counted over REST: by GraphQL, and where that is switched off by listing them. */
import {DataOpsError} from '../../model/errors.js'
import {isTransientReason} from '../errors.js'
import {type HttpClient} from './http.js'
import {collectionMissing, list} from './reading.js'

export async function countRest(
  http: HttpClient,
  className: string,
  tenant?: string,
  signal?: AbortSignal,
): Promise<number> {
  try {
    return await countByGraphql(http, className, tenant, signal)
  } catch (error) {
    // GraphQL can be switched off, or not allowed by a role; the listing gives the same number, or the true reason why not.
    if (!(error instanceof DataOpsError) || error.retryable || error.code === 'INTERRUPTED') throw error
    return countByListing(http, className, tenant, signal)
  }
}

async function countByGraphql(
  http: HttpClient,
  className: string,
  tenant?: string,
  signal?: AbortSignal,
): Promise<number> {
  const action = `count the objects of ${className}`
  // A name that is no GraphQL name would be read as something else.
  if (!/^\w+$/.test(className)) throw collectionMissing(className)
  const filter = tenant === undefined ? '' : `(tenant:${JSON.stringify(tenant)})`
  const {value} = await http.json<{
    data?: {Aggregate?: Record<string, Array<{meta?: {count?: number}}> | null> | null}
    errors?: Array<{message?: string}>
  }>({
    action,
    body: JSON.stringify({query: `{Aggregate{${className}${filter}{meta{count}}}}`}),
    method: 'POST',
    path: '/v1/graphql',
    signal,
  })
  const count = value.data?.Aggregate?.[className]?.[0]?.meta?.count
  if (count !== undefined) return count
  const reason = value.errors?.map((error) => error.message ?? '').join('; ') ?? ''
  throw new DataOpsError(
    isTransientReason(reason) ? 'SERVER_UNAVAILABLE' : 'SERVER_REFUSED',
    `Cannot ${action}: ${reason || 'the server gave no count'}`,
    {details: {reason}},
  )
}

const COUNT_PAGE = 1000

async function countByListing(
  http: HttpClient,
  className: string,
  tenant?: string,
  signal?: AbortSignal,
): Promise<number> {
  let count = 0
  for (let after: string | undefined; ;) {
    const {objects} = await list(http, {after, className, limit: COUNT_PAGE, signal, tenant}, false)
    count += objects.length
    after = objects.at(-1)?.id
    if (objects.length < COUNT_PAGE) return count
  }
}
