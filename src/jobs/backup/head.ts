/** What a backup says of itself when it begins. */
import type {TransformChain} from '../../flow/transform/transform.js'
import type {BackupJob} from './job.js'
import type {TenantScope} from './journal.js'

import {partCodec} from '../../archive/formats.js'
import {type BackupHead, type BackupMetadata, FORMAT_VERSION} from '../../codec/document.js'
import {isMultiTenant} from '../../model/schema.js'
import {serverText} from '../../model/server-text.js'
import {type TenantStatus, type WeaviateTenant} from '../../model/tenant.js'
import {TOOL_VERSION} from '../../model/version.js'
import {randomUUID} from '../../platform/node.js'
import {SELF} from '../../store/process.js'
import {promisedGuarantee} from './guarantee.js'

export async function headOf(
  {collection, compress, connection, format, options}: BackupJob,
  {chain, scope, tenants: all}: {chain?: TransformChain; scope?: TenantScope; tenants?: WeaviateTenant[]},
): Promise<BackupHead> {
  const {aliases} = collection
  const schema = chain?.schema ?? collection.schema
  const tenants = chain ? tenantsAfter(chain, all, scope) : all
  const server = serverText(connection.describe, SELF.host ?? '')
  const metadata: BackupMetadata = {
    version: FORMAT_VERSION,
    timestamp: new Date().toISOString(),
    collection: schema.class,
    weaviate_version: connection.version,
    options: {
      include_data: options.includeData !== false,
      format,
      compress,
      ...(options.batchSize !== undefined && {batch_size: options.batchSize}),
      ...(options.tenants?.length && {tenants: [...options.tenants]}),
    },
    backup_id: randomUUID(),
    run_id: options.runId ?? randomUUID(),
    tool_version: TOOL_VERSION,
    ...(server !== undefined && {server}),
    ...(tenants && {tenants: tenants.map(({name, status}) => ({name, status: status satisfies TenantStatus}))}),
    aliases,
    ...(chain?.isPartial && {partial: true, requires: ['partial']}),
    ...(options.replacedBy !== undefined && {replaced_by: options.replacedBy}),
    ...(chain && {transforms: chain.records}),
    guarantee: promisedGuarantee(options.settle === true),
    ...(format !== 'json' && {columns: (await partCodec(format)).columns(schema)}),
  }
  return {metadata, schema}
}

/** What transforms make of the tenants that are read, and those that are not. */
function tenantsAfter(
  {schema, tenants = []}: TransformChain,
  all: readonly WeaviateTenant[] | undefined,
  scope: TenantScope | undefined,
): undefined | WeaviateTenant[] {
  if (!isMultiTenant(schema)) return undefined
  const names = new Set(tenants.map(({name}) => name))
  const skipped = new Set(scope?.skipped.map(({name}) => name))
  return [...tenants, ...(all ?? []).filter(({name}) => skipped.has(name) && !names.has(name))]
}
