/** The requests that read and delete, as messages. */
import type {GrpcCollectionPlan} from '../collection-plan.js'

import {
  type BatchDeleteRequest,
  type Filters,
  Filters_Operator as Operator,
  type SearchRequest,
} from '../proto/generated/weaviate.js'

export interface PageQuery {
  after?: string
  filters?: Filters
  include: 'ids' | 'objects'
  limit: number
  tenant?: string
}

/** One page of the listing in ascending order of ids, or with `filters` a search. `isBare`: without properties. */
export function searchRequest(
  plan: GrpcCollectionPlan,
  {after, filters, include, limit, tenant}: PageQuery,
  isBare: boolean,
): SearchRequest {
  return {
    // Without it a listing starts at the least id, in the same order.
    after: after ?? '',
    collection: plan.className,
    filters,
    limit,
    metadata: include === 'objects' ? plan.metadataRequest : {...plan.metadataRequest, vector: false, vectors: []},
    offset: 0,
    properties: isBare ? NO_PROPERTIES : plan.propertiesRequest,
    sortBy: [],
    tenant: tenant ?? '',
    uses123Api: true,
    uses125Api: true,
    uses127Api: true,
  }
}

// Not the same as no request for properties, which returns most of them.
const NO_PROPERTIES: SearchRequest['properties'] = {
  nonRefProperties: [],
  objectProperties: [],
  refProperties: [],
  returnAllNonrefProperties: false,
}

/** Those of these ids that are there, in any order. */
export function filterByIds(values: string[]): Filters {
  return filterById(Operator.OPERATOR_CONTAINS_ANY, {$case: 'valueTextArray', value: {values}})
}

/** Of all objects there, unless some are named. */
export function deleteRequest({
  ids,
  verbose = false,
  ...request
}: Pick<BatchDeleteRequest, 'collection' | 'consistencyLevel' | 'tenant'> & {
  ids?: readonly string[]
  verbose?: boolean
}): BatchDeleteRequest {
  const filters = ids ? filterByIds([...ids]) : filterById(Operator.OPERATOR_LIKE, {$case: 'valueText', value: '*'})
  return {...request, dryRun: false, filters, verbose}
}

// Ids are always indexed, whatever a collection's properties and index settings.
function filterById(operator: Operator, testValue: Filters['testValue']): Filters {
  return {filters: [], on: [], operator, target: {target: {$case: 'property', value: '_id'}}, testValue}
}
