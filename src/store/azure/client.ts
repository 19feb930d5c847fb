/** Azure Blob Storage, by Microsoft's own SDK. */
import type * as AzureSdk from '@azure/storage-blob'
import type {BlobDownloadResponseParsed, BlobServiceClient, ContainerClient} from '@azure/storage-blob'

import {DataOpsError, insteadOf} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {md5} from '../../platform/node.js'
import {
  type BeginOptions,
  bodyOf,
  type Call,
  contentOf,
  type FoundObject,
  type ListPage,
  type ListRequest,
  type LockClient,
  type ObjectClient,
  type Piece,
  type PutOptions,
  type ReadRange,
  type Upload,
} from '../objects/client.js'
import {namingPermissions} from '../objects/permissions.js'
import {loadPeer} from '../peer.js'
import {azureFailure} from './failure.js'
import {AzureLocks, policyOf} from './locks.js'
import {pageOf} from './page.js'
import {AZURE_PERMISSIONS} from './permissions.js'
import {AZURE_MARK, AzureUpload} from './upload.js'

export interface AzurePlace {
  account: string
  /** With the account's key or a shared access signature. Default: the identity that the SDK finds. */
  connectionString?: string
  container: string
}

const WHAT = 'Backups at az://'
/** Repeated by us, who know what was being done. */
const ONCE = {retryOptions: {maxTries: 1}}

/** @throws DataOpsError INVALID_INPUT when an SDK is not installed, or the connection string is another account's. */
export async function connectAzure({account, connectionString, container}: AzurePlace): Promise<ObjectClient> {
  const sdk = await loadPeer(WHAT, '@azure/storage-blob', async () => import('@azure/storage-blob'), [
    '@azure/identity',
  ])
  let service: BlobServiceClient
  if (connectionString === undefined) {
    const {DefaultAzureCredential} = await loadPeer(WHAT, '@azure/identity', async () => import('@azure/identity'))
    const url = `https://${account}.blob.core.windows.net`
    service = new sdk.BlobServiceClient(url, new DefaultAzureCredential(), ONCE)
  } else {
    service = fromConnectionString(sdk, connectionString)
    if (service.accountName !== account) {
      throw new DataOpsError(
        'INVALID_INPUT',
        `The connection string is of the account ${service.accountName}, not of ${account}.`,
        {hint: 'Name its account in the URL (az://account/container/prefix), or give the other one.'},
      )
    }
  }

  return namingPermissions(new AzureObjectClient(service.getContainerClient(container)), AZURE_PERMISSIONS)
}

function fromConnectionString(sdk: typeof AzureSdk, text: string): BlobServiceClient {
  try {
    return sdk.BlobServiceClient.fromConnectionString(text, ONCE)
  } catch {
    // What it says may have the key in it.
    throw new DataOpsError('INVALID_INPUT', 'The connection string of the storage account cannot be read.', {
      hint: 'Copy it anew from the account (AZURE_STORAGE_CONNECTION_STRING).',
    })
  }
}

/** The service drops blocks that nobody commits after a week, and shows them to nobody. */
class AzureObjectClient implements ObjectClient {
  get noTag(): string {
    return '"0x0000000000000000"'
  }

  constructor(private readonly container: ContainerClient) {}

  failure = azureFailure

  get locks(): LockClient {
    return new AzureLocks(this.container)
  }

  async begin(key: string, options: BeginOptions): Promise<Upload> {
    return new AzureUpload(this.container.getBlockBlobClient(key), options)
  }

  async get(key: string, range: ReadRange, {signal}: Call): Promise<Piece | undefined> {
    const {end, start, tag, version} = range
    let answer: BlobDownloadResponseParsed
    try {
      const blob = this.container.getBlobClient(key)
      answer = await (version === undefined ? blob : blob.withVersion(version)).download(start, end - start, {
        abortSignal: signal,
        conditions: {ifMatch: tag},
        maxRetryRequests: 0,
      })
    } catch (error) {
      // The range of an empty object.
      if (azureFailure(error).status === 416) return undefined
      throw error
    }

    const bytes = await bodyOf((answer.readableStreamBody ?? []) as AsyncIterable<Uint8Array>, range)
    const content = contentOf(bytes, answer.contentRange, range)
    return {...content, modified: answer.lastModified?.getTime() ?? 0, tag: answer.etag ?? ''}
  }

  async head(key: string, {signal}: Call): Promise<FoundObject | undefined> {
    const asked = this.container.getBlobClient(key).getProperties({abortSignal: signal})
    const found = await asked.catch(insteadOf(undefined, (error) => azureFailure(error).kind === 'absent'))
    return (
      found && {
        bytes: found.contentLength ?? 0,
        key,
        mark: found.metadata?.[AZURE_MARK],
        modified: found.lastModified?.getTime() ?? 0,
        tag: found.etag ?? '',
      }
    )
  }

  async list({after, delimiter, limit, prefix}: ListRequest, {signal}: Call): Promise<ListPage> {
    const {items, ...page} = await pageOf<Blob>(this.container, {abortSignal: signal, after, delimiter, limit, prefix})
    return {
      ...page,
      objects: items.map(({name, properties}) => ({
        bytes: properties.contentLength ?? 0,
        key: name,
        modified: properties.lastModified.getTime(),
        tag: quoted(properties.etag),
      })),
    }
  }

  async put(key: string, bytes: Uint8Array, {condition, lock, mark}: PutOptions, {signal}: Call): Promise<string> {
    const {etag} = await this.container.getBlockBlobClient(key).upload(bytes, bytes.length, {
      abortSignal: signal,
      blobHTTPHeaders: {blobContentMD5: md5(bytes)},
      conditions: condition && ('ifAbsent' in condition ? {ifNoneMatch: '*'} : {ifMatch: condition.ifMatch}),
      ...(lock && {immutabilityPolicy: policyOf(lock)}),
      metadata: {[AZURE_MARK]: mark},
    })
    return etag ?? ''
  }

  async remove(keys: readonly string[], {signal}: Call): Promise<void> {
    await inParallel(keys, {atOnce: 16}, async (key) =>
      this.container.getBlobClient(key).deleteIfExists({abortSignal: signal, deleteSnapshots: 'include'}),
    )
  }
}

/** As a listing has it. */
interface Blob {
  name: string
  properties: {contentLength?: number; etag: string; lastModified: Date}
}

/** Listings leave out the quotation marks. */
function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`
}
