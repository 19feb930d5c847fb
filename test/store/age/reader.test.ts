import {Decrypter, Encrypter} from 'age-encryption'
import fc from 'fast-check'
import {beforeAll, describe, expect, it} from 'vitest'

import {
  type AgeHeader,
  makeAgeHeader,
  newIdentity,
  openAgeHeader,
  SINGLE_HEADER_BYTES,
} from '../../../src/codec/age/header.js'
import {CHUNK_BYTES, SEALED_CHUNK_BYTES, TAG_BYTES} from '../../../src/codec/age/payload.js'
import {randomBytes} from '../../../src/platform/chunk-cipher.js'
import {openAgeReader} from '../../../src/store/age/reader.js'
import {AgeStream, encryptAge} from '../../../src/store/age/writer.js'
import {allOf, readerOf} from './memory.js'

let keys: {identity: string; recipient: string}
let header: AgeHeader

beforeAll(async () => {
  keys = await newIdentity()
  header = await makeAgeHeader({recipients: [keys.recipient]})
})

const fileKeyOf = async (bytes: Uint8Array): Promise<Uint8Array> => openAgeHeader(bytes, {identities: [keys.identity]})
const openBytes = async (bytes: Uint8Array, pieces?: readonly number[]): ReturnType<typeof openAgeReader> =>
  openAgeReader(readerOf(bytes, pieces), {fileKeyOf, where: 'x.age'})
/** What a person reads of it in one go. */
const textOf = async (bytes: Uint8Array): Promise<Buffer> => allOf((await openBytes(bytes)).stream())

const size = fc.oneof(
  fc.constantFrom(0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES),
  fc.nat(300_000),
)

describe('what we encrypt', () => {
  it('has a header of one size for one recipient, and the size that follows from its text', async () => {
    expect(header.header.length).toBe(SINGLE_HEADER_BYTES)
    const {bytes, content} = encryptAge(header, new Uint8Array(CHUNK_BYTES + 7))
    expect(bytes).toBe(content.length)
    // A nonce, and the tags of two chunks.
    expect(bytes).toBe(SINGLE_HEADER_BYTES + 16 + CHUNK_BYTES + 7 + 2 * TAG_BYTES)
  })

  it('is opened by the age package, and by our reader', async () => {
    const decrypter = new Decrypter()
    decrypter.addIdentity(keys.identity)
    await fc.assert(
      fc.asyncProperty(
        size,
        fc.array(fc.integer({max: 200_000, min: 1}), {maxLength: 3, minLength: 1}),
        async (bytes, pieces) => {
          const text = Buffer.from(randomBytes(bytes))
          const stream = new AgeStream(header)
          const sealed = stream.takeStart()
          for (let at = 0, turn = 0; at < bytes; turn++) {
            // Single bytes, but no hundreds of thousands of them.
            const length = Math.max(pieces[turn % pieces.length]!, Math.floor(bytes / 500))
            const piece = text.subarray(at, at + length)
            sealed.push(...stream.update([piece]))
            at += piece.length
          }

          sealed.push(...stream.finish().pieces)
          const file = Buffer.concat(sealed)
          expect(text.equals(await decrypter.decrypt(file))).toBe(true)
          const reader = await openBytes(file, pieces)
          expect(reader.size).toBe(bytes)
          expect(text.equals(await allOf(reader.stream()))).toBe(true)
        },
      ),
      {numRuns: 25},
    )
  })

  it('is opened by each of several recipients, and by a passphrase alone', async () => {
    const others = await Promise.all([newIdentity(), newIdentity(), newIdentity()])
    const several = await makeAgeHeader({recipients: others.map(({recipient}) => recipient)})
    for (const {identity} of others) {
      expect(await openAgeHeader(several.header, {identities: [keys.identity, identity]})).toEqual(several.fileKey)
    }

    await expect(openAgeHeader(several.header, {identities: [keys.identity]})).rejects.toThrow(/no identity/)
    const secret = await makeAgeHeader({passphrase: 'correct horse', workFactor: 4})
    expect(
      await openAgeHeader(secret.header, {identities: [keys.identity], passphrases: ['wrong', 'correct horse']}),
    ).toEqual(secret.fileKey)
    await expect(openAgeHeader(secret.header, {passphrases: ['wrong']})).rejects.toThrow()
    await expect(makeAgeHeader({recipients: ['age1nonsense']})).rejects.toThrow()
    await expect(makeAgeHeader({recipients: []})).rejects.toThrow('no recipient')
  })
})

