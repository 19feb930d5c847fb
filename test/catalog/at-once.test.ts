/** A prune or a removal, and whoever looks at, or changes, the same backups at the same time: at every call that the other makes. */
import {describe, expect, it} from 'vitest'

import type {Store} from '../../src/store/store.js'

import {readManifest} from '../../src/archive/manifest.js'
import {CATALOG_FILE, CATALOG_LOCK_FILE} from '../../src/archive/names.js'
import {BackupCatalog} from '../../src/catalog/catalog.js'
import {entryOf} from '../../src/catalog/entry.js'
import {DataOpsError} from '../../src/model/errors.js'
import {overlay} from '../../src/model/overlay.js'
import {Lease} from '../../src/store/lease.js'
import {LocalStore} from '../../src/store/local/store.js'
import {temporaryDirectory} from '../support/collections.js'
import {type SealedBackupOptions, writeSealedBackup} from '../support/sealed-backup.js'

/** A place with three backups, the oldest first. */
async function place(
  options: SealedBackupOptions,
): Promise<{names: string[]; remove: () => Promise<void>; store: Store}> {
  const {path, remove} = await temporaryDirectory()
  const store = new LocalStore(path)
  const names: string[] = []
  for (let day = 1; day <= 3; day++) {
    const {name} = await writeSealedBackup(path, {...options, startedAt: new Date(Date.UTC(2024, 1, day))})
    await new BackupCatalog(store).register(entryOf(await readManifest(store, name)))
    names.push(name)
  }

  return {names, remove, store}
}

/** The store, of which every call that changes something is looked at before and after it. */
function watched(store: Store, look: (what: string) => Promise<void>): Store {
  const looked = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    await look(`before ${what}`)
    const result = await work()
    await look(`after ${what}`)
    return result
  }

  return overlay(store, {
    put: async (...[key, bytes, condition]: Parameters<Store['put']>) =>
      looked(`put ${key}`, async () => store.put(key, bytes, condition)),
    async remove(key: string) {
      const files = (await store.stat(key))?.kind === 'directory' ? await store.list(key) : []
      for (const {name} of files) await looked(`remove ${key}/${name}`, async () => store.remove(`${key}/${name}`))
      await looked(`remove ${key}`, async () => store.remove(key))
    },
  })
}

const statuses = async (store: Store): Promise<Record<string, string>> =>
  Object.fromEntries((await new BackupCatalog(store).list()).map(({file, status}) => [file, status]))

describe.each([{}, {compress: true}, {format: 'parquet', parts: 3}, {format: 'arrow'}] as SealedBackupOptions[])(
  'of %o',
  (options) => {
    it('at any moment of a prune each backup is listed as whole, or not at all', async () => {
      const {names, remove, store} = await place(options)
      const newest = names[2]!
      const seen = new Map<string, string>()
      const pruned = watched(store, async (what) => {
        const listed = await statuses(store)
        for (const status of Object.values(listed)) if (!['sealed', 'unlisted'].includes(status)) seen.set(what, status)
        if (listed[newest] !== 'sealed') seen.set(what, 'the newest is not there')
      })
      const {removed} = await new BackupCatalog(pruned).prune({keepLast: 1})
      expect(removed.map(({file}) => file)).toEqual([names[1], names[0]])
      expect([...seen]).toEqual([])
      expect(await statuses(store)).toEqual({[newest]: 'sealed'})
      await remove()
    })

    it('a listing during which a prune comes by shows nothing that is gone', async () => {
      const {names, remove, store} = await place(options)
      let isPruned = false
      const interrupted = overlay(store, {
        async list(folder: string) {
          // Its catalog is read by now.
          if (!isPruned) {
            isPruned = true
            await new BackupCatalog(store).prune({keepLast: 1})
          }

          return store.list(folder)
        },
      })
      expect(await statuses(interrupted)).toEqual({[names[2]!]: 'sealed'})
      await remove()
    })

    it('what could not be removed is listed as it was', async () => {
      const {names, remove, store} = await place(options)
      const [oldest = ''] = names
      const refusing = overlay(store, {
        async remove(key: string) {
          if (key.startsWith(oldest)) throw new DataOpsError('STORAGE', 'No.', {details: {reason: 'denied'}})
          await store.remove(key)
        },
      })
      for (const run of [
        async () => new BackupCatalog(refusing).remove(oldest),
        async () => new BackupCatalog(refusing).prune({keepLast: 2}),
      ]) {
        await expect(run()).rejects.toMatchObject({code: 'STORAGE'})
        expect(await statuses(store)).toEqual(Object.fromEntries(names.map((name) => [name, 'sealed'])))
      }

      await remove()
    })
  },
)

it('nobody rekeys or locks a backup while a prune goes on', async () => {
  const {names, remove, store} = await place({format: 'parquet'})
  const locks = {
    areOn: async () => true,
    clocksApart: async () => undefined,
    find: async () => undefined,
    hidden: async () => new Map(),
    names: async () => [],
  }
  const changed: string[] = []
  const lockable = overlay(store, {
    locks: {
      ...locks,
      async lock(key: string) {
        changed.push(key)
      },
    },
    async put(...[key, bytes, condition]: Parameters<Store['put']>) {
      if (key !== CATALOG_FILE && !key.startsWith(CATALOG_LOCK_FILE)) changed.push(key)
      return store.put(key, bytes, condition)
    },
  }) as Store
  const lease = await Lease.acquire(store, CATALOG_LOCK_FILE)
  const impatient = new BackupCatalog(lockable, {lockWaitMs: 1})
  const isHeld = {code: 'STORAGE', details: {pid: process.pid}}
  await expect(impatient.extend(names[0]!, {forMs: 86_400_000, mode: 'compliance'})).rejects.toMatchObject(isHeld)
  await expect(impatient.rekey(names[0]!, {encryptTo: ['age1x']})).rejects.toMatchObject(isHeld)
  expect(changed).toEqual([])
  await lease.release()
  await impatient.extend(names[0]!, {forMs: 86_400_000, mode: 'compliance'})
  expect(changed).not.toEqual([])
  await remove()
})
