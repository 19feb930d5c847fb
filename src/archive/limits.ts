/** What a head and a seal may be, for reader and writer alike: what one writes the other takes. */
import {utf8} from '../codec/bytes.js'
import {type BackupHead, type BackupSeal, documentHead, sealLine} from '../codec/document.js'
import {DataOpsError} from '../model/errors.js'
import {MalformedError} from '../model/fields.js'
import {sha256Hex} from '../platform/node.js'
import {decodeJson, MAX_LINE, MAX_SEAL, SEAL_VALUES} from './document-source.js'

/** Bytes that the seal needs for a tenant at most, beside its name. */
const TENANT_BYTES = 128

/**
 * Before any object is read: whether a backup with this head could be read again.
 * @throws DataOpsError INVALID_INPUT when its schema is nested too deeply, or it has too many tenants.
 */
export function checkHead(head: BackupHead): void {
  const refuse = (reason: string): DataOpsError =>
    new DataOpsError('INVALID_INPUT', `"${head.schema.class}" cannot be backed up: ${reason}.`, {
      hint: 'Back up its tenants in several backups, some in each, with `tenants`; a schema has to be simpler.',
    })
  const line = utf8(documentHead(head))
  if (line.length > MAX_LINE) throw refuse(`its schema and tenants have ${line.length} bytes, of ${MAX_LINE} at most`)
  let sealBytes = 0
  for (const {name} of head.metadata.tenants ?? []) sealBytes += TENANT_BYTES + utf8(JSON.stringify(name)).length
  if (sealBytes > MAX_SEAL) throw refuse(`its ${head.metadata.tenants?.length} tenants are too many for one seal`)
  try {
    decodeJson(line)
  } catch (error) {
    if (error instanceof MalformedError) throw refuse(error.message)
    throw error
  }
}

/** The line that a seal is written as, and the seal with the checksum that it has. @throws DataOpsError INVALID_INPUT when too many objects changed while the backup ran. */
export function sealedLine(seal: Omit<BackupSeal, 'checksum'>, where: string): {line: Uint8Array; sealed: BackupSeal} {
  const text = sealLine(seal, sha256Hex)
  const line = utf8(text)
  try {
    decodeJson(line, SEAL_VALUES)
    if (line.length <= MAX_SEAL) return {line, sealed: {...seal, checksum: text.slice(-68, -4)}}
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
  }

  throw new DataOpsError('INVALID_INPUT', `The seal of ${where} would be too long to be read again.`, {
    details: {bytes: line.length},
    hint: 'Too many objects changed while the backup ran: back up when less is written, or some tenants at a time.',
  })
}
