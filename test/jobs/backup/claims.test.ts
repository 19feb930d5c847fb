import {expect, it} from 'vitest'

import {backupName, partialLockName, removedName} from '../../../src/archive/names.js'
import {BackupCatalog} from '../../../src/index.js'
import {claimName} from '../../../src/jobs/backup/unfinished.js'
import {overlay} from '../../../src/model/overlay.js'
import {Lease} from '../../../src/store/lease.js'
import {dyingStore} from '../../support/dying-store.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = backupName('Docs', new Date('2026-01-02T03:04:05Z'), 'arrow', false)
const LOCK = partialLockName(NAME)

it('a name of which nobody can say whether it is free is not held', async () => {
  const counting = dyingStore(memoryStore())
  await claimName(counting.store, NAME)
  const at = counting.calls.indexOf(`stat ${removedName(NAME)}`) + 1
  expect(at).toBeGreaterThan(0)
  for (const death of ['fails', 'lost'] as const) {
    const store = memoryStore()
    await expect(claimName(dyingStore(store, death, at).store, NAME)).rejects.toMatchObject({code: 'STORAGE'})
    expect(await store.list('')).toEqual([])
    expect(await Lease.isHeld(store, LOCK)).toBe(false)
  }
})

it('a lease that cannot be given back is no failure, and is free', async () => {
  const store = memoryStore()
  const counting = dyingStore(memoryStore())
  await claimName(counting.store, NAME)
  const claim = await claimName(dyingStore(store, 'dies', counting.calls.length + 1).store, NAME)
  await claim.release()
  expect(await store.stat(`${LOCK}.1`)).toBeDefined()
  expect(await Lease.isHeld(store, LOCK)).toBe(false)
})

it('what a process leaves that dies before the journal is not called damaged, and is removed in the end', async () => {
  const store = memoryStore()
  await store.put(`${NAME}/key-1-0123456789abcdef.age`, Buffer.from('the key of nothing'))
  for (const lock of [LOCK, '.restore-0123456789abcdef.lock'])
    await store.put(`${lock}.1`, Buffer.from('{"released":true}\n'))
  const held = await Lease.acquire(store, partialLockName(`${NAME}-2`))
  const list = async (folder: string) => (await store.list(folder)).map((entry) => ({...entry, modified: 0}))
  expect(await new BackupCatalog(overlay(store, {list})).reindex()).toMatchObject({damaged: [], entries: []})
  const names = (await store.list('')).map(({name}) => name)
  expect(names).toEqual(['.backup_catalog.json', `${partialLockName(`${NAME}-2`)}.1`])
  await held.release()
})
