/** The head, tail and seal of a backup's document (docs/format.md, "The document"): one definition for writer and reader. */
import type {JsonObject} from '../model/object.js'
import type {WeaviateClass} from '../model/schema.js'
import type {TenantStatus} from '../model/tenant.js'
import type {BackupFormat, PartColumn} from './codec.js'

import {throwIfOutOfMemory} from '../model/errors.js'

export const FORMAT_VERSION = '1.1'

/** Words that `requires` may hold: a reader must know all of them, or stop. */
const KNOWN_REQUIREMENTS: ReadonlySet<string> = new Set(['export', 'incomplete', 'partial'])

/** What a backup says of itself before its objects: `metadata.json`, or the beginning of its document. */
export interface BackupMetadata {
  [key: string]: unknown
  aliases?: string[]
  backup_id: string
  collection: string
  columns?: PartColumn[]
  /** Where the objects lie, when not in the backup itself. */
  export?: ExportReference
  /** What was promised when the backup began; `seal.guarantee` says what came of it. */
  guarantee?: string
  options: {
    [key: string]: unknown
    batch_size?: number
    compress: boolean
    format: BackupFormat
    include_data: boolean
    tenants?: string[]
  }
  /** Transforms left objects, or members of them, out. */
  partial?: boolean
  /** Id of the backup that took the place of this collection. */
  replaced_by?: string
  /** What a reader must know to understand the backup, in words of KNOWN_REQUIREMENTS. */
  requires?: string[]
  run_id: string
  /** Which server it was taken from (`serverText`). Absent from backups of earlier releases: it is not known. */
  server?: string
  tenants?: Array<{name: string; status: TenantStatus}>
  /** Start, RFC 3339, UTC. */
  timestamp: string
  tool_version: string
  /** What objects, schema and tenants were changed by on the way from the collection, in order. */
  transforms?: JsonObject[]
  version: string
  weaviate_version: string
}

/** `[tenant or null, id, row]`: rows of that object before the global ordinal `row` are void. */
export type Amendment = [tenant: string | null, id: string, row: number]

/** A part of a sealed backup: a file, or a stretch of the document. */
export interface SealedPart {
  /** Bytes. */
  bytes: number
  /** null: the object lines of the document itself. */
  file: string | null
  first_id?: string
  last_id?: string
  /** Rows of the part. */
  rows: number
  sha256: string
}

/** A tenant of a sealed backup. */
export interface SealedTenant {
  digest?: string
  name: string
  /** Absent when its objects are not in the backup. */
  object_count?: number
  /** Why the tenant's objects are not in the backup. */
  skipped?: string
}

/** Counts of a sealed backup, found on the way. */
export interface BackupStatistics {
  /** Bytes of all files but the seal line. */
  bytes: number
  /** Objects with a component that is no finite number. */
  non_finite_vectors: number
  /** Of the others, those without a vector, or without one that a vectorizer of the class makes. */
  objects_without_vector: number
  /** Single references, of all objects. */
  references: number
  /** In all parts, those of objects that were read again included. */
  rows: number
}

/** Where the objects of a backup lie that the server has exported by itself. */
export interface ExportReference {
  /** `s3`, `gcs`, `azure` or `filesystem`. */
  backend: string
  id: string
  /** As the server says it. */
  path: string
  /** Folder or URL that it was read at; null where it could not be read. */
  place: null | string
}

/** What the server counted, and what was read. */
export interface SealedCount {
  /** When the backup ended; null where it could not be counted. */
  after: null | number
  /** When the backup began; null where it was not counted. */
  before: null | number
  /** Objects that the backup holds. */
  read: number
}

/** An object that the server has and that could not be read. */
export interface MissingObject {
  id: string
  reason: string
  tenant?: string
}

