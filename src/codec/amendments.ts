/** Which rows of a backup are void: those of an object that was read again, before its last amendment. */
import {DataOpsError} from '../model/errors.js'
import {objectKey, type WeaviateObject} from '../model/object.js'

/** The row of the last amendment of each object. Takes what stands in a file: anything. @throws DataOpsError BACKUP_DAMAGED. */
export function voidedRows(amendments: unknown): Map<string, number> {
  const rows = new Map<string, number>()
  if (!Array.isArray(amendments)) throw new DataOpsError('BACKUP_DAMAGED', 'The amendments of the seal are no list.')
  for (const amendment of amendments as unknown[]) {
    const [tenant, id, row] = Array.isArray(amendment) ? (amendment as unknown[]) : []
    if ((tenant !== null && typeof tenant !== 'string') || typeof id !== 'string' || typeof row !== 'number') {
      throw new DataOpsError('BACKUP_DAMAGED', 'An amendment of the seal is malformed.')
    }

    const key = objectKey(tenant ?? undefined, id)
    rows.set(key, Math.max(row, rows.get(key) ?? 0))
  }

  return rows
}

export function isVoid(voided: ReadonlyMap<string, number>, object: WeaviateObject, row: number): boolean {
  return row < (voided.get(objectKey(object.tenant, object.id)) ?? 0)
}
