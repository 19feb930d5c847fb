/** Access tokens that expire many times during one backup and one restore, on a real server that checks them. Runs with WEAVIATE_BINARY set. */
import type {AddressInfo} from 'node:net'

import {Buffer} from 'node:buffer'
import {generateKeyPairSync, sign} from 'node:crypto'
import {once} from 'node:events'
import {createServer, type Server} from 'node:http'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {BackupManager, connect, type Connection, RestoreManager} from '../../src/index.js'
import {makeCollection, temporaryDirectory} from '../support/collections.js'
import {BINARY, type RealServer, startRealServer} from './real-server.js'
import {report} from './report.js'

const COLLECTION = 'FaultOidc'
const OBJECTS = 6000
/** Seconds that a token is good for; the official client asks for the next one two seconds before. */
const SECONDS = 4

interface Provider {
  /** Seconds that it says a token is good for. */
  says: number
  server: Server
  tokens: number
  url: string
}

/** Issues signed tokens to whoever knows the client's secret. */
async function startProvider(): Promise<Provider> {
  const {privateKey, publicKey} = generateKeyPairSync('rsa', {modulusLength: 2048})
  const provider: Provider = {says: SECONDS, server: createServer(), tokens: 0, url: ''}
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = (): string => {
    const now = Math.floor(Date.now() / 1000)
    const claims = {aud: 'weaviate', exp: now + SECONDS, iat: now, iss: provider.url, sub: 'operator'}
    const text = `${part({alg: 'RS256', kid: 'one', typ: 'JWT'})}.${part(claims)}`
    return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
  }

  provider.server.on('request', (request, response) => {
    response.setHeader('Content-Type', 'application/json')
    request.resume()
    switch (request.url) {
      case '/.well-known/openid-configuration': {
        response.end(
          JSON.stringify({
            authorization_endpoint: `${provider.url}/authorize`,
            id_token_signing_alg_values_supported: ['RS256'],
            issuer: provider.url,
            jwks_uri: `${provider.url}/keys`,
            token_endpoint: `${provider.url}/token`,
          }),
        )
        return
      }

      case '/keys': {
        response.end(
          JSON.stringify({keys: [{...publicKey.export({format: 'jwk'}), alg: 'RS256', kid: 'one', use: 'sig'}]}),
        )
        return
      }

      case '/token': {
        provider.tokens++
        response.end(JSON.stringify({access_token: token(), expires_in: provider.says, token_type: 'Bearer'}))
        return
      }

      default: {
        response.writeHead(404)
        response.end('{}')
      }
    }
  })
  provider.server.listen(0, '127.0.0.1')
  await once(provider.server, 'listening')
  provider.url = `http://127.0.0.1:${(provider.server.address() as AddressInfo).port}`
  return provider
}

describe.skipIf(!BINARY)('with tokens that expire', {timeout: 120_000}, () => {
  let provider: Provider
  let server: RealServer
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>

  beforeAll(async () => {
    provider = await startProvider()
    server = await startRealServer({
      AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'false',
      AUTHENTICATION_OIDC_CLIENT_ID: 'weaviate',
      AUTHENTICATION_OIDC_ENABLED: 'true',
      AUTHENTICATION_OIDC_ISSUER: provider.url,
      AUTHENTICATION_OIDC_USERNAME_CLAIM: 'sub',
    })
    directory = await temporaryDirectory()
  }, 120_000)

  afterAll(async () => {
    provider?.server.close()
    await server?.remove()
    await directory?.remove()
  })

  it.each([
    {says: SECONDS, transport: 'grpc'},
    {says: SECONDS, transport: 'rest'},
    // As by a clock of ours that is wrong: the server refuses calls.
    {says: 3600, transport: 'grpc'},
    {says: 3600, transport: 'rest'},
  ] as const)('a backup and a restore go on with new ones: $transport, good for $says s', async ({says, transport}) => {
    provider.says = says
    const connection: Connection = await connect({
      grpcUrl: server.grpcUrl,
      oidc: {clientSecret: 'provider-s3cret'},
      transport,
      url: server.url,
    })
    try {
      await makeCollection(connection, COLLECTION, OBJECTS)
      const before = provider.tokens
      const maxRate = {objectsPerSecond: 1000}
      const backup = await new BackupManager(connection, {directory: directory.path}).backupCollection(COLLECTION, {
        batchSize: 200,
        maxRate,
        maxRetries: 0,
      })
      const between = provider.tokens
      expect(backup.objectCount).toBe(OBJECTS)
      expect(backup.seconds).toBeGreaterThan(SECONDS)
      // Refused ones live to their end, those that are known to expire two seconds less.
      const least = says === SECONDS ? 2 : 1
      expect(between - before).toBeGreaterThanOrEqual(least)
      await connection.deleteCollection(COLLECTION)
      const restored = await new RestoreManager(connection).restoreCollection(backup.path, {
        batchSize: 100,
        maxRate,
        maxRetries: 0,
        verify: true,
      })
      expect(restored.verification).toMatchObject({equal: true, liveDigest: backup.digest})
      expect(provider.tokens - between).toBeGreaterThanOrEqual(least)
      report({
        fault: `access tokens that expire every ${SECONDS} s, said to be good for ${says} s, during a backup and its restore, over ${transport}`,
        job: 'backup',
        note: 'equal by digest',
        objectsLost: 0,
        server: 'real',
        times: provider.tokens - before,
        wronglyListed: 0,
      })
    } finally {
      await connection.deleteCollection(COLLECTION)
      await connection.close()
    }
  })
})
