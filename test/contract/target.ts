/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access -- answers are read as they come: a wrong shape fails the expectation */

import {randomBytes} from 'node:crypto'
import {afterAll, beforeAll} from 'vitest'

import {startEmbeddedWeaviate} from '../../src/testing/index.js'
import {
  AggregateRequest,
  BatchDeleteRequest,
  BatchObjectsRequest,
  BatchReferencesRequest,
  type Filters,
  Filters_Operator,
  SearchRequest,
  TenantsGetRequest,
} from '../../src/weaviate/proto/generated/weaviate.js'
import {rawClient} from '../testing/raw.js'

/** An HTTP answer; `json` is undefined when the body is empty. */
export interface Answer {
  json: any
  status: number
  text: string
}

/** A gRPC failure. */
export interface Failure {
  code: number
  details: string
}

const REQUESTS = {
  aggregate: AggregateRequest,
  batchDelete: BatchDeleteRequest,
  batchObjects: BatchObjectsRequest,
  batchReferences: BatchReferencesRequest,
  search: SearchRequest,
  tenantsGet: TenantsGetRequest,
}

type Call = keyof typeof REQUESTS
type Request<C extends Call> = Parameters<(typeof REQUESTS)[C]['create']>[0]

/** The server under test: the one that WEAVIATE_URL and WEAVIATE_GRPC_URL name, or an embedded one. */
export interface Target {
  close: () => Promise<void>
  /** The reply. @throws Failure */
  grpc: <C extends Call>(call: C, request: Request<C>) => Promise<any>
  /** The failure; rejects when the call succeeds. */
  grpcFailure: <C extends Call>(call: C, request: Request<C>) => Promise<Failure>
  /** host:port */
  grpcUrl: string
  rest: (method: string, path: string, body?: unknown) => Promise<Answer>
  url: string
}

export async function openTarget(): Promise<Target> {
  const {WEAVIATE_GRPC_URL, WEAVIATE_URL} = process.env
  // The real servers that this runs on have no offload module.
  const embedded = WEAVIATE_URL ? undefined : await startEmbeddedWeaviate({asyncIndexing: true, offload: false})
  const url = WEAVIATE_URL ?? embedded!.url
  const grpcUrl = WEAVIATE_GRPC_URL ?? embedded?.grpcUrl ?? `${new URL(url).hostname}:50051`
  const client = rawClient(grpcUrl)
  const grpc: Target['grpc'] = async (call, request) => client.call(call, REQUESTS[call], request) as Promise<unknown>

  return {
    async close() {
      client.close()
      await embedded?.close()
    },
    grpc,
    async grpcFailure(call, request) {
      try {
        await grpc(call, request)
      } catch (error) {
        const {code, details} = error as Failure
        return {code, details}
      }

      throw new Error(`${call} was expected to fail, and did not`)
    },
    grpcUrl,
    async rest(method, path, body) {
      const response = await fetch(`${url}/v1${path}`, {
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
        headers: {'content-type': 'application/json'},
        method,
      })
      const text = await response.text()
      const isJson = text !== '' && response.headers.get('content-type')?.includes('json')
      return {json: isJson ? (JSON.parse(text) as unknown) : undefined, status: response.status, text}
    },
    url,
  }
}

/** Opens the target for the tests of a file, and drops the collections that they name. */
export function useTarget(): {
  /** A collection name of this file's own. */
  named: (name: string) => string
  /** Creates a collection of that name, made the file's own, and returns it. */
  create: (name: string, schema?: Record<string, unknown>) => Promise<string>
  target: Target
} {
  const prefix = `Contract${randomBytes(3).toString('hex')}`
  const names = new Set<string>()
  const target = Object.create(null) as Target
  const named = (name: string): string => {
    names.add(`${prefix}${name}`)
    return `${prefix}${name}`
  }

  beforeAll(async () => {
    Object.assign(target, await openTarget())
  })
  afterAll(async () => {
    const {json} = await target.rest('GET', '/aliases')
    for (const {alias} of json.aliases as Array<{alias: string}>)
      if (names.has(alias)) await target.rest('DELETE', `/aliases/${alias}`)
    for (const name of names) await target.rest('DELETE', `/schema/${name}`)
    await target.close()
  })
  return {
    async create(name, schema = {}) {
      const full = named(name)
      const {status, text} = await target.rest('POST', '/schema', {class: full, ...schema})
      if (status !== 200) throw new Error(`creating ${full}: ${status} ${text}`)
      return full
    },
    named,
    target,
  }
}

/** The UUID that ends in this number. */
export function uuid(number: number): string {
  return `00000000-0000-0000-0000-${number.toString(16).padStart(12, '0')}`
}

/** The bytes of a typed array, little-endian. */
export function bytesOf({buffer, byteLength, byteOffset}: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Replaces every occurrence, without patterns in the replacement. */
export function withName(text: string, placeholder: string, name: string): string {
  return text.split(placeholder).join(name)
}

/** The keys of a protobuf map. */
export function keysOf(fields: Map<string, unknown>): string[] {
  return Array.from(fields, ([key]) => key)
}

/** float32, little-endian. */
export function floats(...values: number[]): Uint8Array {
  return bytesOf(new Float32Array(values))
}

export function toFloats(bytes: Uint8Array): number[] {
  const {buffer, byteLength, byteOffset} = new Uint8Array(bytes)
  return [...new Float32Array(buffer, byteOffset, byteLength / 4)]
}

export function filter(operator: Filters_Operator, property: string, testValue: Filters['testValue']): Filters {
  return {filters: [], on: [], operator, target: {target: {$case: 'property', value: property}}, testValue}
}

/** Matches every object. */
export const EVERYTHING = filter(Filters_Operator.OPERATOR_LIKE, '_id', {$case: 'valueText', value: '*'})

/** The ids of a search reply. */
export function idsOf(reply: {results: Array<{metadata?: {id: string}}>}): string[] {
  return reply.results.map((result) => result.metadata!.id)
}

/** The plain properties of the first result, as an object of protobuf values. */
export function fieldsOf(reply: any): Record<string, {$case: string; value: any}> {
  const fields = reply.results[0].properties.nonRefProps.fields as Map<string, {kind: {$case: string; value: unknown}}>
  return Object.fromEntries([...fields].map(([name, value]) => [name, value.kind]))
}

export function messageOf(answer: Answer): string {
  return answer.json.error[0].message as string
}
