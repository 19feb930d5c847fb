import {Buffer} from 'node:buffer'
import {gzipSync} from 'node:zlib'
import {describe, expect, test} from 'vitest'

import {inflateMembers} from '../../src/archive/gzip-members.js'
import {GZIP_HEADER, portableGzip, storedMember} from '../../src/codec/gzip.js'
import {nodePlatform} from '../../src/platform/node.js'

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function inflate(bytes: Uint8Array, size = 1 << 20): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of inflateMembers(inChunks(bytes, size))) pieces.push(new Uint8Array(piece))
  return Buffer.concat(pieces)
}

/** Text that deflate makes several blocks of, empty text, and text that it cannot make smaller. */
const TEXTS = [
  Buffer.from('{"a":1}\n'.repeat(20_000)),
  Buffer.alloc(0),
  Buffer.from(Uint8Array.from({length: 70_000}, (_, index) => Math.imul(index, 2_654_435_761) >>> 24)),
  Buffer.from('end\n'),
]

async function members(): Promise<Uint8Array[]> {
  return [await nodePlatform.gzip(TEXTS[0]!), portableGzip(TEXTS[1]!), storedMember(TEXTS[2]!), portableGzip(TEXTS[3]!)]
}

async function twoMembers(): Promise<Uint8Array[]> {
  const all = await members()
  return [all[0]!, all.at(-1)!]
}

describe('inflateMembers', () => {
  test.each([7, 18, 1000, 65_536, 1 << 20])('reads members in chunks of %i bytes', async (size) => {
    const bytes = Buffer.concat(await members())
    expect(Buffer.compare(await inflate(bytes, size), Buffer.concat(TEXTS))).toBe(0)
  })

  test('reads nothing from nothing', async () => {
    await expect(inflate(Buffer.alloc(0))).resolves.toHaveLength(0)
  })

  test('names the member that is cut off, wherever that is', async () => {
    const [first, last] = await twoMembers()
    const bytes = Buffer.concat([first!, last!])
    for (let cut = 1; cut < last!.length; cut++) {
      await expect(inflate(bytes.subarray(0, -cut))).rejects.toMatchObject({
        code: 'BACKUP_DAMAGED',
        message: `Gzip member 2, at byte ${first!.length}, is cut off.`,
      })
    }
  })

  test('names the member that is not canonical, or does not fit its trailer', async () => {
    const [first, last] = await twoMembers()
    const foreign = gzipSync('end\n')
    expect(foreign.subarray(0, 10)).not.toEqual(Buffer.from(GZIP_HEADER))
    const inForeign = Buffer.concat([first!, foreign])
    await expect(inflate(inForeign)).rejects.toThrow(/^Gzip member 2, .* header/)
    for (const [fromEnd, expected] of [
      [8, /^Gzip member 2, .* another checksum /],
      [1, /^Gzip member 2, .* another length /],
    ] as const) {
      const bytes = Buffer.concat([first!, last!])
      bytes[bytes.length - fromEnd]! ^= 1
      await expect(inflate(bytes)).rejects.toThrow(expected)
    }

    const longer = Buffer.concat([first!, Buffer.from('\n')])
    await expect(inflate(longer)).rejects.toThrow(/^Gzip member 2, .* is cut off/)
  })
})
