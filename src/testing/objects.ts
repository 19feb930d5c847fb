import type {JsonObject, NamedVector} from '../object.js'

import {autoDescription, inferProperties} from './auto-schema.js'
import {beaconTo, type Target} from './beacon.js'
import {type Incoming, validateProperties} from './properties.js'
import {Refusal, within} from './refusal.js'
import {propertyDefaults} from './schema-defaults.js'
import {checkProperty, newClass} from './schema-rules.js'
import {resolveShard} from './shard.js'
import {
  type Collection,
  type Database,
  Shard,
  Collection as StoredCollection,
  type StoredObject,
  upperFirst,
} from './store.js'
import {canonicalUuid, type Transport, uuidProblem} from './values.js'

/** An object on its way in, of either transport. */
export interface IncomingObject {
  collection: string
  /** Any UUID form. */
  id: string
  properties: Incoming
  /** '' for none. */
  tenant: string
  transport: Transport
  vector?: Uint8Array
  vectors?: Map<string, NamedVector>
}

/** What writes and reads of objects follow, apart from how they came. */
export class ObjectRoom {
  constructor(
    readonly database: Database,
    private readonly options: {autoSchema: boolean},
  ) {}

  /** Checks and completes an object, extending the schema where auto-schema may. @throws Refusal. */
  prepare(incoming: IncomingObject): {collection: Collection; object: StoredObject} {
    const collection = this.extendSchema(incoming)
    const id = canonicalUuid(incoming.id)
    if (!id) throw new Refusal(422, uuidProblem(incoming.id))
    checkVectorNames(collection, incoming)
    const properties = validateProperties(collection.schema, incoming.properties, {
      exists: (target) => this.exists(target, incoming.tenant),
      transport: incoming.transport,
    })
    const now = Date.now()
    const object: StoredObject = {created: now, id, properties, updated: now}
    if (incoming.vector?.byteLength) object.vector = incoming.vector
    const vectors = [...(incoming.vectors ?? [])].filter(([, vector]) => vector.bytes.byteLength > 0)
    if (vectors.length > 0) object.vectors = new Map(vectors)
    return {collection, object}
  }

  /** Stores an object, replacing the one with its id, references and all. @throws Refusal. */
  put(collection: Collection, tenant: string, object: StoredObject): void {
    if (tenant !== '' && collection.tenants && !collection.tenants.has(tenant) && createsTenants(collection))
      collection.tenants.set(tenant, {name: tenant, shard: new Shard(tenant), status: 'HOT'})
    const shard = resolveShard(collection, tenant)
    claimDimensions(shard, object)
    shard.put(object)
  }

  /** Whether a reference from an object of this tenant may point there: to the same tenant, or a collection without tenants. */
  private exists({collection: name, id}: Target, tenant: string): boolean {
    const candidates = name === '' ? [...this.database.collections.values()] : [this.database.find(name)]
    return candidates.some((collection) => collection && this.shardFor(collection, tenant)?.get(id) !== undefined)
  }

  /** The shard that references from this tenant reach, if they reach one. */
  shardFor(collection: Collection, tenant: string): Shard | undefined {
    if (!collection.tenants) return collection.shard
    const found = collection.tenants.get(tenant)
    return found?.status === 'HOT' ? found.shard : undefined
  }

  private extendSchema(incoming: IncomingObject): Collection {
    const {collection: name, properties, transport} = incoming
    let collection = this.database.find(name)
    if (!collection) {
      if (!this.options.autoSchema) throw new Refusal(422, `class '${name}' not present in schema`)
      const schema = within('auto-schema: create collection: ', () =>
        newClass({class: upperFirst(name), description: autoDescription()}, this.database),
      )
      collection = new StoredCollection(schema)
      this.database.collections.set(collection.name, collection)
    }

    if (!this.options.autoSchema) return collection
    const {schema} = collection
    for (const property of inferProperties(schema, properties, transport)) {
      const known = (schema.properties ?? []).findIndex((candidate) => candidate.name === property.name)
      if (known !== -1) {
        schema.properties = schema.properties!.with(known, propertyDefaults(property))
        continue
      }

      within('auto-schema: update collection: ', () => {
        checkProperty(property, {className: schema.class, database: this.database, others: schema.properties ?? []})
      })
      schema.properties = [...(schema.properties ?? []), propertyDefaults(property)]
    }

    return collection
  }

  /** Appends one reference. Its target need not exist. @throws Refusal with the words of a batch reply. */
  appendReference(source: Target & {property: string}, to: Target, tenant: string): void {
    const collection = this.database.find(source.collection)
    if (!collection) throw new Refusal(422, `source class "${source.collection}" not found in schema`)
    const property = collection.schema.properties?.find((candidate) => candidate.name === source.property)
    if (!property) throw new Refusal(422, `property ${source.property} does not exist for class ${collection.name}`)
    const targetName = to.collection === '' && property.dataType.length === 1 ? property.dataType[0]! : to.collection
    const beacon = beaconTo({collection: targetName, id: to.id})
    // The real server names the source class here.
    if (targetName !== '' && !this.database.find(targetName))
      throw new Refusal(422, `target class "${collection.name}" not found in schema`)
    const shard = resolveShard(collection, tenant)
    const object = shard.get(source.id)
    if (!object) throw new Refusal(422, `ref batch: object with id ${source.id} not found`)
    const references = (object.properties[source.property] ?? []) as JsonObject[]
    shard.put({
      ...object,
      properties: sortedWith(object.properties, source.property, [...references, {beacon}]),
      updated: Date.now(),
    })
  }
}

/** The same properties with one set, names in order. */
export function sortedWith(properties: JsonObject, name: string, value: JsonObject[string]): JsonObject {
  const entries = new Map(Object.entries(properties)).set(name, value)
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function createsTenants(collection: Collection): boolean {
  return collection.schema.multiTenancyConfig?.autoTenantCreation === true
}

function checkVectorNames({schema}: Collection, incoming: IncomingObject): void {
  for (const name of incoming.vectors?.keys() ?? [])
    if (!schema.vectorConfig?.[name])
      throw new Refusal(422, `collection ${schema.class} does not have configuration for vector ${name}`)
  if (incoming.vector?.byteLength && !schema.vectorIndexType)
    throw new Refusal(422, `collection ${schema.class} configuration does not have single vector index`)
}

/** @throws Refusal 500 when a vector has other dimensions than those before it. */
function claimDimensions(shard: Shard, {id, vector, vectors}: StoredObject): void {
  const claims: Array<{dims: number; name: string; what: string}> = []
  if (vector) claims.push({dims: vector.byteLength >> 2, name: '', what: `Validate vector index for ${id}`})
  for (const [name, named] of vectors ?? [])
    claims.push({
      dims: named.kind === 'multi' ? named.dims : named.bytes.byteLength >> 2,
      name,
      what: `Validate vector index ${name} for target vector ${id}`,
    })
  for (const {dims, name, what} of claims) {
    const fixed = shard.dimensions.get(name)
    if (fixed !== undefined && fixed !== dims)
      throw new Refusal(
        500,
        `${what}: new node has a vector with length ${dims}. Existing nodes have vectors with length ${fixed}: vector dimensions do not match the index dimensions`,
      )
  }

  for (const {dims, name} of claims) shard.dimensions.set(name, dims)
}
