import type {JsonObject} from '../../model/object.js'
import type {SchemaProperty} from '../../model/schema.js'
import type {ObjectRoom} from '../objects.js'
import type {Settings} from '../options.js'

import {Refusal} from '../refusal.js'
import {propertyDefaults} from '../schema-defaults.js'
import {checkProperty, newClass} from '../schema-rules.js'
import {updatedClass} from '../schema-update.js'
import {Collection, type Database, upperFirst} from '../store.js'
import {addTenants, deleteTenants, listTenants, type TenantRequest, updateTenants} from '../tenants.js'
import {presetsOf} from '../text-analyzer.js'
import {filled} from '../values.js'
import {isBefore} from '../version.js'
import {dropPropertyIndex, dropVectorIndex, setShardStatus} from './index-routes.js'
import {InvalidBody, type RestAnswer, type Router} from './router.js'

const EMPTY_NOT_FOUND: RestAnswer = {body: '', status: 404}

/** Schema errors carry this member beside `error`. */
function schemaRefusal(action: () => RestAnswer): RestAnswer {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 422) throw error
    return {body: {allowed: null, error: [{message: error.message}]}, status: 422}
  }
}

export function schemaRoutes(router: Router, {database, settings}: ObjectRoom): void {
  router.on('GET', 'schema', () => ({
    body: {classes: database.all.map((collection) => collection.schema)},
    status: 200,
  }))
  router.on('POST', 'schema', ({body}) =>
    schemaRefusal(() => {
      const schema = newClass((body ?? {}) as JsonObject, database, settings)
      database.collections.set(schema.class, new Collection(schema))
      return {body: schema, status: 200}
    }),
  )
  router.on('GET', 'schema/:class', ({params}) => {
    const collection = database.find(params.class!)
    return collection ? {body: collection.schema, status: 200} : {status: 404}
  })
  // By its own name only: an alias is answered 200, and nothing is deleted. Aliases of a dropped class stay.
  router.on('DELETE', 'schema/:class', ({params}) => {
    database.collections.delete(upperFirst(params.class!))
    return {status: 200}
  })
  router.on('PUT', 'schema/:class', ({body, params}) =>
    schemaRefusal(() => {
      const collection = database.collections.get(upperFirst(params.class!))
      if (!collection) return EMPTY_NOT_FOUND
      collection.schema = updatedClass(collection.schema, (body ?? {}) as JsonObject, {
        settings,
        shards: collection.shards.map(({name}) => name),
      })
      return {body: collection.schema, status: 200}
    }),
  )
  router.on('DELETE', 'schema/:class/vectors/:vector/index', ({params}) => dropVectorIndex(database, settings, params))
  propertyRoutes(router, database)
  shardRoutes(router, database, settings)
  tenantRoutes(router, database, settings)
  if (!isBefore(settings, '1.32')) aliasRoutes(router, database)
}

function propertyRoutes(router: Router, database: Database): void {
  router.on('POST', 'schema/:class/properties', ({body, params}) =>
    schemaRefusal(() => {
      const collection = database.collections.get(upperFirst(params.class!))
      if (!collection) throw new Refusal(`class "${upperFirst(params.class!)}": not found`)
      const {schema} = collection
      const others = schema.properties ?? []
      checkProperty(body as SchemaProperty, {
        className: schema.class,
        database,
        others,
        presets: presetsOf(schema.invertedIndexConfig),
      })
      const property = propertyDefaults(body as SchemaProperty)
      schema.properties = [...others, property]
      return {body: property, status: 200}
    }),
  )
  router.on('DELETE', 'schema/:class/properties/:property/index/:index', ({params}) =>
    dropPropertyIndex(database, params),
  )
}

function shardRoutes(router: Router, database: Database, settings: Settings): void {
  router.on('GET', 'schema/:class/shards', ({params, query}) => {
    const collection = database.find(params.class!)
    if (!collection) {
      const message = `cannot get shards status for a non-existing index for ${params.class}: not found`
      return {body: {error: [{message}]}, status: 404}
    }

    const isFull = (tenant: string): boolean => settings.isReadOnly({collection: collection.name, tenant})
    const wanted = query.get('tenant') ?? ''
    const chosen = collection.shards.filter(({name}) => wanted === '' || (collection.tenants && name === wanted))
    const away = chosen.find(({name}) => collection.tenants && collection.tenants.get(name)?.status !== 'HOT')
    if (away) {
      const message = `shard ${away.name}: status code: 500 body: (local ${away.name} shard not found\n)`
      return {body: {error: [{message}]}, status: 500}
    }

    const shards = chosen.map(({name, readOnly}) => {
      const isReadOnly = readOnly !== undefined || isFull(collection.tenants ? name : '')
      return {name, status: isReadOnly ? 'READONLY' : 'READY', vectorQueueSize: 0}
    })
    return {body: shards, status: 200}
  })
  router.on('PUT', 'schema/:class/shards/:shard', ({body, params}) =>
    setShardStatus(database.find(params.class!), params, body),
  )
}

