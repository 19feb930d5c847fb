import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {pathToFileURL} from 'node:url'
import {expect, it} from 'vitest'

import {pastWhatHides} from '../../src/archive/locked.js'
import {openPlace} from '../../src/catalog/place-at.js'
import {utf8} from '../../src/codec/bytes.js'
import {withEncryption} from '../../src/store/encryption.js'
import {openStore, storeOpenedAs} from '../../src/store/open.js'

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
])('refuses %s', (place) => {
  expect(() => openStore(place)).toThrow(expect.objectContaining({code: 'INVALID_INPUT'}) as Error)
})

it.each([
  ['s3://bucket', 's3://bucket/a'],
  ['S3://bucket/x/y/', 's3://bucket/x/y/a'],
  ['gs://bucket/x', 'gs://bucket/x/a'],
  ['az://account/container/x', 'az://account/container/x/a'],
])('opens %s, and asks nothing of it yet', (place, described) => {
  expect(openStore(place).describe('a')).toBe(described)
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
