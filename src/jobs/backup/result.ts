/** What a backup tells whoever asked for it. */
import type {SealedManifest} from '../../archive/manifest.js'
import type {BackupJob} from './job.js'
import type {TenantScope} from './journal.js'
import type {BackupResult} from './options.js'

import {backupName, encryptedName} from '../../archive/names.js'

/** What is told of a sealed backup. */
export type SealedFacts = Pick<SealedManifest, 'bytes' | 'metadata' | 'name' | 'seal'>

/** The name that a backup of this job gets, unless it is taken. */
export function nameOf({collection: {schema}, compress, encryptTo, format}: BackupJob, startedAt: Date): string {
  return encryptTo
    ? encryptedName(schema.class, startedAt, encryptTo.hideNames === true)
    : backupName(schema.class, startedAt, format, compress)
}

/** Whoever runs it knows when it began. */
type Result = Omit<BackupResult, 'seconds'>

/** Of a sealed backup. `resumed`: objects that an earlier run had read. */
export function resultOf(job: BackupJob, {bytes, metadata, name, seal}: SealedFacts, resumed: number): Result {
  const tenants = seal.tenants && {
    count: seal.tenants.filter(({skipped}) => skipped === undefined).length,
    skipped: seal.tenants.flatMap(({name: tenant, skipped}) =>
      skipped === undefined ? [] : [{name: tenant, reason: skipped}],
    ),
  }
  return {
    ...describe(job, metadata.backup_id, metadata.run_id),
    bytes,
    complete: seal.complete !== false,
    ...(seal.counted && {counted: seal.counted}),
    ...(seal.missing && {missing: seal.missing}),
    digest: seal.digest ?? '',
    dryRun: false,
    objectCount: seal.object_count,
    ...(metadata.partial === true && {partial: true as const}),
    path: job.store.describe(name),
    ...(job.replicas.report && {replicas: job.replicas.report}),
    resumed,
    ...(tenants && {tenants}),
    warnings: job.warnings,
  }
}

/** Of a dry run. */
export function foretold(job: BackupJob, objectCount: number, scope: TenantScope | undefined): Result {
  const name = nameOf(job, new Date())
  return {
    ...describe(job, '', job.options.runId ?? ''),
    bytes: 0,
    complete: true,
    digest: '',
    dryRun: true,
    objectCount,
    path: job.store.describe(name),
    resumed: 0,
    ...(scope && {tenants: {count: scope.read.length, skipped: scope.skipped}}),
    warnings: job.warnings,
  }
}

function describe(
  {collection, compress, encryptTo, format}: BackupJob,
  id: string,
  runId: string,
): Pick<BackupResult, 'alias' | 'collection' | 'compressed' | 'encrypted' | 'format' | 'id' | 'runId'> {
  return {
    ...(collection.alias !== undefined && {alias: collection.alias}),
    collection: collection.schema.class,
    compressed: compress,
    ...(encryptTo && {encrypted: true as const}),
    format,
    id,
    runId,
  }
}
