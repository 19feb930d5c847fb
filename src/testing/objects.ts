import type {FilterScope} from './filter-model.js'
import type {Settings} from './options.js'

import {type JsonObject, own} from '../model/object.js'
import {isReference, type SchemaProperty} from '../model/schema.js'
import {autoDescription, inferProperties} from './auto-schema.js'
import {beaconTo, type Target} from './beacon.js'
import {type Incoming, NonFiniteNumber, validateProperties} from './properties.js'
import {orRefusal, Refusal, within} from './refusal.js'
import {Replicas, type ShardPlace} from './replicas.js'
import {propertyDefaults} from './schema-defaults.js'
import {checkProperty, newClass} from './schema-rules.js'
import {resolveShard} from './shard.js'
import {Collection, type Database, Shard, type StoredObject, upperFirst} from './store.js'
import {canonicalUuid, type Transport, uuidProblem} from './values.js'
import {checkVectors, claimDimensions, fillVectors, placeVectors} from './vectors.js'

/** An object on its way in, of either transport. */
export interface IncomingObject extends Pick<StoredObject, 'vector' | 'vectors'> {
  collection: string
  /** Any UUID form. */
  id: string
  properties: Incoming
  /** '' for none. */
  tenant: string
  transport: Transport
}

/** An object of a batch that was stored. */
export interface BatchOutcome {
  collection: Collection
  object: StoredObject
  tenant: string
}

/** Where a request is answered. */
export interface Served {
  /** Which of the nodes it is. */
  node: number
  room: ObjectRoom
}

/** What writes and reads of objects follow, apart from how they came. */
export class ObjectRoom {
  readonly replicas: Replicas

  constructor(
    readonly database: Database,
    readonly settings: Settings,
  ) {
    this.replicas = new Replicas(settings)
  }

  /** With multi-tenancy both ends must exist: targets in the same tenant, or in a collection without tenants. */
  private tenantSource(
    collection: Collection,
    source: Target,
    {targets, to}: {targets: Collection; to: Target},
    tenant: string,
  ): Shard {
    const name = `${collection.name}/${source.id}`
    const shard = within(`source: get object ${name}: determine shard: `, () => resolveShard(collection, tenant))
    if (!shard.get(source.id)) throw new Refusal(`source: object ${name} not found for tenant "${tenant}"`)
    const targetTenant = targets.tenants ? tenant : ''
    if (!resolveShard(targets, targetTenant).get(to.id))
      throw new Refusal(`target: object ${targets.name}/${to.id} not found for tenant "${targetTenant}"`)
    return shard
  }

  private checkedProperties(
    {schema}: Collection,
    id: string,
    {properties, tenant, transport}: IncomingObject,
  ): JsonObject {
    try {
      return validateProperties(schema, properties, {exists: (target) => this.exists(target, tenant), transport})
    } catch (error) {
      if (!(error instanceof NonFiniteNumber)) throw error
      throw new Refusal(`marshal object ${id} to binary: ${error.message}`, 500)
    }
  }

  /** Whether a reference from an object of this tenant may point there: to the same tenant, or a collection without tenants. */
  private exists({collection: name, id}: Target, tenant: string): boolean {
    const candidates = name === '' ? this.database.all : [this.database.find(name)]
    return candidates.some((collection) => collection && this.shardFor(collection, tenant)?.get(id) !== undefined)
  }

