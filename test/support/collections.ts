/** Collections to test the managers with, on the embedded server or, with WEAVIATE_URL set, on a real one. */
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'

import type {WeaviateObject} from '../../src/model/object.js'
import type {WeaviateClass} from '../../src/model/schema.js'
import type {Connection} from '../../src/weaviate/connection.js'

import {makeClass, makeObjects} from '../../bench/data.js'
import {type EmbeddedWeaviate, type EmbeddedWeaviateOptions, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {connect} from '../../src/weaviate/connect.js'

export interface TestServer {
  close: () => Promise<void>
  connection: Connection
  /** The embedded one; undefined on a real server. */
  embedded?: EmbeddedWeaviate
  grpcUrl: string
  url: string
}

/** The real server when WEAVIATE_URL is set, else a new embedded one. */
export async function startTestServer(options: EmbeddedWeaviateOptions = {}): Promise<TestServer> {
  const url = process.env.WEAVIATE_URL
  if (url !== undefined) {
    const grpcUrl = process.env.WEAVIATE_GRPC_URL ?? ''
    const connection = await connect({...(grpcUrl && {grpcUrl}), url})
    return {close: async () => connection.close(), connection, grpcUrl, url}
  }

  const embedded = await startEmbeddedWeaviate(options)
  const connection = await connect({grpcUrl: embedded.grpcUrl, url: embedded.url})
  return {
    async close() {
      await connection.close()
      await embedded.close()
    },
    connection,
    embedded,
    grpcUrl: embedded.grpcUrl ?? '',
    url: embedded.url,
  }
}

/** A folder of its own, removed by `remove`. */
export async function temporaryDirectory(): Promise<{path: string; remove: () => Promise<void>}> {
  const directory = await mkdtemp(path.join(tmpdir(), 'elysia-test-'))
  return {path: directory, remove: async () => rm(directory, {force: true, recursive: true})}
}

/** Creates a class anew and fills it, references included. */
export async function fillCollection(
  connection: Connection,
  schema: WeaviateClass,
  objects: readonly WeaviateObject[],
): Promise<void> {
  await connection.deleteCollection(schema.class)
  await connection.createCollection(schema)
  await writeAll(connection, schema.class, objects)
}

/** Writes objects into a class that is there, references included. */
export async function writeAll(
  connection: Connection,
  name: string,
  objects: readonly WeaviateObject[],
): Promise<void> {
  const plan = planCollection((await connection.getCollection(name))!)
  for (let start = 0; start < objects.length; start += 200) {
    const batch = objects.slice(start, start + 200)
    const refused = await connection.writeObjects({collection: plan, objects: batch})
    if (refused.length > 0) throw new Error(`refused: ${refused[0]!.reason}`)
    if (plan.hasReferences) {
      const failures = await connection.writeReferences({collection: plan, objects: batch})
      if (failures.length > 0) throw new Error(`refused: ${failures[0]!.reason}`)
    }
  }
}

/** A collection of made-up objects, 6 properties and one vector each. */
export async function makeCollection(
  connection: Connection,
  className: string,
  objects: number,
  dims = 16,
): Promise<void> {
  const options = {className, dims, objects}
  await fillCollection(connection, makeClass(options), [])
  // In pieces: a large one, made at once, lets connections that wait be closed.
  for (let from = 0; from < objects; from += 5000)
    await writeAll(connection, className, makeObjects(options, from, Math.min(from + 5000, objects)))
}

/** Every object as REST shows it, by tenant and id, without the times that the server sets. */
export async function restDump(url: string, className: string, tenant?: string): Promise<Map<string, unknown>> {
  const objects = new Map<string, unknown>()
  for (let after = ''; ;) {
    const query = new URLSearchParams({
      after,
      class: className,
      include: 'vector',
      limit: '500',
      ...(tenant !== undefined && {tenant}),
    })
    const reply = await fetch(`${url}/v1/objects?${query.toString()}`)
    if (!reply.ok) throw new Error(`${reply.status}: ${await reply.text()}`)
    const {objects: page} = (await reply.json()) as {objects: Array<Record<string, unknown> & {id: string}>}
    if (page.length === 0) return objects
    for (const {creationTimeUnix: _created, lastUpdateTimeUnix: _updated, ...object} of page)
      objects.set(object.id, object)
    after = page.at(-1)!.id
  }
}
