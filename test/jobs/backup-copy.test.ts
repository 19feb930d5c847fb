/** Backups on their way from one place to another: they arrive whole, or not at all. */
import {readdir, readFile, rm, symlink, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {partialLockName} from '../../src/archive/names.js'
import {leftoversIn} from '../../src/catalog/leftovers.js'
import {newIdentity} from '../../src/codec/age/header.js'
import {
  BackupCatalog,
  BackupManager,
  type BackupOptions,
  type BackupResult,
  copyBackup,
  DataOpsError,
  RestoreManager,
  Verifier,
} from '../../src/index.js'
import {overlay} from '../../src/model/overlay.js'
import {Lease} from '../../src/store/lease.js'
import {openStore} from '../../src/store/open.js'
import {withEnvironment} from '../store/support.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../support/collections.js'
import {dyingStore} from '../support/dying-store.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'

const NAME = 'Travelling'
const OBJECTS = 40
const KINDS: Array<{isEncrypted: boolean; options: BackupOptions}> = [
  {isEncrypted: false, options: {compress: true, format: 'json'}},
  {isEncrypted: false, options: {format: 'json'}},
  {isEncrypted: false, options: {format: 'parquet'}},
  {isEncrypted: true, options: {format: 'arrow'}},
]

let server: TestServer
let s3: S3Server
let restoreEnvironment: () => void
let me: {identity: string; recipient: string}
let from: Awaited<ReturnType<typeof temporaryDirectory>>
let to: Awaited<ReturnType<typeof temporaryDirectory>>
const taken: BackupResult[] = []

beforeAll(async () => {
  server = await startTestServer()
  s3 = await startS3()
  restoreEnvironment = withEnvironment(s3.env)
  me = await newIdentity()
  from = await temporaryDirectory()
  await makeCollection(server.connection, NAME, OBJECTS, 4)
  for (const {isEncrypted, options} of KINDS) {
    const encryptTo = isEncrypted ? [me.recipient] : undefined
    taken.push(
      await new BackupManager(server.connection, {directory: from.path, encryptTo}).backupCollection(NAME, options),
    )
  }
})
afterAll(async () => {
  restoreEnvironment()
  await s3.close()
  await from.remove()
  await server.connection.deleteCollection(NAME)
  await server.close()
})
beforeEach(async () => {
  to = await temporaryDirectory()
  s3.empty()
})
afterEach(async () => {
  await to.remove()
})

const identities = (isEncrypted: boolean) => (isEncrypted ? {identities: [me.identity]} : {})

describe.each(KINDS.map((kind, index) => ({...kind, index})))(
  'a backup in $options.format, encrypted: $isEncrypted',
  ({index, isEncrypted}) => {
    const backup = (): BackupResult => taken[index]!

    it('goes from a folder to a bucket, to another and back, without a key, byte by byte', async () => {
      const [a, b] = [`s3://${BUCKET}/a`, `s3://${BUCKET}/b`]
      const there = await copyBackup(backup().id, {directory: from.path, to: a})
      expect(there).toMatchObject({bytes: backup().bytes, id: backup().id, resumed: 0, wasThere: false})
      expect(there.path).toBe(`${a}/${path.basename(backup().path)}`)
      await copyBackup(backup().id, {directory: a, to: b})
      const back = await copyBackup(backup().id, {directory: b, to: to.path})
      expect((await readdir(to.path)).filter((name) => !name.startsWith('.'))).toEqual([path.basename(back.path)])
      const files = index < 2 ? [''] : await readdir(backup().path)
      for (const file of files) {
        const [before, after] = await Promise.all(
          [backup().path, back.path].map(async (each) => readFile(path.join(each, file))),
        )
        expect(after!.equals(before!)).toBe(true)
      }

      expect(await new BackupCatalog(b).list()).toMatchObject([{id: backup().id, status: 'sealed'}])
      const restored = await new RestoreManager(server.connection, {
        directory: b,
        ...identities(isEncrypted),
      }).restoreCollection(backup().id, {name: `${NAME}Restored`, verify: true})
      expect(restored).toMatchObject({restored: OBJECTS, verification: {equal: true}})
      await server.connection.deleteCollection(`${NAME}Restored`)
      // Once more: it is there, and read.
      expect(await copyBackup(backup().id, {directory: from.path, to: b})).toMatchObject({wasThere: true})
      expect(await new BackupCatalog(b).list()).toHaveLength(1)
    })

    it('that dies at any call is absent or whole, and the next run brings it there', async () => {
      const counted = dyingStore(openStore(to.path))
      await copyBackup(backup().id, {directory: from.path, to: counted.store})
      await rm(to.path, {force: true, recursive: true})
      const calls = counted.calls.length
      expect(calls).toBeGreaterThan(10)
      let resumed = 0
      // All of them: npm run test:sweep.
      for (let at = 1 + index; at <= calls; at += Math.max(4, Math.ceil(calls / 12))) {
        const {store} = dyingStore(openStore(to.path), 'dies', at)
        await copyBackup(backup().id, {directory: from.path, to: store}).catch(() => undefined)
        const verifier = new Verifier({directory: to.path, ...identities(isEncrypted)})
        for (const {id, status} of await new BackupCatalog(to.path).list()) {
          expect({id, status: status.replace('unlisted', 'sealed')}).toEqual({id: backup().id, status: 'sealed'})
          expect(await verifier.verifyBackup(id)).toMatchObject({problems: []})
        }

        const copied = await copyBackup(backup().id, {directory: from.path, to: to.path})
        resumed += copied.resumed
        expect(path.basename(copied.path)).toBe(path.basename(backup().path))
        expect(await verifier.verifyBackup(backup().id)).toMatchObject({problems: []})
        // The mark of one that had nothing left to do.
        if (copied.wasThere) await new BackupCatalog(to.path).prune()
        const left = (await readdir(to.path)).filter((name) => name.includes('.partial') && !name.includes('.lock.'))
        expect(left).toEqual([])
        await rm(to.path, {force: true, recursive: true})
      }

      expect(resumed > 0).toBe(index >= 2)
    })
  },
)

it('what an interrupted copy left is tidied away by prune, and not while it is copied', async () => {
  const backup = taken[2]!
  const target = openStore(to.path)
  const {store} = dyingStore(target)
  const controller = new AbortController()
  const catalog = new BackupCatalog(to.path)
  let isPruned = false
  const copying = copyBackup(backup.id, {
    directory: from.path,
    onProgress() {
      controller.abort()
    },
    signal: controller.signal,
    to: {
      ...bound(store),
      async createWriter(key: string) {
        if (!isPruned && key.endsWith('.parquet')) {
          isPruned = true
          // It is under way.
          expect(await leftoversIn(target)).toEqual([])
          await catalog.prune()
          expect(await readdir(to.path)).toContain(`${path.basename(backup.path)}.removed.partial`)
        }

        return store.createWriter(key)
      },
    },
  })
  await expect(copying).rejects.toMatchObject({code: 'INTERRUPTED'})
  expect(isPruned).toBe(true)
  expect(await readdir(to.path)).toContain(path.basename(backup.path))
  expect((await leftoversIn(target))[0]?.what).toMatch(/or copying it/)
  await catalog.prune()
  expect((await readdir(to.path)).filter((name) => name.startsWith(NAME))).toEqual([])
  expect(await leftoversIn(target)).toEqual([])
})

it('a copy to where nothing may be removed is whole, and damaged once a part of it is gone', async () => {
  const place = openStore(to.path)
  const denied = overlay(place, {
    async remove() {
      throw new DataOpsError('STORAGE', 'Nothing may be removed.', {details: {reason: 'denied'}})
    },
  })
  const copied = await copyBackup(taken[2]!.id, {directory: from.path, to: denied})
  expect(await readdir(to.path)).toContain(`${path.basename(copied.path)}.removed.partial`)
  expect(await leftoversIn(place)).toEqual([])
  expect(await new BackupCatalog(to.path).list()).toMatchObject([{status: 'sealed'}])
  await rm(path.join(copied.path, 'objects.parquet'))
  expect(await new BackupCatalog(to.path).list()).toMatchObject([{status: 'damaged'}])
})

it('what a killed copy left is not gone on with while another process tidies it away', async () => {
  const backup = taken[2]!
  const name = path.basename(backup.path)
  const counted = dyingStore(openStore(to.path))
  await copyBackup(backup.id, {directory: from.path, to: counted.store})
  const commit = counted.calls.indexOf(`put ${name}/metadata.json`)
  await rm(to.path, {force: true, recursive: true})
  await copyBackup(backup.id, {
    directory: from.path,
    to: dyingStore(openStore(to.path), 'dies', commit + 1).store,
  }).catch(() => undefined)
  expect(await readdir(to.path)).toContain(`${name}.removed.partial`)
  const store = openStore(to.path)
  const claims: unknown[] = []
  const tidying: ReturnType<typeof openStore> = {
    ...bound(store),
    async remove(key) {
      // Another copy would go on from what is being removed.
      if (key.startsWith(`${name}/`)) claims.push(await Lease.tryAcquire(store, partialLockName(name)))
      await store.remove(key)
    },
  }
  await new BackupCatalog(tidying).reindex()
  expect(claims.length).toBeGreaterThan(1)
  expect(claims.every((claim) => claim === undefined)).toBe(true)
  const copied = await copyBackup(backup.id, {directory: from.path, to: to.path})
  expect(copied).toMatchObject({resumed: 0, wasThere: false})
  expect(await new Verifier().verifyBackup(copied.path)).toMatchObject({objectCount: OBJECTS, problems: []})
})

it('a damaged backup is not copied, and says so; what is damaged on the way is not either', async () => {
  for (const backup of [taken[1]!, taken[2]!]) {
    const work = await temporaryDirectory()
    await copyBackup(backup.id, {directory: from.path, to: work.path})
    const file = path.join(work.path, path.basename(backup.path), backup === taken[2] ? 'objects.parquet' : '')
    const bytes = await readFile(file)
    bytes[Math.floor(bytes.length / 2)]! ^= 1
    await writeFile(file, bytes)
    await expect(copyBackup(path.join(work.path, path.basename(backup.path)), {to: to.path})).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
    })
    expect(await new BackupCatalog(to.path).list()).toEqual([])
    expect((await readdir(to.path)).filter((name) => name.endsWith('.json') && !name.startsWith('.'))).toEqual([])
    await work.remove()
  }
})

