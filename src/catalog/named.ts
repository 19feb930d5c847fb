/** Backups by what people call them: `latest`, `Article@latest`, `Article@2026-02-01`, `run:ID`, `Art*`. */
import type {Store} from '../store/store.js'
import type {ListedBackup} from './catalog.js'

import {isNotUnderstood} from '../archive/manifest.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {nearestNames} from '../model/nearest.js'
import {isPattern, matchesPattern} from '../model/pattern.js'
import {plural} from '../model/plural.js'
import {Looks} from './look.js'
import {type OfOneServer, ofServer, otherServers, withServers} from './of-server.js'

/** What a name asks for. */
export type BackupName =
  | {kind: 'at'; collection: string; server?: string; time: string}
  | {kind: 'latest'; collection?: string; server?: string}
  | {kind: 'pattern'; pattern: string}
  | {kind: 'run'; run: string}

export interface NamedBackups {
  backups: ListedBackup[]
  /** Those of `backups` beside which there are some of other servers, where no server was named. */
  ofOneServer: OfOneServer[]
  /** Newer than what was taken, and not whole. */
  passedOver: Array<{backup: ListedBackup; reason: string}>
}

/** By so much may clocks of machines differ that back up into one place. */
const CLOCK_SKEW_MS = 600_000

const AT = /^(\w+)@([^/\\@]+)(?:@([^/\\@]+))?$/
const TIME = /^\d{4}(?:-?\d\d(?:-?\d\d(?:[T _]?\d\d(?::?\d\d(?::?\d\d)?)?Z?)?)?)?$/

/** Undefined for what is an id, a path or a URL. @throws DataOpsError INVALID_INPUT for `Article@` and no time. */
export function parseBackupReference(reference: string): BackupName | undefined {
  if (reference === 'latest') return {kind: 'latest'}
  if (/^run:/i.test(reference)) return {kind: 'run', run: reference.slice(4).toLowerCase()}
  if (isPattern(reference)) return {kind: 'pattern', pattern: reference}
  const [, collection = '', time = '', server] = AT.exec(reference) ?? []
  if (collection === '') return undefined
  const named = {collection, ...(server !== undefined && {server})}
  if (time === 'latest') return {...named, kind: 'latest'}
  if (TIME.test(time) && isOfCalendar(time)) return {...named, kind: 'at', time}
  throw new DataOpsError('INVALID_INPUT', `"${reference}" names no time.`, {
    hint: `Write ${collection}@latest, or a day or time in UTC: ${collection}@2026-02-01, ${collection}@2026-02-01T10:30.`,
  })
}

