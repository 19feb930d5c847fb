/** Collections over REST: created, read, changed, dropped. */
import type {Connection} from '../connection.js'

import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {hasStatus} from '../errors.js'
import {identifyCollection} from '../identity.js'
import {requirePermission} from '../permissions.js'
import {encodeJson, type HttpClient} from './http.js'
import {collectionMissing} from './reading.js'
import {classOf, recordsOf} from './shape.js'

export type CollectionOperations = Pick<
  Connection,
  'createCollection' | 'deleteCollection' | 'getCollection' | 'identify' | 'listCollections' | 'updateCollection'
>

/** A connection's methods about collections as a whole. */
export function collectionOperations(http: HttpClient): CollectionOperations {
  return {
    createCollection: async (schema) => createCollection(http, schema),
    async deleteCollection(name) {
      await http.send({action: `delete collection ${name}`, method: 'DELETE', path: classPath(name)})
    },
    getCollection: async (name) => getCollection(http, name),
    identify: async (schema) => identifyCollection(http, schema.class, isMultiTenant(schema)),
    async listCollections() {
      const action = 'list the collections'
      const {value} = await http.json<{classes?: unknown}>({action, method: 'GET', path: '/v1/schema'})
      const classes = recordsOf(value.classes, action, 'collections').map((each) => classOf(each, action))
      if (classes.length === 0) await requirePermission(http, action, 'read_collections')
      return classes
    },
    updateCollection: async (schema) => updateCollection(http, schema),
  }
}

async function createCollection(http: HttpClient, schema: WeaviateClass): Promise<void> {
  try {
    await http.send({
      action: `create collection ${schema.class}`,
      body: encodeJson(schema),
      method: 'POST',
      path: '/v1/schema',
    })
  } catch (error) {
    // 422 stands for a taken name too.
    if (!hasStatus(error, 422) || !(await getCollection(http, schema.class))) throw error
    throw new DataOpsError('COLLECTION_EXISTS', `There is already a collection ${schema.class}.`, {
      details: {collection: schema.class},
    })
  }
}

async function getCollection(http: HttpClient, name: string): Promise<undefined | WeaviateClass> {
  try {
    const action = `read the schema of ${name}`
    const {value} = await http.json<unknown>({action, method: 'GET', path: classPath(name)})
    const schema = classOf(value, action)
    // The server follows aliases, and writes the first letter in upper case.
    return schema.class === name ? schema : undefined
  } catch (error) {
    if (hasStatus(error, 404)) return undefined
    throw error
  }
}

/** Adds the properties that the collection lacks, in order, then changes what else differs. Members left out stay as they are. */
async function updateCollection(http: HttpClient, schema: WeaviateClass): Promise<void> {
  const live = await getCollection(http, schema.class)
  if (!live) throw collectionMissing(schema.class)
  const existing = new Set((live.properties ?? []).map((property) => property.name))
  const added = (schema.properties ?? []).filter((property) => !existing.has(property.name))
  for (const property of added) {
    await http.send({
      action: `add property ${property.name} to ${schema.class}`,
      body: encodeJson(property),
      method: 'POST',
      path: `${classPath(schema.class)}/properties`,
    })
  }

  const rest: Partial<WeaviateClass> = {...schema}
  delete rest.properties
  const known = (schema.properties ?? []).filter((property) => existing.has(property.name))
  if (Object.keys(rest).length === 1 && known.length === 0) return
  const now = added.length > 0 ? ((await getCollection(http, schema.class)) ?? live) : live
  const changes = new Map(known.map((property) => [property.name, property]))
  await http.send({
    action: `update the schema of ${schema.class}`,
    body: encodeJson({
      ...now,
      ...rest,
      properties: (now.properties ?? []).map((property) => ({...property, ...changes.get(property.name)})),
    }),
    method: 'PUT',
    path: classPath(schema.class),
  })
}

function classPath(name: string): string {
  // As a path these would mean another place.
  if (['', '.', '..'].includes(name)) {
    throw new DataOpsError('INVALID_INPUT', `"${name}" cannot be the name of a collection.`)
  }

  return `/v1/schema/${encodeURIComponent(name)}`
}
