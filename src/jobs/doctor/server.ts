/** Whether the server can be worked with: both ways, version, permissions, clock, replicas. Changes nothing. */
import type {WeaviateClass} from '../../model/schema.js'
import type {Connection, ServerNode} from '../../weaviate/connection.js'

import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {clocksApart} from '../../store/clock.js'
import {tenantsOf} from '../../weaviate/resolve.js'
import {SameServer} from '../../weaviate/same-server.js'
import {type Finding, type Look, ok} from './finding.js'

/** Collections that are looked at for a proof that REST and gRPC are one server. */
const LOOKED_AT = 20
/** Milliseconds that two clocks may be apart; a reply takes some of them. */
export const CLOCK_TOLERANCE = 30_000

const BACKUP = ['read_collections', 'read_data', 'read_aliases']
const RESTORE = ['create_collections', 'read_collections', 'create_data', 'update_data', 'read_data', 'read_aliases']

/** What each job needs, by the headings of docs/permissions.md. */
export const JOB_PERMISSIONS: Readonly<Record<string, readonly string[]>> = {
  Backup: BACKUP,
  'Backup of a collection with tenants': [...BACKUP, 'read_tenants', 'update_tenants'],
  Clear: ['read_collections', 'read_data', 'delete_data', 'read_aliases'],
  Merge: ['read_collections', 'create_data', 'update_data', 'read_data', 'read_aliases'],
  Restore: RESTORE,
  Verify: ['read_collections', 'read_data', 'read_aliases'],
}

export interface ServerOptions {
  /** Milliseconds since 1970. */
  now: () => number
  signal?: AbortSignal
}

export async function examineServer(connection: Connection, options: ServerOptions): Promise<Finding[]> {
  const findings: Finding[] = [
    ok('connection', `Weaviate ${connection.version} answers at ${connection.describe}.`),
    versionFinding(connection),
    transportFinding(connection),
  ]
  const checks: Array<[Finding['check'], Look]> = [
    ['one-server', async () => oneServer(connection, options)],
    ['permissions', async () => permissions(connection)],
    ['clock', async () => serverClock(connection, options)],
    ['replicas', async () => replicas(connection)],
  ]
  for (const [check, look] of checks) findings.push(...(await attempt(check, look)))
  return findings
}

/** What keeps a check from its answer is the finding. @throws DataOpsError INTERRUPTED. */
export async function attempt(check: Finding['check'], look: Look): Promise<Finding[]> {
  try {
    return [await look()].flat()
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.code === 'INTERRUPTED') throw error
    return [failure(check, error)]
  }
}

export function failure(check: Finding['check'], {code, details, hint, message}: DataOpsError): Finding {
  return {check, code, details, ...(hint !== undefined && {hint}), level: 'error', message}
}

function versionFinding({capabilities, version}: Connection): Finding {
  const lacking = Object.entries(capabilities)
    .filter(([, has]) => has === false)
    .map(([name]) => name)
  if (lacking.length === 0) return ok('version', `Version ${version} can do all that there is.`)
  return ok('version', `Version ${version} lacks ${lacking.join(', ')} (docs/compatibility.md).`, {lacking})
}

function transportFinding({describe, transport}: Connection): Finding {
  if (transport === 'grpc') return ok('grpc', 'gRPC answers.')
  return {
    check: 'grpc',
    hint: 'Give the address of gRPC with `grpcUrl`, and open its port (50051 by default).',
    level: 'warning',
    message: `gRPC is not used at ${describe}: jobs go over REST, several times slower.`,
  }
}

async function oneServer(connection: Connection, {signal}: ServerOptions): Promise<Finding | Finding[]> {
  if (!connection.restSide) return []
  const collections = await connection.listCollections()
  for (const schema of collections.slice(0, LOOKED_AT)) {
    if (await isProvenBy(connection, schema, signal))
      return ok('one-server', `REST and gRPC are one server, as objects of "${schema.class}" show.`)
  }

  return {
    check: 'one-server',
    hint: 'Look again once a collection has objects.',
    level: 'unknown',
    message: 'Whether REST and gRPC are one server cannot be seen: no collection that was looked at has objects.',
  }
}

