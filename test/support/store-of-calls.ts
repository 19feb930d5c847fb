import type {Store, StoreReader, StoreWriter, UnfinishedWriters} from '../../src/store/store.js'

import {overlay} from '../../src/model/overlay.js'

/** Does the work of a call, or something else. `what`: the call in words. */
export type AtCall = <T>(what: string, work: () => Promise<T>) => Promise<T>

/** A store whose every call goes through one function. Folders are removed one object after another. */
export function storeOfCalls(store: Store, call: AtCall): Store {
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
  const unfinishedOfCalls = (own: UnfinishedWriters): UnfinishedWriters => ({
    openRead: async (key) => reader(key, await call(`unfinished.openRead ${key}`, async () => own.openRead(key))),
    remove: async (key) => call(`unfinished.remove ${key}`, async () => own.remove(key)),
    resume: async (key, bytes) =>
      writer(key, await call(`unfinished.resume ${key}`, async () => own.resume(key, bytes))),
    stat: async (key) => call(`unfinished.stat ${key}`, async () => own.stat(key)),
  })
  return overlay(store, {
    createWriter: async (key: string) =>
      writer(key, await call(`createWriter ${key}`, async () => store.createWriter(key))),
    list: async (folder: string) => call(`list ${folder}`, async () => store.list(folder)),
    openRead: async (key: string) => reader(key, await call(`openRead ${key}`, async () => store.openRead(key))),
    put: async (...[key, bytes, condition]: Parameters<Store['put']>) =>
      call(`put ${key}`, async () => store.put(key, bytes, condition)),
    remove,
    stat: async (...[key, kind]: Parameters<Store['stat']>) => call(`stat ${key}`, async () => store.stat(key, kind)),
    ...(unfinished && {unfinished: unfinishedOfCalls(unfinished)}),
    ...(uploads && {
      uploads: {
        drop: async (...[mayGo]: Parameters<typeof uploads.drop>) =>
          call('uploads.drop', async () => uploads.drop(mayGo)),
      },
    }),
  })
}
