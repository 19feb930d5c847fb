/** The document that makes a folder a backup: what it holds, and the seal of it. */

import {concatBytes, utf8} from '../codec/bytes.js'
import {type BackupHead, type BackupSeal, documentHead, documentTail, type SealedPart} from '../codec/document.js'
import {sha256Hex} from '../platform/node.js'
import {sealedLine} from './limits.js'
import {sealedFacts, type SealSummary} from './writer.js'

export interface FolderToSeal {
  head: BackupHead
  /** `bytes`: of the parts. */
  held: {bytes: number; parts: SealedPart[]; rows: number}
  /** For messages. */
  where: string
}

/** `metadata`: the whole of `metadata.json`. `schema`: of `schema.json`. @throws DataOpsError INVALID_INPUT when it could not be read back. */
export function sealFolder(
  summary: SealSummary,
  {head, held, where}: FolderToSeal,
): {metadata: Uint8Array; schema: Uint8Array; seal: BackupSeal} {
  const schema = schemaFile(head)
  const document = utf8(documentHead(head) + documentTail(summary.objectCount))
  const seal = {
    ...sealedFacts(summary),
    parts: held.parts,
    amendments: summary.amendments,
    schema_sha256: sha256Hex(schema),
    statistics: {
      ...summary.statistics,
      bytes: held.bytes + schema.length + document.length,
      rows: held.rows,
    },
    document: {bytes: document.length, sha256: sha256Hex(document)},
  }
  const {line, sealed} = sealedLine(seal, where)
  return {metadata: concatBytes([document, line]), schema, seal: sealed}
}

/** What `schema.json` holds. */
export function schemaFile({schema}: BackupHead): Uint8Array {
  return utf8(`${JSON.stringify(schema, null, 2)}\n`)
}
