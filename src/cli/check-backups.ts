/** Backups as they are named on the command line. */
import type * as Names from '../archive/names.js'
import type {NativeExport} from '../archive/native/export.js'
import type * as OfServer from '../catalog/of-server.js'
import type {Warning} from '../model/progress.js'
import type {EncryptionOptions} from '../store/encryption.js'
import type {Store} from '../store/store.js'

import {DataOpsError, insteadOf} from '../model/errors.js'
import {plural} from '../model/plural.js'
import {isMoving, type Places} from './moving-names.js'
import {exitAtLeast} from './several.js'

/** A reference that leads nowhere is said before any server is asked. @throws DataOpsError NOT_A_BACKUP. */
export async function checkBackupsExist(references: readonly string[], directory: string): Promise<void> {
  // Loaded late: help needs none of it.
  const [{locateBackup}, {openStore}] = await Promise.all([import('../catalog/locate.js'), import('../store/open.js')])
  const store = openStore(directory)
  for (const reference of references) await locateBackup(reference, store)
}

/** The export that lies there, and which of its collections are meant; undefined where none does. @throws DataOpsError BACKUP_DAMAGED, NOT_A_BACKUP. */
export async function exportAt(
  reference: string,
  store: Store,
  patterns?: readonly string[],
): Promise<undefined | {collections: string[]; native: NativeExport}> {
  const {collectionsOf, locateExport} = await import('../catalog/exports.js')
  const {NativeExport: Export} = await import('../archive/native/export.js')
  const place = await locateExport(reference, store)
  if (!place) return undefined
  const native = await Export.open(place.store, place.name)
  return {collections: collectionsOf(native, place, patterns), native}
}

export interface ChosenBackups {
  /** Whether the answer is a list, however many there are. */
  isSeveral: boolean
  /** Where those lie that a reference stands for now, and later perhaps others. */
  places: Places
  /** What each backup can be opened by. */
  references: string[]
}

export interface ChooseOptions {
  /** Takes exports apart: into these of their collections (names and patterns; none: all), each by a reference of its own. */
  collections?: readonly string[]
  /** Folder of the backups. */
  directory: string
  /** What opens those that hide what they are of. */
  encryption: EncryptionOptions
  /** Patterns of collections to leave out. */
  exclude?: readonly string[]
  onWarning: (warning: Pick<Warning, 'message'>) => void
  /** They take the place of what is there: of several servers' none is taken for another's. */
  replaces?: boolean
}

/**
 * The backups that references stand for, each once. Of paths of one collection (a shell's `backups/*`) the newest is taken.
 * @throws DataOpsError NOT_A_BACKUP when one leads nowhere, or all are left out.
 */
export async function chooseBackups(references: readonly string[], options: ChooseOptions): Promise<ChosenBackups> {
  const [{locateBackups, warningsOf}, ofServers, {isPlural}, {openStore}, names, {matchesPattern}, {withEncryption}] =
    await Promise.all([
      import('../catalog/locate.js'),
      import('../catalog/of-server.js'),
      import('../catalog/named.js'),
      import('../store/open.js'),
      import('../archive/names.js'),
      import('../model/pattern.js'),
      import('../store/encryption.js'),
    ])
  const store = withEncryption(openStore(options.directory), options.encryption)
  const isExcluded = (collection: string | undefined): boolean =>
    collection !== undefined && Boolean(options.exclude?.some((pattern) => matchesPattern(collection, pattern)))
  const chosen: Chosen[] = []
  const placesOf = new Map<string, string[]>()
  for (const reference of references) {
    const exported = options.collections && (await exportAt(reference, store, options.collections))
    if (exported) {
      const kept = exported.collections.filter((name) => !isExcluded(name))
      for (const collection of kept) {
        const known = `${exported.native.path}#${collection}`
        chosen.push({collection, isPath: false, name: known, reference: known, store})
      }

      continue
    }

    if (options.collections?.length)
      throw new DataOpsError('INVALID_INPUT', `"${reference}" is no export: a backup holds one collection.`, {
        hint: 'Leave out --collection.',
      })

    const {places, ...others} = await locateBackups(reference, store)
    tellOf(warningsOf(others, isExcluded), options, ofServers)
    // What is worked on is what was found here, whatever the name stands for in a moment.
    const moves = await isMoving(reference)
    for (const {listed, name, store: place} of places) {
      const collection = listed?.collection ?? names.parseBackupName(name)?.collection
      if (isExcluded(collection)) continue
      const known = moves ? place.describe(name) : reference
      if (moves) placesOf.set(reference, [...(placesOf.get(reference) ?? []), known])
      if (chosen.some((other) => other.reference === known)) continue
      chosen.push({collection, isPath: listed === undefined, name, reference: known, store: place})
    }
  }

  const older = await olderOf(chosen, names, options)
  if (chosen.length === 0) throw new DataOpsError('NOT_A_BACKUP', 'Every backup that was named is excluded.')
  return {
    isSeveral: Math.max(references.length, chosen.length) > 1 || references.some((reference) => isPlural(reference)),
    places: placesOf,
    references: chosen.filter((one) => !older.has(one)).map(({reference}) => reference),
  }
}