function tenantRoutes(router: Router, database: Database, settings: Settings): void {
  router.on('GET', 'schema/:class/tenants', ({params}) => ({
    body: listTenants(database.find(params.class!)),
    status: 200,
  }))
  router.on('POST', 'schema/:class/tenants', ({body, params}) => {
    const requests = tenantRequests(body)
    addTenants(database.find(params.class!), requests, settings)
    return {body: requests, status: 200}
  })
  router.on('PUT', 'schema/:class/tenants', ({body, params}) => ({
    body: updateTenants(database.find(params.class!), tenantRequests(body), settings),
    status: 200,
  }))
  router.on('DELETE', 'schema/:class/tenants', ({body, params}) => {
    deleteTenants(database.find(params.class!), (body ?? []) as string[])
    return {status: 200}
  })
  for (const method of ['GET', 'HEAD']) {
    // 1.25 brought the one, 1.28 the other.
    if (isBefore(settings, method === 'HEAD' ? '1.25' : '1.28')) continue
    router.on(method, 'schema/:class/tenants/:tenant', ({params}) => {
      const [tenant] = listTenants(database.find(params.class!), [params.tenant!])
      return tenant ? {body: tenant, status: 200} : {status: 404}
    })
  }
}

const STATUSES = 'ACTIVE INACTIVE OFFLOADED OFFLOADING ONLOADING HOT COLD FROZEN FREEZING UNFREEZING'

function tenantRequests(body: unknown): TenantRequest[] {
  const requests = (body ?? []) as TenantRequest[]
  for (const {activityStatus} of requests)
    if (filled(activityStatus) !== undefined && !STATUSES.split(' ').includes(activityStatus!))
      throw new InvalidBody(606, `activityStatus in body should be one of [${STATUSES}]`)
  return requests
}

function aliasRoutes(router: Router, database: Database): void {
  const {aliases, collections} = database
  const target = (name: unknown): string => {
    const collection = upperFirst(String(name))
    if (!collections.has(collection)) throw new Refusal(`validation: target class "${collection}" does not exist`)
    return collection
  }

  router.on('GET', 'aliases', ({query}) => {
    const wanted = query.get('class')
    const entries = [...aliases].filter(([, collection]) => wanted === null || collection === upperFirst(wanted))
    return {body: {aliases: entries.map(([alias, collection]) => ({alias, class: collection}))}, status: 200}
  })
  router.on('POST', 'aliases', ({body}) => {
    const given = body as {alias?: string; class?: string}
    const alias = upperFirst(given.alias ?? '')
    if (!/^[A-Z][_0-9A-Za-z]*$/.test(alias)) throw new Refusal(`validation: '${alias}' is not a valid alias name`)
    const collection = target(given.class)
    const prefix = 'updating schema: TYPE_CREATE_ALIAS: create alias: '
    if (collections.has(alias)) throw new Refusal(`${prefix}class ${alias} already exists`, 500)
    if (aliases.has(alias)) throw new Refusal(`validation: ${prefix}${alias}, alias already exists`)
    aliases.set(alias, collection)
    return {body: {alias, class: collection}, status: 200}
  })
  router.on('GET', 'aliases/:alias', ({params}) => {
    const alias = upperFirst(params.alias!)
    return aliases.has(alias) ? {body: {alias, class: aliases.get(alias)}, status: 200} : EMPTY_NOT_FOUND
  })
  router.on('PUT', 'aliases/:alias', ({body, params}) => {
    const alias = upperFirst(params.alias!)
    if (!aliases.has(alias)) return EMPTY_NOT_FOUND
    const collection = target((body as {class?: string}).class)
    aliases.set(alias, collection)
    return {body: {alias, class: collection}, status: 200}
  })
  router.on('DELETE', 'aliases/:alias', ({params}) =>
    aliases.delete(upperFirst(params.alias!)) ? {status: 204} : EMPTY_NOT_FOUND,
  )
}
