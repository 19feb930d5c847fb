import type {WeaviateTenant} from '../model/tenant.js'
import type {Connection} from './connection.js'

import {DataOpsError} from '../model/errors.js'
import {nearestNames} from '../model/nearest.js'
import {isMultiTenant, type WeaviateClass} from '../model/schema.js'
import {assertUnknownOverGrpc} from './same-server.js'

export interface ResolvedCollection {
  /** The alias that was given, when it was one. */
  alias?: string
  /** Aliases that point at the collection. */
  aliases: string[]
  schema: WeaviateClass
}

/** The collection of a name, in another case too where only one has it, or the one an alias points at. @throws DataOpsError COLLECTION_MISSING, naming what there is. */
export async function resolveCollection(connection: Connection, name: string): Promise<ResolvedCollection> {
  const aliases = await connection.listAliases()
  const alias = aliases.find((candidate) => candidate.alias === name)
  const schema =
    (await connection.getCollection(alias?.collection ?? name)) ??
    (await inAnotherCase(connection, alias?.collection ?? name))
  if (!schema) throw await collectionMissing(connection, name)
  return {
    ...(alias && {alias: alias.alias}),
    aliases: aliases.filter((candidate) => candidate.collection === schema.class).map((candidate) => candidate.alias),
    schema,
  }
}

/** Not for what deletes: there a name is to be typed as it is. */
async function inAnotherCase(connection: Connection, name: string): Promise<WeaviateClass | undefined> {
  const all = await connection.listCollections()
  const alike = all.filter((schema) => schema.class.toLowerCase() === name.toLowerCase())
  return alike.length === 1 ? connection.getCollection(alike[0]!.class) : undefined
}

/** Undefined in collections without tenants. */
export async function tenantsOf(
  connection: Pick<Connection, 'listTenants'>,
  schema: WeaviateClass,
): Promise<undefined | WeaviateTenant[]> {
  return isMultiTenant(schema) ? connection.listTenants(schema.class) : undefined
}

export async function collectionMissing(connection: Connection, name: string): Promise<DataOpsError> {
  await assertUnknownOverGrpc(connection, name)
  const names = (await connection.listCollections()).map((schema) => schema.class).sort()
  const near = nearestNames(name, names)
  return new DataOpsError('COLLECTION_MISSING', `There is no collection "${name}" at ${connection.describe}.`, {
    details: {collection: name, ...(near.length > 0 && {near})},
    hint: hintOf(names, near),
  })
}

function hintOf(names: readonly string[], near: readonly string[]): string {
  if (names.length === 0) return 'The server has no collections.'
  if (near.length > 0) return `Did you mean ${near.join(', ')}?`
  const shown = names.slice(0, 10).join(', ')
  return `Collections there: ${shown}${names.length > 10 ? `, and ${names.length - 10} more` : ''}.`
}
