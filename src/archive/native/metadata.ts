/** What Weaviate's own export says of itself: `export_metadata.json`, and a file of each node. Only SUCCESS is whole. */
import type {Store} from '../../store/store.js'

import {DataOpsError} from '../../model/errors.js'
import {Field, MalformedError} from '../../model/fields.js'
import {damaged} from '../../store/damaged.js'
import {byName} from '../../store/entries.js'
import {readAll} from '../../store/read-all.js'

export const EXPORT_METADATA_FILE = 'export_metadata.json'
/** What this release looks at at most: 100,000 tenants take some 8 MB. */
const MAX_BYTES = 256 * 1024 * 1024

/** A shard of a collection; of a collection with tenants that is a tenant. */
export interface ExportedShard {
  name: string
  objects: number
  /** In the server's words, why it was passed over: `no data`, `tenant status is FROZEN`. */
  skipped?: string
}

/** What one server's export says of itself. */
export interface ExportFacts {
  backend: string
  /** RFC 3339, UTC. */
  completedAt: string
  /** By collection, each in the order of its shards' names. */
  collections: ReadonlyMap<string, readonly ExportedShard[]>
  id: string
  /** RFC 3339, UTC. */
  startedAt: string
  /** Of the server; of several nodes the first one's. Empty where they do not say. */
  version: string
}

/** Whether an export lies there, whole or not. */
export async function isExportAt(store: Store, name: string): Promise<boolean> {
  return (await store.stat(`${name}/${EXPORT_METADATA_FILE}`))?.kind === 'file'
}

/** @throws DataOpsError BACKUP_DAMAGED when it is not whole, or its files contradict each other; STORAGE when they cannot be read. */
export async function readExportFacts(store: Store, name: string): Promise<ExportFacts> {
  const where = store.describe(name)
  try {
    return await readFacts(store, name)
  } catch (error) {
    if (error instanceof MalformedError) throw damaged(where, error.message, {cause: error, hint: EXPORT_AGAIN})
    throw error
  }
}

export const EXPORT_AGAIN = 'Copy the whole folder of the export, or let the server make another one.'

async function readFacts(store: Store, name: string): Promise<ExportFacts> {
  const field = await readJson(store, `${name}/${EXPORT_METADATA_FILE}`, EXPORT_METADATA_FILE)
  checkStatus(store.describe(name), field)
  const collections = readShards(field.member('shardStatus'))
  const classes = new Set(field.member('classes').listOf((item) => item.text()))
  for (const collection of collections.keys()) {
    if (!classes.has(collection)) throw new MalformedError('classes', `lacks "${collection}"`)
  }

  const versions: string[] = []
  const assigned = new Map<string, Set<string>>()
  const nodes = field.member('nodeAssignments')
  for (const node of Object.keys(nodes.object())) {
    const shards = readAssignments(nodes.member(node))
    versions.push(await readNode(store, name, {collections, node, shards}))
    for (const {collection, shard} of shards) {
      const known = assigned.get(collection) ?? new Set()
      if (known.has(shard)) throw new MalformedError('nodeAssignments', `has the shard ${shard} twice`)
      assigned.set(collection, known.add(shard))
    }
  }

  for (const collection of classes) {
    const shards = collections.get(collection) ?? []
    const known = assigned.get(collection) ?? new Set()
    if (known.size !== shards.length || shards.some((shard) => !known.has(shard.name))) {
      throw new MalformedError('shardStatus', `has other shards of "${collection}" than nodeAssignments`)
    }

    if (!collections.has(collection)) collections.set(collection, [])
  }

  return {
    backend: field.member('backend').text(),
    collections,
    completedAt: field.member('completedAt').time(),
    id: field.member('id').text(),
    startedAt: field.member('startedAt').time(),
    version: versions[0] ?? '',
  }
}

/** @throws DataOpsError BACKUP_DAMAGED, with the state that it has. */
function checkStatus(where: string, field: Field): void {
  const status = field.member('status').text()
  if (status === 'SUCCESS') return
  const reason = field.member('error').optional((item) => item.text())
  const isGoingOn = status === 'STARTED' || status === 'TRANSFERRING'
  throw new DataOpsError(
    'BACKUP_DAMAGED',
    `${where} is no whole export: its state is ${status}, not SUCCESS${reason ? ` (${reason})` : ''}.`,
    {
      details: {path: where, status, ...(reason && {reason})},
      hint: isGoingOn
        ? 'Wait until the server has finished it, and ask it (GET /v1/export/BACKEND/ID): it writes down the end when it is asked.'
        : 'Export again.',
    },
  )
}

function readShards(field: Field): Map<string, ExportedShard[]> {
  const collections = new Map<string, ExportedShard[]>()
  for (const collection of Object.keys(field.object())) {
    const shards = field.member(collection)
    const read = Object.keys(shards.object()).map((name) => readShard(name, shards.member(name)))
    collections.set(collection, read.toSorted(byName))
  }

  return collections
}

function readShard(name: string, field: Field): ExportedShard {
  const status = field.member('status').oneOf(['SKIPPED', 'SUCCESS'])
  // Go leaves out what is 0.
  const objects = field.member('objectsExported').optional((item) => item.count()) ?? 0
  if (status === 'SUCCESS') return {name, objects}
  if (objects > 0) throw new MalformedError(field.path, 'was skipped, and has objects')
  return {name, objects, skipped: field.member('skipReason').optional((item) => item.text()) ?? 'skipped'}
}

interface Assigned {
  collection: string
  shard: string
}

function readAssignments(field: Field): Assigned[] {
  return Object.keys(field.object()).flatMap((collection) =>
    field.member(collection).listOf((item) => ({collection, shard: item.text()})),
  )
}

interface ToldOfNode {
  collections: ReadonlyMap<string, readonly ExportedShard[]>
  node: string
  shards: readonly Assigned[]
}

/** What a node says of its own shards, which must be what the whole says of them. Returns its version. */
async function readNode(store: Store, name: string, {collections, node, shards}: ToldOfNode): Promise<string> {
  const file = `node_${node}_status.json`
  const field = await readJson(store, `${name}/${file}`, file)
  field.member('status').oneOf(['SUCCESS'])
  const progress = field.member('shardProgress').optional(readShards) ?? new Map<string, ExportedShard[]>()
  for (const {collection, shard} of shards) {
    const here = progress.get(collection)?.find((one) => one.name === shard)
    const all = collections.get(collection)?.find((one) => one.name === shard)
    if (!all || here?.objects !== all.objects || here.skipped !== all.skipped) {
      throw new MalformedError(
        file,
        `and ${EXPORT_METADATA_FILE} contradict each other about the shard ${shard} of "${collection}"`,
      )
    }
  }

  return field.member('version').optional((item) => item.text()) ?? ''
}

async function readJson(store: Store, key: string, name: string): Promise<Field> {
  const entry = await store.stat(key)
  if (entry?.kind !== 'file') throw new MalformedError(name, 'is missing')
  if (entry.bytes > MAX_BYTES) throw new MalformedError(name, `has ${entry.bytes} bytes`)
  try {
    return new Field(JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(await readAll(store, key))), name)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) throw new MalformedError(name, 'is not JSON')
    throw error
  }
}
