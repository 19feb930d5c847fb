import type {Store, StoreReader, StoreWriter, UnfinishedWriters} from '../../src/store/store.js'

import {DataOpsError} from '../../src/model/errors.js'
import {overlay} from '../../src/model/overlay.js'

/**
 * What happens at a call: it and all that follow fail, undone (`dies`, which is dying after the call before, too); it alone fails undone
 * (`fails`); or it alone is done, and seems to fail (`lost`); or it alone, or it and all that follow, may not be done (`denied`, `denied-all`).
 */
export type Death = 'denied' | 'denied-all' | 'dies' | 'fails' | 'lost'

export interface DyingStore {
  /** So far. */
  calls: string[]
  store: Store
}

/** A store as a process sees it that dies, or meets one failure, at its n-th call, from 1. Folders are removed one object after another. */
export function dyingStore(store: Store, death?: Death, at = Infinity): DyingStore {
  const calls: string[] = []
  const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    calls.push(what)
    const number = calls.length
    const failure = new DataOpsError('STORAGE', `Call ${number} ${death}: ${what}.`, {
      details: death?.startsWith('denied') ? {reason: 'denied'} : {},
    })
    const isFor = death === 'dies' || death === 'denied-all'
    if (isFor ? number >= at : (death === 'fails' || death === 'denied') && number === at) throw failure
    const result = await work()
    if (death !== 'lost' || number !== at) return result
    // Nobody has it to close.
    await (result as undefined | {close?: () => Promise<void>})?.close?.()
    throw failure
  }

  const reader = (key: string, opened: StoreReader): StoreReader => ({
    close: async () => opened.close(),
    read: async (start, end) => call(`read ${key}`, async () => opened.read(start, end)),
    size: opened.size,
    async *stream(start, end) {
      await call(`stream ${key}`, async () => {})
      yield* opened.stream(start, end)
    },
  })
  const writer = (key: string, opened: StoreWriter): StoreWriter => ({
    append: async (chunks) => call(`append ${key}`, async () => opened.append(chunks)),
    get bytes() {
      return opened.bytes
    },
    // What the system closes when a process ends.
    close: async () => opened.close(),
    complete: async (as) => call(`complete ${as ?? key}`, async () => opened.complete(as)),
    sync: async () => call(`sync ${key}`, async () => opened.sync()),
  })
  const remove = async (key: string): Promise<void> => {
    const entries = (await store.stat(key))?.kind === 'directory' ? await store.list(key) : []
    for (const {name} of entries) await remove(`${key}/${name}`)
    await call(`remove ${key}`, async () => store.remove(key))
  }

  const {unfinished, uploads} = store
  const dyingUnfinished = (own: UnfinishedWriters): UnfinishedWriters => ({
    openRead: async (key) => reader(key, await call(`unfinished.openRead ${key}`, async () => own.openRead(key))),
    remove: async (key) => call(`unfinished.remove ${key}`, async () => own.remove(key)),
    resume: async (key, bytes) =>
      writer(key, await call(`unfinished.resume ${key}`, async () => own.resume(key, bytes))),
    stat: async (key) => call(`unfinished.stat ${key}`, async () => own.stat(key)),
  })
  return {
    calls,
    store: overlay(store, {
      createWriter: async (key: string) =>
        writer(key, await call(`createWriter ${key}`, async () => store.createWriter(key))),
      list: async (folder: string) => call(`list ${folder}`, async () => store.list(folder)),
      openRead: async (key: string) => reader(key, await call(`openRead ${key}`, async () => store.openRead(key))),
      put: async (...[key, bytes, condition]: Parameters<Store['put']>) =>
        call(`put ${key}`, async () => store.put(key, bytes, condition)),
      remove,
      stat: async (...[key, kind]: Parameters<Store['stat']>) => call(`stat ${key}`, async () => store.stat(key, kind)),
      ...(unfinished && {unfinished: dyingUnfinished(unfinished)}),
      ...(uploads && {
        uploads: {
          drop: async (...[mayGo]: Parameters<typeof uploads.drop>) =>
            call('uploads.drop', async () => uploads.drop(mayGo)),
        },
      }),
    }),
  }
}
