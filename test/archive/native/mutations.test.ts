/** Bytes of an export, changed: whatever is read all the same is what the server has exported. Headers and footers have no checksum. */
import {readdir, readFile, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {NativeExport} from '../../../src/archive/native/export.js'
import {ExportSource} from '../../../src/archive/native/source.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {openStore} from '../../../src/store/open.js'
import {temporaryDirectory} from '../../support/collections.js'
import {copyExport, EXPORTED_CLASSES} from '../../support/native-export.js'

const ROUNDS = Number(process.env.MUTATIONS ?? 200)
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  directory = await temporaryDirectory()
})

afterAll(async () => directory.remove())

/** All that a restore would write of it. */
async function contentOf(folder: string): Promise<string> {
  const native = await NativeExport.open(openStore(path.dirname(folder)), path.basename(folder))
  const found: unknown[] = []
  for (const name of native.collections.toSorted()) {
    const source = new ExportSource(native, name, {schema: EXPORTED_CLASSES[name as keyof typeof EXPORTED_CLASSES]})
    const content = await source.survey()
    const {tenants} = source.head.metadata
    found.push({digest: content.hex(), name, objects: content.objects, seal: source.seal.tenants, tenants})
  }

  return JSON.stringify(found)
}

/** The same numbers for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c_1b_3c_6d) + 0x6d_2b_79_f5
    const mixed = Math.imul(state ^ (state >>> 12), 0x29_7a_2d_39)
    return ((mixed ^ (mixed >>> 15)) >>> 0) % below
  }
}

type Change = (bytes: Buffer, below: (below: number) => number) => Buffer
const CHANGES: Record<string, Change> = {
  'a bit flipped'(bytes, below) {
    bytes[below(bytes.length)]! ^= 1 << below(8)
    return bytes
  },
  'a byte replaced'(bytes, below) {
    bytes[below(bytes.length)] = below(256)
    return bytes
  },
  'bytes cut off': (bytes, below) => bytes.subarray(0, below(bytes.length)),
  'bytes left out'(bytes, below) {
    const at = below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(8))])
  },
  'bytes put in'(bytes, below) {
    const at = below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + below(8), below(256)), bytes.subarray(at)])
  },
  'two bytes exchanged'(bytes, below) {
    const [a, b] = [below(bytes.length), below(bytes.length)]
    const byte = bytes[a]!
    bytes[a] = bytes[b]!
    bytes[b] = byte
    return bytes
  },
}

describe('a changed export', () => {
  it(`is refused, or is read as it was (${ROUNDS} changes)`, async () => {
    const folder = await copyExport(directory.path)
    const expected = await contentOf(folder)
    const files = (await readdir(folder)).toSorted()
    const below = numbers(Number(process.env.SEED ?? 14))
    let refused = 0
    let same = 0
    for (let round = 0; round < ROUNDS; round++) {
      const file = path.join(folder, files[below(files.length)]!)
      const names = Object.keys(CHANGES)
      const name = names[below(names.length)]!
      const original = await readFile(file)
      await writeFile(file, CHANGES[name]!(Buffer.from(original), below))
      try {
        expect(await contentOf(folder), `${name} in ${file}, round ${round}`).toBe(expected)
        same++
      } catch (error) {
        if (!(error instanceof DataOpsError)) throw error
        expect(error.code, `${name} in ${file}, round ${round}: ${error.message}`).toBe('BACKUP_DAMAGED')
        refused++
      }

      await writeFile(file, original)
    }

    expect(refused + same).toBe(ROUNDS)
    // Statistics, indexes of columns, times of the export: nothing that is restored.
    expect(refused).toBeGreaterThan(ROUNDS / 3)
    expect(await contentOf(folder)).toBe(expected)
  })

  it('is refused when a file is missing, or one more is there', async () => {
    const folder = await copyExport(directory.path, 'files')
    const files = await readdir(folder)
    expect(files).toHaveLength(6)
    for (const name of files) {
      const file = path.join(folder, name)
      const bytes = await readFile(file)
      await rm(file)
      await expect(contentOf(folder), `without ${name}`).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
      if (name.endsWith('.parquet')) {
        await writeFile(file.replace('_0000', '_0001'), bytes)
        await expect(contentOf(folder), `${name} under another number`).resolves.toBeTruthy()
        await writeFile(file, bytes)
        await expect(contentOf(folder), `${name} twice`).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
        await rm(file.replace('_0000', '_0001'))
      } else await writeFile(file, bytes)
    }

    await writeFile(path.join(folder, 'Exp_other_0000.parquet'), 'PAR1')
    await expect(contentOf(folder)).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
  })
})