  private extendSchema(incoming: IncomingObject, autoSchema: boolean): Collection {
    const {collection: name, properties} = incoming
    let collection = this.database.find(name)
    if (!collection) {
      if (!autoSchema) throw new Refusal(`class '${name}' not present in schema`)
      const schema = within('auto-schema: create collection: ', () =>
        newClass({class: upperFirst(name), description: autoDescription()}, this.database, this.settings),
      )
      collection = new Collection(schema)
      this.database.collections.set(collection.name, collection)
    }

    if (!autoSchema) return collection
    const {schema} = collection
    for (const property of inferProperties(schema, properties)) {
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

  /** Checks and completes an object, extending the schema where auto-schema may. @throws Refusal. */
  prepare(
    given: IncomingObject,
    {autoSchema = this.settings.autoSchema} = {},
  ): {collection: Collection; object: StoredObject} {
    const collection = this.extendSchema(given, autoSchema)
    const incoming = placeVectors(collection.schema, given)
    const id = canonicalUuid(incoming.id)
    if (!id) throw new Refusal(uuidProblem(incoming.id))
    checkVectors(collection.schema, incoming)
    const properties = this.checkedProperties(collection, id, incoming)
    const now = this.settings.now()
    const object: StoredObject = {created: now, id, properties, updated: now}
    if (incoming.vector?.byteLength) object.vector = incoming.vector
    const vectors = [...(incoming.vectors ?? [])].filter(([, vector]) => vector.bytes.byteLength > 0)
    if (vectors.length > 0) object.vectors = new Map(vectors)
    fillVectors(collection.schema, object, this.settings)
    return {collection, object}
  }

  /** Creates a tenant that is not there, where the collection says so. */
  ensureTenant({schema, tenants}: Collection, tenant: string): void {
    const isAutomatic = schema.multiTenancyConfig?.autoTenantCreation === true
    if (tenants && tenant !== '' && isAutomatic && !tenants.has(tenant))
      tenants.set(tenant, {name: tenant, shard: new Shard(tenant), status: 'HOT'})
  }

  /**
   * Writes many objects: all are checked before the first is stored, so that none of them can refer to another that is new.
   * What became of each, in order.
   */
  writeBatch<T>(given: readonly T[], read: (item: T) => IncomingObject): Array<BatchOutcome | Refusal> {
    const prepared = given.map((item) =>
      orRefusal(() => {
        const incoming = read(item)
        return {...this.prepare(incoming), tenant: incoming.tenant}
      }),
    )
    return prepared.map((outcome) =>
      outcome instanceof Refusal
        ? outcome
        : orRefusal(() => {
            this.put(outcome.collection, outcome.tenant, outcome.object)
            return outcome
          }),
    )
  }

  /** Stores an object, replacing the one with its id, references and all. @throws Refusal. */
  put(collection: Collection, tenant: string, object: StoredObject): void {
    this.ensureTenant(collection, tenant)
    const shard = resolveShard(collection, tenant)
    this.checkWritable({collection, shard, tenant})
    claimDimensions(collection.schema, shard, object)
    this.replicas.put(shard, object)
  }

  /** @throws Refusal 500 when the shard takes no writes. */
  checkWritable({collection, shard, tenant}: ShardPlace): void {
    const isFull = this.settings.isReadOnly({collection: collection.name, tenant})
    const reason = isFull ? 'disk usage too high. Set to read-only at 95.00%, threshold set to 90.00%' : shard.readOnly
    if (reason) throw new Refusal(`store is read-only due to: ${reason}`, 500)
  }

  /** The shard that references from this tenant reach, if they reach one. */
  shardFor(collection: Collection, tenant: string): Shard | undefined {
    if (!collection.tenants) return collection.shard
    const found = collection.tenants.get(tenant)
    return found?.status === 'HOT' ? found.shard : undefined
  }

  /** Where a filter of a request with this tenant looks. */
  scopeOf(collection: Collection, tenant: string, {isDelete = false} = {}): FilterScope {
    return {
      collection,
      find: (name) => this.database.find(name),
      isDelete,
      shardOf: (target) => this.shardFor(target, tenant),
    }
  }

  /** Appends one reference. @throws Refusal with the words of a batch reply. */
  appendReference(source: Target & {property: string}, to: Target, tenant: string): void {
    const collection = this.database.find(source.collection)
    if (!collection) throw new Refusal(`source class "${source.collection}" not found in schema`)
    const property = collection.schema.properties?.find((candidate) => candidate.name === source.property)
    const target = {collection: to.collection || onlyTarget(collection, source.property, property), id: to.id}
    const targets = target.collection === '' ? undefined : this.database.find(target.collection)
    // The real server names the source class here.
    if (target.collection !== '' && !targets) throw new Refusal(`target class "${collection.name}" not found in schema`)
    const shard = collection.tenants
      ? this.tenantSource(collection, source, {targets: targets!, to: target}, tenant)
      : plainSource(collection, targets, tenant)
    const object = shard.get(source.id)
    if (!object) throw new Refusal(`ref batch: object with id ${source.id} not found`)
    if (!property) throw new Refusal(`ref batch: property '${source.property}' not found in schema`)
    if (!isReference(property))
      throw new Refusal(`ref batch: prop ${source.property} is present, but not a ref, got: string`)
    this.checkWritable({collection, shard, tenant})
    const references = (own(object.properties, source.property) ?? []) as JsonObject[]
    const appended = [...references, {beacon: beaconTo(target)}]
    shard.put({
      ...object,
      properties: sortedWith(object.properties, source.property, appended),
      updated: this.settings.now(),
    })
  }
}

/** Without multi-tenancy any target will do, existing or not. */
function plainSource(collection: Collection, targets: Collection | undefined, tenant: string): Shard {
  if (targets?.tenants)
    throw new Refusal(
      'invalid reference: cannot reference a multi-tenant enabled class from a non multi-tenant enabled class',
    )
  return resolveShard(collection, tenant)
}

/** The class that a beacon without one means: that of the property, if it has only one. */
function onlyTarget(collection: Collection, name: string, property: SchemaProperty | undefined): string {
  if (!property) throw new Refusal(`property ${name} does not exist for class ${collection.name}`)
  if (property.dataType.length === 1) return property.dataType[0]!
  if (collection.tenants) throw new Refusal('multi-target references require the class name in the target beacon url')
  return ''
}

/** The same properties with one set, names in order. */
export function sortedWith(properties: JsonObject, name: string, value: JsonObject[string]): JsonObject {
  const entries = new Map(Object.entries(properties)).set(name, value)
  return Object.fromEntries([...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
