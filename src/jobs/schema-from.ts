/** Where the schema is from of what has none: backups, files, live collections. */
import {readFile} from 'node:fs/promises'

import type {Lacking} from '../archive/native/source.js'
import type {Warning} from '../model/progress.js'
import type {Store} from '../store/store.js'
import type {Connection} from '../weaviate/connection.js'

import {isCollectionName, parseBackupName} from '../archive/names.js'
import {readSchema} from '../archive/sealed-fields.js'
import {locateBackups, openArchive, warningsOf} from '../catalog/locate.js'
import {DataOpsError} from '../model/errors.js'
import {Field, MalformedError} from '../model/fields.js'
import {isJsonObject} from '../model/object.js'
import {isMultiTenant, type WeaviateClass} from '../model/schema.js'
import {nameOf} from '../store/key.js'
import {isAbsent} from '../store/storage-error.js'

/** Schemas that were given, and what was left out where that may have been another: newer backups, and such as could not be looked at. */
export interface GivenSchemas {
  leftOut: Warning[]
  schemas: Lacking[]
}

/** For collections that have none. @throws DataOpsError INVALID_INPUT when one leads nowhere, or to something else. */
export async function givenSchemas(
  references: readonly string[],
  connection: Connection,
  store: Store,
): Promise<GivenSchemas> {
  const all: GivenSchemas = {leftOut: [], schemas: []}
  for (const reference of references) {
    const {leftOut, schemas} = await schemasOf(reference, connection, store)
    all.leftOut.push(...leftOut)
    all.schemas.push(...schemas)
  }

  return all
}

/** What was left out that may be of this collection. */
export function leftOutOf({leftOut}: GivenSchemas, collection: string): Warning[] {
  return leftOut.filter(({details}) => {
    const path = details?.path
    const name = typeof path === 'string' ? nameOf(path) : ''
    return (parseBackupName(name)?.collection ?? collection) === collection
  })
}

/**
 * That of a collection: the one of its name, or the only one for the `only` collection there is: not where another could not be looked at.
 * @throws DataOpsError INVALID_INPUT.
 */
export function schemaOf(
  {leftOut, schemas}: GivenSchemas,
  collection: string,
  {only}: {only: boolean},
): Lacking | undefined {
  const named = schemas.filter(({schema}) => schema.class === collection)
  const isOnly = only && schemas.length === 1 && leftOut.every(({code}) => code !== 'backup-not-read')
  const [first = isOnly ? schemas[0] : undefined, second] = named
  if (!second) return first
  throw new DataOpsError('INVALID_INPUT', `Two schemas of "${collection}" were given.`, {
    hint: 'Give one of them with `schemaFrom`.',
  })
}

async function schemasOf(reference: string, connection: Connection, store: Store): Promise<GivenSchemas> {
  const inFile = await schemasInFile(reference)
  if (inFile) return {leftOut: [], schemas: inFile.map((schema) => ({schema}))}
  const live = isCollectionName(reference) ? await liveSchema(reference, connection) : undefined
  if (live) return {leftOut: [], schemas: [live]}
  try {
    const {places, ...others} = await locateBackups(reference, store)
    const schemas: Lacking[] = []
    for (const {listed, name, store: place} of places) {
      const {archive} = await openArchive(listed ? name : reference, listed ? place : store)
      const {metadata, schema} = archive.head
      schemas.push({aliases: metadata.aliases, schema, tenants: metadata.tenants})
    }

    return {leftOut: warningsOf(others), schemas}
  } catch (error) {
    if (!(error instanceof DataOpsError && error.code === 'NOT_A_BACKUP')) throw error
    throw new DataOpsError('INVALID_INPUT', `There is no schema at "${reference}": ${error.message}`, {
      cause: error,
      details: error.details,
      hint: `Name a backup, a file with a schema, or a collection of the server.${error.details.unread && error.hint ? ` ${error.hint}` : ''}`,
    })
  }
}

/** Of a collection that is there. */
export async function liveSchema(name: string, connection: Connection): Promise<Lacking | undefined> {
  const schema = await connection.getCollection(name)
  if (!schema) return undefined
  return {schema, ...(isMultiTenant(schema) && {tenants: await connection.listTenants(name)})}
}

/** A class, or all of a server (`/v1/schema`); undefined for what is no file of that kind, a backup's document among them. */
async function schemasInFile(file: string): Promise<undefined | WeaviateClass[]> {
  let text: string
  try {
    if (!/\.json$/i.test(file)) return undefined
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw new DataOpsError('STORAGE', `Cannot read ${file}.`, {cause: error, details: {path: file}})
  }

  const value = parsed(text)
  if (!isJsonObject(value) && !Array.isArray(value)) return undefined
  const classes = Array.isArray(value) ? value : (value.classes ?? (value.class === undefined ? undefined : [value]))
  if (!Array.isArray(classes)) return undefined
  try {
    return classes.map((item, index) => readSchema(new Field(item, `classes[${index}]`)))
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    throw new DataOpsError('INVALID_INPUT', `${file} is no schema: ${error.message}.`, {
      cause: error,
      hint: 'A schema is what /v1/schema answers, or one of its classes.',
    })
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
