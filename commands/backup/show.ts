import type {BackupSeal, ExportReference} from '../../src/codec/document.js'
import type {WeaviateClass} from '../../src/model/schema.js'
import type {Store} from '../../src/store/store.js'

import {completeness, shortTime} from '../../src/cli/backup-entry.js'
import {DataOpsCommand} from '../../src/cli/base-command.js'
import {exportAt} from '../../src/cli/check-backups.js'
import {examples} from '../../src/cli/examples.js'
import {exportLines, type ExportShown, exportShown} from '../../src/cli/export-show.js'
import {backupArgument, placeFlags} from '../../src/cli/flags.js'
import {formatBytes, formatMembers} from '../../src/cli/format.js'
import {formatCount, plural} from '../../src/model/plural.js'

export interface BackupShowResult {
  aliases: string[]
  bytes: number
  collection: string
  /** False: objects that the server counted are not in it. Absent: its version of the format does not say. */
  complete?: boolean
  compressed: boolean
  /** Absent where the objects lie in an export that could not be read. */
  digest?: string
  /** End of the backup, RFC 3339. */
  finished: string
  format: string
  /** What it promises about writes that happened while it ran. */
  guarantee?: string
  /** Where its objects lie, when the server has exported them by itself. */
  export?: ExportReference
  id: string
  /** `compliance` or `governance`; absent from one that is not locked. */
  lockMode?: string
  /** Until then nobody can change or remove it, RFC 3339. */
  lockedUntil?: string
  /** These credentials may not see whether it is locked. */
  lockUnknown?: true
  objectCount: number
  options: Record<string, unknown>
  /** Files with the objects; `file` is null where they stand in the document itself. */
  parts: Array<{bytes: number; file: null | string; rows: number; sha256: string}>
  path: string
  runId: string
  schema: WeaviateClass
  /** Which server it was taken from; absent where the backup does not say. */
  server?: string
  statistics: BackupSeal['statistics']
  tenants?: Array<{digest?: string; name: string; objectCount?: number; skipped?: string; status?: string}>
  /** Start of the backup, RFC 3339. */
  timestamp: string
  toolVersion: string
  weaviateVersion: string
}

export default class BackupShow extends DataOpsCommand {
  static override summary = 'Show what a backup holds.'

  static override usage = '<%= command.id %> BACKUP [flags]'

  static override description = `Reads its head and its seal, not its objects; with --json the schema, tenants and files too.`

  static override args = {backup: backupArgument}

  static override flags = {...placeFlags}

  static override examples = examples(
    ['5f0c', 'By id'],
    ['Article@latest', 'The newest whole one of a collection'],
    ['backups/Article_2026-02-01_103000.json --json', 'A file, with its schema'],
  )

  async #showExport(reference: string, store: Store): Promise<ExportShown | undefined> {
    const found = await exportAt(reference, store)
    if (!found) return undefined
    const shown = exportShown(found.native, found.collections)
    this.print(exportLines(shown))
    return shown
  }

  async run(): Promise<BackupShowResult | ExportShown> {
    const {args, flags} = await this.parse(BackupShow)
    const {openArchive} = await import('../../src/catalog/locate.js')
    const {lockOf} = await import('../../src/archive/locked.js')
    const {store} = await this.catalogIn(flags.output)
    const exported = await this.#showExport(args.backup, store)
    if (exported) return exported
    const {archive, place} = await openArchive(args.backup, store, this.operation())
    const lock = await lockOf(place, archive.name)
    const {head, manifest} = archive
    const {metadata} = head
    // Without a seal openArchive has refused it.
    const seal = archive.seal!
    const statusOf = new Map(metadata.tenants?.map(({name, status}) => [name, status]))
    const shown: BackupShowResult = {
      aliases: metadata.aliases ?? [],
      bytes: manifest.bytes,
      collection: metadata.collection,
      complete: seal.complete,
      compressed: metadata.options.compress,
      digest: seal.digest,
      ...(metadata.export && {export: metadata.export}),
      finished: seal.finished,
      format: metadata.options.format,
      guarantee: seal.guarantee ?? metadata.guarantee,
      id: metadata.backup_id,
      ...(lock === 'unknown'
        ? {lockUnknown: true as const}
        : lock && {lockMode: lock.mode, lockedUntil: new Date(lock.until).toISOString()}),
      objectCount: seal.object_count,
      options: metadata.options,
      parts: seal.parts.map(({bytes, file, rows, sha256}) => ({bytes, file: file ?? null, rows, sha256})),
      path: archive.path,
      runId: metadata.run_id,
      schema: head.schema,
      server: metadata.server,
      statistics: seal.statistics,
      tenants: seal.tenants?.map(({digest, name, object_count: objectCount, skipped}) => ({
        digest,
        name,
        objectCount,
        skipped,
        status: statusOf.get(name),
      })),
      timestamp: metadata.timestamp,
      toolVersion: metadata.tool_version,
      weaviateVersion: metadata.weaviate_version,
    }
    this.print(showLines(shown))
    return shown
  }
}

function showLines(shown: BackupShowResult): string[] {
  const {statistics, tenants} = shown
  const skipped = tenants?.filter((tenant) => tenant.skipped !== undefined) ?? []
  return [
    `Backup of ${shown.collection}: ${plural(shown.objectCount, 'object')}, ${formatBytes(shown.bytes)}`,
    ...formatMembers([
      ['id', shown.id],
      ['path', shown.path],
      ['export', shown.export && (shown.export.place ?? `${shown.export.path} (could not be read)`)],
      ['run', shown.runId],
      ['server', shown.server ?? 'not known: the backup does not say'],
      ['started', `${shortTime(shown.timestamp)} UTC`],
      ['finished', `${shortTime(shown.finished)} UTC`],
      ['format', `${shown.format}${shown.compressed ? ', compressed' : ''}`],
      ['digest', shown.digest],
      ['complete', completeness(shown.complete, shown.options.include_data !== false).text],
      ['Weaviate', shown.weaviateVersion],
      ['tool', shown.toolVersion],
      [
        'properties',
        (shown.schema.properties ?? []).map(({dataType, name}) => `${name}: ${dataType.join('|')}`).join(', '),
      ],
      ['aliases', shown.aliases.length > 0 ? shown.aliases.join(', ') : undefined],
      ['tenants', tenants && formatCount(tenants.length - skipped.length)],
      ['references', statistics.references ? formatCount(statistics.references) : undefined],
      [
        'without vector',
        statistics.objects_without_vector ? plural(statistics.objects_without_vector, 'object') : undefined,
      ],
      ['non-finite', statistics.non_finite_vectors ? plural(statistics.non_finite_vectors, 'vector') : undefined],
      ['guarantee', shown.guarantee],
      ['locked', shown.lockUnknown && 'not known: these credentials may not see locks'],
      ['locked', shown.lockedUntil && `until ${shortTime(shown.lockedUntil)} UTC (${shown.lockMode})`],
    ]),
    ...skipped.map(({name, skipped: reason}) => `  NOT in it: tenant ${name} (${reason})`),
  ]
}
