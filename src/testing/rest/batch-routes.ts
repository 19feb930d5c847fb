import type {BatchOutcome, ObjectRoom} from '../objects.js'

import {parseBeacon, parseSourceBeacon} from '../beacon.js'
import {checkFilter} from '../filter-rules.js'
import {compileFilter} from '../filter.js'
import {deleteObjects} from '../many-objects.js'
import {orRefusal, Refusal, within} from '../refusal.js'
import {resolveShard} from '../shard.js'
import {incomingFilter, incomingObject, type ObjectBody, type WhereBody} from './incoming.js'
import {answerText} from './object-routes.js'
import {InvalidBody, type RestAnswer, type RestRequest, type Router} from './router.js'

export function batchRoutes(router: Router, room: ObjectRoom): void {
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
  router.on('DELETE', 'batch/objects', (request) => deleteMatching(room, request))
}

/** What became of an object: itself, or as it was given, and the result. */
function outcomeText(outcome: BatchOutcome | Refusal, given: ObjectBody): string {
  if (outcome instanceof Refusal) return JSON.stringify({...given, deprecations: null, result: failed(outcome.message)})
  const text = answerText(outcome.object, outcome.collection.name, outcome.tenant)
  return `${text.slice(0, -1)},"deprecations":null,"result":{"status":"SUCCESS"}}`
}

function failed(message: string): object {
  return {errors: {error: [{message}]}, status: 'FAILED'}
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
  return references.map(({from, tenant, to}) => {
    const refused = orRefusal(() => {
      room.appendReference(parseSourceBeacon(from), parseBeacon(to), tenant ?? '')
    })
    return {from, result: refused instanceof Refusal ? failed(refused.message) : {status: 'SUCCESS'}, to}
  })
}

/** How the real server prints Go's zero time. */
const NO_TIME = -62_135_596_800_000

function deleteMatching(room: ObjectRoom, {body, query}: RestRequest): RestAnswer {
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
  const {failure, ids, matches: count} = deleteObjects(room, {collection, shard, tenant}, {dryRun, matches})
  const deleted = output === 'verbose' ? ids.map((id) => ({id, status: dryRun ? 'DRYRUN' : 'SUCCESS'})) : []
  const objects = failure === undefined ? deleted : [failed(failure)]
  return {
    body: {
      deletionTimeUnixMilli: NO_TIME,
      dryRun,
      match: {class: collection.name, where: shownWhere(where)},
      output,
      results: {
        failed: failure === undefined ? 0 : 1,
        limit: room.settings.queryMaximumResults,
        matches: count,
        objects: objects.length > 0 ? objects : null,
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
