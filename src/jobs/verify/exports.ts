/** The server's own exports, which have no seal: what can be said of them all the same. */
import type {Problem} from '../../archive/problem.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {BackupVerification, CollectionComparison, VerifyBackupOptions} from './options.js'

import {NativeExport} from '../../archive/native/export.js'
import {ExportSource} from '../../archive/native/source.js'
import {collectionsOf, type ExportPlace, locateExport, oneCollectionOf} from '../../catalog/exports.js'
import {DataOpsError} from '../../model/errors.js'
import {damageSaid} from '../../store/damaged.js'
import {givenSchemas, leftOutOf, schemaOf} from '../schema-from.js'
import {compareCollection, type CompareCollectionOptions} from './compare.js'

type Verified = Omit<BackupVerification, 'quick' | 'seconds'>

/** Undefined where no export lies. @throws DataOpsError NOT_A_BACKUP when it has no such collection; STORAGE; INTERRUPTED. */
export async function verifyExport(
  reference: string,
  store: Store,
  options: VerifyBackupOptions,
): Promise<undefined | Verified> {
  const place = await locateExport(reference, store)
  if (!place) return undefined
  const path = place.store.describe(place.name)
  let native: NativeExport
  try {
    native = await NativeExport.open(place.store, place.name)
  } catch (error) {
    return {bytes: await bytesOf(place), id: place.name, path, problems: [problemOf(error, path)], warnings: []}
  }

  const problems: Problem[] = []
  let objectCount = 0
  let bytes = 0
  for (const name of collectionsOf(native, place)) {
    const source = new ExportSource(native, name)
    objectCount += source.objectCount
    bytes += source.files.bytes
    try {
      await readThrough(source, options)
    } catch (error) {
      problems.push(problemOf(error, source.path))
    }
  }

  return {bytes, id: native.facts.id, objectCount, path, problems, warnings: warningsOf(native, place)}
}

async function readThrough(source: ExportSource, {onProgress, quick, signal}: VerifyBackupOptions): Promise<void> {
  await source.assertWhole({onProgress, signal})
  if (quick) return
  let completed = 0
  for await (const {objects} of source.pages({signal})) {
    completed += objects.length
    const {name: collection} = source.files.collection
    onProgress?.({collection, completed, stage: 'verify', total: source.objectCount})
  }
}

/** What is damaged is a problem; everything else is an error. */
function problemOf(error: unknown, path: string): Problem {
  if (!(error instanceof DataOpsError && error.code === 'BACKUP_DAMAGED')) throw error
  const file = typeof error.details.path === 'string' ? error.details.path : path
  return {file, message: damageSaid(file, error)}
}

function warningsOf(native: NativeExport, place: ExportPlace): string[] {
  return collectionsOf(native, place).flatMap((name) =>
    native
      .collection(name)
      .shards.filter(({skipped}) => skipped !== undefined && skipped !== 'no data')
      .map(({name: shard, skipped}) => `${shard} of "${name}" is not in it: ${skipped}.`),
  )
}

async function bytesOf({name, store}: ExportPlace): Promise<number> {
  return (await store.list(name)).reduce((sum, {bytes}) => sum + bytes, 0)
}

/** What nobody knows of an export by itself, in words. */
const NO_SCHEMA = 'the schema: an export holds none'

/**
 * A live collection beside the one of an export that is named, has its name, or is the only one. Its schema is compared with the one that is given;
 * without, nobody knows whether it is what it was.
 */
export async function compareExport(
  connection: Connection,
  {place, schemaFrom = [], store}: {place: ExportPlace; schemaFrom?: readonly string[]; store: Store},
  {schema, ...options}: CompareCollectionOptions & {schema: WeaviateClass},
): Promise<CollectionComparison> {
  const native = await NativeExport.open(place.store, place.name)
  const collection = oneCollectionOf(native, place, schema.class)
  const given = await givenSchemas(schemaFrom, connection, store)
  const lacking = schemaOf(given, collection, {only: true})
  for (const warning of leftOutOf(given, collection)) options.onWarning?.(warning)
  if (!lacking && given.schemas.length > 0) {
    throw new DataOpsError('INVALID_INPUT', `None of the schemas that were given is of "${collection}".`, {
      details: {collection},
      hint: 'Name a backup, a file with the schema, or a live collection with `schemaFrom`.',
    })
  }

  const source = new ExportSource(native, collection, lacking ?? {schema})
  await source.assertWhole({onProgress: options.onProgress, signal: options.signal})
  if (lacking) return compareCollection(connection, source, options)
  options.onWarning?.({
    code: 'schema-not-compared',
    message: `An export holds no schema: only the objects of "${schema.class}" are compared.`,
  })
  const compared = await compareCollection(connection, source, options)
  return {...compared, equal: false, notCompared: [...(compared.notCompared ?? []), NO_SCHEMA]}
}
