/** What a backup says of itself when it begins. */
import type {BackupJob} from './job.js'

import {partCodec} from '../../archive/formats.js'
import {type BackupHead, type BackupMetadata, FORMAT_VERSION} from '../../codec/document.js'
import {type TenantStatus, type WeaviateTenant} from '../../model/tenant.js'
import {TOOL_VERSION} from '../../model/version.js'
import {randomUUID} from '../../platform/node.js'
import {promisedGuarantee} from './guarantee.js'

export async function headOf(
  {collection, compress, connection, format, options}: BackupJob,
  tenants: WeaviateTenant[] | undefined,
): Promise<BackupHead> {
  const {aliases, schema} = collection
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
    ...(tenants && {tenants: tenants.map(({name, status}) => ({name, status: status satisfies TenantStatus}))}),
    aliases,
    guarantee: promisedGuarantee(options.settle === true),
    ...(format !== 'json' && {columns: (await partCodec(format)).columns(schema)}),
  }
  return {metadata, schema}
}
