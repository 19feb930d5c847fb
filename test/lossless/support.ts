/** What the proofs of losslessness have in common: raw REST, dumps with every digit, formats, and backups to and fro. */
import {randomBytes} from 'node:crypto'
import {existsSync} from 'node:fs'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, type TestContext} from 'vitest'

import type {BackupFormat} from '../../src/codec/codec.js'
import type {WeaviateClass} from '../../src/model/schema.js'
import type {EmbeddedWeaviateOptions} from '../../src/testing/index.js'
import type {Connection} from '../../src/weaviate/connection.js'

import {BackupManager, ClearManager, RestoreManager, Verifier} from '../../src/index.js'
import {type Capability, SINCE} from '../../src/weaviate/capabilities.js'
import {startTestServer, type TestServer} from '../support/collections.js'
import {testPlace, type TestPlace} from '../support/test-place.js'

export interface Format {
  compress: boolean
  format: BackupFormat
  title: string
}

const hasArrow = existsSync(path.resolve(import.meta.dirname, '../../src/codec/arrow/codec.ts'))

/** Every way to write a backup. */
export const FORMATS: Format[] = [
  {compress: false, format: 'json', title: 'json'},
  {compress: true, format: 'json', title: 'json.gz'},
  {compress: false, format: 'parquet', title: 'parquet'},
  {compress: true, format: 'parquet', title: 'parquet, zstd'},
  {compress: false, format: 'arrow', title: 'arrow'},
]

/** Formats that are not there yet are skipped in sight of whoever reads the report. */
export function isMissing({format}: Format): boolean {
  return format === 'arrow' && !hasArrow
}

export interface Bench extends Managers {
  connection: Connection
  directory: string
  /** Whether it is the server of WEAVIATE_URL. */
  isReal: boolean
  keys: TestPlace['keys']
  /** A name for a collection, one of this run alone; whatever is created under it is dropped when the file is done. */
  name: (suffix: string) => string
  /** Skips the test in sight, with the reason, where the server cannot do what it is about. */
  needs: (context: TestContext, capability: Capability) => void
  /** The same for a module of the server. */
  needsModule: (context: TestContext, name: string) => Promise<void>
  rest: Rest
  server: TestServer
}

export interface Managers {
  backups: BackupManager
  clears: ClearManager
  restores: RestoreManager
  verifier: Verifier
}

export function managersOn(connection: Connection, directory: string, keys: TestPlace['keys'] = {}): Managers {
  return {
    backups: new BackupManager(connection, {directory, ...keys}),
    clears: new ClearManager(connection, {directory, ...keys}),
    restores: new RestoreManager(connection, {directory, ...keys}),
    verifier: new Verifier({connection, directory, ...keys}),
  }
}

/** A server for the file, a folder for each test. */
export function useBench(options: EmbeddedWeaviateOptions = {}): Bench {
  // Filled in before the first test.
  const bench: Bench = Object.create(null) as Bench
  const prefix = `Lossless${randomBytes(4).toString('hex')}`
  let folder: TestPlace
  const dropAll = async (): Promise<void> => {
    for (const {alias} of await bench.connection.listAliases()) {
      if (alias.startsWith(prefix)) await bench.connection.deleteAlias(alias)
    }

    for (const schema of await bench.connection.listCollections()) {
      if (schema.class.startsWith(prefix)) await bench.connection.deleteCollection(schema.class)
    }
  }

  beforeAll(async () => {
    bench.server = await startTestServer(options)
    bench.connection = bench.server.connection
    bench.isReal = bench.server.embedded === undefined
    bench.name = (suffix) => prefix + suffix
    bench.needs = (context, capability) => {
      context.skip(
        !bench.connection.capabilities[capability],
        `Weaviate has no ${capability} before ${SINCE[capability]}`,
      )
    }

    bench.needsModule = async (context, name) => {
      const {modules} = (await bench.rest.json('GET', '/meta')) as {modules?: Record<string, unknown>}
      context.skip(bench.isReal && !Object.hasOwn(modules ?? {}, name), `the server lacks the module ${name}`)
    }

    bench.rest = new Rest(bench.server.url)
  })

  afterAll(async () => {
    await dropAll()
    await bench.server.close()
  }, 120_000)

  beforeEach(async () => {
    folder = await testPlace()
    bench.directory = folder.path
    bench.keys = folder.keys
    Object.assign(bench, managersOn(bench.connection, folder.path, folder.keys))
  })

  afterEach(async () => folder.remove())
  return bench
}

/** REST without any of the code under test. */
export class Rest {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** `body`: JSON, or text that is JSON already. Returns the text of the answer. @throws Error on any status but 2xx. */
  async send(method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT', place: string, body?: unknown): Promise<string> {
    const request = async (): Promise<{ok: boolean; status: number; text: string}> => {
      const reply = await fetch(`${this.#url}/v1${place}`, {
        ...(body !== undefined && {
          body: typeof body === 'string' ? body : JSON.stringify(body),
          headers: {'content-type': 'application/json'},
        }),
        method,
      })
      return {ok: reply.ok, status: reply.status, text: await reply.text()}
    }

    // A busy server closes connections that are idle, or whose reader is slow: what only reads is asked again.
    const {ok, status, text} = await request().catch(async (error: unknown) => {
      if (method !== 'GET') throw error
      return request()
    })
    if (!ok) throw new Error(`${method} ${place}: ${status} ${text.slice(0, 1000)}`)
    return text
  }

