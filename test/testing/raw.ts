/* eslint-disable @typescript-eslint/no-explicit-any -- answers are read as they come: a wrong shape fails the expectation */

import {credentials, makeGenericClientConstructor, Metadata, type ServiceError} from '@grpc/grpc-js'

import {WeaviateService} from '../../src/weaviate/proto/generated/weaviate.js'

/** A plain gRPC client whose calls reject with the ServiceError. */
export function rawClient(
  grpcUrl: string,
  key?: string,
): {
  call: (name: string, request: {create: (value: any) => unknown}, value: unknown) => Promise<any>
  close: () => void
} {
  const Client = makeGenericClientConstructor(WeaviateService, 'weaviate.v1.Weaviate')
  const client = new Client(grpcUrl, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  })
  return {
    async call(name, request, value) {
      const metadata = new Metadata()
      if (key) metadata.set('authorization', `Bearer ${key}`)
      return new Promise((resolve, reject) => {
        const method = client[name]!.bind(client) as (...args: unknown[]) => void
        method(request.create(value), metadata, (error: null | ServiceError, reply: unknown) => {
          if (error) reject(error)
          else resolve(reply)
        })
      })
    },
    close() {
      client.close()
    },
  }
}

/** One HTTP request; `json` is undefined for an empty body. */
// eslint-disable-next-line max-params -- in the order of a request: where, what, with what, by whom
export async function rest(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  key?: string,
): Promise<{headers: Headers; json: any; status: number; text: string}> {
  const response = await fetch(`${url}/v1${path}`, {
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: {'content-type': 'application/json', ...(key && {authorization: `Bearer ${key}`})},
    method,
  })
  const text = await response.text()
  const json: unknown = text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined
  return {headers: response.headers, json, status: response.status, text}
}
