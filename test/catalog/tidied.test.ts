/** What killed runs, and such as woke after another had gone on in their place, leave behind: prune names what no backup needs, and takes it away once it is old; nothing that can be continued. */
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {Warning} from '../../src/model/progress.js'
import type {Store} from '../../src/store/store.js'

import {journalName, partialLockName} from '../../src/archive/names.js'
import {utf8} from '../../src/codec/bytes.js'
import {BackupCatalog} from '../../src/index.js'
import {overlay} from '../../src/model/overlay.js'
import {Lease} from '../../src/store/lease.js'
import {openStore} from '../../src/store/open.js'
import {readAll} from '../../src/store/read-all.js'
import {withEnvironment} from '../store/support.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'
import {type SealedBackup, writeSealedBackup} from '../support/sealed-backup.js'

const HOUR = 3_600_000
const NAME = 'Docs_2024-02-01_103000'

let parent: string
let s3: S3Server
let restoreEnvironment: () => void
let places = 0
let store: Store
let sealed: SealedBackup
let warnings: Warning[]

beforeAll(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'data-ops-tidied-'))
  s3 = await startS3()
  restoreEnvironment = withEnvironment(s3.env)
})

afterAll(async () => {
  restoreEnvironment()
  await s3.close()
  await rm(parent, {recursive: true})
})

/** What lies there, with all in its folders. */
async function filesOf(place: Store, folder = ''): Promise<string[]> {
  const all: string[] = []
  for (const {kind, name} of await place.list(folder)) {
    const key = folder === '' ? name : `${folder}/${name}`
    all.push(...(kind === 'directory' ? await filesOf(place, key) : [key]))
  }

  return all.filter((key) => !key.startsWith('.backup_catalog'))
}

/** As the store is seen by somebody who comes so much later. */
function later(ms: number): Store {
  return overlay(store, {
    list: async (folder: string) =>
      (await store.list(folder)).map((entry) => ({
        ...entry,
        modified: entry.modified === 0 ? 0 : entry.modified - ms,
      })),
  })
}

const catalog = (ms: number): BackupCatalog =>
  new BackupCatalog(later(ms), {
    onWarning(warning) {
      warnings.push(warning)
    },
  })

/** Prunes as if all were so old. What goes is what a dry run has said; its keys, and what is left. */
async function prune(ms = 2 * HOUR): Promise<{left: string[]; leftovers: string[]}> {
  const before = await filesOf(store)
  const dry = await catalog(ms).prune({}, {dryRun: true})
  expect(await filesOf(store)).toEqual(before)
  const {kept, leftovers, removed} = await catalog(ms).prune({})
  expect(leftovers).toEqual(dry.leftovers)
  expect(removed).toEqual([])
  expect(kept.map(({status}) => status)).toEqual(['sealed'])
  return {left: await filesOf(store), leftovers}
}

const journal = (how: {activated?: unknown[]; id?: string; parts?: string[]} = {}): string =>
  JSON.stringify({
    activated: how.activated ?? [],
    head: {metadata: {backup_id: how.id ?? sealed.id}},
    position: {parts: (how.parts ?? []).map((file) => ({file})), rows: 0},
    remaining: [],
    version: 1,
  })

