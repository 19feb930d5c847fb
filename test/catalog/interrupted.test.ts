/** What changes a place and is stopped, at whichever call to it: nothing half done is listed as whole, the lock is free, and the next run does the rest. */
import {mkdtemp, readdir, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, expect, it} from 'vitest'

import type {Store} from '../../src/store/store.js'

import {CATALOG_LOCK_FILE} from '../../src/archive/names.js'
import {BackupCatalog} from '../../src/catalog/catalog.js'
import {DataOpsError} from '../../src/model/errors.js'
import {overlay} from '../../src/model/overlay.js'
import {LocalStore} from '../../src/store/local/store.js'
import {writeSealedBackup} from '../support/sealed-backup.js'

const BACKUPS = 4
/** Calls to the place between two that are tried. */
const STEP = process.env.SWEEP === 'all' ? 1 : 4
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'data-ops-interrupted-'))
})
afterEach(async () => {
  await rm(folder, {recursive: true})
})

async function fill(): Promise<LocalStore> {
  const place = await mkdtemp(path.join(folder, 'place-'))
  for (let day = 1; day <= BACKUPS; day++) {
    const format = day % 2 === 0 ? 'parquet' : 'json'
    await writeSealedBackup(place, {format, startedAt: new Date(`2026-02-0${day}T10:30:00Z`)})
  }

  const store = new LocalStore(place)
  await new BackupCatalog(store).reindex()
  return store
}

function codeOf(error: unknown): string | undefined {
  return error instanceof DataOpsError ? error.code : undefined
}

/** Aborts when the place is called for the n-th time. */
function stopping(store: Store, at: number): {calls: () => number; signal: AbortSignal; store: Store} {
  const controller = new AbortController()
  let calls = 0
  const counted =
    <A extends unknown[], R>(call: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      if (++calls === at) controller.abort()
      return call(...given)
    }

  const place = overlay(store, {
    openRead: counted(store.openRead.bind(store)),
    list: counted(store.list.bind(store)),
    put: counted(store.put.bind(store)),
    remove: counted(store.remove.bind(store)),
    stat: counted(store.stat.bind(store)),
  })
  return {calls: () => calls, signal: controller.signal, store: place}
}

it.each([
  {
    name: 'prune',
    work: async (catalog: BackupCatalog) => catalog.prune({keepLast: 1}),
  },
  {
    name: 'remove',
    work: async (catalog: BackupCatalog) => catalog.remove((await catalog.list()).at(-1)!.file),
  },
  {
    name: 'reindex',
    work: async (catalog: BackupCatalog) => catalog.reindex(),
  },
])('$name', {timeout: 60_000}, async ({work}) => {
  const whole = await fill()
  const {calls, store: counting} = stopping(whole, Infinity)
  await work(new BackupCatalog(counting))
  const left = (await new BackupCatalog(whole).list()).length
  let stopped = 0
  for (let at = 1; at <= calls(); at += STEP) {
    const place = await fill()
    const {signal, store} = stopping(place, at)
    const outcome = await work(new BackupCatalog(store, {signal})).then(
      () => 'done',
      (error: unknown) => codeOf(error),
    )
    expect(['INTERRUPTED', 'done']).toContain(outcome)
    if (outcome === 'INTERRUPTED') stopped++
    const files = await readdir(place.describe(''))
    expect(files.filter((name) => name.startsWith(CATALOG_LOCK_FILE))).toEqual([])
    const listed = await new BackupCatalog(place).list()
    expect(new Set(listed.map(({status}) => status))).toEqual(new Set(['sealed']))
    await work(new BackupCatalog(place)).catch((error: unknown) => {
      // What was removed by then is no longer there to be removed.
      if (codeOf(error) !== 'NOT_A_BACKUP') throw error
    })
    expect((await new BackupCatalog(place).list()).length).toBeLessThanOrEqual(left)
  }

  expect(stopped).toBeGreaterThan(1)
})
