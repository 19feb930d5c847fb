/** Names of the newest backup of each collection: where it has some of several servers, of each of them too. */
import type {ListedBackup} from '../../catalog/status.js'

import {shortNameOf} from '../../model/server-text.js'

export function newestOfEach(backups: ReadonlyArray<Pick<ListedBackup, 'collection' | 'server'>>): string[] {
  const byCollection = Map.groupBy(backups, ({collection}) => collection)
  return [...byCollection].flatMap(([collection, ofIt]) => {
    if (collection === '') return []
    const newest = `${collection}@latest`
    const servers = [...new Set(ofIt.flatMap(({server}) => server ?? []))]
    // Backups that do not say theirs may be another's.
    if (servers.length < 2 && ofIt.every(({server}) => server !== undefined)) return [newest]
    return [
      newest,
      ...servers.flatMap((server) => shortNameOf(server, servers) ?? []).map((name) => `${newest}@${name}`),
    ]
  })
}
