/** TLS as servers and load balancers end it, before REST and gRPC both; the certificate is one that only a custom CA vouches for. */
import {once} from 'node:events'
import {type AddressInfo, connect as connectTcp} from 'node:net'
import {createServer, type Server} from 'node:tls'
import {generate} from 'selfsigned'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {connect} from '../../src/weaviate/connect.js'

let embedded: EmbeddedWeaviate
let rest: Server
let grpc: Server
let ca: string
let other: string

/** Takes TLS off and passes the bytes on. */
async function startTls(
  target: string,
  certificate: {cert: string; private: string},
  protocols: string[],
): Promise<Server> {
  const {hostname, port} = new URL(target.includes('://') ? target : `http://${target}`)
  const server = createServer(
    {ALPNProtocols: protocols, cert: certificate.cert, key: certificate.private},
    (socket) => {
      const onward = connectTcp(Number(port), hostname)
      socket.on('error', () => onward.destroy())
      onward.on('error', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
    },
  )
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function certificateFor(names: Array<{ip: string; type: 7} | {type: 2; value: string}>) {
  return generate([{name: 'commonName', value: 'data-ops test'}], {
    algorithm: 'sha256',
    extensions: [
      {cA: true, name: 'basicConstraints'},
      {altNames: names, name: 'subjectAltName'},
    ],
  })
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

beforeAll(async () => {
  const certificate = await certificateFor([
    {type: 2, value: 'localhost'},
    {ip: '127.0.0.1', type: 7},
  ])
  ca = certificate.cert
  other = (await certificateFor([{type: 2, value: 'localhost'}])).cert
  embedded = await startEmbeddedWeaviate()
  rest = await startTls(embedded.url, certificate, ['http/1.1'])
  grpc = await startTls(embedded.grpcUrl!, certificate, ['h2'])
})

afterAll(async () => {
  rest.close()
  grpc.close()
  await embedded.close()
})

describe('over TLS', () => {
  const addresses = () => ({grpcUrl: `127.0.0.1:${portOf(grpc)}`, url: `https://127.0.0.1:${portOf(rest)}`})

  it.each(['auto', 'rest'] as const)("with a CA of one's own, REST and gRPC (%s) carry objects", async (transport) => {
    const connection = await connect({...addresses(), ca, transport})
    try {
      expect(connection.transport).toBe(transport === 'rest' ? 'rest' : 'grpc')
      await connection.deleteCollection('Tls')
      await connection.createCollection({
        class: 'Tls',
        properties: [{dataType: ['text'], name: 't'}],
        vectorizer: 'none',
      })
      const collection = planCollection((await connection.getCollection('Tls'))!)
      const id = '00000000-0000-0000-0000-000000000001'
      const text = 'x'.repeat(1_000_000)
      expect(await connection.writeObjects({collection, objects: [{id, properties: {t: text}}]})).toEqual([])
      const page = await connection.readPage({collection, include: 'objects', limit: 10})
      expect(page.objects.map((object) => [object.id, object.properties.t])).toEqual([[id, text]])
    } finally {
      await connection.close()
    }
  })

  it.each([
    ['without the CA', () => undefined],
    ['with another CA', () => other],
  ])('%s, nothing is sent, and what to do is said', async (_, wrong) => {
    await expect(connect({...addresses(), ca: wrong()})).rejects.toMatchObject({
      code: 'CANNOT_CONNECT',
      hint: expect.stringMatching(/CA/) as string,
    })
  })

  it('gRPC without TLS where the server has it falls back to REST, and says so', async () => {
    const codes: string[] = []
    const connection = await connect({
      ...addresses(),
      ca,
      grpcUrl: `grpc://127.0.0.1:${portOf(grpc)}`,
      onWarning({code}) {
        codes.push(code)
      },
    })
    expect([connection.transport, ...codes]).toEqual(['rest', 'grpc-unreachable'])
    await connection.close()
  })
})
