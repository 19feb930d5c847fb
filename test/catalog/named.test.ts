import {mkdtemp, readFile, realpath, rm, symlink, unlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {pathToFileURL} from 'node:url'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import {readManifest} from '../../src/archive/manifest.js'
import {BackupCatalog} from '../../src/catalog/catalog.js'
import {entryOf} from '../../src/catalog/entry.js'
import {locateBackup, locateBackups} from '../../src/catalog/locate.js'
import {backupsNamed, isPlural, parseBackupReference} from '../../src/catalog/named.js'
import {type DataOpsError} from '../../src/model/errors.js'
import {LocalStore} from '../../src/store/local/store.js'
import {type SealedBackup, type SealedBackupOptions, writeSealedBackup} from '../support/sealed-backup.js'

let parent: string
let folder: string
let store: LocalStore

beforeEach(async () => {
  parent = await realpath(await mkdtemp(path.join(tmpdir(), 'data-ops-named-')))
  folder = path.join(parent, 'backups')
  store = new LocalStore(folder)
})

afterEach(async () => {
  await rm(parent, {recursive: true})
})

/** Of `collection`, begun then. */
async function back(collection: string, at: string, options: SealedBackupOptions = {}): Promise<SealedBackup> {
  return writeSealedBackup(folder, {collection, startedAt: new Date(at), ...options})
}

async function idOf(reference: string): Promise<string | undefined> {
  return (await locateBackup(reference, store)).listed?.id
}

async function idsOf(reference: string): Promise<Array<string | undefined>> {
  return (await locateBackups(reference, store)).places.map(({listed}) => listed?.id)
}

describe('names of backups', () => {
  it('are told from ids and paths', () => {
    expect(parseBackupReference('latest')).toEqual({kind: 'latest'})
    expect(parseBackupReference('Article@latest')).toEqual({collection: 'Article', kind: 'latest'})
    expect(parseBackupReference('Article@2026-02-01T10:30')).toMatchObject({kind: 'at', time: '2026-02-01T10:30'})
    for (const reference of ['5f0c', 'a/b@c', 'x@y.json/z', './latest', 'Article_2026-02-01_103000.json'])
      expect(parseBackupReference(reference), reference).toBeUndefined()
    for (const time of ['yesterday', '2026-13', '2026-02-30', '2026-02-01T24', '20260201T10:61'])
      expect(() => parseBackupReference(`Article@${time}`), time).toThrow(
        expect.objectContaining({code: 'INVALID_INPUT'}),
      )
    for (const time of ['2026', '2024-02-29', '20260201T1030Z'])
      expect(parseBackupReference(`Article@${time}`)).toMatchObject({kind: 'at', time})
    expect(['run:5f0c', 'Art*', 'latest', '5f0c'].map((reference) => isPlural(reference))).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('stand for the newest of all, of a collection, of a day or a minute', async () => {
    const old = await back('Article', '2026-01-31T10:30:00Z')
    const first = await back('Article', '2026-02-01T08:00:00Z')
    const second = await back('Article', '2026-02-01T10:30:00Z')
    const other = await back('Author', '2026-02-02T00:00:00Z')
    expect(await idOf('latest')).toBe(other.id)
    expect(await idOf('Article@latest')).toBe(second.id)
    expect(await idOf('article@latest')).toBe(second.id)
    expect(await idOf('Article@2026-02-01')).toBe(second.id)
    expect(await idOf('Article@2026-02-01T08')).toBe(first.id)
    expect(await idOf('Article@2026-01')).toBe(old.id)
    expect(await idOf(path.join(folder, 'Article@latest'))).toBe(second.id)
    expect(await locateBackup(pathToFileURL(first.file).href, new LocalStore(parent))).toMatchObject({name: first.name})
    await expect(idOf('Article@2026-02-03')).rejects.toMatchObject({
      code: 'NOT_A_BACKUP',
      hint: 'There is before it Article@2026-02-01T10:30:00.',
    })
    await expect(idOf('Artcle@latest')).rejects.toMatchObject({hint: 'Did you mean Article@latest?'})
    await expect(idOf('Article')).rejects.toMatchObject({code: 'NOT_A_BACKUP', hint: 'Did you mean Article@latest?'})
  })

  it('are not of a clock that was ahead: what is dated in the future is passed over', async () => {
    const ahead = await back('Article', new Date(Date.now() + 3_600_000).toISOString())
    await expect(idOf('Article@latest')).rejects.toMatchObject({
      code: 'NOT_A_BACKUP',
      hint: `The newest, ${ahead.id}, is dated in the future: name it by its id to take it all the same.`,
    })
    const good = await back('Article', '2026-02-01T00:00:00Z')
    const found = await locateBackups('Article@latest', store)
    expect(found.places.map(({listed}) => listed?.id)).toEqual([good.id])
    expect(found.passedOver).toEqual([{path: ahead.file, reason: 'is dated in the future'}])
    // Clocks of two machines are never quite the same.
    const near = await back('Article', new Date(Date.now() + 60_000).toISOString())
    expect(await idOf('latest')).toBe(near.id)
    expect(await idOf(ahead.id)).toBe(ahead.id)
  })

  it('are not looked for where a path was meant that cannot be looked at', async () => {
    await back('Article', '2026-02-01T00:00:00Z')
    const loop = path.join(folder, 'loop')
    await symlink('loop', loop)
    await expect(idOf(loop)).rejects.toMatchObject({
      code: 'STORAGE',
      message: expect.stringContaining(`Cannot read ${loop}`) as string,
    })
    for (const none of [path.join(folder, 'none'), path.join(folder, 'x'.repeat(300)), 'abcd'])
      await expect(idOf(none), none).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
  })

  it('pass over what is not whole, say so, and never take it', async () => {
    const whole = await back('Article', '2026-02-01T00:00:00Z')
    const without = {options: {compress: false, format: 'json', include_data: false}}
    const schema = await back('Article', '2026-02-02T00:00:00Z', {metadata: without, objects: 0})
    const gone = await back('Article', '2026-02-03T00:00:00Z')
    const catalog = new BackupCatalog(store)
    for (const {name} of [whole, schema, gone]) await catalog.register(entryOf(await readManifest(store, name)))
    await unlink(gone.file)
    const {passedOver, places} = await locateBackups('latest', store)
    expect(places.map(({name}) => name)).toEqual([whole.name])
    expect(passedOver).toEqual([
      {path: gone.file, reason: 'is gone'},
      {path: schema.file, reason: 'holds the schema alone'},
    ])

    await unlink(whole.file)
    await expect(idOf('Article@latest')).rejects.toMatchObject({
      code: 'NOT_A_BACKUP',
      details: {passedOver: [{id: gone.id}, {id: schema.id}, {id: whole.id, reason: 'is gone'}]},
    })
  })

  it('do not call damaged what this release does not know', async () => {
    const known = await back('Article', '2026-02-01T00:00:00Z')
    const newer = await back('Article', '2026-02-02T00:00:00Z')
    await new BackupCatalog(store).register(entryOf(await readManifest(store, newer.name)))
    const text = await readFile(newer.file, 'utf8')
    await writeFile(newer.file, text.replace(/"version":"1/, '"version":"2'))
    const {passedOver, places} = await locateBackups('latest', store)
    expect(places.map(({name}) => name)).toEqual([known.name])
    expect(passedOver).toEqual([
      {path: newer.file, reason: 'is of a version of the format that this release does not know'},
    ])
  })

  it('stand for the newest of each collection, by pattern or run', async () => {
    const run = {metadata: {run_id: '5f0c5f0c-0000-4000-8000-000000000000'}}
    const article = await back('Article', '2026-02-01T00:00:00Z', run)
    const author = await back('Author', '2026-02-01T00:00:01Z', run)
    const newer = await back('Article', '2026-02-02T00:00:00Z')
    const book = await back('Book', '2026-02-03T00:00:00Z')
    expect(await idsOf('A*')).toEqual([newer.id, author.id])
    expect(await idsOf('*')).toEqual([book.id, newer.id, author.id])
    expect(await idsOf('Article_2026-02-01*')).toEqual([article.id])
    expect(await idsOf(path.join(folder, 'Art*'))).toEqual([newer.id])
    expect(await idsOf('run:5F0C')).toEqual([author.id, article.id])
    await expect(idsOf('run:5f0d')).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
    await expect(idsOf('Z*')).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
    await expect(idOf('A*')).rejects.toMatchObject({code: 'INVALID_INPUT', details: {ids: [newer.id, author.id]}})
  })
})

it('that do not say what they are of and are newer than what is taken are told of: one of them may be meant', async () => {
  const older = await back('Article', '2026-01-31T10:30:00Z')
  const [listed] = await new BackupCatalog(store).list()
  const hidden = [2, 1].map((day) => ({
    ...listed!,
    collection: '',
    file: `Encrypted_2026-02-0${day}_103000`,
    timestamp: `2026-02-0${day}T10:30:00Z`,
  }))
  const all = [...hidden, listed!, {...hidden[0]!, file: 'Encrypted_2026-01-01_103000'}]
  for (const reference of ['Article@latest', 'Article@2026']) {
    const {backups, passedOver} = await backupsNamed(parseBackupReference(reference)!, all, store)
    expect(backups.map(({id}) => id)).toEqual([older.id])
    expect(passedOver).toMatchObject([{backup: {file: 'Encrypted_2026-02-02_103000'}}])
    expect(passedOver[0]?.reason).toMatch(/^hides .*, as 1 other does/)
  }

  await back('Artist', '2026-01-30T10:30:00Z')
  const both = [...hidden, ...(await new BackupCatalog(store).list())]
  const found = await backupsNamed({kind: 'pattern', pattern: 'Art*'}, both, store)
  expect([found.backups.length, found.passedOver.length]).toEqual([2, 1])
  expect((await backupsNamed({collection: 'Article', kind: 'at', time: '2026-01-31'}, all, store)).passedOver).toEqual(
    [],
  )
  const noneThen = backupsNamed({collection: 'Article', kind: 'at', time: '2026-02-01'}, all, store)
  expect(((await noneThen.catch((error: unknown) => error)) as DataOpsError).hint).toMatch(/One of that time hides/)
  const none = backupsNamed({collection: 'Other', kind: 'latest'}, all, store)
  await expect(none).rejects.toMatchObject({
    code: 'NOT_A_BACKUP',
    hint: 'Give an identity that opens it (`identities`).',
  })
})
