/** What a prune has counted together, where that is not told by the collections alone. Pure. */
import type {Grouping} from '../catalog/grouping.js'
import type {BackupEntry} from './backup-entry.js'

import {formatCount} from '../model/plural.js'

interface Pruned {
  groupBy: Grouping
  isDryRun: boolean
  kept: readonly BackupEntry[]
  removed: readonly BackupEntry[]
}

/** A line for each collection of each server, of collections that have backups of several, or such as do not say. */
export function groupLines({groupBy, isDryRun, kept, removed}: Pruned): string[] {
  const lines: string[] = []
  for (const [collection, backups] of Map.groupBy([...kept, ...removed], (backup) => backup.collection)) {
    const ofServers = Map.groupBy(backups, ({server}) => server)
    if (collection === '' || ofServers.size < 2) continue
    const gone = new Set(removed)
    for (const [server = 'a server that is not said', those] of ofServers) {
      const goes = those.filter((backup) => gone.has(backup)).length
      lines.push(
        `  ${collection} of ${server}: ${isDryRun ? 'would keep' : 'kept'} ${formatCount(those.length - goes)}, remove${isDryRun ? '' : 'd'} ${formatCount(goes)}`,
      )
    }
  }

  if (lines.length === 0) return []
  return groupBy === 'collection'
    ? ['Counted together, as --group-by collection says:', ...lines]
    : ['Counted each by itself; --group-by collection counts those of one name together:', ...lines]
}
