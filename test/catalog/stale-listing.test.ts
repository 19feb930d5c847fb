/** Listings that are older than what is there: by themselves they take no entry away, and call nothing missing or damaged. */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {newIdentity} from '../../src/codec/age/header.js'
import {BackupCatalog, BackupManager, DataOpsError, type Store} from '../../src/index.js'
import {overlay} from '../../src/model/overlay.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'
import {memoryStore} from '../support/memory-store.js'

const NAME = 'StaleListing'
const KINDS = ['json', 'parquet', 'encrypted'] as const

let server: TestServer
let recipient: string
let objects: Map<string, {bytes: Buffer; modified: number; tag: string}>
let store: Store

beforeAll(async () => {
  server = await startTestServer()
  ;({recipient} = await newIdentity())
  await makeCollection(server.connection, NAME, 5, 2)
})

afterAll(async () => {
  await server.close()
})

beforeEach(() => {
  objects = new Map()
  store = memoryStore(objects)
})

/** As a place that does not show, in listings of a folder and in what stands on those, what is under these keys. */
function stale(isUnseen: (key: string) => boolean): Store {
  return overlay(store, {
    async list(folder: string) {
      const entries = await store.list(folder)
      return entries.filter(({name}) => !isUnseen(folder === '' ? name : `${folder}/${name}`))
    },
    async stat(key: string, kind?: 'file') {
      const entry = await store.stat(key, kind)
      return entry?.kind === 'directory' && isUnseen(key) ? undefined : entry
    },
  })
}

describe.each(KINDS)('%s', (kind) => {
  let file: string
  let id: string

  beforeEach(async () => {
    const encryptTo = kind === 'encrypted' ? [recipient] : undefined
    const manager = new BackupManager(server.connection, {store, ...(encryptTo && {encryptTo})})
    const made = await manager.backupCollection(NAME, {format: kind === 'json' ? 'json' : 'parquet'})
    id = made.id
    file = (await new BackupCatalog(store).find(id))!.file
  })

  it.each([
    ['the top of the place', (key: string) => key === file],
    ['its folder', (key: string) => key.startsWith(`${file}/`)],
    ['both', (key: string) => key.startsWith(file)],
  ])(
    'keeps its entry where the listing of %s is an old one, and is not said to be gone or damaged',
    async (_, isUnseen) => {
      const catalog = new BackupCatalog(stale(isUnseen))
      // How the file of its key is called only a listing says.
      const isKeyUnseen = kind === 'encrypted' && isUnseen(`${file}/a`)
      expect(await catalog.list()).toMatchObject([{file, id, status: isKeyUnseen ? 'unread' : 'sealed'}])
      const unread = isKeyUnseen ? [{file}] : []
      expect(await catalog.reindex()).toMatchObject({damaged: [], entries: [{file, id}], unread})
      expect(await new BackupCatalog(store).list()).toMatchObject([{file, id, status: 'sealed'}])
    },
  )

  it('loses its entry once it is gone', async () => {
    for (const key of objects.keys()) if (key.startsWith(file)) objects.delete(key)
    const catalog = new BackupCatalog(store)
    expect(await catalog.list()).toMatchObject([{file, id, status: 'missing'}])
    expect(await catalog.reindex()).toEqual({damaged: [], entries: [], unread: []})
    expect(await catalog.list()).toEqual([])
  })

  it('keeps its entry where it cannot be asked for by its name', async () => {
    const denied = overlay(
      stale((key) => key === file),
      {
        async stat(key: string, asked?: 'file') {
          if (key.startsWith(file)) throw new DataOpsError('STORAGE', 'It cannot be looked at now.')
          return store.stat(key, asked)
        },
      },
    )
    expect(await new BackupCatalog(denied).reindex()).toMatchObject({entries: [{file, id}], unread: [{file}]})
    expect(await new BackupCatalog(store).list()).toMatchObject([{file, id, status: 'sealed'}])
  })
})
