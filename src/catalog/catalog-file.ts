/** `.backup_catalog.json` itself: read with care, replaced as a whole and only as the one that was read. */
import type {Store} from '../store/store.js'

import {decodeJson} from '../archive/document-source.js'
import {CATALOG_FILE, damagedCatalogName} from '../archive/names.js'
import {utf8} from '../codec/bytes.js'
import {DataOpsError} from '../model/errors.js'
import {Field, MalformedError} from '../model/fields.js'
import {copyObject} from '../store/copy.js'
import {refused} from '../store/damaged.js'
import {readAll} from '../store/read-all.js'
import {type CatalogEntry, readEntry} from './entry.js'
import {newestFirst} from './retention.js'

/** Bytes of a catalog at most: some hundred thousand entries. */
const MAX_CATALOG = 64 * 1024 * 1024

/** What `tagOfCatalog` says when there is none. */
export type CatalogTag = string | undefined

/** Of the catalog as it is now, damaged or not; undefined when there is none. */
export async function tagOfCatalog(store: Store): Promise<CatalogTag> {
  return (await store.stat(CATALOG_FILE, 'file'))?.tag
}

/** @throws MalformedError when the file is not a catalog. */
export async function readCatalog(store: Store): Promise<CatalogEntry[]> {
  const found = await store.stat(CATALOG_FILE, 'file')
  if (!found) return []
  if (found.kind !== 'file' || found.bytes > MAX_CATALOG) throw new MalformedError('the catalog', 'is no catalog file')
  const bytes = await readAll(store, CATALOG_FILE)
  let value: unknown
  try {
    value = JSON.parse(decodeJson(bytes))
  } catch (error) {
    if (error instanceof SyntaxError) throw new MalformedError('the catalog', 'is no JSON')
    throw error
  }

  return new Field(value, 'catalog').listOf(readEntry)
}

/** False when the catalog is not the one of that tag any more, and nothing was written. */
export async function writeCatalog(store: Store, entries: readonly CatalogEntry[], tag: CatalogTag): Promise<boolean> {
  const text = `${JSON.stringify(entries.toSorted(newestFirst), null, 2)}\n`
  const condition = tag === undefined ? {ifAbsent: true as const} : {ifMatch: tag}
  return (await store.put(CATALOG_FILE, utf8(text), condition)) !== undefined
}

/** Of a change that was tried again and again. */
export function catalogChanged(store: Store): DataOpsError {
  return new DataOpsError('STORAGE', `${store.describe(CATALOG_FILE)} was changed by another process.`, {
    hint: 'Try again.',
    retryable: true,
  })
}

/** Of what has changed a backup and could not enter it: the error alone would say that nothing was done. */
export function notEntered(error: DataOpsError): DataOpsError {
  const done = 'The backup itself is changed, and only its entry is not: `BackupCatalog.reindex` makes that anew.'
  return error.with({details: {changed: true}, hint: error.hint === undefined ? done : `${done} ${error.hint}`})
}

/** Names that are tried, of one second. */
const MAX_DAMAGED = 100

/** Keeps a copy of a catalog that cannot be read, before it is replaced. Returns where. @throws DataOpsError STORAGE. */
export async function keepDamaged(store: Store): Promise<string> {
  const now = new Date()
  for (let attempt = 1; attempt <= MAX_DAMAGED; attempt++) {
    const name = damagedCatalogName(now, attempt)
    if (await copyObject({key: CATALOG_FILE, store}, {key: name, store})) return store.describe(name)
  }

  const hint = 'Move it elsewhere, then have the catalog made anew with `BackupCatalog.reindex`.'
  const reason = 'is damaged, and no copy of it can be kept: each name is taken'
  throw refused(store.describe(CATALOG_FILE), reason, hint)
}
