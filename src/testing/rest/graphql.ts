import type {Predicate} from '../filter-model.js'
import type {ObjectRoom, Served} from '../objects.js'
import type {SortKey} from '../sort.js'
import type {Collection, StoredObject} from '../store.js'

import {type JsonValue, type NamedVector, own} from '../../model/object.js'
import {isReference, type SchemaProperty} from '../../model/schema.js'
import {parseBeacon} from '../beacon.js'
import {compileFilter} from '../filter.js'
import {listObjects} from '../many-objects.js'
import {Refusal, within} from '../refusal.js'
import {resolveShard} from '../shard.js'
import {floatsOf, rowsOf, shortestFloat32} from '../values.js'
import {readAggregate} from './graphql-aggregate.js'
import {type Argument, type Field, parseQuery, QueryError, requireSelection} from './graphql-document.js'
import {incomingFilter, type WhereBody} from './incoming.js'
import {InvalidBody} from './router.js'

/** Listing, filtering and sorting (`Get`), and `Aggregate` without groups: the answer to a query, errors included. */
export function graphql(served: Served, query: string): unknown {
  try {
    const roots = parseQuery(query).map((root): [Field, Asked[]] => [root, asked(served, root)])
    const errors: unknown[] = []
    const data = roots.map(([root, fields]) => {
      const answers = fields.map(({answer, field}): [string, unknown] => [
        field.alias,
        answered(answer, {errors, field, root}),
      ])
      return [root.alias, Object.fromEntries(answers)] as const
    })
    return {data: Object.fromEntries(data) as unknown, ...(errors.length > 0 && {errors})}
  } catch (error) {
    if (error instanceof QueryError) return {errors: [failure(error.message, {column: error.column})]}
    throw error
  }
}

interface Asked {
  answer: () => unknown
  field: Field
}

/** Checks all that is asked before anything is read, as GraphQL does. @throws QueryError. */
function asked(served: Served, root: Field): Asked[] {
  if (root.name !== 'Get' && root.name !== 'Aggregate')
    throw new QueryError(`the embedded server answers Get and Aggregate, not ${root.name}`, root.column)
  return root.fields.map((field) => {
    const type = `${root.name === 'Get' ? 'Get' : 'Aggregate'}ObjectsObj`
    const collection = served.room.database.find(field.name)
    if (!collection) throw new QueryError(`Cannot query field "${field.name}" on type "${type}".`, field.column)
    checkArguments(collection, {field, root, type})
    if (root.name === 'Aggregate') {
      const reader = readAggregate(collection, field)
      return {answer: () => aggregate(served, collection, {field, read: reader}), field}
    }

    const read = readFields(served, collection, {parent: field, tenant: textOf(field.arguments.tenant)})
    return {answer: () => list(served, collection, field).map((object) => read(object)), field}
  })
}

/** What an execution gives, or null and an error beside it. */
function answered(
  answer: () => unknown,
  {errors, field, root}: {errors: unknown[]; field: Field; root: Field},
): unknown {
  try {
    return answer()
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof InvalidBody)) throw error
    errors.push(failure(error.message, {column: field.column, path: [root.alias, field.alias]}))
    return null
  }
}

function failure(message: string, {column, path = null}: {column: number; path?: null | string[]}): unknown {
  return {locations: [{column, line: 1}], message, path}
}

const ANSWERED: Record<string, string[]> = {
  Aggregate: ['limit', 'objectLimit', 'tenant', 'where'],
  Get: ['after', 'consistencyLevel', 'limit', 'offset', 'sort', 'tenant', 'where'],
}
/** The real server's, which the embedded one does not answer. */
const NOT_ANSWERED =
  /^(?:ask|autocut|bm25|group|groupBy|hybrid|near(?:Audio|Depth|IMU|Image|Object|Text|Thermal|Vector|Video))$/

function checkArguments(collection: Collection, {field, root, type}: {field: Field; root: Field; type: string}): void {
  for (const name of Object.keys(field.arguments)) {
    const isKnown = ANSWERED[root.name]!.includes(name)
    if (isKnown && (name !== 'tenant' || collection.tenants)) continue
    if (NOT_ANSWERED.test(name))
      throw new QueryError(
        `the embedded server lists, filters and aggregates; it does not answer ${name}`,
        field.column,
      )
    throw new QueryError(`Unknown argument "${name}" on field "${field.name}" of type "${type}".`, field.column)
  }
}

function aggregate(
  {room}: Served,
  collection: Collection,
  {field, read}: {field: Field; read: ReturnType<typeof readAggregate>},
): unknown {
  const {arguments: given} = field
  if (given.objectLimit !== undefined)
    throw new Refusal('objectLimit can only be used with a near<Media> or hybrid filter')
  const tenant = textOf(given.tenant)
  const shard = resolveShard(collection, tenant)
  const count = (found: number): number => room.settings.count(found, {collection: collection.name, tenant})
  return read({count, matches: where(room, collection, given), shard})
}

function list(served: Served, collection: Collection, {arguments: given}: Field): StoredObject[] {
  const limit = Number(given.limit ?? -1)
  return listObjects(served, {
    after: textOf(given.after),
    collection,
    keys: given.sort === undefined ? [] : [given.sort].flat().map((key) => sortKey(key)),
    // A negative one is as none.
    limit: limit < 0 ? served.room.settings.queryDefaultsLimit : limit,
    matches: where(served.room, collection, given),
    offset: Number(given.offset ?? 0),
    tenant: textOf(given.tenant),
    transport: 'graphql',
  })
}

