/** Reads a gzipped document member by member, so that what is wrong can be said to be in one of them. */
import {concatBytes} from '../codec/bytes.js'
import {GZIP_HEADER} from '../codec/gzip.js'
import {DataOpsError, outOfMemory} from '../model/errors.js'
import {freeFilled} from '../platform/free.js'
import {crc32, createInflateRaw, type InflateRaw} from '../platform/node.js'

const TRAILER_BYTES = 8
const INFLATED_CHUNK_BYTES = 256 * 1024

/**
 * Inflates canonical gzip members one after another, checking header, CRC and size of each. A piece is nobody's once the next is asked for.
 * @throws DataOpsError BACKUP_DAMAGED, naming the member and the byte it starts at.
 */
export async function* inflateMembers(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const source = new ByteQueue(chunks)
  try {
    for (let ordinal = 1; ; ordinal++) {
      const start = source.position
      const header = await source.take(GZIP_HEADER.length)
      if (header.length === 0) return
      const where = `Gzip member ${ordinal}, at byte ${start},`
      if (header.length < GZIP_HEADER.length) throw damaged(where, 'is cut off')
      if (!GZIP_HEADER.every((byte, index) => byte === header[index])) {
        throw damaged(where, 'does not start with the header that a backup has')
      }

      yield* inflateMember(source, where)
    }
  } finally {
    await source.close()
  }
}

async function* inflateMember(source: ByteQueue, where: string): AsyncGenerator<Uint8Array, void, undefined> {
  const inflate = createInflateRaw({chunkSize: INFLATED_CHUNK_BYTES})
  let inflated: Uint8Array[] = []
  inflate.on('data', (bytes: Uint8Array) => {
    inflated.push(bytes)
  })
  // `write` reports errors; without a listener they would be thrown into the process.
  inflate.on('error', () => undefined)
  let crc = 0
  let size = 0
  let given = 0
  try {
    for (let isEnded = false; !isEnded;) {
      const chunk = await source.next()
      if (!chunk) throw damaged(where, 'is cut off')
      given += chunk.length
      try {
        isEnded = await write(inflate, chunk)
      } catch (error) {
        throw damaged(where, 'cannot be inflated', error)
      }

      for (const bytes of inflated) {
        crc = crc32(bytes, crc)
        size += bytes.length
        yield bytes
        freeFilled(bytes)
      }

      inflated = []
      if (isEnded) source.giveBack(chunk.subarray(chunk.length - (given - inflate.bytesWritten)))
    }
  } finally {
    inflate.destroy()
  }

  const trailer = await source.take(TRAILER_BYTES)
  if (trailer.length < TRAILER_BYTES) throw damaged(where, 'is cut off')
  const view = new DataView(trailer.buffer, trailer.byteOffset, TRAILER_BYTES)
  if (view.getUint32(0, true) !== crc) throw damaged(where, 'has another checksum than its content')
  if (view.getUint32(4, true) !== size % 2 ** 32) throw damaged(where, 'has another length than its content')
}

/** Resolves once the chunk is taken: true when the deflate stream ended within, or before it. */
async function write(inflate: InflateRaw, chunk: Uint8Array): Promise<boolean> {
  const {promise, reject, resolve} = Promise.withResolvers<boolean>()
  const ended = (): void => {
    resolve(true)
  }

  inflate.once('end', ended)
  inflate.once('error', reject)
  inflate.write(chunk, (error) => {
    if (error) reject(error)
    else resolve(false)
  })
  try {
    return await promise
  } finally {
    inflate.off('end', ended)
    inflate.off('error', reject)
  }
}

function damaged(where: string, what: string, cause?: unknown): DataOpsError {
  return outOfMemory(cause) ?? new DataOpsError('BACKUP_DAMAGED', `${where} ${what}.`, {cause})
}

/** Chunks, of which parts can be taken and given back. */
class ByteQueue {
  readonly #iterator: AsyncIterator<Uint8Array>
  #front: Uint8Array = new Uint8Array(0)
  /** Bytes taken so far. */
  position = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#iterator = chunks[Symbol.asyncIterator]()
  }

  /** The next bytes, however many there are; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#front.length === 0) {
      const next = await this.#iterator.next()
      if (next.done) return undefined
      this.#front = next.value
    }

    const bytes = this.#front
    this.#front = new Uint8Array(0)
    this.position += bytes.length
    return bytes
  }

  /** Exactly `count` bytes; fewer at the end only. */
  async take(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    for (let left = count; left > 0;) {
      const bytes = await this.next()
      if (!bytes) break
      pieces.push(bytes.subarray(0, left))
      if (bytes.length > left) this.giveBack(bytes.subarray(left))
      left -= Math.min(left, bytes.length)
    }

    return concatBytes(pieces)
  }

  /** Puts back the end of what `next` returned last. */
  giveBack(bytes: Uint8Array): void {
    this.#front = bytes
    this.position -= bytes.length
  }

  async close(): Promise<void> {
    await this.#iterator.return?.()
  }
}
