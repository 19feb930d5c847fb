import type {Predicate} from './filter-model.js'
import type {ListedPage} from './options.js'
import type {Order} from './sort.js'
import type {StoredObject} from './store.js'

import {compareTerms} from './filter-terms.js'
import {Refusal} from './refusal.js'
import {canonicalUuid, uuidProblem} from './values.js'

export interface PageOptions extends Pick<ListedPage, 'after' | 'limit' | 'transport'> {
  matches?: Predicate | undefined
  offset: number
  /** Instead of their own order. */
  sort?: Order | undefined
}

/** One page of these objects, in their order. @throws Refusal 422 when it reaches past the server's limit. */
export function readPage(
  objects: Iterable<StoredObject>,
  {limit, matches, offset, sort}: PageOptions,
  maximumResults: number,
): StoredObject[] {
  if (offset + limit > maximumResults)
    throw new Refusal(
      `query maximum results exceeded: the total limit calculated from the provided offset '${offset}' and limit '${limit}' exceeds the configured value for QUERY_MAXIMUM_RESULTS '${maximumResults}'. If you've supplied a negative offset or limit, this may be an underflow error`,
    )
  if (limit === 0) return []
  const found = matches ? firstRows(objects, matches, offset + limit) : objects
  const page: StoredObject[] = []
  let skip = offset
  for (const object of sort ? [...found].toSorted(sort) : found) {
    if (skip > 0) {
      skip--
      continue
    }

    page.push(object)
    if (page.length === limit) break
  }

  return page
}

/** Of what matches, what is found when an index is read until it has told of so many: before anything is sorted. */
function firstRows(objects: Iterable<StoredObject>, matches: Predicate, many: number): StoredObject[] {
  const found = [...objects].filter((object) => matches(object))
  const {firstRow} = matches
  if (!firstRow || found.length <= many) return found
  const rows = found.map((object) => firstRow(object))
  const last = rows.toSorted(compareTerms)[many - 1]!
  return found.filter((_, index) => compareTerms(rows[index]!, last) <= 0)
}

/** What may not stand beside a cursor. */
export interface BesideCursor {
  hasFilter: boolean
  hasSort: boolean
  offset: number
}

/** The id that a page starts after; undefined for none. @throws Refusal 422. */
export function readCursor(
  after: string | undefined,
  {hasFilter, hasSort, offset}: BesideCursor,
  prefix = "cursor api: invalid 'after' parameter: ",
): string | undefined {
  if (!after) return undefined
  const beside = offset > 0 ? 'offset' : hasFilter ? 'where' : hasSort ? 'sort' : undefined
  if (beside) throw new Refusal(`${prefix}${beside} cannot be set with after and limit parameters`)
  const id = canonicalUuid(after)
  if (!id) throw new Refusal(`${prefix}after parameter '${after}' is not a valid uuid: ${uuidProblem(after)}`)
  return id
}
