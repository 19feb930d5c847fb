/** Minimal backups as docs/format.md has them, on the disk, without the code that writes real ones. */
import {Buffer} from 'node:buffer'
import {createHash, randomUUID} from 'node:crypto'
import {mkdir, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {gzipSync} from 'node:zlib'

import type {BackupFormat} from '../../src/codec/codec.js'
import type {WeaviateClass} from '../../src/model/schema.js'

import {backupName, METADATA_FILE, nextName, partName, SCHEMA_FILE} from '../../src/archive/names.js'
import {
  type BackupMetadata,
  type BackupSeal,
  documentHead,
  documentTail,
  type SealedPart,
  type SealedTenant,
  sealLine,
} from '../../src/codec/document.js'
import {GZIP_HEADER, storedMember} from '../../src/codec/gzip.js'

export interface SealedBackupOptions {
  attempt?: number
  collection?: string
  compress?: boolean
  format?: BackupFormat
  id?: string
  /** Changes the metadata before anything is hashed. */
  metadata?: Record<string, unknown>
  /** Objects in all. */
  objects?: number
  /** Parts of a directory. */
  parts?: number
  /** Changes the seal before its checksum is made: a writer that lies, or another version. */
  seal?: (seal: Record<string, unknown>) => void
  schema?: Partial<WeaviateClass>
  startedAt?: Date
  tenants?: SealedTenant[]
}

export interface SealedBackup {
  /** Absolute. */
  file: string
  id: string
  metadata: BackupMetadata
  name: string
  schema: WeaviateClass
  seal: Omit<BackupSeal, 'checksum'>
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Writes a sealed backup into a folder. */
export async function writeSealedBackup(folder: string, options: SealedBackupOptions = {}): Promise<SealedBackup> {
  const {collection = 'Docs', compress = false, format = 'json', objects = 3, tenants} = options
  const startedAt = options.startedAt ?? new Date('2024-02-01T10:30:00Z')
  const name = nextName(backupName(collection, startedAt, format, compress), options.attempt ?? 1)
  const schema: WeaviateClass = {
    class: collection,
    properties: [{dataType: ['text'], name: 'title'}],
    vectorIndexType: 'hnsw',
    ...options.schema,
  }
  const metadata: BackupMetadata = {
    backup_id: options.id ?? randomUUID(),
    collection,
    options: {compress, format, include_data: true},
    run_id: randomUUID(),
    timestamp: startedAt.toISOString(),
    tool_version: '0.1.0',
    version: '1.0',
    weaviate_version: '1.39.0',
    ...options.metadata,
  }
  const file = path.join(folder, name)
  const content = {file, format, metadata, objects, schema, tenants}
  await mkdir(format === 'json' ? folder : file, {recursive: true})
  const seal = await (format === 'json' ? writeDocument(content, options) : writeFolder(content, options))
  return {file, id: metadata.backup_id, metadata, name, schema, seal}
}

interface Content {
  file: string
  format: BackupFormat
  metadata: BackupMetadata
  objects: number
  schema: WeaviateClass
  tenants?: SealedTenant[]
}

async function writeDocument(content: Content, options: SealedBackupOptions): Promise<Omit<BackupSeal, 'checksum'>> {
  const ids = idsOf(content.objects)
  const lines = ids.map((id) => JSON.stringify({id, class: content.metadata.collection, properties: {title: 'a'}}))
  const text =
    documentHead(content) +
    lines.map((line, at) => line + (at < lines.length - 1 ? ',\n' : '\n')).join('') +
    documentTail(ids.length)
  const extent = {bytes: Buffer.byteLength(text), sha256: sha256(text)}
  const part: SealedPart = {file: null, rows: ids.length, ...extent, ...firstAndLast(ids)}
  // Two members, as a writer in a hurry makes them.
  const half = Math.floor(text.length / 2)
  const body = options.compress
    ? Buffer.concat([member(text.slice(0, half)), member(text.slice(half))])
    : Buffer.from(text)
  const seal = sealOf(content, [part], body.length, extent)
  if (options.compress) seal.compressed = {bytes: body.length, sha256: sha256(body)}
  options.seal?.(seal)
  const line = Buffer.from(sealLine(seal, sha256))
  await writeFile(content.file, Buffer.concat([body, options.compress ? storedMember(line) : line]))
  return seal
}

async function writeFolder(content: Content, options: SealedBackupOptions): Promise<Omit<BackupSeal, 'checksum'>> {
  const count = options.parts ?? 1
  const parts: SealedPart[] = []
  for (let ordinal = 1; ordinal <= count; ordinal++) {
    // As earlier versions called the first of several.
    const file = count > 1 && ordinal === 1 ? `objects-00001.${content.format}` : partName(content.format, ordinal)
    const bytes = Buffer.from(`PAR1 not really ${ordinal} PAR1`)
    const rows = Math.floor((content.objects * ordinal) / count) - Math.floor((content.objects * (ordinal - 1)) / count)
    await writeFile(path.join(content.file, file), bytes)
    parts.push({file, rows, bytes: bytes.length, sha256: sha256(bytes), ...firstAndLast(idsOf(rows))})
  }

  const schemaText = JSON.stringify(content.schema, null, 2)
  await writeFile(path.join(content.file, SCHEMA_FILE), schemaText)
  const text = documentHead(content) + documentTail(content.objects)
  const document = {bytes: Buffer.byteLength(text), sha256: sha256(text)}
  const partBytes = parts.reduce((sum, {bytes}) => sum + bytes, 0)
  const seal = sealOf(content, parts, partBytes + Buffer.byteLength(schemaText) + document.bytes, document)
  seal.schema_sha256 = sha256(schemaText)
  options.seal?.(seal)
  await writeFile(path.join(content.file, METADATA_FILE), text + sealLine(seal, sha256))
  return seal
}

function sealOf(
  {metadata, objects, tenants}: Content,
  parts: SealedPart[],
  bytes: number,
  document: {bytes: number; sha256: string},
): Omit<BackupSeal, 'checksum'> {
  return {
    finished: metadata.timestamp,
    object_count: objects,
    digest: sha256(metadata.backup_id),
    ...(tenants && {tenants}),
    parts,
    amendments: [],
    statistics: {rows: objects, bytes, objects_without_vector: objects, non_finite_vectors: 0, references: 0},
    document,
  }
}

function idsOf(count: number): string[] {
  return Array.from({length: count}, (_, index) => `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`)
}

function firstAndLast(ids: readonly string[]): {first_id?: string; last_id?: string} {
  return ids.length === 0 ? {} : {first_id: ids[0], last_id: ids.at(-1)}
}

function member(text: string): Uint8Array {
  const bytes = gzipSync(text, {level: 1})
  bytes.set(GZIP_HEADER)
  return bytes
}
