/** Notes of tenants that killed runs left active: what nobody can read is not nothing. */
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {afterEach, describe, expect, it, vi} from 'vitest'

import type {Warning} from '../../../src/model/progress.js'
import type {Store} from '../../../src/store/store.js'

import {utf8} from '../../../src/codec/bytes.js'
import {TenantNotes} from '../../../src/flow/tenants/note.js'
import {DataOpsError, LocalStore} from '../../../src/index.js'
import {overlay} from '../../../src/model/overlay.js'
import {RELEASED} from '../../../src/store/lease-files.js'
import {LEASE} from '../../../src/store/lease.js'
import {SELF} from '../../../src/store/process.js'
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

describe('leases of notes that are not there', () => {
  const other = (digit: number): string => `${NAME.slice(0, -'d.json'.length)}${digit}.json`
  const leases: Array<[what: string, text: string, isLeft: boolean]> = [
    // No machine lets a process have such a number.
    ['of a killed run', JSON.stringify({...SELF, ms: 30_000, pid: 2 ** 30}), false],
    ['of a run that lives', JSON.stringify({...SELF, ms: 30_000, pid: process.ppid, started: undefined}), true],
    ['of a run elsewhere', JSON.stringify({machine: 'elsewhere', ms: 30_000, pid: 1}), true],
    ['that were given back where nothing may be removed', RELEASED, false],
  ]

  it.each(leases)('%s: left or not', async (_, text, isLeft) => {
    const store = memoryStore()
    const lease = `${other(1)}.lease.1`
    await store.put(lease, utf8(`${text}\n`))
    await new TenantNotes([store]).putBack(connection, 'Any', () => {})
    expect((await store.list('')).map(({name}) => name)).toEqual(isLeft ? [lease] : [])
  })

  it('end nothing where they may not be removed', async () => {
    const place = memoryStore()
    await place.put(`${other(2)}.lease.1`, utf8(`${leases[0]![1]}\n`))
    const denied = async (key: string): Promise<never> => {
      throw new DataOpsError('STORAGE', `${key} may not be changed.`, {details: {reason: 'denied'}})
    }

    const warnings: Warning[] = []
    await new TenantNotes([overlay(place, {put: denied, remove: denied})]).putBack(connection, 'Any', (warning) => {
      warnings.push(warning)
    })
    expect(warnings).toEqual([])
  })
})

describe('of a run on a machine that cannot be asked', () => {
  const usual = {...LEASE}
  afterEach(() => Object.assign(LEASE, usual))

  /** As it stands there when its run was killed, or lives (`renew`). */
  const noted = async (of?: string): Promise<{renew: () => Promise<void>; store: Store}> => {
    const store = memoryStore()
    const tenants = [{collection: 'Any', name: 'a', status: 'COLD'}]
    await store.put(NAME, utf8(JSON.stringify({of, server: 'http://server', since: 'then', tenants, version: 1})))
    const lease = JSON.stringify({machine: 'elsewhere', ms: LEASE.ms, pid: 1})
    let beats = 0
    const renew = async (): Promise<void> => {
      await store.put(`${NAME}.lease.1`, utf8(`${lease}\n${'.'.repeat(beats++)}`))
    }

    await renew()
    return {renew, store}
  }

  const changing = (): {changes: unknown[]; server: Parameters<TenantNotes['putBack']>[0]} => {
    const changes: unknown[] = []
    const setTenantStatus = async (_: string, all: unknown): Promise<void> => {
      changes.push(all)
    }

    return {changes, server: {...connection, setTenantStatus}}
  }

  it('its tenants are put back by the first run that comes, once it has shown no life for its time', async () => {
    LEASE.ms = 300
    const {store} = await noted()
    const {changes, server} = changing()
    const codes: string[] = []
    await new TenantNotes([store]).putBack(server, 'Any', ({code}) => {
      codes.push(code)
    })
    expect({changes, codes}).toEqual({changes: [[{name: 'a', status: 'COLD'}]], codes: ['tenants-put-back']})
    expect(await store.list('')).toEqual([])
  })

  it('its tenants are its own while it lives', async () => {
    LEASE.ms = 3000
    const {renew, store} = await noted()
    const timer = setInterval(renew, 50)
    const {changes, server} = changing()
    try {
      await new TenantNotes([store]).putBack(server, 'Any', () => {})
    } finally {
      clearInterval(timer)
    }

    expect(changes).toEqual([])
    expect((await store.list('')).map(({name}) => name)).toContain(NAME)
  })

  it('nothing is left of it once who has its piece of work has put all back; others stay', async () => {
    const {store} = await noted('job item 3')
    const notes = new TenantNotes([store])
    await notes.settle(
      (of) => of === 'job item 4',
      () => true,
    )
    await notes.settle(
      (of) => of === 'job item 3',
      () => false,
    )
    expect((await notes.left()).tenants).toEqual([])
    expect((await store.list('')).map(({name}) => name)).toEqual([NAME, `${NAME}.lease.1`])
    await notes.settle(
      (of) => of === 'job item 3',
      () => true,
    )
    expect(await store.list('')).toEqual([])
  })
})

it('of a place that cannot be written is warned of, and ends nothing', async () => {
  const store = memoryStore()
  const tenants = [{collection: 'Any', name: 'a', status: 'COLD'}]
  await store.put(NAME, utf8(JSON.stringify({server: 'http://server', since: 'then', tenants, version: 1})))
  const readOnly: Store = {
    ...store,
    async put() {
      throw new DataOpsError('STORAGE', 'It is read-only.')
    },
  }
  const codes: string[] = []
  await new TenantNotes([readOnly]).putBack(connection, 'Any', ({code}) => {
    codes.push(code)
  })
  expect(codes).toEqual(['tenants-left-active'])
})
