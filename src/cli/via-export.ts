/** Flags of backups that the server exports by itself. */
import {Flags} from '@oclif/core'

import type {ExportBackupOptions} from '../jobs/backup/via-export.js'

import {DataOpsError} from '../model/errors.js'
import {transformFlags} from './transform-flags.js'

export const viaExportFlags = {
  'export-backend': Flags.option({
    dependsOn: ['via'],
    description: 'Where the server puts its export.',
    options: ['s3', 'gcs', 'azure', 'filesystem'] as const,
  })(),
  'export-place': Flags.string({
    dependsOn: ['via'],
    description: "Folder or URL in which the server's exports are seen from here, if not where the server says.",
    helpValue: '<place>',
  }),
  via: Flags.option({
    dependsOn: ['export-backend'],
    description:
      'Have the server export by itself (1.37 and later, Parquet), each node its own shards; what it lacks is added.',
    options: ['export'] as const,
  })(),
}

/** Flags that choose, change or store what a server exports whole, by itself. */
const OTHERS = [
  'batch-size',
  'compress',
  'concurrency',
  'dry-run',
  'include-data',
  'include-offloaded',
  'keep-going',
  'lock-for',
  'max-rate',
  'resume',
  'schema-only',
  'settle',
  'tenant',
  ...Object.keys(transformFlags),
].toSorted()

interface ViaFlags extends Readonly<Record<string, unknown>> {
  'export-backend'?: ExportBackupOptions['backend']
  'export-place'?: string
  format?: string
  via?: string
}

/** Undefined without `--via`. @throws DataOpsError INVALID_INPUT naming a flag that does not go with it. */
export function viaExport(flags: ViaFlags): Pick<ExportBackupOptions, 'backend' | 'place'> | undefined {
  const {'export-backend': backend, 'export-place': place, format, via} = flags
  if (via === undefined || backend === undefined) return undefined
  const other = format === undefined || format === 'json' ? OTHERS.find((name) => isGiven(flags[name])) : 'format'
  if (other === undefined) return {backend, ...(place !== undefined && {place})}
  throw new DataOpsError(
    'INVALID_INPUT',
    `--${other} does not go with --via export: the server exports whole collections, as Parquet.`,
    {hint: `Leave out --${other}, or --via.`},
  )
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false
}