it('another backup of that name is left alone', async () => {
  const backup = taken[2]!
  const name = path.basename(backup.path)
  await openStore(to.path).put(`${name}/metadata.json`, Buffer.from('{"metadata":{}}'))
  const copied = await copyBackup(backup.id, {directory: from.path, to: to.path})
  expect(path.basename(copied.path)).toBe(`${name}-2`)
  expect(await readFile(path.join(to.path, name, 'metadata.json'), 'utf8')).toBe('{"metadata":{}}')
  expect(await new Verifier({directory: to.path}).verifyBackup(backup.id)).toMatchObject({problems: []})
})

it('a copy can be locked', async () => {
  s3.buckets.set('locked', {objects: new Map(), uploads: new Map(), versions: new Map()})
  for (const backup of [taken[0]!, taken[3]!]) {
    const copied = await copyBackup(backup.id, {directory: from.path, lockForMs: 86_400_000, to: 's3://locked/x'})
    expect(Date.parse(copied.lockedUntil ?? '')).toBeGreaterThan(Date.now() + 86_000_000)
    await expect(new BackupCatalog('s3://locked/x').remove(backup.id)).rejects.toMatchObject({details: {locked: true}})
  }

  const refused = copyBackup(taken[0]!.id, {directory: from.path, lockForMs: 1000, to: to.path})
  await expect(refused).rejects.toMatchObject({code: 'INVALID_INPUT'})
  expect(await readdir(to.path)).toEqual([])
})

