/** What is not there, in the words of Google: they name the bucket also where only the object is missing, and where the bucket is. */
import {createServer, type Server} from 'node:http'
import {type AddressInfo} from 'node:net'
import {afterAll, beforeAll, expect, it} from 'vitest'

import type {DataOpsError} from '../../../src/model/errors.js'
import type {ObjectStore} from '../../../src/store/objects/store.js'

import {connectGcs} from '../../../src/store/gcs/client.js'
import {cloudPlace, withEnvironment} from '../support.js'

const BUCKET = 'my-backup-bucket'
const LISTING = /\/b\/([^/]+)\/o\?/

let server: Server
let restore: () => void
let listings = 0

beforeAll(async () => {
  server = createServer(({url = ''}, response) => {
    const listed = LISTING.exec(url)?.[1]
    if (listed !== undefined) listings++
    if (listed === BUCKET) {
      response.writeHead(200, {'content-type': 'application/json'})
      response.end(JSON.stringify({kind: 'storage#objects'}))
      return
    }

    const [, bucket = '', key = ''] = /\/(?:b\/)?([^/]+)\/(?:o\/)?([^/?]+)(?:\?.*)?$/.exec(url) ?? []
    const message =
      listed === undefined
        ? `No such object: ${bucket}/${decodeURIComponent(key)}`
        : 'The specified bucket does not exist.'
    const isMedia = url.includes('alt=media')
    response.writeHead(404, {'content-type': isMedia ? 'text/html; charset=UTF-8' : 'application/json; charset=UTF-8'})
    const error = {code: 404, errors: [{domain: 'global', message, reason: 'notFound'}], message}
    response.end(isMedia ? message : JSON.stringify({error}))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const {port} = server.address() as AddressInfo
  restore = withEnvironment({STORAGE_EMULATOR_HOST: `http://127.0.0.1:${port}`})
})

afterAll(() => {
  restore()
  server.closeAllConnections()
  server.close()
})

function placeIn(bucket: string): ObjectStore {
  return cloudPlace(`gs://${bucket}`, async () => connectGcs(bucket)).store
}

async function reasonOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
    return undefined
  } catch (error) {
    const {code, details} = error as DataOpsError
    return details.reason ?? code
  }
}

it('an object that is not there is none, also in a bucket that is called one', async () => {
  const store = placeIn(BUCKET)
  expect(await store.stat('a')).toBeUndefined()
  expect(await store.stat('a', 'file')).toBeUndefined()
  expect(await reasonOf(store.openRead('a'))).toBe('NOT_A_BACKUP')
})

it('a bucket that is not there is no empty place', async () => {
  for (const work of [
    async (store: ObjectStore) => store.stat('a', 'file'),
    async (store: ObjectStore) => store.stat('a'),
    async (store: ObjectStore) => store.openRead('a'),
    async (store: ObjectStore) => store.list(''),
  ]) {
    expect(await reasonOf(work(placeIn('none')))).toBe('no-bucket')
  }
})

it('whether the bucket is there is asked once', async () => {
  const store = placeIn(BUCKET)
  listings = 0
  for (const key of ['a', 'b', 'c']) expect(await store.stat(key, 'file')).toBeUndefined()
  expect(listings).toBe(1)
})
