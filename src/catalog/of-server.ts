/** Backups of one collection that several servers keep in one place: which server's is taken, and whose there are beside it. */
import type {Warning} from '../model/progress.js'
import type {Looks} from './look.js'
import type {ListedBackup} from './status.js'

import {DataOpsError, insteadOf} from '../model/errors.js'
import {inParallel} from '../model/in-parallel.js'
import {plural} from '../model/plural.js'
import {serversCalled, shortNameOf} from '../model/server-text.js'

const SEVERAL_SERVERS = 'several-servers'

/** One that was taken, and of which other servers there are backups that the same name could stand for. */
export interface OfOneServer {
  backup: ListedBackup
  others: string[]
}

/** Backups that are asked for their server at once, of those whose entries do not say it. */
const ASKED = 8

/**
 * With the servers that the newest say themselves: an earlier release that has entered its own backup has left out those of all others.
 * `backups`: newest first.
 */
export async function withServers(backups: readonly ListedBackup[], looks: Looks): Promise<ListedBackup[]> {
  const unsaid = backups.filter(({server, status}) => server === undefined && status !== 'missing').slice(0, ASKED)
  const asked = await inParallel(unsaid, {atOnce: ASKED}, async ({file, id}) => {
    // What cannot be looked at says nothing; where it is taken, that is said.
    const found = await looks.at(file).catch(insteadOf(undefined, (error) => error instanceof DataOpsError))
    return [file, found?.id === id ? found.server : undefined] as const
  })
  const servers = new Map(asked)
  return backups.map((backup) => ({...backup, server: backup.server ?? servers.get(backup.file)}))
}

/** Those of the server of that name; without one all of them. @throws DataOpsError NOT_A_BACKUP; INVALID_INPUT where several have it. */
export function ofServer(name: string | undefined, ofIt: readonly ListedBackup[], where: string): ListedBackup[] {
  if (name === undefined) return [...ofIt]
  const known = serversOf(ofIt)
  const [server, ...more] = serversCalled(name, known)
  if (server !== undefined && more.length === 0) return ofIt.filter((backup) => backup.server === server)
  const collection = ofIt[0]?.collection
  const details = {servers: known}
  if (server !== undefined) {
    const servers = [server, ...more]
    throw new DataOpsError(
      'INVALID_INPUT',
      `${plural(servers.length, 'server')} are called "${name}": ${servers.join(', ')}.`,
      {details, hint: 'Write host and port, or name the backup by its id.'},
    )
  }

  throw new DataOpsError(
    'NOT_A_BACKUP',
    `No backup of "${collection}" in ${where} says that it is of the server "${name}".`,
    {
      details,
      hint: [
        known.length > 0 ? `There are some of ${known.join(', ')}.` : 'None says which server it is of.',
        ...(ofIt.every(({server: said}) => said !== undefined)
          ? []
          : ['What an earlier release has entered may say it after `BackupCatalog.reindex`; an id names any.']),
      ].join(' '),
    },
  )
}

/**
 * Other servers than that of the one that was taken, of which there is one that could be taken as well. Of backups that do not say
 * their server nothing is known.
 */
export async function otherServers(
  {server: taken}: ListedBackup,
  candidates: readonly ListedBackup[],
  couldBe: (backup: ListedBackup) => Promise<boolean>,
): Promise<string[]> {
  const found: string[] = []
  for (const server of serversOf(candidates)) {
    if (server === taken) continue
    for (const candidate of candidates) {
      if (candidate.server !== server || !(await couldBe(candidate))) continue
      found.push(server)
      break
    }
  }

  return found
}

/** What is said where one of several servers' was taken, and nobody had named one. `time`: `latest`, or when it was asked for. */
export function severalServers(path: string, time: string, {backup, others}: OfOneServer): Warning {
  const {collection, id, server} = backup
  const all = server === undefined ? others : [server, ...others]
  const names = all.flatMap((each) => {
    const name = shortNameOf(each, all)
    return name === undefined || collection === '' ? [] : [`${collection}@${time}@${name}`]
  })
  const said = server === undefined ? 'which does not say its server' : `of ${server}`
  const hint = `Name the one that is meant: ${[...names.slice(0, 3), 'an id'].join(' or ')}.`
  return {
    code: SEVERAL_SERVERS,
    details: {hint, id, others, path, ...(server !== undefined && {server})},
    message: `${path} is taken, ${said}; there are backups of ${others.join(', ')} too. ${hint}`,
  }
}

/** Where something is changed for good, no server's is taken for another's. `done`: what is done, as a word. @throws DataOpsError INVALID_INPUT for that warning. */
export function refuseSeveral({code, details}: Warning, done: string): void {
  if (code !== SEVERAL_SERVERS) return
  const {hint, others, path, server} = details as {hint: string; others: string[]; path: string; server?: string}
  const of = server === undefined ? 'does not say its server' : `is of ${server}`
  throw new DataOpsError(
    'INVALID_INPUT',
    `Nothing is ${done}: ${path} ${of}, and there are backups of ${others.join(', ')} too.`,
    {details, hint},
  )
}

function serversOf(backups: readonly ListedBackup[]): string[] {
  return [...new Set(backups.flatMap(({server}) => (server === undefined ? [] : [server])))]
}
