/** The server's own exports as sources of a restore: each of their collections, with the schema that they lack. */
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {OpenedSource, SourceToRestore} from './job.js'
import type {RestoreRunOptions} from './options.js'

import {NativeExport} from '../../archive/native/export.js'
import {ExportSource, type Lacking} from '../../archive/native/source.js'
import {collectionsOf, locateExport} from '../../catalog/exports.js'
import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant} from '../../model/schema.js'
import {vectorizersOf} from '../../model/vectorizers.js'
import {givenSchemas, leftOutOf, liveSchema, schemaOf} from '../schema-from.js'

/** How a restore opens what it was named. */
export interface ToOpen {
  connection: Connection
  /** Nothing else is restored in this run. */
  isOnly: boolean
  options: RestoreRunOptions
  store: Store
}

/**
 * The collections of the export that a reference leads to; undefined when none lies there.
 * @throws DataOpsError INVALID_INPUT, BACKUP_DAMAGED.
 */
export async function exportsToRestore(
  reference: string,
  {connection, isOnly, options, store}: ToOpen,
): Promise<SourceToRestore[] | undefined> {
  const place = await locateExport(reference, store)
  if (!place) {
    if (options.collections?.length) {
      throw new DataOpsError('INVALID_INPUT', `"${reference}" is no export: a backup holds one collection.`, {
        hint: 'Leave out `collections`.',
      })
    }

    // Of several, another may be one.
    if (!isOnly || !options.schemaFrom?.length) return undefined
    throw new DataOpsError('INVALID_INPUT', `"${reference}" is no export: a backup holds its schema.`, {
      hint: 'Leave out `schemaFrom`; `overrides` changes the schema.',
    })
  }

  if (options.acceptChanged) {
    throw new DataOpsError('INVALID_INPUT', 'An export that the server has made cannot be accepted as changed.', {
      hint: 'It has no seal: leave out `acceptChanged`, and what can be said of it is checked.',
    })
  }

  const native = await NativeExport.open(place.store, place.name)
  const chosen = collectionsOf(native, place, options.collections)
  if (options.name !== undefined && chosen.length > 1) {
    throw new DataOpsError('INVALID_INPUT', 'One name cannot be given to several collections.', {
      details: {collections: chosen},
      hint: 'Choose one of them with `collections`, or leave out `name`.',
    })
  }

  const given = await givenSchemas(options.schemaFrom ?? [], connection, store)
  return chosen.map((collection) => ({
    backup: `${native.path}#${collection}`,
    async open() {
      const leftOut = leftOutOf(given, collection)
      const lacking =
        schemaOf(given, collection, {only: isOnly && chosen.length === 1}) ??
        (await ofTarget(collection, connection, {leftOut, options}))
      const {warnings = [], ...opened} = await open(native, collection, lacking, options)
      return {...opened, store: place.store, warnings: [...leftOut, ...warnings]}
    },
  }))
}

async function open(
  native: NativeExport,
  collection: string,
  lacking: Lacking,
  options: RestoreRunOptions,
): Promise<Omit<OpenedSource, 'store'>> {
  const source = new ExportSource(native, collection, lacking)
  const {allowVectorization, onProgress, signal, skipData} = options
  // What the server would have to vectorize is told before anything is created.
  if (!skipData && !allowVectorization && vectorizersOf(lacking.schema).length > 0)
    await source.survey({onProgress, signal})
  if (!isMultiTenant(lacking.schema) || lacking.tenants !== undefined) return {source}
  const warning = {
    code: 'tenant-states-unknown',
    details: {collection},
    message: `The export does not say which tenants of "${collection}" were inactive: all that are in it become active.`,
  }
  return {source, warnings: [warning]}
}

/** Of the collection that is there, in a merge. @throws DataOpsError INVALID_INPUT. */
async function ofTarget(
  collection: string,
  connection: Connection,
  {leftOut, options}: {leftOut: readonly Warning[]; options: RestoreRunOptions},
): Promise<Lacking> {
  const lacking = options.merge ? await liveSchema(options.name ?? collection, connection) : undefined
  if (lacking) return lacking
  throw new DataOpsError('INVALID_INPUT', `The export holds no schema, and none was given for "${collection}".`, {
    details: {collection, ...(leftOut.length > 0 && {leftOut: leftOut.map(({details}) => details)})},
    hint: [
      'Name a backup, a file with the schema, or a live collection with `schemaFrom`; with `merge` the collection that is there has it.',
      ...leftOut.map(({message}) => message),
    ].join(' '),
  })
}
