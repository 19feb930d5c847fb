/** Which objects there are, as small records in bounded memory: what comparing two unordered lists of any length needs. */
import {Buffer} from 'node:buffer'
import {appendFile, readFile} from 'node:fs/promises'
import path from 'node:path'

import type {TemporaryFolder} from './temporary-folder.js'

import {uuidOfHex, writeUuid} from '../model/uuid-range.js'
import {randomHex} from '../platform/node.js'
import {storageError} from '../store/storage-error.js'

/** Tenant number (uint32) and UUID. */
export const KEY_BYTES = 20
/** SHA-256 of the canonical encoding, behind the key. */
export const HASH_BYTES = 32

/** Records kept in memory by one list at most (2 to 10 MB); more are spilled to temporary files. */
const MAX_RECORDS_IN_MEMORY = 100_000
const MAX_PARTITIONS = 4096

/** What a record is of. `id` is UUID text. */
export interface Keyed {
  id: string
  tenant?: string
}

/** Gives each tenant name a number; 0 stands for no tenant. */
export class TenantNumbers {
  readonly #names: Array<string | undefined> = [undefined]
  readonly #numbers = new Map<string, number>()

  /** What the record of that key is of. */
  keyedBy(key: string): Keyed {
    const tenant = this.#names[Buffer.from(key.slice(0, 4), 'latin1').readUInt32BE(0)]
    const hex = Buffer.from(key.slice(4), 'latin1').toString('hex')
    return {id: uuidOfHex(hex), ...(tenant !== undefined && {tenant})}
  }

  number(name: string | undefined): number {
    if (name === undefined) return 0
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = this.#names.length
      this.#names.push(name)
      this.#numbers.set(name, number)
    }

    return number
  }
}

/** How many partitions keep each of them small enough to be looked at in memory. */
function partitionsFor(expectedRecords: number, maxInMemory: number): number {
  return Math.min(MAX_PARTITIONS, Math.max(1, Math.ceil(expectedRecords / maxInMemory)))
}

export interface RecordListOptions {
  /** Records to come, as far as is known. */
  expected: number
  folder: TemporaryFolder
  /** Records in memory at most. */
  maxInMemory?: number | undefined
  /** As another list has that this one is held against; default: by what is to come. */
  partitions?: number | undefined
  /** `KEY_BYTES`, or with the hash `KEY_BYTES + HASH_BYTES`. */
  recordBytes?: number
  /** Shared by lists that are held against each other. */
  tenants: TenantNumbers
}

/** Records in no order, in partitions by their key: the same key is in the same partition of every list with as many of them. */
export class RecordList {
  readonly #file = randomHex(6)
  readonly #partitions: Partition[]
  readonly #record: Buffer
  #inMemory = 0
  #isSpilled = false

  constructor(private readonly options: RecordListOptions) {
    const {expected, partitions = partitionsFor(expected, this.#maxInMemory), recordBytes = KEY_BYTES} = options
    this.#partitions = Array.from({length: partitions}, () => ({bytes: Buffer.alloc(0), used: 0}))
    this.#record = Buffer.alloc(recordBytes)
  }

  get #maxInMemory(): number {
    return this.options.maxInMemory ?? MAX_RECORDS_IN_MEMORY
  }

  async #path(index: number): Promise<string> {
    return path.join(await this.options.folder.path(), `${this.#file}-${index}`)
  }

  get partitions(): number {
    return this.#partitions.length
  }

  /** Call `settle` now and then: until then everything stays in memory. */
  add({id, tenant}: Keyed, hash?: Uint8Array): void {
    const record = this.#record
    record.writeUInt32BE(this.options.tenants.number(tenant), 0)
    writeUuid(id, record, 4)
    if (hash) record.set(hash, KEY_BYTES)
    const partition = this.#partitions[partitionOf(record, this.#partitions.length)]!
    if (partition.used + record.length > partition.bytes.length) {
      const larger = Buffer.alloc(Math.max(record.length * 64, partition.bytes.length * 2))
      partition.bytes.copy(larger, 0, 0, partition.used)
      partition.bytes = larger
    }

    record.copy(partition.bytes, partition.used)
    partition.used += record.length
    this.#inMemory++
  }

  /** Puts what is in memory into files when it is too much. @throws DataOpsError STORAGE. */
  async settle(): Promise<void> {
    if (this.#inMemory <= this.#maxInMemory) return
    this.#isSpilled = true
    for (const [index, partition] of this.#partitions.entries()) {
      if (partition.used === 0) continue
      const file = await this.#path(index)
      try {
        await appendFile(file, partition.bytes.subarray(0, partition.used), {mode: 0o600})
      } catch (error) {
        throw await storageError(error, file, {bytes: partition.used, verb: 'write'})
      }

      partition.used = 0
    }

    this.#inMemory = 0
  }

  /** All records of a partition, one behind another. */
  async read(index: number): Promise<Buffer> {
    const partition = this.#partitions[index]!
    const inMemory = partition.bytes.subarray(0, partition.used)
    if (!this.#isSpilled) return inMemory
    const file = await this.#path(index)
    try {
      return Buffer.concat([await readFile(file), inMemory])
    } catch (error) {
      // Nothing of this partition was spilled.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return inMemory
      throw await storageError(error, file, {verb: 'read'})
    }
  }

  /** The keys of all records of a partition, as `keyAt` gives them. */
  async keys(index: number): Promise<Iterable<string>> {
    return keysIn(await this.read(index), this.#record.length)
  }
}

function* keysIn(records: Buffer, recordBytes: number): Generator<string> {
  for (let at = 0; at < records.length; at += recordBytes) yield keyAt(records, at)
}

interface Partition {
  bytes: Buffer
  used: number
}

/** UUIDs may be alike but for their tails, so every byte of the key counts (FNV-1a, then mixed: its low bits alone are weak). */
function partitionOf(record: Uint8Array, partitions: number): number {
  if (partitions === 1) return 0
  let hash = 0x81_1c_9d_c5
  for (let index = 0; index < KEY_BYTES; index++) hash = Math.imul(hash ^ record[index]!, 0x01_00_01_93)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c_1b_3c_6d)
  hash ^= hash >>> 13
  return (hash >>> 0) % partitions
}

/** A record's key as text of `KEY_BYTES` characters, for maps and sets. */
export function keyAt(records: Buffer, offset: number): string {
  return records.toString('latin1', offset, offset + KEY_BYTES)
}
