/** What lies beside an encrypted backup, at any moment of any job: whoever has no key reads no name, and no value, of what it holds. */
import path from 'node:path'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {Store, StoreWriter} from '../../../src/store/store.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {SCRYPT} from '../../../src/archive/encrypted/key-file.js'
import {leftoversIn} from '../../../src/catalog/leftovers.js'
import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupCatalog, BackupManager, ClearManager, DataOpsError, RestoreManager, Verifier} from '../../../src/index.js'
import {tenantNotes} from '../../../src/jobs/options.js'
import {ReplaceManager} from '../../../src/jobs/replace/manager.js'
import {SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {overlay} from '../../../src/model/overlay.js'
import {openStore} from '../../../src/store/open.js'
import {startTestServer, temporaryDirectory, type TestServer, writeAll} from '../../support/collections.js'
import {dyingStore} from '../../support/dying-store.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'PlantedCollection'
const SAVED_EVERY = SAVE_EVERY.ms
const TENANTS = ['planted-tenant-a', 'planted-tenant-b', 'planted-tenant-c']
const WORDS = ['PlantedCollection', 'plantedProperty', 'planted-tenant', 'planted value', 'planted-reason']
const FORMATS = ['json', 'parquet', 'arrow'] as const
function float32Bytes(first: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setFloat32(0, first, true)
  view.setFloat32(4, 1, true)
  return bytes
}

const planted = TENANTS.flatMap((tenant, index) =>
  Array.from({length: 6}, (_, at) => ({
    id: `00000000-0000-4000-8000-${String(index * 100 + at).padStart(12, '0')}`,
    properties: {plantedProperty: `planted value ${at}`},
    tenant,
    vector: float32Bytes(at),
  })),
)

let server: TestServer
let place: Store
/** All that ever lay in the place, by key. */
let written: Array<{bytes: Buffer; key: string}>
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let me: {identity: string; recipient: string}

/** A store that remembers whatever was put there: a process may be killed at any moment. */
function remembering(store: Store): Store {
  const remember = (key: string, bytes: Uint8Array): void => {
    written.push({bytes: Buffer.from(bytes), key})
  }

  return overlay(store, {
    async createWriter(key: string): Promise<StoreWriter> {
      const writer = await store.createWriter(key)
      return {
        async append(chunks) {
          remember(key, Buffer.concat(chunks))
          return writer.append(chunks)
        },
        get bytes() {
          return writer.bytes
        },
        close: async () => writer.close(),
        complete: async (as) => writer.complete(as),
        sync: async () => writer.sync(),
      }
    },
    async put(...[key, bytes, condition]: Parameters<Store['put']>) {
      remember(key, bytes)
      return store.put(key, bytes, condition)
    },
  })
}

/** Files in which a word can be read, or whose names say it. */
function leaks(words = WORDS): string[] {
  const found = new Set<string>()
  for (const {bytes, key} of written) {
    for (const word of words) if (bytes.includes(word) || key.includes(word)) found.add(`${word} in ${key}`)
  }

  return [...found]
}

const keys = (): {encryptTo: string[]; hideNames: true; identities: string[]} => ({
  encryptTo: [me.recipient],
  hideNames: true,
  identities: [me.identity],
})
const states = async (): Promise<string[]> =>
  (await server.connection.listTenants(NAME)).map(({name, status}) => `${name} ${status}`).sort()
const asMade = ['planted-tenant-a HOT', 'planted-tenant-b COLD', 'planted-tenant-c HOT']

async function makePlanted(): Promise<void> {
  const {connection} = server
  await connection.deleteCollection(NAME)
  await connection.createCollection({
    class: NAME,
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: ['text'], name: 'plantedProperty'}],
    vectorizer: 'none',
  })
  await connection.createTenants(
    NAME,
    TENANTS.map((name) => ({name, status: 'HOT' as const})),
  )
  await writeAll(connection, NAME, planted)
  await connection.setTenantStatus(NAME, [{name: 'planted-tenant-b', status: 'COLD'}])
}

/** The server refuses every third object. */
function refusing(connection: Connection): Connection {
  const isRefused = ({id}: {id: string}): boolean => Number(id.slice(-2)) % 3 === 0
  return {
    ...connection,
    async writeObjects(request) {
      const objects = request.objects.filter((object) => !isRefused(object))
      const failures = objects.length > 0 ? await connection.writeObjects({...request, objects}) : []
      const refused = request.objects.filter((object) => isRefused(object))
      return [...failures, ...refused.map(({id, tenant}) => ({id, reason: 'planted-reason', tenant}))]
    },
  }
}

beforeAll(async () => {
  SCRYPT.logN = 6
  SAVE_EVERY.ms = 0
  server = await startTestServer()
  directory = await temporaryDirectory()
  me = await newIdentity()
})

afterAll(async () => {
  SAVE_EVERY.ms = SAVED_EVERY
  await server.connection.deleteCollection(NAME)
  await server.close()
  await directory.remove()
})

beforeEach(async () => {
  written = []
  place = remembering(memoryStore())
  await makePlanted()
})

it('finds what is readable: of a backup that is not encrypted, all', async () => {
  await new BackupManager(server.connection, {store: place}).backupCollection(NAME)
  for (const word of WORDS.slice(0, 4)) expect(leaks([word])).not.toEqual([])
})