/** No 13th month, no 31st of April. `time`: as far as it goes. */
function isOfCalendar(time: string): boolean {
  const [, year = '', ...rest] = /^(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?$/.exec(digits(time)) ?? []
  const [month = '01', day = '01', hour = '00', minute = '00', second = '00'] = rest
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  const date = new Date(text)
  return !Number.isNaN(date.getTime()) && date.toISOString() === text
}

/** Whether a reference may stand for several backups, however many there are. */
export function isPlural(reference: string): boolean {
  return /^run:/i.test(reference) || isPattern(reference)
}

/**
 * The backups that a name stands for: the newest whole one of a collection, or of each collection that a pattern matches; all of a run.
 * `all`: of the folder, newest first.
 * @throws DataOpsError NOT_A_BACKUP when there is none.
 */
export async function backupsNamed(
  name: BackupName,
  all: readonly ListedBackup[],
  store: Store,
): Promise<NamedBackups> {
  const where = store.describe('')
  const looks = new Looks(store)
  switch (name.kind) {
    case 'at': {
      const collection = knownCollection(name.collection, all, where)
      const ofIt = ofServer(name.server, await ofCollection(collection, all, looks), where)
      const then = ofIt.filter(({timestamp}) => isOfTime(timestamp, name.time))
      const ofThen = all.filter(({timestamp}) => isOfTime(timestamp, name.time))
      if (then.length === 0) {
        const isHidden = ofThen.some((backup) => backup.collection === '')
        throw noneAt(collection, name.time, {isHidden, ofIt})
      }

      const found = await newestWhole(then, looks, `of "${collection}" of ${name.time}`)
      return besideHidden(await besideOthers(found, then, looks), ofThen)
    }

    case 'latest': {
      if (name.collection === undefined) {
        const known = await withServers(all, looks)
        return besideOthers(await newestWhole(known, looks, `in ${where}`), known, looks)
      }

      const collection = knownCollection(name.collection, all, where)
      const ofIt = ofServer(name.server, await ofCollection(collection, all, looks), where)
      const found = await newestWhole(ofIt, looks, `of "${collection}" in ${where}`)
      return besideHidden(await besideOthers(found, ofIt, looks), all)
    }

    case 'pattern': {
      return newestOfEach(name.pattern, all, looks)
    }

    case 'run': {
      return {backups: ofRun(name.run, all, where), ofOneServer: [], passedOver: []}
    }
  }
}

async function ofCollection(collection: string, all: readonly ListedBackup[], looks: Looks): Promise<ListedBackup[]> {
  return withServers(
    all.filter((backup) => backup.collection === collection),
    looks,
  )
}

/** With the servers of the others that the same name could stand for. */
async function besideOthers(
  found: NamedBackups,
  candidates: readonly ListedBackup[],
  looks: Looks,
): Promise<NamedBackups> {
  const [backup] = found.backups
  if (!backup) return found
  // What cannot be looked at now may be one.
  const couldBe = async (other: ListedBackup): Promise<boolean> =>
    wholeOrWhyNot(other, looks)
      .then((whole) => typeof whole !== 'string')
      .catch(insteadOf(true, 'STORAGE'))
  const others = await otherServers(backup, candidates, couldBe)
  return {...found, ofOneServer: others.length > 0 ? [{backup, others}] : []}
}

async function newestOfEach(pattern: string, all: readonly ListedBackup[], looks: Looks): Promise<NamedBackups> {
  const matching = all.filter(
    ({collection, file}) => matchesPattern(collection, pattern) || matchesPattern(file, pattern),
  )
  if (matching.length === 0) throw none(`"${pattern}" matches no backup in ${looks.store.describe('')}.`, hintOf(all))
  const found: NamedBackups = {backups: [], ofOneServer: [], passedOver: []}
  for (const collection of new Set(matching.map((backup) => groupOf(backup)))) {
    const listed = matching.filter((backup) => groupOf(backup) === collection)
    const ofIt = await withServers(listed, looks)
    const newest = await newestWhole(ofIt, looks, `of "${collection}" among "${pattern}"`)
    const whole = await besideOthers(newest, ofIt, looks)
    const {backups, ofOneServer, passedOver} = ofIt[0]?.collection === '' ? whole : besideHidden(whole, all)
    found.backups.push(...backups)
    found.ofOneServer.push(...ofOneServer)
    // The same one may hide what is newest of several.
    const known = new Set(found.passedOver.map(({backup}) => backup.file))
    found.passedOver.push(...passedOver.filter(({backup}) => !known.has(backup.file)))
  }

  return found
}

/** With the newest of those before what was taken that do not say what they are of: one of these may be the newest of that collection. `all`: newest first. */
function besideHidden({backups, passedOver, ...found}: NamedBackups, all: readonly ListedBackup[]): NamedBackups {
  const taken = all.findIndex(({file}) => file === backups[0]?.file)
  const [hidden, ...more] = all
    .slice(0, taken)
    .filter(({collection, status}) => collection === '' && status !== 'missing')
  if (!hidden) return {...found, backups, passedOver}
  const others = more.length > 0 ? `, as ${plural(more.length, 'other does', 'others do')}` : ''
  const reason = `hides what it is a backup of${others} (an identity that opens it tells)`
  return {...found, backups, passedOver: [...passedOver, {backup: hidden, reason}]}
}

async function newestWhole(candidates: readonly ListedBackup[], looks: Looks, which: string): Promise<NamedBackups> {
  const passedOver: NamedBackups['passedOver'] = []
  for (const backup of candidates) {
    const found = await wholeOrWhyNot(backup, looks)
    if (typeof found !== 'string') return {backups: [found], ofOneServer: [], passedOver}
    passedOver.push({backup, reason: found})
  }

  const [first] = passedOver
  throw none(
    `There is no whole backup ${which}.`,
    first && `The newest, ${first.backup.id}, ${first.reason}: name it by its id to take it all the same.`,
    {passedOver: passedOver.map(({backup, reason}) => ({id: backup.id, reason}))},
  )
}

/** With its server as it says it itself; or why it cannot be taken for the newest, or is not all of its collection, as far as its head and seal say. */
async function wholeOrWhyNot(backup: ListedBackup, looks: Looks): Promise<ListedBackup | string> {
  if (backup.status === 'missing') return 'is gone'
  if (backup.status === 'damaged') return 'is damaged'
  // A clock was ahead when it was made: whether others are newer cannot be told.
  if (Date.parse(backup.timestamp) > Date.now() + CLOCK_SKEW_MS) return 'is dated in the future'
  try {
    const {held, id, isReplaced, server} = await looks.at(backup.file)
    if (id !== backup.id) return 'is another one by now'
    // Else what a mistake has left would be the newest, once it was replaced.
    if (isReplaced) return 'is of what another backup has replaced'
    const reason = {
      all: undefined,
      incomplete: 'lacks objects',
      schema: 'holds the schema alone',
      part: 'was changed on the way, or is a part',
      some: 'holds some tenants only',
    }[held.kind]
    return reason ?? {...backup, server}
  } catch (error) {
    if (isNotUnderstood(error)) return 'is of a version of the format that this release does not know'
    if (error instanceof DataOpsError && (error.code === 'BACKUP_DAMAGED' || error.code === 'NOT_A_BACKUP'))
      return 'is damaged'
    throw error
  }
}

function ofRun(run: string, all: readonly ListedBackup[], where: string): ListedBackup[] {
  const runs = [...new Set(all.map(({run_id: id}) => id))].filter((id) => run.length >= 4 && id?.startsWith(run))
  if (runs.length === 0) throw none(`There is no run "${run}" in ${where}.`, hintOf(all))
  if (runs.length > 1) {
    throw new DataOpsError('INVALID_INPUT', `${runs.length} runs have an id that starts with ${run}.`, {
      details: {runs},
      hint: `Give more of it: ${runs.slice(0, 3).join(', ')}.`,
    })
  }

  const backups = all.filter(({run_id: id}) => id === runs[0])
  // The newest first: of a collection that was backed up twice only that one.
  return backups.filter((backup, at) => backups.findIndex((other) => groupOf(other) === groupOf(backup)) === at)
}

/** The collection that it is of; of those that hide it, each may be of another. */
function groupOf({collection, file}: ListedBackup): string {
  return collection || file
}

/** The collection of that name that has backups, in another case too where only one does. */
function knownCollection(name: string, all: readonly ListedBackup[], where: string): string {
  const collections = [...new Set(all.map(({collection}) => collection))]
  if (collections.includes(name)) return name
  const alike = collections.filter((collection) => collection.toLowerCase() === name.toLowerCase())
  if (alike.length === 1) return alike[0]!
  const near = nearestNames(name, collections)
  const hidden = all.filter(({collection}) => collection === '').length
  if (hidden > 0)
    throw none(
      `There is no backup in ${where} that says it is of "${name}"; ${plural(hidden, 'encrypted one')} there hide what of.`,
      'Give an identity that opens it (`identities`).',
    )
  const hint = near.length > 0 ? `Did you mean ${near.map((other) => `${other}@latest`).join(', ')}?` : hintOf(all)
  throw none(`There is no backup of "${name}" in ${where}.`, hint)
}

function noneAt(
  collection: string,
  time: string,
  {isHidden, ofIt}: {isHidden: boolean; ofIt: readonly ListedBackup[]},
): DataOpsError {
  const wanted = digits(time)
  const before = ofIt.find(({timestamp}) => digits(timestamp) < wanted)
  const after = ofIt.findLast(({timestamp}) => digits(timestamp) > wanted)
  const around = [before && `before it ${called(before)}`, after && `after it ${called(after)}`].filter(Boolean)
  const hidden = isHidden
    ? ' One of that time hides what it is of: an identity that opens it tells (`identities`).'
    : ''
  return none(`There is no backup of "${collection}" of ${time} (UTC).`, `There is ${around.join(', ')}.${hidden}`)
}

function called({collection, timestamp}: ListedBackup): string {
  return `${collection}@${timestamp.slice(0, 19)}`
}

/** What to look for instead, for a name that leads nowhere. */
export function hintOf(all: readonly ListedBackup[], wanted?: string): string {
  const collections = [...new Set(all.map(({collection}) => collection))]
  const same = collections.find((collection) => collection.toLowerCase() === wanted?.toLowerCase())
  if (same !== undefined) return `Did you mean ${same}@latest?`
  if (/^[-\da-f]{1,3}$/i.test(wanted ?? '')) return 'Of an id 4 characters are needed, or more.'
  if (collections.length === 0) return 'There are no backups there; name the place with `directory`.'
  return 'List what there is with `BackupCatalog.list`.'
}

function none(message: string, hint?: string, details?: Record<string, unknown>): DataOpsError {
  return new DataOpsError('NOT_A_BACKUP', message, {details, hint})
}

/** Times are compared as far as they were typed. */
export function isOfTime(timestamp: string, typed: string): boolean {
  return digits(timestamp).startsWith(digits(typed))
}

function digits(time: string): string {
  return time.replaceAll(/\D/g, '')
}
