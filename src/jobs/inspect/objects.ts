/** Objects of a backup, one or the first ones, without a server. */
import type {Archive} from '../../archive/reader.js'
import type {WeaviateObject} from '../../model/object.js'

import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant} from '../../model/schema.js'
import {tenantsNotThere} from '../../model/tenant.js'

export interface FirstObjectsOptions {
  /** Objects at most; default 10. */
  limit?: number
  signal?: AbortSignal
  tenant?: string
}

/** Objects read for the first ones are few: pages of this many bytes. */
const SMALL_PAGE = 256 * 1024

/** One that is not in the backup has no objects there, but nobody may take that for a tenant without. @throws DataOpsError INVALID_INPUT. */
function checkTenant({head, seal}: Archive, tenant: string | undefined): void {
  if (tenant === undefined) return
  const {metadata, schema} = head
  const refuse = (message: string, hint: string, details: Record<string, unknown> = {}): never => {
    throw new DataOpsError('INVALID_INPUT', message, {details: {tenant, ...details}, hint})
  }

  if (!isMultiTenant(schema)) refuse(`The backup of "${metadata.collection}" has no tenants.`, 'Leave the tenant out.')
  const reason = seal?.tenants?.find(({name}) => name === tenant)?.skipped
  if (reason !== undefined)
    refuse(`The tenant "${tenant}" is not in the backup: ${reason}.`, 'Look for a backup that has it.')
  const names = metadata.tenants?.map(({name}) => name)
  if (!names || names.includes(tenant)) return
  const {details, hint} = tenantsNotThere([tenant], names, 'It')
  refuse(`The backup has no tenant "${tenant}".`, hint, details)
}

/** The first objects in the backup's own order. @throws DataOpsError INVALID_INPUT for a tenant that it does not have; BACKUP_DAMAGED when one of them cannot be read. */
export async function firstObjects(archive: Archive, options: FirstObjectsOptions = {}): Promise<WeaviateObject[]> {
  const {limit = 10, signal, tenant} = options
  checkTenant(archive, tenant)
  const found: WeaviateObject[] = []
  if (limit <= 0) return found
  for await (const {objects} of archive.pages({pageBytes: SMALL_PAGE, signal})) {
    for (const object of objects) {
      if (tenant !== undefined && object.tenant !== tenant) continue
      found.push(object)
      if (found.length >= limit) return found
    }
  }

  return found
}

/**
 * The object of an id; undefined when the backup has none. Ids are read first, then the one row.
 * @throws DataOpsError INVALID_INPUT when several tenants have it and none is named, or for a tenant that it does not have; BACKUP_DAMAGED.
 */
export async function findObject(
  archive: Archive,
  id: string,
  {signal, tenant}: Omit<FirstObjectsOptions, 'limit'> = {},
): Promise<undefined | WeaviateObject> {
  checkTenant(archive, tenant)
  const wanted = id.toLowerCase()
  const places: Array<{row: number; tenant?: string}> = []
  for await (const {objects, rows} of archive.pages({columns: 'ids', signal})) {
    for (const [index, object] of objects.entries()) {
      if (object.id === wanted && (tenant === undefined || object.tenant === tenant))
        places.push({row: rows[index] ?? 0, tenant: object.tenant})
    }
  }

  const [place] = places
  if (!place) return undefined
  if (places.length > 1) {
    const tenants = places.map((each) => each.tenant ?? '')
    throw new DataOpsError('INVALID_INPUT', `${places.length} tenants have an object ${wanted}.`, {
      details: {tenants},
      hint: `Name one with \`tenants\`: ${tenants.slice(0, 5).join(', ')}.`,
    })
  }

  const pages = archive.pages({fromRow: place.row, pageBytes: SMALL_PAGE, signal})
  const {value} = await pages.next()
  await pages.return()
  return value?.objects[0]
}
