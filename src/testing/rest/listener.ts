import {Buffer} from 'node:buffer'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'

import type {Served} from '../objects.js'
import type {Settings} from '../options.js'
import type {Requests} from '../requests.js'

import {accessOf, forbidden} from '../access.js'
import {listen, type Listener} from '../listen.js'
import {Refusal} from '../refusal.js'
import {CollectionLimit} from '../schema-rules.js'
import {isBefore} from '../version.js'
import {batchRoutes} from './batch-routes.js'
import {decodedBody, missingBody} from './body-shapes.js'
import {NonFiniteVector} from './json.js'
import {objectRoutes} from './object-routes.js'
import {referenceRoutes} from './reference-routes.js'
import {InvalidBody, type RestAnswer, Router} from './router.js'
import {schemaRoutes} from './schema-routes.js'
import {serverRoutes} from './server-routes.js'
import {tokenizeRoutes} from './tokenize-routes.js'

const ANONYMOUS =
  '{"code":401,"message": "anonymous access not enabled. Please authenticate through one of the available methods: [API-keys]" }'

const NO_SCHEME =
  "no authentication scheme is configured (API Key or OIDC), but an 'Authorization' header was provided. Please configure an auth scheme or remove the header for anonymous access"

const PREFIX = '/v1/'

/** Listens on the loopback interface. */
export async function listenRest(
  served: Served,
  {port: wanted, requests}: {port: number; requests: Requests},
): Promise<Listener> {
  const {room} = served
  const {settings} = room
  let port = 0
  const router = new Router()
  serverRoutes(router, served, () => `http://127.0.0.1:${port}`)
  schemaRoutes(router, room)
  objectRoutes(router, served)
  referenceRoutes(router, room)
  batchRoutes(router, room)
  if (!isBefore(settings, '1.37')) tokenizeRoutes(router, room.database)

  const server = createServer((request, response) => {
    void serve(request, response)
  })

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request).catch(() => undefined)
    if (body === undefined) return
    const {method = 'GET', url: path = '/'} = request
    const fault = await requests.arrive({method, path, transport: 'rest'})
    if (fault && 'status' in fault) {
      send(response, method, {
        body: {error: [{message: fault.message ?? 'injected fault'}]},
        headers: fault.headers,
        status: fault.status,
      })
      return
    }

    if (fault && !fault.after) {
      request.socket.destroy()
      return
    }

    const result = answer({body, method, path, router, settings, token: request.headers.authorization})
    if (fault) request.socket.destroy()
    else send(response, method, result)
  }

  const listener = await listen(server, wanted, () => {
    server.closeAllConnections()
  })
  port = listener.port
  return listener
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks).toString('utf8')
}

interface Asked {
  body: string
  method: string
  path: string
  router: Router
  settings: Settings
  token: string | undefined
}

function answer({body, method, path, router, settings, token}: Asked): RestAnswer {
  const url = new URL(path, 'http://127.0.0.1')
  const below = url.pathname.startsWith(PREFIX) ? url.pathname.slice(PREFIX.length).replace(/\/$/, '') : ''
  if (below === '.well-known/live' || below === '.well-known/ready') return {status: 200}
  if (below.startsWith('.well-known/')) return {status: 404}
  const access = accessOf(token, settings)
  if (!access && settings.apiKeys.length + settings.readOnlyApiKeys.length === 0)
    return {body: {code: 401, message: NO_SCHEME}, status: 401}
  if (!access)
    return token?.startsWith('Bearer ')
      ? {body: {code: 401, message: 'unauthorized: invalid api key'}, status: 401}
      : {body: ANONYMOUS, headers: {'content-type': 'text/plain; charset=utf-8'}, status: 401}
  const {handler, methods, params, pattern} = router.find(method, below)
  if (!handler)
    return methods.length > 0
      ? {body: {code: 405, message: `method ${method} is not allowed, but [${methods.join(',')}] are`}, status: 405}
      : {body: {code: 404, message: `path ${url.pathname} was not found`}, status: 404}

  try {
    if (access === 'read' && isWrite(method, below)) throw forbidden(verbOf(method), below)
    const missing = missingBody(method, pattern, body)
    if (missing) return missing
    const decoded = decodedBody(method, pattern, parse(body))
    return handler({access, body: decoded, method, params, query: url.searchParams})
  } catch (error) {
    return refusalAnswer(error)
  }
}

function isWrite(method: string, below: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && !/^graphql$|(?:^|\/)tokenize$/.test(below)
}

function verbOf(method: string): string {
  if (method === 'DELETE') return 'D'
  return method === 'POST' ? 'C' : 'U'
}

function parse(body: string): unknown {
  if (body === '') return undefined
  try {
    return JSON.parse(body)
  } catch (error) {
    throw new InvalidBody(400, `parsing body body from "" failed, because ${(error as Error).message}`)
  }
}

function refusalAnswer(error: unknown): RestAnswer {
  if (error instanceof CollectionLimit) return limitAnswer(error)
  if (error instanceof Refusal) return {body: {error: [{message: error.message}]}, status: error.status}
  if (error instanceof InvalidBody)
    return {body: {code: error.code, message: error.message}, status: error.code === 400 ? 400 : 422}
  if (error instanceof NonFiniteVector) return {body: '', status: 200}
  const message = `embedded server: ${String(error instanceof Error ? error.stack : error)}`
  return {body: {error: [{message}]}, status: 500}
}

function limitAnswer({limit, message}: CollectionLimit): RestAnswer {
  return {body: {errorCode: 'USAGE_LIMIT_EXCEEDED', limit: 'collections', message, value: limit}, status: 429}
}

function send(response: ServerResponse, method: string, {body, headers, status}: RestAnswer): void {
  const text = typeof body === 'string' || body === undefined ? (body ?? '') : JSON.stringify(body)
  const line = text === '' ? text : `${text}\n`
  const bytes = Buffer.from(line)
  response.writeHead(status, {
    ...(body !== undefined && {'content-type': 'application/json'}),
    ...headers,
    ...(status !== 204 && {'content-length': bytes.byteLength}),
  })
  response.end(method === 'HEAD' || status === 204 ? undefined : bytes)
}
