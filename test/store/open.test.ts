import {glob, mkdtemp, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'
import {expect, it} from 'vitest'

import type {Store} from '../../src/store/store.js'

import {pastWhatHides} from '../../src/archive/locked.js'
import {openPlace} from '../../src/catalog/place-at.js'
import {utf8} from '../../src/codec/bytes.js'
import {storeOf} from '../../src/jobs/options.js'
import {placeOfNotes, rejectedToRead} from '../../src/jobs/restore/job.js'
import {overlay} from '../../src/model/overlay.js'
import {encryptionOf, withEncryption} from '../../src/store/encryption.js'
import {openStore, openStoreLike, storeOpenedAs} from '../../src/store/open.js'
import {splitPlace} from '../../src/store/place.js'

it('opens a folder by path and by file URL', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'data-ops-open-'))
  try {
    await openStore(folder).put('a', utf8('1'))
    expect(await openStore(pathToFileURL(folder).href).stat('a')).toMatchObject({bytes: 1, kind: 'file'})
  } finally {
    await rm(folder, {force: true, recursive: true})
  }
})

it.each([
  'ftp://bucket/x',
  'https://host/x',
  's3://',
  's3://a:b@bucket/x',
  's3://bucket/a/../b',
  's3://bucket/a?b',
  'az://account',
  'gs://b/\\',
  's3:/bucket/x',
  's3:bucket/x',
  'S3:/bucket',
  'gs:/bucket/x',
  String.raw`az:\account\container`,
  's3://bucket/a\nb',
  'file://host/x',
  'FILE:///a%2Fb',
  '~',
  '~/backups',
  String.raw`~\backups`,
])('refuses %s', (place) => {
  expect(() => openStore(place)).toThrow(expect.objectContaining({code: 'INVALID_INPUT'}) as Error)
})

it.each([
  ['s3://b/x', '"b" is no name of a bucket: those have 3 to 63 characters'],
  [`gs://${'b'.repeat(223)}`, 'those have 3 to 222 characters'],
  ['az://account/c/x', '"c" is no name of an account or container'],
  ['az://account', 'az://account names no account and container'],
])('says of %s what is wrong with its name', (place, message) => {
  expect(() => openStore(place)).toThrow(message)
})

it.each([
  ['s3://bucket', 's3://bucket/a'],
  ['S3://bucket/x/y/', 's3://bucket/x/y/a'],
  ['gs://bucket/x', 'gs://bucket/x/a'],
  ['az://account/container/x', 'az://account/container/x/a'],
])('opens %s, and asks nothing of it yet', (place, described) => {
  expect(openStore(place).describe('a')).toBe(described)
})

it('opens a folder whose name begins with a tilde, or is one where that is said', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'data-ops-open-'))
  try {
    for (const name of ['~', '~backups', 'a~/b']) {
      await openStore(path.join(folder, name)).put('a', utf8('1'))
      expect(await readFile(path.join(folder, name, 'a'), 'utf8')).toBe('1')
    }

    expect(openStore('./~').describe('a')).toBe(path.join('~', 'a'))
    expect(openStore('~backups').describe('a')).toBe(path.join('~backups', 'a'))
  } finally {
    await rm(folder, {force: true, recursive: true})
  }
})

it('says no secret that stands in a URL', () => {
  try {
    openStore('s3://key:secret@bucket/x')
    expect.unreachable()
  } catch (error) {
    expect(JSON.stringify([error, String(error)])).not.toContain('secret')
  }
})

it.each(['s3://bucket/x', 'gs://bucket/x', 'az://account/container/x'])(
  'lets other threads open %s, as the jobs have it, with and without keys',
  (place) => {
    const store = openStore(place)
    for (const each of [store, pastWhatHides(store), pastWhatHides(withEncryption(store, {passphrase: 'x'}))]) {
      expect(storeOpenedAs(each)?.place).toBe(place)
    }
  },
)

