/** What a class's pages and batches need, worked out once from its schema. */
import type {CollectionPlan} from './connection.js'

import {isMultiTenant, isReference, type SchemaProperty, type WeaviateClass} from '../model/schema.js'
import {MetadataRequest, type ObjectPropertiesRequest, type PropertiesRequest} from './proto/generated/weaviate.js'

/** A property that is no reference, or a nested one. */
export interface PlannedProperty {
  dataType: string
  name: string
  /** By name; of `object` and `object[]` only. */
  nested?: ReadonlyMap<string, PlannedProperty>
}

export interface GrpcCollectionPlan extends CollectionPlan {
  /** gRPC does not show all objects: such a collection is read over REST. */
  hidesExpired: boolean
  /** gRPC lower-cases the first letter of nested names that it is asked for, so that it finds none that start upper-case. */
  losesNestedNames: boolean
  /** What a gRPC page asks for beside the properties. */
  metadataRequest: MetadataRequest
  /** Everything but references, by name. */
  properties: ReadonlyMap<string, PlannedProperty>
  /** Names every property, as `return_all_nonref_properties` leaves out blobs. */
  propertiesRequest: PropertiesRequest
  referenceNames: ReadonlySet<string>
}

/** Works out a plan; the schema is kept, not copied. */
export function planCollection(schema: WeaviateClass): GrpcCollectionPlan {
  const namedVectors = Object.keys(schema.vectorConfig ?? {})
  const isUnnamedVector = Boolean(schema.vectorIndexType)
  const nonReferences = (schema.properties ?? []).filter((property) => !isReference(property))
  const properties = planProperties(nonReferences)
  const references = (schema.properties ?? []).filter((property) => isReference(property))
  return {
    className: schema.class,
    hasReferences: references.length > 0,
    hidesExpired: hidesExpired(schema),
    losesNestedNames: nonReferences.some(({name}) => hasUpperCaseNames(properties.get(name)?.nested)),
    metadataRequest: MetadataRequest.create({
      creationTimeUnix: true,
      lastUpdateTimeUnix: true,
      uuid: true,
      vector: isUnnamedVector,
      vectors: namedVectors,
    }),
    multiTenant: isMultiTenant(schema),
    namedVectors,
    properties,
    propertiesRequest: requestProperties(properties),
    referenceNames: new Set(references.map((property) => property.name)),
    schema,
    unnamedVector: isUnnamedVector,
  }
}

/** For those who look for ids and times alone: without properties and vectors. */
export function planBare({class: name, multiTenancyConfig, objectTtlConfig}: WeaviateClass): GrpcCollectionPlan {
  return planCollection({
    class: name,
    ...(multiTenancyConfig !== undefined && {multiTenancyConfig}),
    ...(objectTtlConfig !== undefined && {objectTtlConfig}),
  })
}

/** gRPC leaves out what has expired and is not yet deleted; REST and counts show it. */
function hidesExpired({objectTtlConfig}: WeaviateClass): boolean {
  const ttl = objectTtlConfig as null | undefined | {enabled?: boolean; filterExpiredObjects?: boolean}
  return ttl?.enabled === true && ttl.filterExpiredObjects === true
}

/** A plan made by `planCollection`; one made otherwise (a test's literal) is worked out again from its schema. */
export function grpcPlan(plan: CollectionPlan): GrpcCollectionPlan {
  return 'propertiesRequest' in plan ? (plan as GrpcCollectionPlan) : planCollection(plan.schema)
}

function planProperties(properties: readonly SchemaProperty[]): Map<string, PlannedProperty> {
  return new Map(
    properties.map((property) => {
      const planned: PlannedProperty = {dataType: property.dataType[0] ?? '', name: property.name}
      if (isObjectType(planned.dataType)) planned.nested = planProperties(property.nestedProperties ?? [])
      return [property.name, planned]
    }),
  )
}

function requestProperties(properties: ReadonlyMap<string, PlannedProperty>): PropertiesRequest {
  const {objectProperties, primitiveProperties} = requestNested(properties)
  return {
    nonRefProperties: primitiveProperties,
    objectProperties,
    refProperties: [],
    returnAllNonrefProperties: false,
  }
}

function requestNested(
  properties: ReadonlyMap<string, PlannedProperty>,
): Pick<ObjectPropertiesRequest, 'objectProperties' | 'primitiveProperties'> {
  const objectProperties: ObjectPropertiesRequest[] = []
  const primitiveProperties: string[] = []
  for (const property of properties.values()) {
    if (property.nested) objectProperties.push({propName: property.name, ...requestNested(property.nested)})
    else primitiveProperties.push(property.name)
  }

  return {objectProperties, primitiveProperties}
}

function hasUpperCaseNames(properties: PlannedProperty['nested']): boolean {
  if (!properties) return false
  for (const {name, nested} of properties.values()) {
    if (/^[A-Z]/.test(name) || hasUpperCaseNames(nested)) return true
  }

  return false
}

function isObjectType(dataType: string): boolean {
  return dataType === 'object' || dataType === 'object[]'
}
