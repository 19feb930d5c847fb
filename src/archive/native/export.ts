/** A finished export as it lies in a place: which of its files belong to which collection. */
import type {Store, StoreEntry} from '../../store/store.js'

import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {damaged} from '../../store/damaged.js'
import {EXPORT_AGAIN, type ExportedShard, type ExportFacts, readExportFacts} from './metadata.js'

/** A file of an export, as its name says it. */
export interface NamedFile {
  bytes: number
  file: string
  shard: string
}

export interface ExportedCollection {
  /** In the order of their rows. */
  files: readonly NamedFile[]
  name: string
  objects: number
  shards: readonly ExportedShard[]
}

export class NativeExport {
  private constructor(
    readonly store: Store,
    /** Of its folder in the store. */
    readonly name: string,
    readonly facts: ExportFacts,
    private readonly byName: ReadonlyMap<string, ExportedCollection>,
  ) {}

  /**
   * Reads what it says of itself, and which files there are; none of them is opened.
   * @throws DataOpsError BACKUP_DAMAGED when it is not whole, a file is missing, or there is one that belongs to nothing; STORAGE.
   */
  static async open(store: Store, name: string): Promise<NativeExport> {
    const facts = await readExportFacts(store, name)
    return new NativeExport(store, name, facts, assign(store.describe(name), facts, await store.list(name)))
  }

  get collections(): string[] {
    return [...this.byName.keys()]
  }

  /** Where it lies, for messages. */
  get path(): string {
    return this.store.describe(this.name)
  }

  /** @throws DataOpsError NOT_A_BACKUP when the export has no such collection. */
  collection(name: string): ExportedCollection {
    const found = this.byName.get(name)
    if (found) return found
    throw new DataOpsError('NOT_A_BACKUP', `The export ${this.path} has no collection "${name}".`, {
      details: {collections: this.collections, path: this.path},
      hint: `It has ${this.collections.slice(0, 10).join(', ') || 'none'}.`,
    })
  }
}

/** `<collection>_<shard>_<nnnn>.parquet`, where both may hold `_`: a shard that is known says which is which. */
function assign(where: string, facts: ExportFacts, entries: readonly StoreEntry[]): Map<string, ExportedCollection> {
  const owners = new Map<string, {collection: string; shard: string}>()
  for (const [collection, shards] of facts.collections) {
    for (const {name: shard, objects} of shards) {
      if (objects === 0) continue
      const stem = `${collection}_${shard}`
      const other = owners.get(stem)
      if (other)
        throw new DataOpsError(
          'BACKUP_DAMAGED',
          `${where} has one name for the files of "${other.collection}" and "${collection}", so that one lacks some.`,
          {details: {path: where}, hint: 'Export them one by one.'},
        )
      owners.set(stem, {collection, shard})
    }
  }

  const files = new Map<string, NamedFile[]>()
  for (const {bytes, kind, name: file} of entries) {
    const [, stem] = /^(.+)_\d{4,}\.parquet$/.exec(file) ?? []
    const owner = stem === undefined ? undefined : owners.get(stem)
    if (owner && kind === 'file') {
      const {collection, shard} = owner
      files.set(collection, [...(files.get(collection) ?? []), {bytes, file, shard}])
    } else if (file.endsWith('.parquet'))
      throw damaged(where, `it has a file ${file} that it says nothing of`, {hint: EXPORT_AGAIN})
  }

  const collections = new Map<string, ExportedCollection>()
  for (const [name, shards] of facts.collections) {
    const own = (files.get(name) ?? []).toSorted(inOrder)
    const there = new Set(own.map(({shard}) => shard))
    const missing = shards.find(({name: shard, objects}) => objects > 0 && !there.has(shard))
    if (missing) {
      throw damaged(
        where,
        `the file ${name}_${missing.name}_0000.parquet is missing, of ${plural(missing.objects, 'object')}`,
        {hint: EXPORT_AGAIN},
      )
    }

    collections.set(name, {files: own, name, objects: shards.reduce((sum, {objects}) => sum + objects, 0), shards})
  }

  return collections
}

/** By shard, then by number. */
function inOrder(a: NamedFile, b: NamedFile): number {
  if (a.shard !== b.shard) return a.shard < b.shard ? -1 : 1
  return a.file.length - b.file.length || (a.file < b.file ? -1 : 1)
}
