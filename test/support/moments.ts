import type {Store, StoreReader, StoreWriter} from '../../src/store/store.js'

import {overlay} from '../../src/model/overlay.js'

/** A store at each call to which something else can be done first. `before`: gets the number of the call, from 1, and what it is. */
export function momentsOf(store: Store, before: (call: number, what: string) => Promise<void>): Store {
  let calls = 0
  const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    await before(++calls, what)
    return work()
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
    close: async () => opened.close(),
    complete: async (as) => call(`complete ${as ?? key}`, async () => opened.complete(as)),
    sync: async () => opened.sync(),
  })
  return overlay(store, {
    createWriter: async (key: string) =>
      writer(key, await call(`createWriter ${key}`, async () => store.createWriter(key))),
    list: async (folder: string) => call(`list ${folder}`, async () => store.list(folder)),
    openRead: async (key: string) => reader(key, await call(`openRead ${key}`, async () => store.openRead(key))),
    put: async (...[key, bytes, condition]: Parameters<Store['put']>) =>
      call(`put ${key}`, async () => store.put(key, bytes, condition)),
    async remove(...[key, kind]: Parameters<Store['remove']>) {
      // Folders go one file after another.
      const files = (await store.stat(key))?.kind === 'directory' ? await store.list(key) : []
      for (const {name} of files) await call(`remove ${key}/${name}`, async () => store.remove(`${key}/${name}`))
      await call(`remove ${key}`, async () => store.remove(key, kind))
    },
    stat: async (...[key, kind]: Parameters<Store['stat']>) => call(`stat ${key}`, async () => store.stat(key, kind)),
  })
}