it('opens what lies in the same account with what the store was opened with, and nothing else', () => {
  const azureConnectionString = 'AccountName=account;AccountKey=eA=='
  const store = openStore('az://account/container/x', {azureConnectionString})
  const given = (place: string): unknown =>
    storeOpenedAs(openPlace(place, pastWhatHides(store)))?.options.azureConnectionString
  expect(given('az://account/container/y')).toBe(azureConnectionString)
  expect(given('az://account/other')).toBe(azureConnectionString)
  for (const place of ['az://other-one/container/y', 's3://account/x', '/account']) expect(given(place)).toBeUndefined()
})

it('gives leave to go without conditions in the same bucket alone', () => {
  const given = (from: string, to: string): unknown =>
    storeOpenedAs(openStoreLike(to, openStore(from, {unsafePlace: true})))?.options.unsafePlace
  expect(given('s3://bucket/x', 's3://bucket')).toBe(true)
  expect(given('az://account/container/x', 'az://account/container/y')).toBe(true)
  for (const to of ['s3://other/x', 'gs://bucket/x', 'az://account/container', '/bucket'])
    expect(given('s3://bucket/x', to)).toBeUndefined()
  expect(given('az://account/container/x', 'az://account/other')).toBeUndefined()
})

const STRING = 'AccountName=account;AccountKey=eA=='
const secretOf = (store: Store | undefined): unknown => store && storeOpenedAs(store)?.options.azureConnectionString

it.each([{}, {passphrase: 'x'}])(
  'opens whatever a job names beside its backups, of the same account, with their connection string (%j)',
  (keys) => {
    const store = openStore('az://account/container/x', {azureConnectionString: STRING})
    const stateDirectory = 'az://account/container/state'
    const opened = storeOf({...keys, stateDirectory, store})
    // As a restore has it: what is encrypted in it lies over all that.
    const home = overlay(opened, {})
    expect(secretOf(placeOfNotes(home, {checkpointDirectory: 'az://account/notes'}))).toBe(STRING)
    const refused = rejectedToRead({home} as never, 'az://account/notes/x/Doc.rejected.jsonl')
    expect([refused.name, secretOf(refused.store)]).toEqual(['Doc.rejected.jsonl', STRING])
    expect(secretOf(encryptionOf(opened).state)).toBe('passphrase' in keys ? STRING : undefined)
    expect(secretOf(openPlace('az://account/container/x', home))).toBe(STRING)
    // And tells it to no other.
    expect(secretOf(placeOfNotes(home, {checkpointDirectory: 'az://other/notes'}))).toBeUndefined()
    expect(secretOf(rejectedToRead({home} as never, 'az://other/notes/Doc.rejected.jsonl').store)).toBeUndefined()
  },
)

it('opens places anew only where they are first named: elsewhere as the store that was given', async () => {
  // Folders of this process alone; threads, that are told all; and the places that a caller names first.
  const known = [
    'catalog/catalog.ts',
    'jobs/backup/thread.ts',
    'jobs/copy/copy.ts',
    'jobs/copy/manager.ts',
    'jobs/inspect/query-files.ts',
    'jobs/options.ts',
    'jobs/verify/thread.ts',
    'store/open.ts',
  ]
  const root = fileURLToPath(new URL('../../src', import.meta.url))
  const found: string[] = []
  for await (const file of glob('**/*.ts', {cwd: root})) {
    const text = file.startsWith('cli') ? '' : await readFile(path.join(root, file), 'utf8')
    if (/\bopenStore\(/.test(text)) found.push(file.replaceAll('\\', '/'))
  }

  expect(found.toSorted()).toEqual(known)
})

it('finds a file by its file URL, too', () => {
  const file = path.resolve('some folder', 'Doc.rejected.jsonl')
  const found = {folder: path.dirname(file), name: 'Doc.rejected.jsonl'}
  for (const each of [file, pathToFileURL(file).href]) expect(splitPlace(each)).toEqual(found)
})
