/** What a drop leaves behind it: the marker, and whatever stands in the collection's place while there is one. */
import type {BackupHead} from '../../codec/document.js'
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'

import {openArchive} from '../../catalog/locate.js'
import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {compareSchemas} from '../../model/schema-compare.js'
import {isReference, type WeaviateClass} from '../../model/schema.js'
import {Checkpoint} from '../restore/checkpoint.js'
import {type LeftDropMarker} from './drop-marker.js'

/** What was lost of a collection, as far as it is named in a sentence. */
const LOST_NAMED = 5

/** `gone`: nothing is there. `begun`: made from the marker's backup, not yet all of it. `restored`: all of it. `foreign`: something else. */
export type Successor = 'begun' | 'foreign' | 'gone' | 'restored'

/** What has become of a collection since it was dropped. @throws DataOpsError when the marker's backup cannot be read. */
export async function successorOf(
  connection: Connection,
  store: Store,
  name: string,
  marker: LeftDropMarker,
): Promise<{live?: WeaviateClass; lost?: Warning; state: Successor}> {
  const live = await connection.getCollection(name)
  if (!live) return {state: 'gone'}
  const {archive, store: files} = await openArchive(store.describe(marker.backup), store)
  const {schema} = archive.head
  // Another's marker, as where names in two cases are one file.
  if (schema.class !== name) throw notOf(store, name, marker, schema.class)
  const differences = compareSchemas(schema, live, {ignoreName: true})
  const isBegun = await Checkpoint.exists(files, marker.backup, {server: marker.server, target: name})
  // What has everything has got the rest since.
  const hasAll = differences.every(({backup}) => backup === undefined)
  if (!isBegun && hasAll) {
    const lost = await lostOf(connection, archive.head, live)
    return {
      live,
      ...(lost.length > 0 && {lost: droppedAndLost(name, store.describe(marker.backup), lost)}),
      state: 'restored',
    }
  }

  if (!isBegun) return {live, state: 'foreign'}
  // What creating a collection adds only afterwards.
  const references = new Set(
    (schema.properties ?? []).filter((property) => isReference(property)).map((each) => each.name),
  )
  const isPutOff = (path: string, there: unknown): boolean => {
    const [top, member = '', ...rest] = path.split('.')
    if (there !== undefined || rest.length > 0) return false
    return top === 'vectorConfig' || (top === 'properties' && references.has(member))
  }

  return {live, state: differences.every((each) => isPutOff(each.path, each.live)) ? 'begun' : 'foreign'}
}

/** Tenants and aliases that are not there again: somebody else has made the collection, or has removed them since. */
async function lostOf(connection: Connection, {metadata}: BackupHead, {class: name}: WeaviateClass): Promise<string[]> {
  const {aliases = [], tenants = []} = metadata
  const tenantsNow = new Set(tenants.length > 0 ? (await connection.listTenants(name)).map((each) => each.name) : [])
  const aliasesNow = new Set(aliases.length > 0 ? (await connection.listAliases()).map(({alias}) => alias) : [])
  return [
    ...tenants.filter((each) => !tenantsNow.has(each.name)).map((each) => `tenant ${each.name}`),
    ...aliases.filter((alias) => !aliasesNow.has(alias)).map((alias) => `alias ${alias}`),
  ]
}

/** Nothing is made again that somebody may have removed on purpose. */
function droppedAndLost(name: string, path: string, lost: readonly string[]): Warning {
  const more = lost.length > LOST_NAMED ? ` and ${lost.length - LOST_NAMED} more` : ''
  return {
    code: 'dropped-and-lost',
    details: {lost, path},
    message: `"${name}" had been dropped by an interrupted clear and is there again without ${lost.slice(0, LOST_NAMED).join(', ')}${more}: ${path} has them.`,
  }
}

/** The collection was dropped, and somebody else's stands in its place with objects that no backup has. */
export function takenByOthers(store: Store, name: string, marker: LeftDropMarker, objects: number): DataOpsError {
  return new DataOpsError(
    'COLLECTION_EXISTS',
    `"${name}" was dropped to be made again, but meanwhile another program has made it with another schema, and written ${plural(objects, 'object')} that no backup has: nothing of it was deleted.`,
    {
      details: {collection: name, objects, schema: store.describe(marker.backup)},
      hint: `Stop that program and run the same clear with \`backupFirst: true\`: it saves those objects and puts the schema back. If "${name}" is as it should be, remove ${marker.file}.`,
    },
  )
}

function notOf(store: Store, name: string, marker: LeftDropMarker, other: string): DataOpsError {
  const {file: path} = marker
  return new DataOpsError(
    'CHECKPOINT',
    `${path} says that "${name}" was dropped, and names a backup of "${other}": nothing was deleted.`,
    {
      details: {backup: store.describe(marker.backup), collection: name, path},
      hint: `Finish the clear of "${other}" first, or remove the file once both collections are as they should be.`,
    },
  )
}