function where(room: ObjectRoom, collection: Collection, given: Field['arguments']): Predicate | undefined {
  if (given.where === undefined) return undefined
  const scope = room.scopeOf(collection, textOf(given.tenant))
  return within("invalid 'where' filter: ", () =>
    compileFilter(scope, incomingFilter(whereBody(given.where as Record<string, Argument>))),
  )
}

/** GraphQL takes one value where REST wants a list, and lists where REST has members of their own. */
function whereBody(given: Record<string, Argument>): WhereBody {
  const body: WhereBody = {}
  for (const [name, value] of Object.entries(given)) {
    if (name === 'operands') body.operands = [value].flat().map((item) => whereBody(item as Record<string, Argument>))
    else if (name === 'path') body.path = [value].flat() as string[]
    else body[Array.isArray(value) ? `${name}Array` : name] = value
  }

  return body
}

function sortKey(given: Argument): SortKey {
  const {order = 'asc', path = []} = given as {order?: string; path?: string | string[]}
  return {ascending: order === 'asc', path: [path].flat()}
}

function textOf(value: Argument | undefined): string {
  return typeof value === 'string' ? value : ''
}

type Read = (object: StoredObject) => unknown

/** What is asked of an object. @throws QueryError for what its class does not have. */
function readFields(served: Served, collection: Collection, {parent, tenant}: {parent: Field; tenant: string}): Read {
  requireSelection(parent, `[${collection.name}]`)
  const readers = parent.fields.map((field): [string, Read] => {
    if (field.name === '_additional') return [field.alias, readAdditional(collection, field)]
    const property = collection.schema.properties?.find((candidate) => candidate.name === field.name)
    if (!property)
      throw new QueryError(`Cannot query field "${field.name}" on type "${collection.name}".`, field.column)
    if (isReference(property)) return [field.alias, readReferences(served, {field, property, tenant})]
    const isInt = property.dataType[0]!.startsWith('int')
    return [
      field.alias,
      (object) => {
        const value = own(object.properties, property.name) ?? null
        return isInt ? int32(value) : picked(value, field)
      },
    ]
  })
  return (object) => Object.fromEntries(readers.map(([alias, read]) => [alias, read(object)]))
}

const MOST_INT32 = 2 ** 31

/** GraphQL has ints of 32 bits: others are null. */
function int32(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => int32(item))
  return typeof value === 'number' && value >= -MOST_INT32 && value < MOST_INT32 ? value : null
}

/** A value, of which only the members that were asked for. */
function picked(value: JsonValue, {fields}: Field): JsonValue {
  if (fields.length === 0 || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => picked(item, {fields} as Field))
  return Object.fromEntries(fields.map((field) => [field.alias, picked(value[field.name] ?? null, field)]))
}

function readReferences(
  served: Served,
  {field, property, tenant}: {field: Field; property: SchemaProperty; tenant: string},
): Read {
  const readers = new Map(
    field.fields.map((fragment) => {
      const target = served.room.database.find(fragment.on ?? '')
      if (!target) throw new QueryError(`Unknown type "${fragment.on ?? fragment.name}".`, fragment.column)
      return [target, readFields(served, target, {parent: fragment, tenant})]
    }),
  )
  return (object) => {
    const references = own(object.properties, property.name)
    if (!Array.isArray(references)) return null
    return references.flatMap((reference) => {
      const {collection: name, id} = parseBeacon((reference as {beacon: string}).beacon)
      const target = served.room.database.find(name)
      const found = target && served.room.shardFor(target, tenant)?.get(id)
      const read = target && readers.get(target)
      return found && read ? [read(found)] : []
    })
  }
}

const ADDITIONAL: Record<string, Read> = {
  certainty: () => null,
  creationTimeUnix: ({created}) => String(created),
  distance: () => null,
  explainScore: () => '',
  id: ({id}) => id,
  lastUpdateTimeUnix: ({updated}) => String(updated),
  score: () => '0',
  vector: ({vector}) => (vector ? numbersOf(vector) : []),
}

function readAdditional({name, schema}: Collection, {fields}: Field): Read {
  const readers = fields.map((field): [string, Read] => {
    if (field.name === 'vectors' && schema.vectorConfig) return [field.alias, readVectors(field)]
    const read = ADDITIONAL[field.name]
    if (read) return [field.alias, read]
    throw new QueryError(`Cannot query field "${field.name}" on type "${name}Additional".`, field.column)
  })
  return (object) => Object.fromEntries(readers.map(([alias, read]) => [alias, read(object)]))
}

function readVectors({fields}: Field): Read {
  return ({vectors}) =>
    Object.fromEntries(
      fields.map(({alias, name}) => {
        const vector = vectors?.get(name)
        return [alias, vector ? namedNumbers(vector) : []]
      }),
    )
}

function namedNumbers(vector: NamedVector): number[] | number[][] {
  return vector.kind === 'single' ? numbersOf(vector.bytes) : rowsOf(vector).map((row) => numbersOf(row))
}

function numbersOf(bytes: Uint8Array): number[] {
  return Array.from(floatsOf(bytes), (component) => shortestFloat32(component))
}
