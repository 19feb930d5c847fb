import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {randomBytes} from 'node:crypto'
import * as zlib from 'node:zlib'
import {describe, expect, it} from 'vitest'

import type {Platform} from '../../src/codec/codec.js'

import {crc32, isGzip, locateSealMember, readStoredMember, storedMember} from '../../src/codec/gzip.js'
import {portablePlatform} from '../../src/codec/portable.js'
import {DataOpsError} from '../../src/model/errors.js'
import {nodePlatform} from '../../src/platform/node.js'
import {collect, firstOf, inChunks} from '../support/documents.js'

const platforms: Array<[string, Platform]> = [
  ['node', nodePlatform],
  ['portable', portablePlatform],
]
const HEADER = '1f8b08000000000000ff'
const content = fc.oneof(
  fc.uint8Array({maxLength: 300}),
  fc
    .tuple(fc.uint8Array({maxLength: 20, minLength: 1}), fc.nat(9000))
    .map(([unit, times]) => Buffer.concat(Array.from({length: times}, () => unit))),
)
const chunkSizes = fc.array(fc.oneof(fc.integer({max: 30, min: 1}), fc.constantFrom(1000, 70_000)), {
  maxLength: 5,
  minLength: 1,
})

describe.each(platforms)('gzip on the %s platform', (_, platform) => {
  it.each(platforms)('writes canonical members that the %s platform inflates', async (__, reader) => {
    await fc.assert(
      fc.asyncProperty(fc.array(content, {maxLength: 4, minLength: 1}), chunkSizes, async (parts, sizes) => {
        const members = await Promise.all(parts.map(async (part) => platform.gzip(part)))
        for (const member of members) expect(Buffer.from(member.subarray(0, 10)).toString('hex')).toBe(HEADER)
        const file = Buffer.concat([...members, storedMember(Buffer.from('seal'))])
        const inflated = await collect(reader.gunzip(inChunks(file, sizes)))
        const expected = Buffer.concat([...parts, Buffer.from('seal')])
        expect(inflated.equals(expected)).toBe(true)
        expect(zlib.gunzipSync(file).equals(expected)).toBe(true)
      }),
      {numRuns: 20},
    )
  })

  it('reads any gzip, with names and times in its headers', async () => {
    const named = Buffer.concat([
      Buffer.from('1f8b080800e1f5650003', 'hex'),
      Buffer.from('file.json\0'),
      zlib.gzipSync('abc').subarray(10),
    ])
    const file = Buffer.concat([named, zlib.gzipSync('', {level: 9}), zlib.gzipSync('def')])
    expect((await collect(platform.gunzip(inChunks(file, [3])))).toString()).toBe('abcdef')
  })

  it('refuses what is cut off, goes on, or is not gzip', async () => {
    const member = await platform.gzip(Buffer.from('hello '.repeat(5000)))
    const file = Buffer.concat([member, member])
    const bad: Array<[string, Uint8Array]> = [
      ['nothing', new Uint8Array(0)],
      ['text', Buffer.from('{"metadata":{}}'.repeat(9))],
      ['zeros behind it', Buffer.concat([file, Buffer.alloc(20)])],
      ['one zero behind it', Buffer.concat([file, Buffer.alloc(1)])],
      ['text behind it', Buffer.concat([file, Buffer.from('tail')])],
      ['half a header behind it', Buffer.concat([file, file.subarray(0, 5)])],
      ['a whole header behind it', Buffer.concat([file, file.subarray(0, 10)])],
      ['its own trailer behind it', Buffer.concat([file, file.subarray(-8)])],
    ]
    for (let cut = 1; cut < member.length; cut++) bad.push([`${cut} bytes less`, file.subarray(0, file.length - cut)])
    for (const [name, bytes] of bad) {
      for (const size of [7, 100_000]) {
        const reading = collect(platform.gunzip(inChunks(bytes, [size])))
        await expect(reading, `${name}, ${size} a time`).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
      }
    }
  })

  it('says the same of damage long before the end, while there is more to read', async () => {
    const members = await Promise.all(
      Array.from({length: 4}, async () => Buffer.from(await platform.gzip(randomBytes(200_000)))),
    )
    const file = Buffer.concat(members)
    const end = members[0]!.length
    // Its CRC, its size, the header of the next member, and what follows that.
    for (const at of [end - 6, end - 2, end + 1, end + 12]) {
      for (const size of [5000, 64 * 1024, file.length]) {
        const bad = Buffer.from(file)
        bad.writeUInt8(bad.readUInt8(at) ^ 0x55, at)
        const reading = collect(platform.gunzip(inChunks(bad, [size])))
        await expect(reading, `at ${at}, ${size} a time`).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
      }
    }
  })

  it('finds a flipped bit anywhere in a member, header fields that mean nothing aside', async () => {
    const text = Buffer.from(Array.from({length: 60}, (__, index) => `${index * 7919}`).join(','))
    const file = Buffer.from(await platform.gzip(text))
    for (let at = 0; at < file.length; at++) {
      for (const bit of [1, 16, 128]) {
        const flipped = Buffer.from(file)
        flipped[at]! ^= bit
        let read: Buffer | undefined
        try {
          read = await collect(platform.gunzip(inChunks(flipped, [13])))
        } catch (error) {
          expect(error).toBeInstanceOf(DataOpsError)
        }

        if (read) expect(read.equals(text), `byte ${at}`).toBe(true)
      }
    }
  })

  it('inflates a bomb piece by piece', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(100_000_000))
    let largest = 0
    let total = 0
    for await (const chunk of platform.gunzip(inChunks(bomb, [1 << 20]))) {
      largest = Math.max(largest, chunk.length)
      total += chunk.length
      if (total > 50_000_000) break
    }

    expect(largest).toBeLessThanOrEqual(32 << 20)
  })

  it('hands on the errors of its source, and closes it when left early', async () => {
    const member = await platform.gzip(randomBytes(3_000_000))
    let closed = 0
    async function* source(failAt: number) {
      try {
        for (let at = 0; at < member.length; at += 50_000) {
          if (at >= failAt) throw new DataOpsError('STORAGE', 'The disk is gone.')
          yield member.subarray(at, at + 50_000)
        }
      } finally {
        closed++
      }
    }

    await expect(collect(platform.gunzip(source(200_000)))).rejects.toMatchObject({code: 'STORAGE'})
    expect(closed).toBe(1)
    expect((await firstOf(platform.gunzip(source(Infinity))))!.length).toBeGreaterThan(0)
    await expect.poll(() => closed).toBe(2)
  })
})