describe('the reader', () => {
  it('gives any range, read or streamed, of what the age package has encrypted', async () => {
    const text = Buffer.from(randomBytes(3 * CHUNK_BYTES + 1234))
    const encrypter = new Encrypter()
    encrypter.addRecipient(keys.recipient)
    const file = await encrypter.encrypt(text)
    const reader = await openBytes(file, [70_000, 1, 65_552])
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length), fc.nat(text.length), async (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)]
        const expected = text.subarray(start, end)
        const read = await reader.read(start, end)
        expect(expected.equals(read)).toBe(true)
        // The next one may be read into the same memory.
        if (start % 2 === 0) reader.giveBack?.(read)
        expect(expected.equals(await allOf(reader.stream(start, end)))).toBe(true)
        const passing: Buffer[] = []
        for await (const chunk of reader.stream(start, end, {isPassing: true})) passing.push(Buffer.from(chunk))
        expect(expected.equals(Buffer.concat(passing))).toBe(true)
      }),
      {numRuns: 60},
    )
    await expect(reader.read(0, text.length + 1)).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
    await expect(allOf(reader.stream(5, text.length + 1))).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
  })

  it('finds each flip, cut, swap, repetition and addition', async () => {
    const text = Buffer.from(randomBytes(4 * CHUNK_BYTES))
    const {content} = encryptAge(header, text)
    const file = Buffer.from(content)
    const start = file.length - 4 * SEALED_CHUNK_BYTES
    const chunk = (index: number): Buffer =>
      file.subarray(start + index * SEALED_CHUNK_BYTES, start + (index + 1) * SEALED_CHUNK_BYTES)
    const other = Buffer.from(encryptAge(header, text).content)
    const head = file.subarray(0, start)
    const wrong: Record<string, Buffer> = {
      'a chunk less at the end': file.subarray(0, -SEALED_CHUNK_BYTES),
      'a chunk less in the middle': Buffer.concat([head, chunk(0), chunk(2), chunk(3)]),
      'a chunk more': Buffer.concat([file, chunk(3)]),
      'a chunk of another file with the same file key': Buffer.concat([
        head,
        other.subarray(start, start + SEALED_CHUNK_BYTES),
        file.subarray(start + SEALED_CHUNK_BYTES),
      ]),
      'an empty last chunk': Buffer.concat([file, randomBytes(TAG_BYTES)]),
      'a byte less': file.subarray(0, -1),
      'a byte more': Buffer.concat([file, Buffer.of(0)]),
      'nothing behind the header': file.subarray(0, SINGLE_HEADER_BYTES),
      'nothing behind the nonce': head,
      'swapped chunks': Buffer.concat([head, chunk(1), chunk(0), chunk(2), chunk(3)]),
      'the last chunk first': Buffer.concat([head, chunk(3), chunk(0), chunk(1), chunk(2)]),
    }
    for (const [name, bytes] of Object.entries(wrong)) {
      await expect(textOf(bytes), name).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
    }

    await fc.assert(
      fc.asyncProperty(
        fc.integer({max: file.length - 1, min: SINGLE_HEADER_BYTES}),
        fc.integer({max: 7, min: 0}),
        async (at, bit) => {
          const flipped = Buffer.from(file)
          flipped[at]! ^= 1 << bit
          await expect(textOf(flipped)).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
        },
      ),
      {numRuns: 40},
    )
    for (let at = 0; at < SINGLE_HEADER_BYTES; at++) {
      const flipped = Buffer.from(file)
      flipped[at]! ^= 1
      await expect(textOf(flipped), `byte ${at}`).rejects.toThrow()
    }
  })

  it('proves the size when it opens, before anything is read', async () => {
    const {content} = encryptAge(header, randomBytes(2 * CHUNK_BYTES))
    await expect(openBytes(content.subarray(0, -SEALED_CHUNK_BYTES))).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
  })
})