async function isProvenBy(connection: Connection, schema: WeaviateClass, signal?: AbortSignal): Promise<boolean> {
  const proof = new SameServer(connection, schema, {maxRetries: 1, signal})
  await proof.prove(await tenantsOf(connection, schema))
  return proof.isProven
}

async function permissions({about}: Connection): Promise<Finding | Finding[]> {
  const own = await about?.permissions()
  if (!own) {
    return {
      check: 'permissions',
      hint: 'Without roles (RBAC) a key may do everything, or read alone: try a job with `dryRun: true`.',
      level: 'unknown',
      message: 'The server does not say what these credentials may do.',
    }
  }

  const has = new Set(own)
  const findings = Object.entries(JOB_PERMISSIONS).flatMap(([job, needed]): Finding | Finding[] => {
    const missing = needed.filter((permission) => !has.has(permission))
    if (missing.length === 0) return []
    const message = `${job} is not possible with these credentials: ${missing.join(', ')} is missing.`
    const hint = 'Ask for a role with it where that job is to be done (docs/permissions.md).'
    return {check: 'permissions', code: 'NOT_ALLOWED', details: {job, missing}, hint, level: 'warning', message}
  })
  return findings.length > 0 ? findings : [ok('permissions', 'The roles of these credentials allow every job.')]
}

async function serverClock({about}: Connection, {now}: ServerOptions): Promise<Finding | Finding[]> {
  const before = now()
  const there = await about?.time()
  if (there === undefined) return {check: 'clock', level: 'unknown', message: 'The server does not tell the time.'}
  const off = clocksApart(there, before, now())
  if (off <= CLOCK_TOLERANCE) return ok('clock', "The server's clock and this one agree.")
  return {
    check: 'clock',
    details: {milliseconds: off},
    hint: 'Let both follow NTP: times of objects, of expiry and of backups are compared with each other.',
    level: 'warning',
    message: `The server's clock and this one are ${Math.round(off / 1000)} seconds apart.`,
  }
}

async function replicas({about}: Connection): Promise<Finding | Finding[]> {
  const nodes = await about?.nodes()
  if (!nodes || nodes.length === 0) {
    const hint = 'Ask for a role with read_nodes.'
    return {check: 'replicas', hint, level: 'unknown', message: 'The server does not show its nodes.'}
  }

  const away = nodes.filter(({status}) => status !== 'HEALTHY')
  const findings: Finding[] = away.map(({name, status}) => ({
    check: 'replicas',
    details: {node: name, status},
    hint: 'Bring the node back before a backup: what only it has is not read.',
    level: 'warning',
    message: `The node ${name} is ${status}.`,
  }))
  findings.push(...outOfStep(nodes))
  if (findings.length > 0) return findings
  return ok(
    'replicas',
    `${nodes.length === 1 ? 'The one node is' : `All ${nodes.length} nodes are`} healthy, and replicas have the same number of objects.`,
  )
}

/** Replicas of one shard that have other numbers of objects. The server counts now and then, so that a moment's difference means nothing. */
function outOfStep(nodes: readonly ServerNode[]): Finding[] {
  const counts = new Map<string, {className: string; counts: Array<[node: string, objects: number]>}>()
  for (const {name: node, shards} of nodes) {
    for (const {className, name, objects} of shards) {
      const key = `${className}/${name}`
      const entry = counts.get(key) ?? {className, counts: []}
      entry.counts.push([node, objects])
      counts.set(key, entry)
    }
  }

  const apart = [...counts].filter(([, entry]) => new Set(entry.counts.map(([, objects]) => objects)).size > 1)
  return apart.map(([shard, {className, counts: perNode}]) => ({
    check: 'replicas',
    details: {counts: Object.fromEntries(perNode), shard},
    hint: 'Look again in a minute. When they stay apart, switch asynchronous replication on, or read all objects once with consistency level ALL, before a backup.',
    level: 'warning',
    message: `The replicas of a shard of "${className}" have ${perNode.map(([node, objects]) => `${plural(objects, 'object')} on ${node}`).join(', ')}.`,
  }))
}
