/** Google Cloud Storage, by Google's own SDK. Tags are generations. */
import type {Bucket, FileMetadata, Storage} from '@google-cloud/storage'
import type {Readable} from 'node:stream'

import {insteadOf} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {md5} from '../../platform/node.js'
import {
  type BeginOptions,
  type Call,
  contentOf,
  type FoundObject,
  type ListPage,
  type ListRequest,
  type LockClient,
  MARK,
  type ObjectClient,
  type Piece,
  type PutOptions,
  type ReadRange,
  type Upload,
} from '../objects/client.js'
import {namingPermissions} from '../objects/permissions.js'
import {loadPeer} from '../peer.js'
import {gcsFailure} from './failure.js'
import {foundOf, pageOf} from './found.js'
import {GcsLocks, retentionOf} from './locks.js'
import {GCS_PERMISSIONS} from './permissions.js'
import {beginGcsUpload} from './upload.js'

/**
 * Credentials are found by the SDK (application default credentials), and `STORAGE_EMULATOR_HOST`.
 * @throws DataOpsError INVALID_INPUT when the SDK is not installed.
 */
export async function connectGcs(bucket: string): Promise<ObjectClient> {
  const name = '@google-cloud/storage'
  const sdk = await loadPeer('Backups at gs://', name, async () => import('@google-cloud/storage'))
  // Repeated by us, who know what was being done.
  const storage = new sdk.Storage({retryOptions: {autoRetry: false, maxRetries: 0}})
  // The SDK leaves out the path for the address of an emulator.
  storage.baseUrl = `${storage.apiEndpoint}/storage/v1`
  return namingPermissions(new GcsObjectClient(storage, bucket), GCS_PERMISSIONS)
}

/** The service drops after a week what was begun and never completed, and charges nothing until then. */
class GcsObjectClient implements ObjectClient {
  get noTag(): string {
    return '1'
  }

  readonly #bucket: Bucket
  /** Whether it is there: of a missing object Google says the same where the bucket is missing. */
  #isBucketKnown = false

  constructor(
    private readonly storage: Storage,
    bucket: string,
  ) {
    this.#bucket = storage.bucket(bucket)
  }

  failure = gcsFailure

  get locks(): LockClient {
    return new GcsLocks(this.#bucket)
  }

  async begin(key: string, options: BeginOptions): Promise<Upload> {
    return beginGcsUpload(this.storage, this.#bucket.file(key), options)
  }

  async get(key: string, range: ReadRange, {signal}: Call): Promise<Piece | undefined> {
    const {end, start, tag, version} = range
    const generation = tag ?? version
    const file = this.#bucket.file(key, generation === undefined ? {} : {generation})
    const stream = file.createReadStream({decompress: false, end: end - 1, start, validation: false})
    try {
      let headers: Record<string, string | undefined> = {}
      stream.on('response', (response: {headers: Record<string, string | undefined>}) => {
        ;({headers} = response)
      })
      const content = contentOf(Buffer.concat(await collect(stream, signal)), headers['content-range'], range)
      const modified = Date.parse(headers['last-modified'] ?? '') || 0
      return {...content, modified, tag: headers['x-goog-generation'] ?? generation ?? (await this.#tagOf(key))}
    } catch (error) {
      // The range of an empty object.
      if (gcsFailure(error).status === 416) return undefined
      throw error
    }
  }

  async #tagOf(key: string): Promise<string> {
    const [metadata] = await this.#bucket.file(key).getMetadata()
    return String(metadata.generation)
  }

  async head(key: string): Promise<FoundObject | undefined> {
    const asked = this.#bucket.file(key).getMetadata()
    const found = await asked.catch(insteadOf(undefined, (error) => gcsFailure(error).kind === 'absent'))
    if (!found) await this.#requireBucket(key)
    this.#isBucketKnown = true
    return found && {...foundOf(found[0], key), mark: markOf(found[0])}
  }

  /** Who may not list is told nothing. @throws when the bucket is not there. */
  async #requireBucket(prefix: string): Promise<void> {
    if (this.#isBucketKnown) return
    await this.list({limit: 1, prefix}).catch(insteadOf(undefined, (error) => gcsFailure(error).kind === 'denied'))
  }

  async list({after, delimiter, limit, prefix}: ListRequest): Promise<ListPage> {
    const {files, ...page} = await pageOf(this.#bucket, {delimiter, maxResults: limit, pageToken: after, prefix})
    this.#isBucketKnown = true
    return {...page, objects: files.map((file) => foundOf(file.metadata, file.name))}
  }

  async put(key: string, bytes: Uint8Array, {condition, lock, mark}: PutOptions): Promise<string> {
    const file = this.#bucket.file(key)
    await file.save(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
      // Checked by the service.
      metadata: {md5Hash: md5(bytes).toString('base64'), metadata: {[MARK]: mark}, ...retentionOf(lock)},
      preconditionOpts: condition && {ifGenerationMatch: 'ifAbsent' in condition ? 0 : condition.ifMatch},
      resumable: false,
      validation: false,
    })
    return String(file.metadata.generation)
  }

  async remove(keys: readonly string[]): Promise<void> {
    await inParallel(keys, {atOnce: 16}, async (key) => this.#bucket.file(key).delete({ignoreNotFound: true}))
  }
}

/** All of a stream. Who does not want it any more leaves it until the SDK has its answer: destroyed before, it fails where nobody can catch that. */
async function collect(stream: Readable, signal: AbortSignal): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = []
    let isAnswered = false
    const stop = (): void => {
      reject(new Error('it is no longer wanted'))
      if (isAnswered) stream.destroy()
    }

    stream.once('pipe', () => {
      isAnswered = true
      if (signal.aborted) setImmediate(() => stream.destroy())
    })
    signal.addEventListener('abort', stop, {once: true})
    stream
      .on('data', (piece: Uint8Array) => {
        pieces.push(piece)
      })
      .once('end', () => {
        resolve(pieces)
      })
      .on('error', reject)
      .once('close', () => {
        signal.removeEventListener('abort', stop)
        reject(new Error('the connection was closed'))
      })
  })
}

function markOf({metadata}: FileMetadata): string | undefined {
  const mark = metadata?.[MARK]
  return typeof mark === 'string' ? mark : undefined
}