/** What is known at the end, and makes a backup one: counts, digests, parts. */
export interface BackupSeal {
  amendments: Amendment[]
  checksum: string
  /** False: objects are missing. Absent from backups of format 1.0, which did not ask. */
  complete?: boolean
  compressed?: {bytes: number; sha256: string}
  counted?: SealedCount
  /** Absent where the objects lie in an export (`metadata.export`) that could not be read when it was sealed. */
  digest?: string
  document: {bytes: number; sha256: string}
  /** RFC 3339, UTC. */
  finished: string
  /** What the backup holds beside what was written while it ran: a fact of its end. */
  guarantee?: string
  /** Objects that are known to be missing, by id, the first MAX_NAMED_MISSING of them. */
  missing?: MissingObject[]
  /** Objects that a restore writes. */
  object_count: number
  parts: SealedPart[]
  /** As `metadata.requires`, of what only the end knows: `incomplete`. */
  requires?: string[]
  /** When a backup that was interrupted was continued, RFC 3339: what had been read was looked at again for changes then. */
  resumed?: string[]
  schema_sha256?: string
  /** Of objects that could not be read (no `digest`): no more than bytes and rows. */
  statistics: Partial<BackupStatistics> & Pick<BackupStatistics, 'bytes' | 'rows'>
  tenants?: SealedTenant[]
}

/** Objects that `seal.missing` names at most. */
export const MAX_NAMED_MISSING = 100

/** The first word of `requires` that this reader does not know. Takes what stands in a file: anything. */
export function unknownRequirement(...holders: unknown[]): string | undefined {
  for (const holder of holders) {
    const requires = (holder as undefined | {requires?: unknown} | null)?.requires
    if (requires === undefined) continue
    const words: unknown[] = Array.isArray(requires) ? requires : [requires]
    const unknown = words.find((word) => typeof word !== 'string' || !KNOWN_REQUIREMENTS.has(word))
    if (unknown !== undefined) return JSON.stringify(unknown).slice(0, 80)
  }

  return undefined
}

/** What stands before the objects: metadata and schema. */
export interface BackupHead {
  metadata: BackupMetadata
  schema: WeaviateClass
}

/** First line of a document, `\n` included. */
export function documentHead(head: BackupHead): string {
  return `{"metadata":${JSON.stringify(head.metadata)},"schema":${JSON.stringify(head.schema)},"objects":[\n`
}

/** The line between the objects and the seal, `\n` included. */
export function documentTail(objectCount: number): string {
  return `],"object_count":${objectCount},\n`
}

/** Everything of the seal line that the checksum covers. */
export function sealText(seal: Omit<BackupSeal, 'checksum'>): string {
  return `"seal":${JSON.stringify(seal).slice(0, -1)}`
}

/** The seal line, `\n` included. `sha256Hex` hashes UTF-8 text. */
export function sealLine(seal: Omit<BackupSeal, 'checksum'>, sha256Hex: (text: string) => string): string {
  const text = sealText(seal)
  return `${text},"checksum":"${sha256Hex(text)}"}}\n`
}

const SEAL_END = /,"checksum":"([0-9a-f]{64})"\}\}\n$/

/** Reads a seal line. Returns undefined when it is not one, or when its checksum does not hold. */
export function parseSealLine(line: string, sha256Hex: (text: string) => string): BackupSeal | undefined {
  const end = SEAL_END.exec(line)
  if (!line.startsWith('"seal":{') || !end) return undefined
  if (sha256Hex(line.slice(0, end.index)) !== end[1]) return undefined
  try {
    return JSON.parse(line.slice('"seal":'.length, -2)) as BackupSeal
  } catch (error) {
    throwIfOutOfMemory(error)
    return undefined
  }
}

/** Reads the first line of a document. @throws SyntaxError when it is not one. */
export function parseDocumentHead(line: string): BackupHead {
  if (!line.startsWith('{"metadata":') || !line.endsWith(',"objects":[\n'))
    throw new SyntaxError('not the head of a backup document')
  return JSON.parse(`${line.slice(0, -',"objects":[\n'.length)}}`) as BackupHead
}