describe.each(['folder', 's3'])('in a place that is a %s', (kind) => {
  /** The sealed backup, which went on under another name. */
  let own: string[]

  beforeEach(async () => {
    warnings = []
    const folder = path.join(parent, String(++places))
    sealed = await writeSealedBackup(folder, {attempt: 2, format: 'parquet'})
    const local = openStore(folder)
    own = await filesOf(local)
    store = kind === 'folder' ? local : openStore(`s3://${BUCKET}/${places}`)
    if (kind === 's3') for (const key of own) await store.put(key, await readAll(local, key))
    await new BackupCatalog(store).reindex()
  })

  it('a journal of what another has sealed goes, and what its process has written with it', async () => {
    await store.put(`${NAME}/objects.parquet`, utf8('PAR1'))
    await store.put(journalName(NAME), utf8(journal({parts: ['objects.parquet']})))
    const {left, leftovers} = await prune()
    expect(left).toEqual(own)
    expect(leftovers).toEqual([journalName(NAME)])
    expect(warnings).toMatchObject([{code: 'unfinished-removed', details: {file: journalName(NAME)}}])
  })

  it('so does one of a backup of which nothing is there to be continued, by reindex too', async () => {
    const id = '5f0c5f0c-0000-4000-8000-000000000000'
    await store.put(journalName(NAME), utf8(journal({id, parts: ['objects.parquet']})))
    await store.put(journalName(sealed.name), utf8(journal()))
    await catalog(2 * HOUR).reindex()
    expect(await filesOf(store)).toEqual(own)
  })

  it.each([
    ['of a backup that can be continued', {id: '5f0c5f0c-0000-4000-8000-000000000000', parts: ['objects.parquet']}],
    ['that says which tenants are to be put back', {activated: [{name: 't', status: 'COLD'}]}],
  ])('one %s stays', async (_, how) => {
    await store.put(`${NAME}/objects.parquet`, utf8('PAR1'))
    await store.put(journalName(NAME), utf8(journal(how)))
    const {left, leftovers} = await prune()
    expect(leftovers).toEqual([])
    expect(left.toSorted()).toEqual([...own, `${NAME}/objects.parquet`, journalName(NAME)].toSorted())
    expect(warnings).toEqual([])
  })

  it('one that nobody understands stays, as does one of less than an hour, or of which somebody holds the lease', async () => {
    await store.put(journalName(NAME), utf8('{"version": 1'))
    expect(await prune()).toEqual({left: expect.arrayContaining([journalName(NAME)]) as string[], leftovers: []})
    await store.put(journalName(NAME), utf8(journal()))
    expect(await prune(HOUR / 2)).toEqual({
      left: expect.arrayContaining([journalName(NAME)]) as string[],
      leftovers: [],
    })
    const lease = await Lease.tryAcquire(store, partialLockName(NAME))
    expect(await prune()).toEqual({left: expect.arrayContaining([journalName(NAME)]) as string[], leftovers: []})
    await lease!.release()
    expect(await prune()).toEqual({left: own, leftovers: [journalName(NAME)]})
  })

  it('a part in the folder of a sealed backup that its seal does not name goes; it is not damaged by it', async () => {
    const given = [`${sealed.name}/objects-00007-2.parquet`, `${sealed.name}/objects-00002.parquet`].toSorted()
    for (const key of given) await store.put(key, utf8('PAR1'))
    expect(await prune(HOUR / 2)).toMatchObject({leftovers: []})
    const {left, leftovers} = await prune()
    expect(leftovers.toSorted()).toEqual(given)
    expect(left).toEqual(own)
  })

  it('it stays while somebody holds the lease of that name: who writes there takes it along to the next free name', async () => {
    const given = `${sealed.name}/objects-00002.parquet`
    await store.put(given, utf8('PAR1'))
    const lease = await Lease.tryAcquire(store, partialLockName(sealed.name))
    expect(await prune()).toMatchObject({leftovers: []})
    expect(await filesOf(store)).toContain(given)
    await lease!.release()
    expect(await prune()).toEqual({left: own, leftovers: [given]})
  })

  it.each([
    ['of which a listing shows the first file alone', 'schema.json', []],
    ['of which it does not show what a journal names', 'schema.json', ['objects.parquet']],
    ['of which it shows nothing', undefined, ['objects.parquet']],
  ])('a sealed backup %s loses nothing', async (_, shown, parts) => {
    if (parts.length > 0) await store.put(journalName(sealed.name), utf8(journal({parts})))
    const whole = later(2 * HOUR)
    const stale = overlay(whole, {
      async list(folder: string) {
        const entries = await whole.list(folder)
        return folder === sealed.name ? entries.filter(({name}) => name === shown) : entries
      },
    })
    const {removed} = await new BackupCatalog(stale).prune()
    await new BackupCatalog(stale).reindex()
    expect(removed).toEqual([])
    expect(await filesOf(store)).toEqual(expect.arrayContaining(own))
  })

  it.each([
    ['three hours behind', -3 * HOUR],
    ['three hours ahead of', 3 * HOUR],
  ])('where the clock of the place is %s this machine, what is old there goes, and nothing else', async (_, apart) => {
    const temporary = '.elysia-0123456789abcdef.tmp'
    const given = [temporary, `${sealed.name}/objects-00002.parquet`]
    for (const key of given) await store.put(key, utf8('PAR1'))
    // Of which the listing says how old the rest is; what is written now is not.
    const seen = (age: number): Store =>
      overlay(store, {
        list: async (folder: string) =>
          (await store.list(folder)).map((entry) => ({
            ...entry,
            modified: entry.modified === 0 ? 0 : entry.modified + apart - age,
          })),
        async stat(key: string, known?: 'file') {
          const entry = await store.stat(key, known)
          return entry && {...entry, modified: entry.modified === 0 ? 0 : entry.modified + apart}
        },
      })
    expect((await new BackupCatalog(seen(HOUR / 2)).prune()).leftovers).toEqual([])
    await new BackupCatalog(seen(HOUR / 2)).reindex()
    expect(await filesOf(store)).toEqual(expect.arrayContaining(given))
    expect((await new BackupCatalog(seen(2 * HOUR)).prune()).leftovers.toSorted()).toEqual(given.toSorted())
    expect(await filesOf(store)).toEqual(own)
  })

  it('a sealed backup that a listing does not show is removed with its files where somebody asks for that', async () => {
    const stale = overlay(store, {
      list: async (folder: string) =>
        (await store.list(folder)).filter(({name}) => folder !== '' || name !== sealed.name),
    })
    expect(await new BackupCatalog(stale).remove(sealed.id)).toMatchObject({file: sealed.name, status: 'sealed'})
    expect(await filesOf(store)).toEqual([])
    expect(await new BackupCatalog(store).list()).toEqual([])
  })

  it('one that can be continued stays where a listing does not show what it has', async () => {
    await store.put(`${NAME}/objects.parquet`, utf8('PAR1'))
    await store.put(
      journalName(NAME),
      utf8(journal({id: '5f0c5f0c-0000-4000-8000-000000000000', parts: ['objects.parquet']})),
    )
    const whole = later(2 * HOUR)
    const stale = overlay(whole, {list: async (folder: string) => (folder === NAME ? [] : whole.list(folder))})
    expect((await new BackupCatalog(stale).prune()).leftovers).toEqual([])
    expect(await filesOf(store)).toEqual(expect.arrayContaining([`${NAME}/objects.parquet`, journalName(NAME)]))
  })

  it('where a part lies that no seal names, the backup stands in for an older one all the same', async () => {
    const older = await writeSealedBackup(path.join(parent, `older-${places}`), {
      format: 'parquet',
      startedAt: new Date(0),
    })
    const from = openStore(path.join(parent, `older-${places}`))
    for (const key of await filesOf(from)) await store.put(key, await readAll(from, key))
    await store.put(`${sealed.name}/objects-00007-2.parquet`, utf8('PAR1'))
    const {leftovers, removed} = await catalog(2 * HOUR).prune({keepLast: 1})
    expect(removed.map(({file}) => file)).toEqual([older.name])
    expect(leftovers).toEqual([`${sealed.name}/objects-00007-2.parquet`])
    expect(await filesOf(store)).toEqual(own)
  })
})
