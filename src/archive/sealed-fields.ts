/** What the head and the seal of a backup must look like (docs/format.md, "metadata" and "seal"). */
import type {
  Amendment,
  BackupMetadata,
  BackupSeal,
  ExportReference,
  MissingObject,
  SealedCount,
  SealedPart,
  SealedTenant,
} from '../codec/document.js'
import type {JsonObject} from '../model/object.js'
import type {WeaviateClass} from '../model/schema.js'

import {COLUMN_ROLES, FORMATS, type PartColumn} from '../codec/codec.js'
import {type Field, MalformedError} from '../model/fields.js'
import {readClassMembers} from '../model/schema-fields.js'
import {isServerText} from '../model/server-text.js'
import {isCollectionName, METADATA_FILE, SCHEMA_FILE} from './names.js'

/** A file of its own, or a folder with parts. */
export type BackupKind = 'directory' | 'document'

const STATUSES = ['COLD', 'FREEZING', 'FROZEN', 'HOT', 'UNFREEZING'] as const

/** `metadata`; members that are not known are passed on as they are. */
export function readMetadata(field: Field, kind: BackupKind): BackupMetadata {
  const options = field.member('options')
  const format = options.member('format').oneOf(FORMATS)
  if ((format === 'json') !== (kind === 'document')) {
    throw new MalformedError('metadata.options.format', `does not fit a ${kind}`)
  }

  return {
    ...field.plainObject(),
    ...present({
      aliases: field.member('aliases').optional(texts),
      columns: field.member('columns').optional(readColumns),
      export: field.member('export').optional(readExportReference),
      guarantee: field.member('guarantee').optional((item) => item.text()),
      partial: field.member('partial').optional((item) => item.boolean()),
      replaced_by: field.member('replaced_by').optional((item) => item.uuid()),
      requires: field.member('requires').optional(texts),
      server: field.member('server').optional(readServer),
      tenants: field.member('tenants').optional(readTenantStatuses),
      transforms: field
        .member('transforms')
        .optional((list) => list.listOf((item) => item.plainObject() as JsonObject)),
    }),
    backup_id: field.member('backup_id').uuid(),
    collection: collectionName(field.member('collection')),
    options: {
      ...options.plainObject(),
      compress: options.member('compress').boolean(),
      format,
      include_data: options.member('include_data').boolean(),
      ...present({
        batch_size: options.member('batch_size').optional((item) => item.count()),
        tenants: options.member('tenants').optional(texts),
      }),
    },
    run_id: field.member('run_id').uuid(),
    timestamp: field.member('timestamp').time(),
    tool_version: field.member('tool_version').text(),
    version: field.member('version').text(),
    weaviate_version: field.member('weaviate_version').text(),
  }
}

function readExportReference(field: Field): ExportReference {
  const place = field.member('place')
  return {
    backend: field.member('backend').text(),
    id: field.member('id').text(),
    path: field.member('path').text(),
    place: place.value === null ? null : place.text(),
  }
}

export function readColumns(field: Field): PartColumn[] {
  return field.listOf(readColumn)
}

export function readTenantStatuses(field: Field): NonNullable<BackupMetadata['tenants']> {
  return field.listOf((item) => ({name: item.member('name').text(), status: item.member('status').oneOf(STATUSES)}))
}

function readColumn(field: Field): PartColumn {
  return {
    ...field.plainObject(),
    name: field.member('name').text(),
    role: field.member('role').oneOf(COLUMN_ROLES),
    ...present({
      property: field.member('property').optional((item) => item.text()),
      type: field.member('type').optional((item) => item.text()),
      vector: field.member('vector').optional((item) => item.text()),
      vectorKind: field.member('vectorKind').optional((item) => item.oneOf(['multi', 'single'] as const)),
    }),
  }
}

/** The schema of the collection. It is kept whole: what is checked is what this tool itself reads of it. */
export function readSchema(field: Field): WeaviateClass {
  collectionName(field.member('class'))
  return readClassMembers(field)
}

