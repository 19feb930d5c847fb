/** The test vectors of the format (C2SP/CCTV): binary files, all kinds of recipients that the package knows. */
import * as vectors from 'cctv-age'
import {createHash} from 'node:crypto'
import {inflateSync} from 'node:zlib'
import {describe, expect, it} from 'vitest'

import {openAgeHeader} from '../../../src/codec/age/header.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {openAgeReader} from '../../../src/store/age/reader.js'
import {readerOf} from './memory.js'

interface Vector {
  armored: boolean
  expect: string
  file: Uint8Array
  identities: string[]
  passphrases: string[]
  payload?: string
}

function parse(bytes: Uint8Array): Vector {
  const raw = Buffer.from(bytes)
  const end = raw.indexOf('\n\n')
  const fields = raw
    .subarray(0, end)
    .toString()
    .split('\n')
    .map((line) => line.split(': ', 2) as [string, string])
  const all = (name: string): string[] => fields.filter(([key]) => key === name).map(([, value]) => value)
  const body = raw.subarray(end + 2)
  return {
    armored: all('armored').length > 0,
    expect: all('expect')[0]!,
    file: all('compressed').length > 0 ? inflateSync(body) : body,
    identities: all('identity'),
    passphrases: all('passphrase'),
    payload: all('payload')[0],
  }
}

async function decrypt({
  file,
  identities,
  passphrases,
}: Vector): Promise<{error?: unknown; header?: true; sha256: string}> {
  const released = createHash('sha256')
  let header: true | undefined
  try {
    const reader = await openAgeReader(readerOf(file), {
      async fileKeyOf(bytes) {
        const fileKey = await openAgeHeader(bytes, {identities, passphrases})
        header = true
        return fileKey
      },
      where: 'vector',
    })
    for await (const piece of reader.stream()) released.update(piece)
    return {header, sha256: released.digest('hex')}
  } catch (error) {
    return {error, header, sha256: released.digest('hex')}
  }
}

describe('a test vector', () => {
  const all = Object.entries(vectors as Record<string, Uint8Array>)
    .filter(([, bytes]) => bytes instanceof Uint8Array)
    .map(([name, bytes]): [string, Vector] => [name, parse(bytes)])
    .filter(([, {armored}]) => !armored)
  it('is there, of each kind', () => {
    expect(all.length).toBeGreaterThan(90)
    expect(new Set(all.map(([, vector]) => vector.expect))).toEqual(
      new Set(['header failure', 'HMAC failure', 'no match', 'payload failure', 'success']),
    )
  })

  it.each(all)('%s', async (_, vector) => {
    const {error, header, sha256} = await decrypt(vector)
    if (vector.expect === 'success') {
      expect(error).toBeUndefined()
      expect(sha256).toBe(vector.payload)
      return
    }

    expect(error).toBeDefined()
    if (vector.expect !== 'payload failure') {
      expect(header).toBeUndefined()
      expect(sha256).toBe(createHash('sha256').digest('hex'))
      return
    }

    // Which text is given before the damage is met is ours to choose, as long as none of it is wrong: the size is proven first.
    expect(error).toBeInstanceOf(DataOpsError)
  })
})