/** The members of a store as those of an object. */
function bound(store: ReturnType<typeof openStore>): ReturnType<typeof openStore> {
  return {
    createWriter: async (key) => store.createWriter(key),
    describe: (key) => store.describe(key),
    list: async (folder) => store.list(folder),
    openRead: async (key) => store.openRead(key),
    put: async (key, bytes, condition) => store.put(key, bytes, condition),
    remove: async (key) => store.remove(key),
    stat: async (key) => store.stat(key),
    ...(store.unfinished && {unfinished: store.unfinished}),
  }
}

/** Encrypted to the first of two identities, in a place of its own. */
async function encryptedBackup() {
  const [first, second] = [await newIdentity(), await newIdentity()]
  const place = await temporaryDirectory()
  const manager = new BackupManager(server.connection, {directory: place.path, encryptTo: [first.recipient]})
  const {id} = await manager.backupCollection(NAME, {format: 'parquet'})
  return {first, id, place, second}
}

it('a copy that is there already gets the key file that its backup was given since, and who is left that could open it is told of', async () => {
  const {first, id, place, second} = await encryptedBackup()
  try {
    await copyBackup(id, {directory: place.path, to: to.path})
    const opensCopy = async ({identity}: {identity: string}): Promise<boolean> => {
      const verified = new Verifier({directory: to.path, identities: [identity]}).verifyBackup(id)
      return verified.then(({problems}) => problems.length === 0).catch(() => false)
    }

    await new BackupCatalog(place.path, {identities: [first.identity]}).rekey(id, {encryptTo: [second.recipient]})
    expect(await opensCopy(second)).toBe(false)
    const codes: string[] = []
    const again = async () => {
      codes.length = 0
      return copyBackup(id, {
        directory: place.path,
        onWarning(warning) {
          codes.push(warning.code)
        },
        to: to.path,
      })
    }

    expect(await again()).toMatchObject({id, wasThere: true})
    expect([await opensCopy(first), await opensCopy(second), codes]).toEqual([true, true, ['other-keys']])
    expect(await new BackupCatalog(to.path).list()).toMatchObject([{id, status: 'sealed'}])
    // One that has readers of its own keeps them, and gets no older ones.
    const third = await newIdentity()
    await new BackupCatalog(to.path, {identities: [second.identity]}).rekey(id, {encryptTo: [third.recipient]})
    await again()
    const opened = [await opensCopy(first), await opensCopy(second), await opensCopy(third)]
    expect([...opened, codes]).toEqual([false, false, true, ['other-keys']])
    const left = (await readdir(place.path)).filter((name) => name.includes('.partial'))
    expect(left).toEqual([])
  } finally {
    await place.remove()
  }
})

