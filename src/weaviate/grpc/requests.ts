/** The requests that read and delete, as messages. */
import type {GrpcCollectionPlan} from '../collection-plan.js'

import {
  type BatchDeleteRequest,
  type ConsistencyLevel,
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

export function deleteRequest(
  collection: string,
  tenant?: string,
  ids?: readonly string[],
  verbose = false,
  consistencyLevel?: ConsistencyLevel,
): BatchDeleteRequest {
  const filters = ids ? filterByIds([...ids]) : filterById(Operator.OPERATOR_LIKE, {$case: 'valueText', value: '*'})
  return {collection, consistencyLevel, dryRun: false, filters, tenant, verbose}
}

// Ids are always indexed, whatever a collection's properties and index settings.
function filterById(operator: Operator, testValue: Filters['testValue']): Filters {
  return {filters: [], on: [], operator, target: {target: {$case: 'property', value: '_id'}}, testValue}
}
