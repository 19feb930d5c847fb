/** Backups as they are named on the command line. */
import type * as Names from '../archive/names.js'
import type {NativeExport} from '../archive/native/export.js'
import type {Warning} from '../model/progress.js'
import type {EncryptionOptions} from '../store/encryption.js'
import type {Store} from '../store/store.js'

import {DataOpsError} from '../model/errors.js'
import {plural} from '../model/plural.js'
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
}

/**
 * The backups that references stand for, each once. Of paths of one collection (a shell's `backups/*`) the newest is taken.
 * @throws DataOpsError NOT_A_BACKUP when one leads nowhere, or all are left out.
 */
export async function chooseBackups(references: readonly string[], options: ChooseOptions): Promise<ChosenBackups> {
  const [{locateBackups, warningsOf}, {isPlural}, {openStore}, names, {matchesPattern}, {withEncryption}] =
    await Promise.all([
      import('../catalog/locate.js'),
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
  for (const reference of references) {
    const exported = options.collections && (await exportAt(reference, store, options.collections))
    if (exported) {
      const kept = exported.collections.filter((name) => !isExcluded(name))
      for (const collection of kept) {
        const known = `${exported.native.path}#${collection}`
        chosen.push({collection, isPath: false, name: known, reference: known})
      }

      continue
    }

    if (options.collections?.length)
      throw new DataOpsError('INVALID_INPUT', `"${reference}" is no export: a backup holds one collection.`, {
        hint: 'Leave out --collection.',
      })

    const {places, ...others} = await locateBackups(reference, store)
    tellOf(warningsOf(others, isExcluded), options)
    for (const {listed, name, store: place} of places) {
      const collection = listed?.collection ?? names.parseBackupName(name)?.collection
      if (isExcluded(collection)) continue
      const isTold = places.length > 1 || isPlural(reference) || others.passedOver.length > 0
      const known = isTold ? place.describe(name) : reference
      if (chosen.some((other) => other.reference === known)) continue
      chosen.push({collection, isPath: listed === undefined, name, reference: known})
    }
  }

  const older = new Set(
    chosen.filter((one) => one.isPath && chosen.some((other) => other.isPath && isOlder(one, other, names))),
  )
  if (older.size > 0) {
    const first = [...older].slice(0, 3).map(({reference}) => reference)
    const message = `Of each collection the newest is taken; ${plural(older.size, 'older one')} left out: ${first.join(', ')}.`
    options.onWarning({message})
  }

  if (chosen.length === 0) throw new DataOpsError('NOT_A_BACKUP', 'Every backup that was named is excluded.')
  return {
    isSeveral: Math.max(references.length, chosen.length) > 1 || references.some((reference) => isPlural(reference)),
    references: chosen.filter((one) => !older.has(one)).map(({reference}) => reference),
  }
}

function tellOf(warnings: readonly Warning[], {onWarning}: Pick<ChooseOptions, 'onWarning'>): void {
  for (const warning of warnings) onWarning(warning)
  if (warnings.some(({code}) => code === 'backup-not-read')) exitAtLeast(3)
}

interface Chosen {
  collection?: string
  isPath: boolean
  name: string
  reference: string
}

/** By its name, of two of the same collection. */
function isOlder(
  one: Chosen,
  other: Chosen,
  {isHiddenName, parseBackupName}: Pick<typeof Names, 'isHiddenName' | 'parseBackupName'>,
): boolean {
  const [mine, theirs] = [parseBackupName(one.name), parseBackupName(other.name)]
  if (!mine || !theirs) return false
  if (mine.collection !== theirs.collection || isHiddenName(one.name)) return false
  const [a, b] = [mine.startedAt.getTime(), theirs.startedAt.getTime()]
  return a < b || (a === b && mine.attempt < theirs.attempt)
}
