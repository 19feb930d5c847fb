/** What removes backups needs room itself, for a lease and a mark: in a full place it takes that of the catalog, which is a cache. */
import type {Store} from '../store/store.js'
import type {CatalogEntry} from './entry.js'

import {CATALOG_FILE} from '../archive/names.js'
import {insteadOf} from '../model/errors.js'
import {MalformedError} from '../model/fields.js'
import {isFull} from '../store/storage-error.js'
import {readCatalog, writeCatalog} from './catalog-file.js'

/**
 * Does the work; once more without the catalog where there was no room for it. What was listed then is put back, but for what the work has
 * removed; by `enter` where another process has made a catalog meanwhile. A process that is killed before that leaves backups that are listed without an entry, of which `backup list` says how they get one.
 */
export async function makingRoom<T>(
  store: Store,
  work: () => Promise<T>,
  enter: (entries: readonly CatalogEntry[]) => Promise<void>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const listed = isFull(error) ? await entriesOf(store) : []
    if (listed.length === 0) throw error
    await store.remove(CATALOG_FILE, 'file')
    const before = await namesIn(store)
    const back = async (): Promise<void> => {
      const now = await namesIn(store)
      // One whose files were missing before stays listed as such.
      const entries = listed.filter(({file}) => now.has(file) || !before.has(file))
      if (!(await writeCatalog(store, entries, undefined))) await enter(entries)
    }

    // Without their entries they are listed all the same.
    const result = work()
    await result.catch(() => undefined)
    await back().catch(insteadOf(undefined, 'STORAGE'))
    return result
  }
}

/** None where it cannot be read: one that is damaged is kept. */
async function entriesOf(store: Store): Promise<CatalogEntry[]> {
  try {
    return await readCatalog(store)
  } catch (error) {
    if (error instanceof MalformedError) return []
    throw error
  }
}

async function namesIn(store: Store): Promise<Set<string>> {
  return new Set((await store.list('')).map(({name}) => name))
}