it('a backup given another key file while it is copied: the copy opens by that', async () => {
  const {first, id, place, second} = await encryptedBackup()
  try {
    let isGiven = false
    const target = openStore(to.path)
    const meanwhile = overlay(target, {
      async put(...given: Parameters<typeof target.put>) {
        if (!isGiven && given[0].endsWith('metadata.json')) {
          isGiven = true
          await new BackupCatalog(place.path, {identities: [first.identity]}).rekey(id, {encryptTo: [second.recipient]})
        }

        return target.put(...given)
      },
    })
    await copyBackup(id, {directory: place.path, to: meanwhile})
    expect(isGiven).toBe(true)
    const verifier = new Verifier({directory: to.path, identities: [second.identity]})
    expect(await verifier.verifyBackup(id)).toMatchObject({problems: []})
  } finally {
    await place.remove()
  }
})

it('a place under another spelling holds no second copy', async () => {
  const link = path.join(to.path, 'link')
  await symlink(from.path, link)
  for (const [at, place] of [
    [from.path, link],
    [from.path, `${from.path}/../${path.basename(from.path)}`],
  ] as const) {
    const copying = copyBackup(taken[2]!.id, {directory: at, to: place})
    await expect(copying, place).rejects.toMatchObject({code: 'INVALID_INPUT', details: {reason: 'same-place'}})
  }

  const read: string[] = []
  const counting = overlay(openStore(link), {
    async openRead(key: string) {
      read.push(key)
      return openStore(link).openRead(key)
    },
  })
  const looking = copyBackup(taken[2]!.id, {directory: from.path, to: counting})
  await expect(looking).rejects.toMatchObject({details: {reason: 'same-place'}})
  // That is known before all of it is read.
  expect(read.filter((key) => key.endsWith('.parquet'))).toEqual([])

  await copyBackup(taken[2]!.id, {directory: from.path, to: `s3://${BUCKET}/same`})
  const copying = copyBackup(taken[2]!.id, {directory: `s3://${BUCKET}/same`, to: `s3://${BUCKET}//same/`})
  await expect(copying).rejects.toMatchObject({code: 'INVALID_INPUT', details: {reason: 'same-place'}})
  expect((await new BackupCatalog(from.path).list()).every(({status}) => status === 'sealed')).toBe(true)
})

it('a copy that a prune takes away while it is entered is not said to be there', async () => {
  const {id} = taken[2]!
  const {path: copied} = await copyBackup(id, {directory: from.path, to: to.path})
  const target = openStore(to.path)
  let isTaken = false
  const pruned = overlay(target, {
    async put(...given: Parameters<typeof target.put>) {
      if (!isTaken && given[0].startsWith('.backup_catalog')) {
        isTaken = true
        await new BackupCatalog(to.path).remove(path.basename(copied))
      }

      return target.put(...given)
    },
  })
  const copying = copyBackup(id, {directory: from.path, to: pruned})
  await expect(copying).rejects.toMatchObject({code: 'STORAGE', details: {reason: 'removed'}})
  expect(isTaken).toBe(true)
  // Nobody is in its way when it is brought again.
  const again = await copyBackup(id, {directory: from.path, to: to.path})
  expect(again).toMatchObject({wasThere: false})
  expect((await new BackupCatalog(to.path).list()).map(({status}) => status)).toEqual(['sealed'])
})
