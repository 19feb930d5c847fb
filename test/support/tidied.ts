/** What tidying a place says. */
import type {Store} from '../../src/store/store.js'

import {BackupCatalog} from '../../src/index.js'

/** Prunes and lists anew: the codes of what was warned of (`unfinished-removed` of what was taken for abandoned), and what is said to be damaged. */
export async function tidied(place: Store | string): Promise<unknown[]> {
  const found: unknown[] = []
  const catalog = new BackupCatalog(place, {
    onWarning({code}) {
      found.push(code)
    },
  })
  await catalog.prune()
  const {damaged} = await catalog.reindex()
  return [...found, ...damaged]
}
