import type {Settings} from '../options.js'
import type {Collection, Database} from '../store.js'
import type {Router} from './router.js'

import {Refusal} from '../refusal.js'
import {resolveShard} from '../shard.js'
import {isBefore} from '../version.js'

/** What the server tells of itself: meta, health, nodes, and counts over GraphQL. */
export function serverRoutes(router: Router, database: Database, settings: Settings, url: () => string): void {
  router.on('GET', 'meta', () => ({
    body: {
      ...(!isBefore(settings, '1.26') && {grpcMaxMessageSize: settings.maxMessageBytes}),
      hostname: url(),
      modules: settings.offload ? {'offload-s3': {}} : {},
      version: settings.version,
    },
    status: 200,
  }))
  router.on('GET', 'nodes', ({query}) => ({
    body: nodes(database.all, query, settings),
    status: 200,
  }))
  router.on('GET', 'nodes/:class', ({params, query}) => {
    const collection = database.find(params.class!)
    return collection ? {body: nodes([collection], query, settings), status: 200} : {status: 404}
  })
  router.on('GET', 'cluster/statistics', () => ({
    body: {
      statistics: settings.replicas.map(({name}, index) => ({
        bootstrapped: true,
        candidates: {},
        dbLoaded: true,
        isVoter: true,
        leaderId: settings.replicas[0]!.name,
        name,
        open: true,
        raft: {state: index === 0 ? 'Leader' : 'Follower'},
        ready: true,
        status: 'HEALTHY',
      })),
      synchronized: true,
    },
    status: 200,
  }))
  router.on('POST', 'graphql', ({body}) => ({
    body: graphql(database, settings, (body as {query?: string}).query ?? ''),
    status: 200,
  }))
}

function nodes(collections: Collection[], query: URLSearchParams, settings: Settings): unknown {
  const shards = collections.flatMap((collection) =>
    collection.shards.map((shard) => ({
      asyncReplicationStatus: [],
      class: collection.name,
      compressed: false,
      loaded: true,
      name: shard.name,
      numberOfReplicas: factorOf(collection),
      objectCount: shard.size,
      replicationFactor: factorOf(collection),
      vectorIndexingStatus: 'READY',
      vectorQueueLength: 0,
    })),
  )
  const isVerbose = query.get('output') === 'verbose'
  return {
    nodes: settings.replicas.map(({name}) => ({
      batchStats: {queueLength: 0, ratePerSecond: 0},
      name,
      operationalMode: 'ReadWrite',
      shards: isVerbose && shards.length > 0 ? shards : null,
      ...(isVerbose && {
        stats: {objectCount: shards.reduce((sum, shard) => sum + shard.objectCount, 0), shardCount: shards.length},
      }),
      status: 'HEALTHY',
      version: settings.version,
    })),
  }
}

function factorOf({schema}: Collection): number {
  return (schema.replicationConfig as undefined | {factor?: number})?.factor ?? 1
}

const COUNT =
  /^\s*(?:query\s*)?\{\s*Aggregate\s*\{\s*(\w+)\s*(?:\(\s*tenant\s*:\s*"([^"]*)"\s*\))?\s*\{\s*meta\s*\{\s*count\s*\}\s*\}\s*\}\s*\}\s*$/

/** `{Aggregate {Class(tenant: "…") {meta {count}}}}`, and nothing else. */
function graphql(database: Database, settings: Settings, query: string): unknown {
  const [, name, tenant = ''] = COUNT.exec(query) ?? []
  if (name === undefined) return failed('the embedded server answers Aggregate { Class { meta { count } } } only')
  const collection = database.find(name)
  if (!collection) return failed(`Cannot query field "${name}" on type "AggregateObjectsObj".`)
  try {
    const count = settings.count(resolveShard(collection, tenant).size, {collection: collection.name, tenant})
    return {data: {Aggregate: {[name]: [{meta: {count}}]}}}
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return {data: {Aggregate: {[name]: null}}, ...failed(error.message, ['Aggregate', name])}
  }
}

function failed(message: string, path: null | string[] = null): {errors: unknown[]} {
  return {errors: [{locations: [{column: 1, line: 1}], message, path}]}
}
