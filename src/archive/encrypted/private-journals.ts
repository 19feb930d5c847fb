/** Journals of encrypted backups name properties, tenants and objects: they are kept by the host that writes the backup, not beside it. */
import type {KnownKind, PutCondition, Store, StoreEntry} from '../../store/store.js'

import {overlay} from '../../model/overlay.js'
import {sha256Hex} from '../../platform/node.js'
import {stateOf} from '../../store/open.js'
import {backupOfJournal} from '../names.js'

/** The same with a folder of this host; the store itself where there is none. */
export function withJournalsIn(store: Store, stateDirectory: string | undefined): Store {
  const state = stateOf(store, stateDirectory)
  return state ? withPrivateJournals(store, state) : store
}

/** The store, with its journals in `state`; without one they are kept nowhere, and what was interrupted begins again. */
export function withPrivateJournals(store: Store, state: Store | undefined): Store {
  const prefix = `journal-${sha256Hex(store.describe('')).slice(0, 16)}-`
  const isJournal = (key: string): boolean => backupOfJournal(key) !== undefined
  const put = async (key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string | undefined> => {
    if (!isJournal(key)) return store.put(key, bytes, condition)
    return state ? state.put(`${prefix}${key}`, bytes, condition) : ''
  }

  return overlay(store, {
    describe: (key: string) => (state && isJournal(key) ? state.describe(`${prefix}${key}`) : store.describe(key)),
    async list(folder: string): Promise<StoreEntry[]> {
      const entries = await store.list(folder)
      if (folder !== '' || !state) return entries
      const journals = (await state.list('')).filter(({name}) => name.startsWith(prefix))
      return [...entries, ...journals.map((entry) => ({...entry, name: entry.name.slice(prefix.length)}))]
    },
    openRead: async (key: string) =>
      state && isJournal(key) ? state.openRead(`${prefix}${key}`) : store.openRead(key),
    put,
    async remove(key: string, kind?: KnownKind): Promise<void> {
      if (!isJournal(key)) return store.remove(key, kind)
      await state?.remove(`${prefix}${key}`)
    },
    async stat(key: string, kind?: KnownKind): Promise<StoreEntry | undefined> {
      return isJournal(key) ? state?.stat(`${prefix}${key}`) : store.stat(key, kind)
    },
  })
}