/** Of paths of one collection those that are not the newest; told of. @throws DataOpsError INVALID_INPUT where those that replace something are of several servers. */
async function olderOf(
  chosen: readonly Chosen[],
  names: ReadingNames,
  {onWarning, replaces}: Pick<ChooseOptions, 'onWarning' | 'replaces'>,
): Promise<ReadonlySet<Chosen>> {
  const older = new Set(
    chosen.filter((one) => one.isPath && chosen.some((other) => other.isPath && isOlder(one, other, names))),
  )
  if (older.size === 0) return older
  const servers = await ofOtherServers(older, chosen, names)
  if (servers.length > 0 && replaces)
    throw new DataOpsError('INVALID_INPUT', `Nothing is replaced: those of one collection are of ${servers[0]}.`, {
      hint: 'Name the one that is meant.',
    })
  const first = [...older].slice(0, 3).map(({reference}) => reference)
  const message = `Of each collection the newest is taken; ${plural(older.size, 'older one')} left out: ${first.join(', ')}.`
  onWarning({message: [message, ...servers.map((each) => `They are of ${each}.`)].join(' ')})
  return older
}

function tellOf(
  warnings: readonly Warning[],
  {onWarning, replaces}: Pick<ChooseOptions, 'onWarning' | 'replaces'>,
  {refuseSeveral}: Pick<typeof OfServer, 'refuseSeveral'>,
): void {
  for (const warning of warnings) {
    if (replaces) refuseSeveral(warning, 'replaced')
    onWarning(warning)
  }

  if (warnings.some(({code}) => code === 'backup-not-read')) exitAtLeast(3)
}

type ReadingNames = Pick<typeof Names, 'isHiddenName' | 'parseBackupName'>

interface Chosen {
  collection?: string
  isPath: boolean
  name: string
  reference: string
  store: Store
}

/** Servers of those that are left out where what is taken in their place is another's: `http://a and http://b`. */
async function ofOtherServers(
  older: ReadonlySet<Chosen>,
  chosen: readonly Chosen[],
  names: ReadingNames,
): Promise<string[]> {
  const {lookAt} = await import('../catalog/look.js')
  // What cannot be looked at is said once it is opened.
  const serverOf = async ({name, store}: Chosen): Promise<string | undefined> =>
    (await lookAt(store, name).catch(insteadOf(undefined, (error) => error instanceof DataOpsError)))?.server
  const found = new Set<string>()
  for (const one of older) {
    const taken = chosen.find((other) => other.isPath && !older.has(other) && isOlder(one, other, names))
    const servers = [one, ...(taken ? [taken] : [])].map(async (each) => serverOf(each))
    const [mine, theirs] = await Promise.all(servers)
    if (mine !== undefined && theirs !== undefined && mine !== theirs)
      found.add([mine, theirs].toSorted().join(' and '))
  }

  return [...found]
}

/** By its name, of two of the same collection. */
function isOlder(one: Chosen, other: Chosen, {isHiddenName, parseBackupName}: ReadingNames): boolean {
  const [mine, theirs] = [parseBackupName(one.name), parseBackupName(other.name)]
  if (!mine || !theirs) return false
  if (mine.collection !== theirs.collection || isHiddenName(one.name)) return false
  const [a, b] = [mine.startedAt.getTime(), theirs.startedAt.getTime()]
  return a < b || (a === b && mine.attempt < theirs.attempt)
}
