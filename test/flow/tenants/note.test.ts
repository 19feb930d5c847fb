/** Notes of tenants that killed runs left active: what nobody can read is not nothing. */
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {expect, it, vi} from 'vitest'

import type {Warning} from '../../../src/model/progress.js'

import {utf8} from '../../../src/codec/bytes.js'
import {TenantNotes} from '../../../src/flow/tenants/note.js'
import {LocalStore} from '../../../src/index.js'
import {temporaryDirectory} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = '.tenants-01234567-89ab-4cde-8f01-23456789abcd.json'
const connection = {
  describe: 'http://server',
  listTenants: async () => [{name: 'a', status: 'HOT' as const}],
  async setTenantStatus() {
    throw new Error('nothing is known of any tenant')
  },
}

it.each(['{"version": 1, "tenants"', 'null', '{"version": 2}', ''])('that say %j are told of', async (text) => {
  const directory = await temporaryDirectory()
  try {
    const file = path.join(directory.path, NAME)
    await writeFile(file, text)
    const notes = new TenantNotes([new LocalStore(directory.path)])
    const unreadable = [{path: file, reason: `${file} cannot be understood.`}]
    expect(await notes.left()).toEqual({tenants: [], unreadable})
    const warnings: Warning[] = []
    await notes.putBack(connection, 'Any', (warning) => {
      warnings.push(warning)
    })
    expect(warnings).toMatchObject([{code: 'tenant-note-unreadable', details: {path: file}}])
  } finally {
    await directory.remove()
  }
})

it('are listed once by the run that puts tenants back', async () => {
  const directory = await temporaryDirectory()
  try {
    const store = new LocalStore(directory.path)
    const list = vi.spyOn(store, 'list')
    await new TenantNotes([store]).putBack(connection, 'Any', () => {})
    expect(list.mock.calls).toEqual([['']])
  } finally {
    await directory.remove()
  }
})

it('says that it is over where it may not be removed: nobody is told of tenants then', async () => {
  const store = memoryStore()
  await store.put(NAME, utf8('{"over":true}\n'))
  const notes = new TenantNotes([store])
  expect(await notes.left()).toEqual({tenants: [], unreadable: []})
})
