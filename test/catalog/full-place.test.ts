/** A place in which no byte more fits: what frees room works there. */
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, expect, it} from 'vitest'

import type {Store} from '../../src/store/store.js'

import {CATALOG_FILE} from '../../src/archive/names.js'
import {BackupCatalog} from '../../src/catalog/catalog.js'
import {DataOpsError} from '../../src/model/errors.js'
import {overlay} from '../../src/model/overlay.js'
import {LocalStore} from '../../src/store/local/store.js'
import {writeSealedBackup} from '../support/sealed-backup.js'

let folder: string
let store: LocalStore

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'data-ops-full-'))
  store = new LocalStore(folder)
  for (const day of [1, 2, 3, 4])
    await writeSealedBackup(folder, {format: 'parquet', startedAt: new Date(`2026-02-0${day}T10:30:00Z`)})
  await new BackupCatalog(store).reindex()
})
afterEach(async () => {
  await rm(folder, {recursive: true})
})

async function bytesIn(place: Store, at = ''): Promise<number> {
  let bytes = 0
  for (const {bytes: size, kind, name} of await place.list(at))
    bytes += kind === 'directory' ? await bytesIn(place, at === '' ? name : `${at}/${name}`) : size
  return bytes
}

/** Takes no more bytes than now lie there. */
async function full(details: Record<string, unknown>): Promise<Store> {
  const room = await bytesIn(store)
  return overlay(store, {
    async put(...given: Parameters<Store['put']>) {
      const [, {length}] = given
      if (length > 0 && (await bytesIn(store)) + length > room)
        throw new DataOpsError('STORAGE', 'There is no room.', {details})
      return store.put(...given)
    },
  })
}

it.each([{code: 'ENOSPC'}, {code: 'EDQUOT'}, {reason: 'full'}])(
  'backups are removed and pruned where there is no room for a lease: %o',
  async (details) => {
    const place = await full(details)
    const listed = await new BackupCatalog(place).list()
    await rm(path.join(folder, listed[2]!.file), {recursive: true})
    const removed = await new BackupCatalog(place).remove(listed[3]!.id)
    expect(removed.id).toBe(listed[3]!.id)
    const before = await new BackupCatalog(store).list()
    expect(before.map(({id, status}) => [id, status])).toEqual([
      [listed[0]!.id, 'sealed'],
      [listed[1]!.id, 'sealed'],
      [listed[2]!.id, 'missing'],
    ])
    const pruned = await new BackupCatalog(await full(details)).prune({keepLast: 1})
    expect(pruned.removed.map(({id}) => id)).toEqual([listed[1]!.id])
    const after = await new BackupCatalog(store).list()
    expect(after.map(({id, status}) => [id, status])).toEqual([
      [listed[0]!.id, 'sealed'],
      [listed[2]!.id, 'missing'],
    ])
  },
)

it('what may not be removed stays, and the catalog with it; other failures touch nothing', async () => {
  const listed = await new BackupCatalog(store).list()
  const catalog = await store.stat(CATALOG_FILE)
  const denied = overlay(store, {
    async put() {
      throw new DataOpsError('STORAGE', 'Denied.', {details: {reason: 'denied'}})
    },
  })
  await expect(new BackupCatalog(denied).remove(listed[0]!.id)).rejects.toThrow('Denied.')
  expect(await store.stat(CATALOG_FILE)).toEqual(catalog)
  await store.put(`${listed[0]!.file}/stranger.txt`, new Uint8Array(3))
  await expect(new BackupCatalog(await full({code: 'ENOSPC'})).remove(listed[0]!.id)).rejects.toThrow(
    'not of the backup',
  )
  const now = await new BackupCatalog(store).list()
  expect(now.map(({id, status}) => [id, status])).toEqual(listed.map(({id}) => [id, 'sealed']))
})