/** `exported`: of `metadata`. Where the export could not be read, nobody knows what is in it but its numbers. */
export function readSeal(field: Field, kind: BackupKind, exported?: ExportReference): BackupSeal {
  const isUnread = exported?.place === null
  const statistics = field.member('statistics')
  const seal: BackupSeal = {
    amendments: field.member('amendments').listOf(readAmendment),
    checksum: field.member('checksum').sha256(),
    document: readExtent(field.member('document')),
    finished: field.member('finished').time(),
    object_count: field.member('object_count').count(),
    parts: field.member('parts').listOf((item) => readPart(item, kind)),
    statistics: {
      bytes: statistics.member('bytes').count(),
      rows: statistics.member('rows').count(),
      ...(!isUnread && {
        non_finite_vectors: statistics.member('non_finite_vectors').count(),
        objects_without_vector: statistics.member('objects_without_vector').count(),
        references: statistics.member('references').count(),
      }),
    },
    ...present({
      complete: field.member('complete').optional((item) => item.boolean()),
      compressed: field.member('compressed').optional(readExtent),
      counted: field.member('counted').optional(readCounted),
      digest: isUnread ? undefined : field.member('digest').sha256(),
      guarantee: field.member('guarantee').optional((item) => item.text()),
      missing: field.member('missing').optional((list) => list.listOf(readMissing)),
      requires: field.member('requires').optional(texts),
      resumed: field.member('resumed').optional((item) => item.listOf((each) => each.time())),
      schema_sha256: field.member('schema_sha256').optional((item) => item.sha256()),
      tenants: field.member('tenants').optional((list) => list.listOf((item) => readTenant(item, isUnread))),
    }),
  }
  if (kind === 'directory' && !seal.schema_sha256) throw new MalformedError('seal.schema_sha256', 'is missing')
  if (kind === 'document' && seal.parts.length > 1) throw new MalformedError('seal.parts', 'has more than one part')
  // Ours must be apart on any disk; a server's tenants may differ in case alone, and its files with them.
  const files = new Set(seal.parts.map(({file}) => (exported ? file : file?.toLowerCase())))
  if (files.size < seal.parts.length) throw new MalformedError('seal.parts', 'names a file twice')
  if (!isUnread) checkSums(seal)
  return seal
}

/** Sums are checked with the rest, so that no later addition leaves the whole numbers. */
function checkSums(seal: BackupSeal): void {
  let rows = 0
  let bytes = 0
  for (const part of seal.parts) {
    rows += part.rows
    bytes += part.bytes
  }

  if (!Number.isSafeInteger(bytes)) throw new MalformedError('seal.parts', 'add up to too many bytes')
  if (rows !== seal.statistics.rows) throw new MalformedError('seal.statistics.rows', 'is not the sum of the parts')
  if (seal.object_count > rows) throw new MalformedError('seal.object_count', 'is more than there are rows')
}

function readCounted(field: Field): SealedCount {
  const numberOrNull = (item: Field): null | number => (item.value === null ? null : item.count())
  return {
    after: numberOrNull(field.member('after')),
    before: numberOrNull(field.member('before')),
    read: field.member('read').count(),
  }
}

function readMissing(field: Field): MissingObject {
  return {
    id: field.member('id').uuid(),
    reason: field.member('reason').text(),
    ...present({tenant: field.member('tenant').optional((item) => item.text())}),
  }
}

export function readAmendment(field: Field): Amendment {
  const items = field.array()
  const [tenant, id, row] = items
  if (items.length !== 3 || !tenant || !id || !row) throw new MalformedError(field.path, 'is not [tenant, id, row]')
  return [tenant.value === null ? null : tenant.text(), id.uuid(), row.count()]
}

function readExtent(field: Field): {bytes: number; sha256: string} {
  return {bytes: field.member('bytes').count(), sha256: field.member('sha256').sha256()}
}

function readPart(field: Field, kind: BackupKind): SealedPart {
  const file = field.member('file')
  if (kind === 'document' && file.value !== null) throw new MalformedError(file.path, 'is not null')
  return {
    ...readExtent(field),
    file: kind === 'document' ? null : partFile(file),
    rows: field.member('rows').count(),
    ...present({
      first_id: field.member('first_id').optional((item) => item.uuid()),
      last_id: field.member('last_id').optional((item) => item.uuid()),
    }),
  }
}

/** A plain name inside the backup's own folder, and none of the names that mean something else there. */
export function partFile(field: Field): string {
  const file = field.text()
  const isPlain = /^[0-9A-Za-z][-.0-9A-Z_a-z]{0,199}$/.test(file) && !file.includes('..')
  if (!isPlain || [METADATA_FILE, SCHEMA_FILE].includes(file.toLowerCase())) {
    throw new MalformedError(field.path, 'is not the name of a part')
  }

  return file
}

function readTenant(field: Field, isUnread: boolean): SealedTenant {
  const name = field.member('name').text()
  const skipped = field.member('skipped')
  if (skipped.isPresent) return {name, skipped: skipped.text()}
  const counted = {name, object_count: field.member('object_count').count()}
  return isUnread ? counted : {...counted, digest: field.member('digest').sha256()}
}

function collectionName(field: Field): string {
  const name = field.text()
  if (!isCollectionName(name)) throw new MalformedError(field.path, 'is not the name of a collection')
  return name
}

/** Which server a backup was taken from. */
export function readServer(field: Field): string {
  const text = field.text()
  if (!isServerText(text)) throw new MalformedError(field.path, 'is not the address of a server')
  return text
}

export function texts(field: Field): string[] {
  return field.listOf((item) => item.text())
}

/** Without the members that are undefined. */
export function present<T extends object>(members: T): Partial<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<T>
}
