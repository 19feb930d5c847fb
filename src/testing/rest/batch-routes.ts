import type {BatchOutcome, ObjectRoom} from '../objects.js'
import type {Settings} from '../options.js'
import type {ShardPlace} from '../replicas.js'

import {parseBeacon, parseSourceBeacon} from '../beacon.js'
import {checkFilter} from '../filter-rules.js'
import {compileFilter} from '../filter.js'
import {deleteMatching, type DeleteResult} from '../paging.js'
import {Refusal, within} from '../refusal.js'
import {resolveShard} from '../shard.js'
import {incomingFilter, incomingObject, type ObjectBody, type WhereBody} from './incoming.js'
import {answerText} from './object-routes.js'
import {InvalidBody, type RestAnswer, type RestRequest, type Router} from './router.js'

export function batchRoutes(router: Router, room: ObjectRoom, settings: Settings): void {
  router.on('POST', 'batch/objects', ({body}) => {
    const {objects = []} = body as {objects?: ObjectBody[]}
    if (objects.length === 0)
      throw new Refusal("invalid param 'objects': cannot be empty, need at least one object for batching")
    const incoming = objects.map((object) => incomingObject(object))
    const outcomes = room.writeBatch(incoming, (object) => object)
    const answers = outcomes.map((outcome, index) => outcomeText(outcome, objects[index]!))
    return {body: `[${answers.join(',')}]`, status: 200}
  })
  router.on('POST', 'batch/references', ({body}) => ({
    body: writeReferences(room, body as ReferenceBody[]),
    status: 200,
  }))
  router.on('DELETE', 'batch/objects', (request) => deleteObjects(room, settings, request))
}

/** What became of an object: itself, or as it was given, and the result. */
function outcomeText(outcome: BatchOutcome | Refusal, given: ObjectBody): string {
  if (outcome instanceof Refusal) {
    const result = {errors: {error: [{message: outcome.message}]}, status: 'FAILED'}
    return JSON.stringify({...given, deprecations: null, result})
  }

  const text = answerText(outcome.object, outcome.collection.name, outcome.tenant)
  return `${text.slice(0, -1)},"deprecations":null,"result":{"status":"SUCCESS"}}`
}

interface ReferenceBody {
  from: string
  tenant?: string
  to: string
}

function writeReferences(room: ObjectRoom, references: ReferenceBody[]): unknown[] {
  if (references.length === 0)
    throw new Refusal('invalid params: length cannot be 0, need at least one reference for batching')
  for (const {from, to} of references)
    for (const [name, beacon] of Object.entries({from, to}))
      if (!/^\w+:\/\//.test(beacon))
        throw new InvalidBody(601, `${name} in body must be of type uri: ${JSON.stringify(beacon)}`)
  return references.map((reference) => {
    try {
      const source = parseSourceBeacon(reference.from)
      room.appendReference(source, parseBeacon(reference.to), reference.tenant ?? '')
      return {from: reference.from, result: {status: 'SUCCESS'}, to: reference.to}
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return {
        from: reference.from,
        result: {errors: {error: [{message: error.message}]}, status: 'FAILED'},
        to: reference.to,
      }
    }
  })
}

/** How the real server prints Go's zero time. */
const NO_TIME = -62_135_596_800_000

function deleteObjects(room: ObjectRoom, settings: Settings, {body, query}: RestRequest): RestAnswer {
  const {
    dryRun = false,
    match,
    output = 'minimal',
  } = body as {
    dryRun?: boolean
    match?: {class?: string; where?: WhereBody}
    output?: string
  }
  const collection = room.database.find(match?.class ?? '')
  if (!collection) throw new Refusal(`validate: failed to get class: ${match?.class ?? ''}`)
  if (!match?.where) throw new Refusal('validate: empty match.where clause')
  const {where} = match
  const tenant = query.get('tenant') ?? ''
  const scope = room.scopeOf(collection, tenant, {isDelete: true})
  const filter = within('validate: ', () => {
    const read = incomingFilter(where)
    checkFilter(scope, read)
    return read
  })
  const shard = within('batch delete objects: cannot find objects: ', () => resolveShard(collection, tenant))
  const finding = `batch delete objects: cannot find objects: find matching doc ids in shard "${shard.name}": docIds: `
  const matches = within(finding, () => compileFilter(scope, filter), 500)
  const {
    failure,
    ids,
    matches: count,
  } = deleteUnlessReadOnly(room, {collection, shard, tenant}, () =>
    deleteMatching(shard, {
      dryRun,
      matches,
      maximumResults: settings.queryMaximumResults,
      remove: (id) => room.replicas.delete(shard, id),
    }),
  )
  const status = dryRun ? 'DRYRUN' : 'SUCCESS'
  const failed = {errors: {error: [{message: failure}]}, status: 'FAILED'}
  return {
    body: {
      deletionTimeUnixMilli: NO_TIME,
      dryRun,
      match: {class: collection.name, where: shownWhere(where)},
      output,
      results: {
        failed: failure === undefined ? 0 : 1,
        limit: settings.queryMaximumResults,
        matches: count,
        objects:
          failure === undefined
            ? output === 'verbose' && ids.length > 0
              ? ids.map((id) => ({id, status}))
              : null
            : [failed],
        successful: dryRun ? 0 : ids.length,
      },
    },
    status: 200,
  }
}

/** A filter as it is told back: with what it lacks as null. */
function shownWhere(where: WhereBody): WhereBody {
  const operands = where.operands?.map((operand) => shownWhere(operand)) ?? null
  return {...where, operands, path: where.path ?? null}
}

/** Of a shard that takes no writes the real server says, under a status of 200, that one object has failed. */
function deleteUnlessReadOnly(
  room: ObjectRoom,
  {collection, shard, tenant}: ShardPlace,
  action: () => DeleteResult,
): DeleteResult & {failure?: string} {
  try {
    room.checkWritable(collection, tenant, shard)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return {failure: error.message, ids: [], matches: 0}
  }

  return action()
}
