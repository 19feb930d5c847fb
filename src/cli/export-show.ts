/** An export that the server has made, as `backup show` tells it. */
import type {NativeExport} from '../archive/native/export.js'

import {formatCount, plural} from '../model/plural.js'
import {shortTime} from './backup-entry.js'
import {formatBytes, formatMembers, formatTable} from './format.js'

export interface ExportShown {
  backend: string
  bytes: number
  collections: Array<{
    bytes: number
    files: string[]
    name: string
    objectCount: number
    /** A shard of a collection with tenants is a tenant. */
    shards: Array<{name: string; objectCount: number; skipped?: string}>
  }>
  /** RFC 3339. */
  finished: string
  id: string
  objectCount: number
  path: string
  /** RFC 3339. */
  timestamp: string
  weaviateVersion: string
}

/** `names`: which of its collections. */
export function exportShown(native: NativeExport, names: readonly string[]): ExportShown {
  const {backend, completedAt, id, startedAt, version} = native.facts
  const collections = names.map((name) => {
    const {files, objects, shards} = native.collection(name)
    return {
      bytes: files.reduce((sum, {bytes}) => sum + bytes, 0),
      files: files.map(({file}) => file),
      name,
      objectCount: objects,
      shards: shards.map((shard) => ({
        name: shard.name,
        objectCount: shard.objects,
        ...(shard.skipped !== undefined && {skipped: shard.skipped}),
      })),
    }
  })
  return {
    backend,
    bytes: collections.reduce((sum, {bytes}) => sum + bytes, 0),
    collections,
    finished: completedAt,
    id,
    objectCount: collections.reduce((sum, {objectCount}) => sum + objectCount, 0),
    path: native.path,
    timestamp: startedAt,
    weaviateVersion: version,
  }
}

export function exportLines(shown: ExportShown): string[] {
  const {bytes, collections, objectCount} = shown
  return [
    `Export of ${plural(collections.length, 'collection')} by Weaviate itself: ${plural(objectCount, 'object')}, ${formatBytes(bytes)}`,
    ...formatMembers([
      ['id', shown.id],
      ['path', shown.path],
      ['backend', shown.backend],
      ['started', `${shortTime(shown.timestamp)} UTC`],
      ['finished', `${shortTime(shown.finished)} UTC`],
      ['Weaviate', shown.weaviateVersion],
    ]),
    ...formatTable(collections, [
      {header: 'COLLECTION', value: ({name}) => name},
      {align: 'right', header: 'OBJECTS', value: (one) => formatCount(one.objectCount)},
      {align: 'right', header: 'SHARDS', value: ({shards}) => formatCount(shards.length)},
      {align: 'right', header: 'SIZE', value: (one) => formatBytes(one.bytes)},
    ]),
    ...collections.flatMap(({name, shards}) =>
      shards
        .filter(({skipped}) => skipped !== undefined && skipped !== 'no data')
        .map((shard) => `  NOT in it: ${shard.name} of ${name} (${shard.skipped})`),
    ),
  ]
}
