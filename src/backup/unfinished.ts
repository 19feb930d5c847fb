import type {Store} from '../store/store.js'
import {candidateNames} from '../archive/publish.js'
import {StoreLock} from '../store/lock.js'
import {DataOpsError} from '../errors.js'
import {fileStem, partialName, sealedNameOf} from '../store/layout.js'
import {type BackupJournal, type JournalBinding, readJournal, sameBinding} from './journal.js'

export interface UnfinishedBackup {
  journal: BackupJournal
  /** The name it will have once sealed. */
  name: string
}

/** The newest unfinished backup of the same server, collection, schema and options; undefined when there is none. */
export async function findUnfinished(store: Store, binding: JournalBinding): Promise<UnfinishedBackup | undefined> {
  const names: string[] = []
  for (const entry of await store.list('')) {
    const name = sealedNameOf(entry.name)
    if (name?.startsWith(`${fileStem(binding.collection)}_`)) names.push(name)
  }

  for (const name of names.sort().reverse()) {
    const journal = await readJournal(store, name).catch(() => {})
    if (journal && sameBinding(journal.binding, binding)) return {journal, name}
  }

  return undefined
}

export interface ClaimedName {
  name: string
  release: () => Promise<void>
}

/**
 * Takes a name that no other process writes to and that is free, or with `resume` the unfinished backup of that very name.
 * @throws DataOpsError STORAGE when another process is writing it.
 */
export async function claimName(store: Store, wanted: string, options: {resume?: boolean} = {}): Promise<ClaimedName> {
  for (const name of candidateNames(wanted)) {
    const lock = await StoreLock.tryAcquire(store, `${partialName(name)}.lock`)
    if (lock) {
      if (options.resume || (!(await store.stat(name)) && !(await store.stat(partialName(name))))) {
        return {name, release: async () => lock.release()}
      }

      await lock.release()
    } else if (options.resume) {
      throw new DataOpsError('STORAGE', `Another process is writing ${store.describe(partialName(name))}.`, {
        hint: 'Wait for it, or leave out --resume to take another backup beside it.',
      })
    }
  }

  throw new DataOpsError('STORAGE', `All names like ${store.describe(wanted)} are taken.`, {hint: 'Try again in a second.'})
}
