/** A backup that is removed, or given another key, at any moment in which somebody reads or changes it. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {Store} from '../../src/store/store.js'

import {newIdentity} from '../../src/codec/age/header.js'
import {BackupCatalog, BackupManager, DataOpsError, RestoreManager, Verifier} from '../../src/index.js'
import {copyBackup} from '../../src/jobs/backup-copy/copy-backup.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'
import {memoryStore} from '../support/memory-store.js'
import {momentsOf} from '../support/moments.js'

const NAME = 'ChangedWhileRead'
const COPY = 'ChangedWhileReadCopy'
const OBJECTS = 20
/** Calls between two that are tried. */
const STEP = process.env.SWEEP === 'all' ? 1 : 4
const KINDS = ['json', 'parquet', 'encrypted'] as const
type Kind = (typeof KINDS)[number]
type Objects = Map<string, {bytes: Buffer; modified: number; tag: string}>

let server: TestServer
let me: {identity: string; recipient: string}
let other: {identity: string; recipient: string}
const made = new Map<Kind, {id: string; objects: Objects}>()

beforeAll(async () => {
  server = await startTestServer()
  ;[me, other] = await Promise.all([newIdentity(), newIdentity()])
  await makeCollection(server.connection, NAME, OBJECTS, 4)
  for (const kind of KINDS) {
    const objects: Objects = new Map()
    const manager = new BackupManager(server.connection, {store: memoryStore(objects), ...keysOf(kind)})
    const {id} = await manager.backupCollection(NAME, {format: kind === 'json' ? 'json' : 'parquet'})
    made.set(kind, {id, objects})
  }
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

function keysOf(kind: Kind): {encryptTo?: string[]; identities?: string[]} {
  return kind === 'encrypted' ? {encryptTo: [me.recipient], identities: [me.identity, other.identity]} : {}
}

interface Read {
  id: string
  keys: ReturnType<typeof keysOf>
  store: Store
}

/** What each comes to where nobody is in its way. */
const readers: Array<[name: string, read: (from: Read) => Promise<unknown>, whole: unknown]> = [
  ['verified', async ({id, keys, store}) => (await new Verifier({store, ...keys}).verifyBackup(id)).problems.length, 0],
  [
    'compared',
    async ({id, keys, store}) => {
      const verifier = new Verifier({connection: server.connection, store, ...keys})
      return (await verifier.verifyCollection(NAME, id)).equal
    },
    true,
  ],
  [
    'restored',
    async ({id, keys, store}) => {
      try {
        await new RestoreManager(server.connection, {store, ...keys}).restoreCollection(id, {name: COPY})
        return await server.connection.count(COPY)
      } finally {
        await server.connection.deleteCollection(COPY)
      }
    },
    OBJECTS,
  ],
  [
    'copied',
    async ({id, keys, store}) => {
      const to = memoryStore()
      await copyBackup(id, {store, to, ...keys})
      return (await new Verifier({store: to, ...keys}).verifyBackup(id)).problems.length
    },
    0,
  ],
]

/** Outcomes of a job at each moment at which `meanwhile` comes by, with those moments. */
async function outcomes(
  kind: Kind,
  job: (from: Read) => Promise<unknown>,
  meanwhile: (from: Read) => Promise<unknown>,
): Promise<Map<unknown, string[]>> {
  const {id, objects} = made.get(kind)!
  const seen = new Map<unknown, string[]>()
  for (let at = 1, isReached = true; isReached; at += STEP) {
    isReached = false
    const below = memoryStore(new Map(objects))
    let moment = ''
    const store = momentsOf(below, async (call, what) => {
      if (call !== at) return
      isReached = true
      moment = what
      await meanwhile({id, keys: keysOf(kind), store: below})
    })
    const outcome = await job({id, keys: keysOf(kind), store}).catch((error: unknown) => {
      if (!(error instanceof DataOpsError)) throw error
      return `${error.code} ${error.details.reason === 'removed' ? 'removed' : error.message}`
    })
    if (isReached) seen.set(outcome, [...(seen.get(outcome) ?? []), moment])
  }

  return seen
}

describe.each(KINDS)('%s', (kind) => {
  it.each(readers)(
    'that is removed while it is %s is said to be removed, never to be damaged',
    async (_, read, whole) => {
      let removed = 0
      const seen = await outcomes(kind, read, async ({id, store}) => {
        try {
          await new BackupCatalog(store, {lockWaitMs: 1}).remove(id)
          removed++
        } catch (error) {
          // A restore holds it.
          expect(error).toMatchObject({code: 'STORAGE', details: {kept: expect.any(String) as string}})
        }
      })
      expect(removed).toBeGreaterThan(1)
      expect(seen.size).toBeGreaterThan(1)
      for (const [outcome, moments] of seen) {
        const isSo = outcome === whole || String(outcome).startsWith('NOT_A_BACKUP ')
        expect(isSo, `${String(outcome)} at ${moments.join(', ')}`).toBe(true)
      }

      expect([...seen.keys()]).toContain('NOT_A_BACKUP removed')
    },
  )
})

it.each(readers)('that is given another key while it is %s is whole all the same', async (_, read, whole) => {
  const seen = await outcomes('encrypted', read, async ({id, keys, store}) =>
    new BackupCatalog(store, {lockWaitMs: 1, ...keys}).rekey(id, {encryptTo: [other.recipient]}),
  )
  expect([...seen]).toEqual([[whole, expect.any(Array)]])
})

it('that is removed before it is given another key is not said to have none', async () => {
  const rekey = async ({id, keys, store}: Read): Promise<unknown> =>
    (await new BackupCatalog(store, keys).rekey(id, {encryptTo: [other.recipient]})).id
  const {id} = made.get('encrypted')!
  const seen = await outcomes('encrypted', rekey, async ({store}) => {
    await new BackupCatalog(store, {lockWaitMs: 1}).remove(id).catch(() => {})
  })
  for (const outcome of seen.keys()) expect(String(outcome)).toMatch(new RegExp(`^(?:${id}$|NOT_A_BACKUP )`))
})
