import {describe, expect, it} from 'vitest'

import type {Store} from '../../src/store/store.js'

import {utf8} from '../../src/codec/bytes.js'
import {DataOpsError} from '../../src/model/errors.js'
import {OwnFile} from '../../src/store/own-file.js'
import {readAll} from '../../src/store/read-all.js'
import {memoryStore} from '../support/memory-store.js'

const KEY = 'x.checkpoint'
const lost = new DataOpsError('STORAGE', 'lost')

async function textOf(store: Store): Promise<string | undefined> {
  return (await store.stat(KEY)) && new TextDecoder().decode(await readAll(store, KEY))
}

/** A file whose lease can be lost, and how often it was looked at. */
function ownFile(store: Store): {file: OwnFile; lease: {isLost: boolean; looks: number}} {
  const lease = {isLost: false, looks: 0}
  const file = new OwnFile(store, KEY, async () => {
    lease.looks++
    if (lease.isLost) throw lost
  })
  return {file, lease}
}

describe('a file of a run that holds a lease', () => {
  it('is written again and again, and the lease is looked at once', async () => {
    const store = memoryStore()
    const {file, lease} = ownFile(store)
    for (const text of ['one', 'two', 'three']) {
      await file.put(utf8(text))
      expect(await textOf(store)).toBe(text)
    }

    expect(lease.looks).toBe(1)
  })

  it('goes on from what an earlier run has left', async () => {
    const store = memoryStore()
    await store.put(KEY, utf8('earlier'))
    await ownFile(store).file.put(utf8('mine'))
    expect(await textOf(store)).toBe('mine')
  })

  it.each([
    ['written', async (store: Store) => store.put(KEY, utf8("a successor's"))],
    ['removed', async (store: Store) => store.remove(KEY)],
  ])('does not come back over what a successor has %s', async (_, succeed) => {
    const store = memoryStore()
    const {file, lease} = ownFile(store)
    await file.put(utf8('mine'))
    await succeed(store)
    const left = await textOf(store)
    lease.isLost = true
    await expect(file.put(utf8('late'))).rejects.toBe(lost)
    expect(await textOf(store)).toBe(left)
  })

  it('does not either when the lease is lost just after it was looked at', async () => {
    const store = memoryStore()
    const sleepy = {...store}
    const {file, lease} = ownFile(sleepy)
    await file.put(utf8('mine'))
    await store.put(KEY, utf8('edited'))
    sleepy.put = async (key, bytes, condition) => {
      if (lease.looks === 2 && !lease.isLost) {
        lease.isLost = true
        await store.put(KEY, utf8("a successor's"))
      }

      return store.put(key, bytes, condition)
    }

    await expect(file.put(utf8('late'))).rejects.toBe(lost)
    expect(await textOf(store)).toBe("a successor's")
  })

  it('writes nothing where it had not begun when the lease was lost', async () => {
    const store = memoryStore()
    const {file, lease} = ownFile(store)
    lease.isLost = true
    await expect(file.put(utf8('late'))).rejects.toBe(lost)
    expect(await textOf(store)).toBeUndefined()
  })

  it('is written where somebody without the lease has removed or changed it', async () => {
    const store = memoryStore()
    const {file, lease} = ownFile(store)
    await file.put(utf8('one'))
    await store.remove(KEY)
    await file.put(utf8('two'))
    await store.put(KEY, utf8('edited'))
    await file.put(utf8('three'))
    await file.put(utf8('four'))
    expect(await textOf(store)).toBe('four')
    expect(lease.looks).toBe(3)
  })
})