  async json(method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT', place: string, body?: unknown): Promise<unknown> {
    const text = await this.send(method, place, body)
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  }

  async schema(name: string): Promise<WeaviateClass> {
    return (await this.json('GET', `/schema/${name}`)) as WeaviateClass
  }

  /** `objects`: JSON text of each, whole. @throws Error when one is refused. */
  async write(objects: readonly string[]): Promise<void> {
    const results = (await this.json('POST', '/batch/objects', `{"objects":[${objects.join(',')}]}`)) as Array<{
      id: string
      result: {errors?: unknown; status: string}
    }>
    for (const {id, result} of results)
      if (result.status !== 'SUCCESS') throw new Error(`${id}: ${JSON.stringify(result)}`)
  }

  /** One at a time: the order of several in one batch is kept too, but that is for the code under test to know. */
  async refer(references: ReadonlyArray<{from: string; tenant?: string; to: string}>): Promise<void> {
    for (const reference of references) {
      const [reply] = (await this.json('POST', '/batch/references', [
        {
          from: `weaviate://localhost/${reference.from}`,
          to: `weaviate://localhost/${reference.to}`,
          ...(reference.tenant !== undefined && {tenant: reference.tenant}),
        },
      ])) as Array<{result: {status: string}}>
      if (reply?.result.status !== 'SUCCESS') throw new Error(`${reference.from}: ${JSON.stringify(reply)}`)
    }
  }

  /**
   * Every object of `/v1/objects?include=vector`, by id (and tenant), without the two times that the server sets. Numbers are the
   * digits that the server sent: -0 is not 0, and 9223372036854775807 not 9223372036854775808.
   */
  async dump(name: string, tenants?: readonly string[]): Promise<Map<string, unknown>> {
    const objects = new Map<string, unknown>()
    for (const tenant of tenants ?? [undefined]) {
      for (let after = ''; ;) {
        const query = new URLSearchParams({
          after,
          class: name,
          include: 'vector',
          limit: '200',
          ...(tenant !== undefined && {tenant}),
        })
        const text = await this.send('GET', `/objects?${query.toString()}`)
        const {objects: page} = JSON.parse(text, keepDigits) as {objects: Array<Record<string, unknown> & {id: string}>}
        if (page.length === 0) break
        for (const {creationTimeUnix: _created, lastUpdateTimeUnix: _updated, ...object} of page) {
          objects.set(tenant === undefined ? object.id : `${tenant}/${object.id}`, object)
        }

        after = page.at(-1)!.id
      }
    }

    return objects
  }
}

function keepDigits(_key: string, value: unknown, context?: {source?: string}): unknown {
  return typeof value === 'number' ? `number ${context!.source!}` : value
}

/** A dump of one collection as it must be of another that it was restored as: class and references to itself by the other name. */
export function renamed(dump: Map<string, unknown>, from: string, to: string): Map<string, unknown> {
  const text = JSON.stringify([...dump])
    .replaceAll(`"class":"${from}"`, () => `"class":"${to}"`)
    .replaceAll(`/${from}/`, () => `/${to}/`)
  return new Map(JSON.parse(text) as Array<[string, unknown]>)
}

/** UUIDs that are all alike but for their tails. */
export function tailId(index: number): string {
  return `5eed5eed-5eed-4eed-8eed-${index.toString(16).padStart(12, '0')}`
}

export const NIL = '00000000-0000-0000-0000-000000000000'
export const MAX = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** Little-endian float32 bytes of bit patterns. */
export function vectorOfBits(...patterns: number[]): Uint8Array {
  const bytes = new Uint8Array(patterns.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [index, pattern] of patterns.entries()) view.setUint32(index * 4, pattern >>> 0, true)
  return bytes
}

/** What two dumps differ in, by object and member: nothing, for the same. Said in few words, however long the values are. */
export function dumpDifferences(found: ReadonlyMap<string, unknown>, expected: ReadonlyMap<string, unknown>): string[] {
  const differences: string[] = []
  for (const [id, object] of expected) {
    if (found.has(id)) compare(found.get(id), object, id, differences)
    else differences.push(`${id} is missing`)
  }

  for (const id of found.keys()) if (!expected.has(id)) differences.push(`${id} is extra`)
  return differences.slice(0, 20)
}

function compare(found: unknown, expected: unknown, place: string, differences: string[]): void {
  const isNested = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
  if (isNested(found) && isNested(expected) && Array.isArray(found) === Array.isArray(expected)) {
    if (Array.isArray(found) && found.length !== (expected as unknown as unknown[]).length) {
      differences.push(`${place}: ${found.length} items for ${(expected as unknown as unknown[]).length}`)
    }

    for (const key of new Set([...Object.keys(found), ...Object.keys(expected)])) {
      const own = (object: Record<string, unknown>): unknown => (Object.hasOwn(object, key) ? object[key] : undefined)
      compare(own(found), own(expected), `${place}.${key}`, differences)
    }
  } else if (found !== expected) {
    differences.push(`${place}: ${JSON.stringify(found)?.slice(0, 80)} for ${JSON.stringify(expected)?.slice(0, 80)}`)
  }
}
