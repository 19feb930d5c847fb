/** Objects counted over REST: by GraphQL, and where that is switched off by listing them. */
import {DataOpsError, isRefusal} from '../../model/errors.js'
import {isTransientReason} from '../errors.js'
import {type HttpClient} from './http.js'
import {collectionMissing, list} from './reading.js'
import {countOf, optionalText, recordOf, recordsOf} from './shape.js'

interface Counted {
  className: string
  signal?: AbortSignal
  tenant?: string
}

export async function countRest(http: HttpClient, counted: Counted): Promise<number> {
  try {
    return await countByGraphql(http, counted)
  } catch (error) {
    // GraphQL can be switched off, or not allowed by a role; the listing gives the same number, or the true reason why not.
    if (!isRefusal(error)) throw error
    return countByListing(http, counted)
  }
}

async function countByGraphql(http: HttpClient, {className, signal, tenant}: Counted): Promise<number> {
  const action = `count the objects of ${className}`
  // A name that is no GraphQL name would be read as something else.
  if (!/^\w+$/.test(className)) throw collectionMissing(className)
  const filter = tenant === undefined ? '' : `(tenant:${JSON.stringify(tenant)})`
  const {value} = await http.json<{data?: unknown; errors?: unknown}>({
    action,
    body: JSON.stringify({query: `{Aggregate{${className}${filter}{meta{count}}}}`}),
    method: 'POST',
    path: '/v1/graphql',
    signal,
  })
  const aggregate = recordOf(recordOf(value.data, action, 'data').Aggregate, action, 'aggregate')
  const [group] = recordsOf(aggregate[className], action, 'groups')
  const {count} = recordOf(group?.meta, action, 'meta')
  if (count !== undefined) return countOf(count, action, 'objects')
  const reason = recordsOf(value.errors, action, 'errors')
    .map(({message}) => optionalText(message, action, 'reason') ?? '')
    .join('; ')
  throw new DataOpsError(
    isTransientReason(reason) ? 'SERVER_UNAVAILABLE' : 'SERVER_REFUSED',
    `Cannot ${action}: ${reason || 'the server gave no count'}`,
    {details: {reason}},
  )
}

const COUNT_PAGE = 1000

async function countByListing(http: HttpClient, {className, signal, tenant}: Counted): Promise<number> {
  let count = 0
  for (let after: string | undefined; ;) {
    const {objects} = await list(http, {after, className, limit: COUNT_PAGE, signal, tenant}, false)
    count += objects.length
    // A page that is short is not the end.
    if (objects.length === 0) return count
    after = objects.at(-1)?.id
  }
}
