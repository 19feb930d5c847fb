/** Exports that the server has made, by where they lie: a folder or URL, and behind a `#` the collection that is meant. */
import type {Store} from '../store/store.js'

import {type NativeExport} from '../archive/native/export.js'
import {isExportAt} from '../archive/native/metadata.js'
import {DataOpsError} from '../model/errors.js'
import {matchesPattern} from '../model/pattern.js'
import {isCloudPlace, isRootedPlace, rootedPlace} from '../store/place.js'
import {placeAt} from './place-at.js'

export interface ExportPlace {
  /** The one of its collections that was named. */
  collection?: string
  name: string
  store: Store
}

/** Undefined when none lies there, whole or not. */
export async function locateExport(reference: string, store: Store): Promise<ExportPlace | undefined> {
  const [, folder, collection] = /^(.+)#([A-Z]\w*)$/.exec(reference) ?? []
  if (folder === undefined || collection === undefined) return exportAt(reference, store)
  // A folder may be called so, a URL may not.
  const whole = isCloudPlace(reference) ? undefined : await exportAt(reference, store)
  if (whole) return whole
  const found = await exportAt(folder, store)
  return found && {...found, collection}
}

async function exportAt(reference: string, store: Store): Promise<ExportPlace | undefined> {
  const place = reference.replace(/(?<=[^/])\/+$/, '')
  for (const isRooted of isRootedPlace(place) ? [true, false] : [false]) {
    const found = await placeAt(place, store, {isRooted})
    if (found && (await isExportAt(found.store, found.name))) return {name: found.name, store: found.store}
  }

  return undefined
}

/**
 * As `locateExport`, of what a server says of its own export: where EXPORT_DEFAULT_PATH begins with a slash, so do its keys in a bucket
 * (1.39), and the URL that it tells is without.
 */
export async function locateServerExport(said: string, store: Store): Promise<ExportPlace | undefined> {
  const found = await locateExport(said, store)
  if (found || !isCloudPlace(said)) return found
  return locateExport(rootedPlace(said), store)
}

/**
 * The collections of an export that patterns name; without any the one of the reference, or all.
 * @throws DataOpsError NOT_A_BACKUP when it has none such.
 */
export function collectionsOf(native: NativeExport, place: ExportPlace, patterns: readonly string[] = []): string[] {
  const {collections} = native
  if (patterns.length === 0)
    return place.collection === undefined ? collections : [native.collection(place.collection).name]
  const chosen = new Set<string>()
  for (const pattern of patterns) {
    const matching = collections.filter((name) => matchesPattern(name, pattern))
    // Whose sentence says which there are.
    if (matching.length === 0) native.collection(pattern)
    for (const name of matching) chosen.add(name)
  }

  return [...chosen]
}

/**
 * The one collection that is meant: that of the reference, or the only one, or the one of that name.
 * @throws DataOpsError INVALID_INPUT when it cannot be said which.
 */
export function oneCollectionOf(native: NativeExport, place: ExportPlace, name?: string): string {
  const all = collectionsOf(native, place)
  const [only] = all
  if (only !== undefined && all.length === 1) return only
  if (name !== undefined && all.includes(name)) return name
  throw new DataOpsError(
    'INVALID_INPUT',
    `The export ${native.path} has ${all.length} collections, and one is needed.`,
    {
      details: {collections: all},
      hint: `Name one behind a #: ${native.path}#${all[0] ?? 'Article'}.`,
    },
  )
}
