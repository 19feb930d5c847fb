/** Small backups of every kind, written by the real writer, for trying verification on. */
import type {Buffer} from 'node:buffer'

import {readdir, readFile, stat} from 'node:fs/promises'
import path from 'node:path'

import type {BackupFormat} from '../../../src/codec/codec.js'
import type {BackupHead, SealedTenant} from '../../../src/codec/document.js'
import type {WeaviateObject} from '../../../src/model/object.js'
import type {WeaviateClass} from '../../../src/model/schema.js'

import {ContentDigest} from '../../../src/archive/content-digest.js'
import {partCodec} from '../../../src/archive/formats.js'
import {openArchiveWriter} from '../../../src/archive/open-writer.js'
import {type SealSummary} from '../../../src/archive/writer.js'
import {LocalStore} from '../../../src/store/local/store.js'

export const KINDS = [
  {compress: false, format: 'json', label: 'json'},
  {compress: true, format: 'json', label: 'json.gz'},
  {compress: false, format: 'parquet', label: 'parquet'},
] as const

export type Kind = (typeof KINDS)[number]

export const SCHEMA: WeaviateClass = {
  class: 'Docs',
  properties: [
    {dataType: ['text'], name: 'title'},
    {dataType: ['number'], name: 'score'},
    {dataType: ['Docs'], name: 'related'},
  ],
  vectorIndexType: 'hnsw',
}

export const TENANT_SCHEMA: WeaviateClass = {...SCHEMA, multiTenancyConfig: {enabled: true}}

export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
}

export function vector(...components: number[]): Uint8Array {
  const bytes = new Uint8Array(components.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [index, component] of components.entries()) view.setFloat32(index * 4, component, true)
  return bytes
}

export function makeObject(number: number, tenant?: string): WeaviateObject {
  return {
    creationTimeUnix: 1_700_000_000_000,
    id: uuid(number),
    lastUpdateTimeUnix: 1_700_000_000_000,
    properties: {
      // Within a tenant the server refuses a reference to what is not there.
      related: [{beacon: `weaviate://localhost/Docs/${uuid(tenant === undefined ? number + 1 : number)}`}],
      score: number / 7,
      title: `Title ${number} é`,
    },
    ...(tenant !== undefined && {tenant}),
    vector: vector(number, -number, 0.1),
  }
}

export function makeObjects(count: number, tenant?: string): WeaviateObject[] {
  return Array.from({length: count}, (_, index) => makeObject(index + 1, tenant))
}

export interface MakeBackupOptions {
  /** Folder of the backup. */
  directory: string
  /** In place of what the objects come to. */
  seal?: Partial<SealSummary>
  /** Of the head; the first ones have objects. */
  tenants?: BackupHead['metadata']['tenants']
}

/** Writes a backup of pages, flushing between them (Parquet: a part each). Returns its path. */
export async function makeBackup(
  kind: {compress: boolean; format: BackupFormat},
  schema: WeaviateClass,
  pages: WeaviateObject[][],
  options: MakeBackupOptions,
): Promise<string> {
  const {directory} = options
  const store = new LocalStore(directory)
  const {compress, format} = kind
  const head: BackupHead = {
    metadata: {
      backup_id: '5f0c1e0a-6e0f-4d7e-8a43-000000000001',
      collection: schema.class,
      ...(format !== 'json' && {columns: (await partCodec(format)).columns(schema)}),
      options: {compress, format, include_data: true},
      run_id: '5f0c1e0a-6e0f-4d7e-8a43-000000000002',
      ...(options.tenants && {tenants: options.tenants}),
      timestamp: '2024-02-01T10:30:00.000Z',
      tool_version: '0.1.0',
      version: '1.0',
      weaviate_version: '1.39.0',
    },
    schema,
  }
  const extension = format === 'json' ? (compress ? '.json.gz' : '.json') : ''
  const name = `${schema.class}_2024-02-01_103000${extension}`
  const writer = await openArchiveWriter({compress, format, head, name, store})
  const content = new ContentDigest(schema)
  for (const page of pages) {
    for (const object of page) content.add(object)
    await writer.write(page)
    await writer.flush()
  }

  const tenants = options.tenants?.map(({name: tenant}): SealedTenant => {
    const {digest, objectCount} = content.tenant(tenant)
    return {digest, name: tenant, object_count: objectCount}
  })
  const sealed = await writer.seal({
    amendments: [],
    digest: content.hex(),
    finished: '2024-02-01T10:31:00.000Z',
    objectCount: content.objects,
    statistics: content.statistics,
    ...(tenants && {tenants}),
    ...options.seal,
  })
  return path.join(directory, sealed.name)
}

/** The files of a backup, by path. */
export async function filesOf(backup: string): Promise<Map<string, Buffer>> {
  const isFile = (await stat(backup)).isFile()
  const paths = isFile ? [backup] : (await readdir(backup)).map((name) => path.join(backup, name))
  return new Map(await Promise.all(paths.map(async (file) => [file, await readFile(file)] as const)))
}