describe.each(FORMATS)('%s', (format) => {
  it('shows nothing while it is backed up, verified, cleared, restored, refused and replaced', async () => {
    const {connection} = server
    const options = {...keys(), store: place}
    const backup = await new BackupManager(connection, options).backupCollection(NAME, {batchSize: 3, format})
    expect(backup).toMatchObject({encrypted: true, objectCount: planted.length})
    expect(leaks()).toEqual([])
    expect(written.some(({key}) => /^\.tenants-.*\.age$/.test(key))).toBe(true)

    const readers = {identities: [me.identity], store: place}
    const verified = await new Verifier({connection, ...readers}).verifyCollection(NAME, backup.id)
    expect(verified.equal).toBe(true)
    expect(leaks()).toEqual([])

    await new ClearManager(connection, options).clearCollection(NAME, {
      backupFirst: true,
      keepSchema: false,
      quietForMs: 1,
    })
    expect(leaks()).toEqual([])
    await connection.deleteCollection(NAME)

    const restored = await new RestoreManager(refusing(connection), readers).restoreCollection(backup.id)
    expect(restored).toMatchObject({
      rejected: 6,
      rejectedFile: expect.stringMatching(/\.rejected\.jsonl\.age$/) as string,
    })
    expect(leaks()).toEqual([])

    const replaced = await new ReplaceManager(connection, options).replaceCollection(backup.id, {
      quietForMs: 1,
      verify: true,
    })
    expect(replaced.restored).toBe(planted.length)
    expect(leaks()).toEqual([])
    expect(await states()).toEqual(asMade)
  })
})

describe('killed', () => {
  /** Dies at its n-th call of that kind. */
  const dying = (pattern: RegExp, nth = 1): Store => {
    const {calls, store} = dyingStore(place)
    let seen = 0
    return overlay(store, {
      async put(...given: Parameters<Store['put']>) {
        if (pattern.test(given[0]) && ++seen >= nth)
          throw new DataOpsError('STORAGE', `died after ${calls.length} calls`)
        return store.put(...given)
      },
    })
  }

  it('a restore with refused objects goes on from an encrypted checkpoint, and its refused objects are sent again', async () => {
    const {connection} = server
    place = remembering(openStore(directory.path))
    const backup = await new BackupManager(connection, {...keys(), store: place}).backupCollection(NAME, {
      format: 'parquet',
    })
    await connection.deleteCollection(NAME)
    const killed = new RestoreManager(refusing(connection), {identities: [me.identity], store: dying(/checkpoint/, 6)})
    await expect(killed.restoreCollection(backup.id, {batchSize: 2, concurrency: 1})).rejects.toThrow('died')
    const names = (await place.list('')).map(({name}) => name)
    expect(names.join('\n')).toMatch(/^Encrypted_[-_\d]+\.[0-9a-f]{16}\.checkpoint\.age$/m)
    const file = names.find((name) => name.endsWith('.rejected.jsonl.age')) ?? ''
    expect(file).toMatch(/^Encrypted_[-_\d]+\.[0-9a-f]{16}\.rejected/)
    expect(leaks()).toEqual([])

    // Without a key: it is seen, and kept.
    expect((await leftoversIn(place)).map(({kind}) => kind)).toContain('restore')
    await expect(new BackupCatalog(place).remove(backup.id)).rejects.toMatchObject({
      message: expect.stringContaining('a restore of it waits to be continued') as string,
    })
    const readers = {identities: [me.identity], store: place}
    const went = await new RestoreManager(refusing(connection), readers).restoreCollection(backup.id)
    expect(went.resumed).toBeGreaterThan(0)
    expect(went.rejected).toBe(6)
    expect(went.rejectedFile).toBe(path.join(directory.path, file))

    const options = {merge: true, retryRejected: went.rejectedFile}
    const foretold = await new RestoreManager(connection, readers).restoreCollection(backup.id, {
      ...options,
      dryRun: true,
    })
    expect(foretold.expected).toBe(6)
    const again = await new RestoreManager(connection, readers).restoreCollection(backup.id, options)
    expect(again).toMatchObject({rejected: 0, restored: 6})
    const equal = await new Verifier({connection, ...readers}).verifyCollection(NAME, backup.id)
    expect(equal.equal).toBe(true)
    expect(leaks()).toEqual([])
  })

  it('a verification leaves a note of its tenants that only who has the key can read, and puts back', async () => {
    const {connection} = server
    const backup = await new BackupManager(connection, {...keys(), store: place}).backupCollection(NAME, {
      format: 'arrow',
    })
    const readers = {identities: [me.identity], store: place}
    const stuck: Connection = {
      ...connection,
      async setTenantStatus(...given) {
        if (given[1].some(({status}) => status === 'COLD')) throw new DataOpsError('STORAGE', 'died')
        return connection.setTenantStatus(...given)
      },
    }
    await new Verifier({connection: stuck, ...readers}).verifyCollection(NAME, backup.id).catch(() => {})
    expect(await states()).toContain('planted-tenant-b HOT')
    expect(leaks()).toEqual([])

    // Who has no key knows that there is something which it does not know.
    const [unreadable, ...others] = (await tenantNotes(place).left()).unreadable
    expect(others).toEqual([])
    expect(unreadable).toMatchObject({reason: expect.stringContaining('is encrypted') as string})
    await new Verifier({connection, store: place}).verifyCollection(NAME, backup.id).catch(() => {})
    expect(await states()).toContain('planted-tenant-b HOT')

    const equal = await new Verifier({connection, ...readers}).verifyCollection(NAME, backup.id)
    expect(equal.equal).toBe(true)
    expect(await states()).toEqual(asMade)
    expect((await tenantNotes(place).left()).unreadable).toEqual([])
    expect(leaks()).toEqual([])
  })
})
