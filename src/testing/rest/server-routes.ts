import type {Served} from '../objects.js'
import type {Settings} from '../options.js'
import type {Collection} from '../store.js'
import type {Router} from './router.js'

import {Refusal} from '../refusal.js'
import {VECTORIZERS} from '../schema-rules.js'
import {isBefore} from '../version.js'
import {graphql} from './graphql.js'

/** What the server tells of itself (meta, health, nodes), and GraphQL. */
export function serverRoutes(router: Router, served: Served, url: () => string): void {
  const {database, settings} = served.room
  router.on('GET', 'meta', () => ({
    body: {
      ...(!isBefore(settings, '1.26') && {grpcMaxMessageSize: settings.maxMessageBytes}),
      hostname: url(),
      modules: Object.fromEntries(
        [...VECTORIZERS, ...(settings.offload ? ['offload-s3'] : [])].map((name) => [name, {}]),
      ),
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
  const noExports = (): never => {
    throw new Refusal('export API is disabled; enable it via EXPORT_ENABLED=true or the runtime config')
  }

  if (!isBefore(settings, '1.37')) {
    router.on('POST', 'export/:backend', noExports)
    router.on('GET', 'export/:backend/:id', noExports)
    router.on('DELETE', 'export/:backend/:id', noExports)
  }

  router.on('POST', 'graphql', ({body}) => ({
    body: graphql(served, (body as {query?: string}).query ?? ''),
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
    nodes: settings.replicas
      .filter(({away}) => away?.() !== 'left')
      .map(({away, name}) => ({
        batchStats: {queueLength: 0, ratePerSecond: 0},
        name,
        operationalMode: 'ReadWrite',
        shards: isVerbose && shards.length > 0 && away?.() === undefined ? shards : null,
        ...(isVerbose && {
          stats: {objectCount: shards.reduce((sum, shard) => sum + shard.objectCount, 0), shardCount: shards.length},
        }),
        status: away?.() === undefined ? 'HEALTHY' : 'UNAVAILABLE',
        version: settings.version,
      })),
  }
}

function factorOf({schema}: Collection): number {
  return (schema.replicationConfig as undefined | {factor?: number})?.factor ?? 1
}
