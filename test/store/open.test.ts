import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {pathToFileURL} from 'node:url'
import {expect, it} from 'vitest'

import {utf8} from '../../src/codec/bytes.js'
import {openStore} from '../../src/store/open.js'

it('opens a folder by path and by file URL', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'data-ops-open-'))
  try {
    await openStore(folder).put('a', utf8('1'))
    expect(await openStore(pathToFileURL(folder).href).stat('a')).toMatchObject({bytes: 1, kind: 'file'})
  } finally {
    await rm(folder, {force: true, recursive: true})
  }
})

it.each(['s3://bucket/x', 'gs://b', 'az://a/c', 'https://host/x', 'S3://b'])('refuses %s', (place) => {
  expect(() => openStore(place)).toThrow(expect.objectContaining({code: 'INVALID_INPUT'}) as Error)
})
