/** What Google and Azure deny, of a server that answers as theirs do: the permission is named, as docs/clouds/ does. */
import {readFileSync} from 'node:fs'
import {createServer, type Server} from 'node:http'
import {type AddressInfo} from 'node:net'
import path from 'node:path'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {ObjectClient} from '../../../src/store/objects/client.js'

import {DataOpsError} from '../../../src/model/errors.js'
import {connectAzure} from '../../../src/store/azure/client.js'
import {connectGcs} from '../../../src/store/gcs/client.js'
import {ObjectStore} from '../../../src/store/objects/store.js'
import {root} from '../../support/root.js'
import {withEnvironment} from '../support.js'

let server: Server
let restore: () => void
/** What reads may, and finds nothing. */
let isReadable: boolean
/** Of Google: what its sentence names; undefined: it says only that it is forbidden. */
let named: string | undefined

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      const {method = '', url = ''} = request
      if (isReadable && ['GET', 'HEAD'].includes(method)) {
        const isListing = url.includes('/o?')
        const code = url.startsWith('/account/') ? {'x-ms-error-code': 'BlobNotFound'} : {}
        response.writeHead(isListing ? 200 : 404, {'content-type': 'application/json', ...code})
        response.end('{}')
        return
      }

      if (url.startsWith('/account/')) {
        response.writeHead(403, {'x-ms-error-code': 'AuthorizationPermissionMismatch'})
        response.end()
        return
      }

      const message =
        named === undefined
          ? 'Forbidden'
          : `x@y does not have ${named} access. Permission '${named}' denied on resource.`
      response.writeHead(403, {'content-type': 'application/json'})
      response.end(JSON.stringify({error: {code: 403, errors: [{message, reason: 'forbidden'}], message}}))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const {port} = server.address() as AddressInfo
  restore = withEnvironment({STORAGE_EMULATOR_HOST: `http://127.0.0.1:${port}`})
})

beforeEach(() => {
  named = undefined
  isReadable = false
})

afterAll(() => {
  restore()
  server.closeAllConnections()
  server.close()
})

const clients: Record<string, () => Promise<ObjectClient>> = {
  async azure() {
    const {port} = server.address() as AddressInfo
    const endpoint = `http://127.0.0.1:${port}/account`
    return connectAzure({
      account: 'account',
      connectionString: `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=eA==;BlobEndpoint=${endpoint}`,
      container: 'container',
    })
  },
  google: async () => connectGcs('bucket'),
}

const lock = {mode: 'compliance', until: Date.now() + 86_400_000} as const

/** Each kind of call, by what is done with a place. */
const calls: Record<string, (store: ObjectStore) => Promise<unknown>> = {
  extend: async ({locks}) => locks.put('a', new Uint8Array(1), {ifAbsent: true}, lock),
  list: async (store) => store.list(''),
  read: async (store) => store.openRead('a'),
  remove: async (store) => store.remove('a', 'file'),
  write: async (store) => store.put('a', new Uint8Array(1)),
  async writeLong(store) {
    const writer = await store.createWriter('a')
    try {
      await writer.append([new Uint8Array(1)])
      await writer.complete()
    } finally {
      await writer.close()
    }
  },
}

const storeOf = async (cloud: string): Promise<ObjectStore> =>
  new ObjectStore({connect: clients[cloud]!, isUnsafe: true, prefix: '', url: 'x://bucket'})

async function failureOf(work: Promise<unknown>): Promise<DataOpsError> {
  const error: unknown = await work.then(() => undefined).catch((error_: unknown) => error_)
  if (error instanceof DataOpsError) return error
  throw new Error(`It did not fail as it should: ${String(error)}`)
}

describe.each([
  [
    'google',
    {
      extend: ['storage.objects.create', 'storage.objects.setRetention'],
      list: ['storage.objects.list'],
      read: ['storage.objects.get'],
      remove: ['storage.objects.delete'],
      write: ['storage.objects.create', 'storage.objects.delete'],
      writeLong: ['storage.objects.create'],
    },
  ],
  [
    'azure',
    {
      extend: ['the letter w', 'the letter i', '/blobs/write'],
      list: ['the letter l', '/blobs/read'],
      read: ['the letter r', '/blobs/read'],
      remove: ['the letter d', '/blobs/delete'],
      write: ['the letter w', '/blobs/write'],
      writeLong: ['the letter w', '/blobs/write'],
    },
  ],
])('what %s denies', (cloud, needed) => {
  it.each(Object.entries(needed))('names what it needs to %s', async (call, permissions) => {
    isReadable = ['extend', 'write', 'writeLong'].includes(call)
    const {code, details, hint} = await failureOf(calls[call]!(await storeOf(cloud)))
    expect(code).toBe('STORAGE')
    expect(details).toMatchObject({reason: 'denied'})
    for (const permission of permissions) {
      expect(details.permission).toContain(permission)
      expect(hint).toContain(permission)
    }
  })

  it('is said as its page says it', () => {
    const page = readFileSync(path.join(root, 'docs', 'clouds', `${cloud}.md`), 'utf8')
    for (const permission of Object.values(needed).flat())
      expect(page).toContain(permission.replace(/^the letter [rldwi]$/, '`rl'))
  })
})

it('Google says itself which it is: that is believed', async () => {
  named = 'storage.objects.setRetention'
  const {details} = await failureOf(calls.write!(await storeOf('google')))
  expect(details.permission).toBe('storage.objects.setRetention')
})

it('whether anything can be locked is asked of the bucket, or the container', async () => {
  for (const [cloud, permission] of [
    ['google', 'storage.buckets.get'],
    ['azure', 'srt=co'],
  ] as const) {
    const client = await clients[cloud]!()
    const error: unknown = await client.locks
      .areOn({signal: new AbortController().signal})
      .catch((error_: unknown) => error_)
    expect(client.failure(error).permission).toContain(permission)
  }
})
