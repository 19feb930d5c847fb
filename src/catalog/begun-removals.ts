/** Removals that have begun and not ended, by names that may stand for the next backup by now: `latest`, `Article@latest`, a date. */
import type {Store} from '../store/store.js'
import type {ListedBackup} from './status.js'

import {pastWhatHides} from '../archive/locked.js'
import {matchesPattern} from '../model/pattern.js'
import {serversCalled} from '../model/server-text.js'
import {type BackupName, isOfTime} from './named.js'
import {inPart} from './removed-in-part.js'

/** Those that the name could have stood for when they began, newest first. What a mark does not tell is taken to be what was named. */
export async function begunRemovals(name: BackupName, store: Store): Promise<ListedBackup[]> {
  const {marked} = await inPart(pastWhatHides(store))
  return marked
    .filter((backup) => couldMean(name, backup))
    .toSorted((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp))
}

function couldMean(name: BackupName, {collection, file, run_id: run, server, timestamp}: ListedBackup): boolean {
  if (name.kind === 'run') return run?.startsWith(name.run) ?? true
  if (collection === '') return name.kind !== 'at' || isOfTime(timestamp, name.time)
  if (name.kind === 'pattern') return matchesPattern(collection, name.pattern) || matchesPattern(file, name.pattern)
  if (name.kind === 'at' && !isOfTime(timestamp, name.time)) return false
  if (name.server !== undefined && server !== undefined && serversCalled(name.server, [server]).length === 0)
    return false
  return name.collection === undefined || name.collection.toLowerCase() === collection.toLowerCase()
}
