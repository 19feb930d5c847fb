/** An embedded server that lets in whoever has a token of its identity provider, and forgets tokens when it is told to. */
import type {AddressInfo} from 'node:net'

import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'

import {type EmbeddedWeaviate, type RequestInfo, startEmbeddedWeaviate} from '../../src/testing/index.js'

export interface OidcServer {
  close: () => Promise<void>
  grpcUrl: string
  /** Forgets every token, long before its time. */
  revoke: () => void
  /** Given out so far. */
  tokens: () => number
  url: string
}

/** `onRequest`: sees each request that the server gets. */
export async function startOidcServer(onRequest?: (request: RequestInfo) => void): Promise<OidcServer> {
  // As long as the server runs, no list of keys may be empty: it would let everybody in.
  const keys = ['nobody-has-this']
  let tokens = 0
  const weaviate: EmbeddedWeaviate = await startEmbeddedWeaviate({apiKeys: keys, onRequest})
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body: Uint8Array[] = []
    for await (const chunk of request) body.push(chunk as Uint8Array)
    const json = (value: object): void => {
      response.end(JSON.stringify(value))
    }

    switch (request.url) {
      case '/v1/.well-known/openid-configuration': {
        json({clientId: 'weaviate', href: `${url}/provider`})
        break
      }

      case '/provider': {
        json({token_endpoint: `${url}/token`})
        break
      }

      case '/token': {
        keys.push(`access-${++tokens}`)
        json({access_token: `access-${tokens}`, expires_in: 3600, token_type: 'Bearer'})

        break
      }

      default: {
        const {authorization, 'content-type': contentType} = request.headers
        const {method} = request
        const reply = await fetch(`${weaviate.url}${request.url}`, {
          headers: {...(authorization && {authorization}), ...(contentType && {'content-type': contentType})},
          method,
          ...(body.length > 0 && {body: Buffer.concat(body)}),
        })
        response.writeHead(reply.status, {'content-type': reply.headers.get('content-type') ?? 'application/json'})
        response.end(new Uint8Array(await reply.arrayBuffer()))
      }
    }
  }

  const front = createServer((request, response) => {
    answer(request, response).catch(() => {
      response.destroy()
    })
  })
  await new Promise<void>((resolve) => {
    front.listen(0, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
  return {
    async close() {
      front.closeAllConnections()
      front.close()
      await weaviate.close()
    },
    grpcUrl: weaviate.grpcUrl!,
    revoke() {
      keys.length = 1
    },
    tokens: () => tokens,
    url,
  }
}
