import type {BlockBlobClient} from '@azure/storage-blob'

import {md5, randomHex} from '../../platform/node.js'
import {type BeginOptions, type Call, MARK, type Upload} from '../objects/client.js'
import {policyOf} from './locks.js'

/** Its names of metadata are identifiers. */
export const AZURE_MARK = MARK.replaceAll('-', '_')

/** Blocks of a blob, which is there once their list is committed. */
export class AzureUpload implements Upload {
  readonly limits = {atOnce: 4, parts: 50_000}
  readonly #blocks: string[] = []
  /** Two who write one blob have blocks of their own. */
  readonly #own = randomHex(8)

  constructor(
    private readonly blob: BlockBlobClient,
    private readonly options: BeginOptions,
  ) {}

  async part(number: number, bytes: Uint8Array, _isLast: boolean, {signal}: Call): Promise<void> {
    const id = Buffer.from(`${this.#own}-${String(number).padStart(6, '0')}`).toString('base64')
    await this.blob.stageBlock(id, bytes, bytes.length, {abortSignal: signal, transactionalContentMD5: md5(bytes)})
    this.#blocks[number - 1] = id
  }

  async complete({signal}: Call): Promise<void> {
    const {lock, mark} = this.options
    await this.blob.commitBlockList(this.#blocks, {
      abortSignal: signal,
      conditions: {ifNoneMatch: '*'},
      ...(lock && {immutabilityPolicy: policyOf(lock)}),
      metadata: {[AZURE_MARK]: mark},
    })
  }

  /** Blocks cannot be dropped: the service does so after a week. */
  async abort(): Promise<void> {
    // Nothing to be asked for.
  }
}