describe('the seal member', () => {
  it.each([0, 1, 400, 65_534, 65_535, 65_536, 131_070, 131_071, 300_000])(
    'of %i bytes is stored and found from the end',
    (length) => {
      const line = randomBytes(length)
      const member = storedMember(line)
      expect(member.length).toBe(10 + length + 5 * Math.max(1, Math.ceil(length / 65_535)) + 8)
      expect(zlib.gunzipSync(member).equals(line)).toBe(true)
      const file = Buffer.concat([zlib.gzipSync('before'), member])
      const place = locateSealMember(file.subarray(-4), file.length)!
      expect(place).toEqual({end: file.length, start: file.length - member.length})
      expect(Buffer.from(readStoredMember(file.subarray(place.start, place.end))!).equals(line)).toBe(true)
    },
  )

  it('is not found where there is none', () => {
    expect(locateSealMember(Buffer.alloc(3), 3)).toBeUndefined()
    expect(locateSealMember(Buffer.from('ffffffff', 'hex'), 1000)).toBeUndefined()
    const deflated = zlib.gzipSync('x'.repeat(100))
    expect(readStoredMember(deflated)).toBeUndefined()
    const member = storedMember(Buffer.from('seal'))
    for (let at = 0; at < member.length; at++) {
      const flipped = Buffer.from(member)
      flipped[at]! ^= 4
      expect(readStoredMember(flipped), `byte ${at}`).toBeUndefined()
    }
  })
})

describe('platforms', () => {
  it('hash alike, at once and in pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({maxLength: 200}), {maxLength: 5}), (pieces) => {
        const hashes = platforms.map(([, platform]) => {
          const hash = platform.createSha256()
          for (const piece of pieces) hash.update(piece)
          return [hash.digest(), platform.sha256(Buffer.concat(pieces))].map((bytes) =>
            Buffer.from(bytes).toString('hex'),
          )
        })
        expect(new Set(hashes.flat()).size).toBe(1)
      }),
    )
  })

  it('agree with zlib on CRC-32', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(crc32(b, crc32(a))).toBe(zlib.crc32(Buffer.concat([a, b])))
      }),
    )
  })

  it('compress by zstd where Node does, within the size promised', () => {
    const {zstdCompress, zstdDecompress} = nodePlatform
    expect(zstdCompress).toBeDefined()
    const bytes = Buffer.from('abc'.repeat(1000))
    const frame = zstdCompress!(bytes)
    expect(Buffer.from(zstdDecompress!(frame, 3000)).equals(bytes)).toBe(true)
    for (const size of [2999, 3001, 0]) {
      expect(() => zstdDecompress!(frame, size)).toThrow(expect.objectContaining({code: 'BACKUP_DAMAGED'}))
    }

    expect(() => zstdDecompress!(frame.subarray(0, -1), 3000)).toThrow(
      expect.objectContaining({code: 'BACKUP_DAMAGED'}),
    )
    expect(zstdDecompress!(zstdCompress!(new Uint8Array(0)), 0)).toHaveLength(0)
  })

  it('know gzip by its first bytes', () => {
    expect(isGzip(zlib.gzipSync(''))).toBe(true)
    expect(isGzip(Buffer.from('{"'))).toBe(false)
    expect(isGzip(new Uint8Array(1))).toBe(false)
  })
})
