/**
 * Bytes of an export, changed: it is refused before anything is made of it, or is restored as the server has exported it. Headers and footers
 * have no checksum. MUTATIONS says how many, SEED which, ROUND only one of them.
 */
import {cp, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {NativeExport} from '../../../src/archive/native/export.js'
import {ExportSource} from '../../../src/archive/native/source.js'
import {RestoreManager} from '../../../src/index.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {openStore} from '../../../src/store/open.js'
import {restDump, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {copyExport, EXPORTED_CLASSES} from '../../support/native-export.js'

const ROUNDS = Number(process.env.MUTATIONS ?? 40)
const ROUND = process.env.ROUND === undefined ? undefined : Number(process.env.ROUND)
const NAMES = Object.keys(EXPORTED_CLASSES)
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let schemas: string
let server: TestServer

beforeAll(async () => {
  directory = await temporaryDirectory()
  server = await startTestServer()
  schemas = path.join(directory.path, 'schema.json')
  await writeFile(schemas, JSON.stringify({classes: Object.values(EXPORTED_CLASSES)}))
})

afterAll(async () => {
  await server.close()
  await directory.remove()
})

const ours = async (): Promise<string[]> =>
  (await server.connection.listCollections()).map(({class: name}) => name).filter((name) => NAMES.includes(name))

/** Restores it, and returns all that is there then: each object with its vectors, tenants with their states, schemas. */
async function restored(folder: string): Promise<string> {
  const checkpointDirectory = await mkdtemp(path.join(directory.path, 'run-'))
  const manager = new RestoreManager(server.connection, {directory: directory.path})
  try {
    const {collections} = await manager.restoreCollections([folder], {checkpointDirectory, schemaFrom: [schemas]})
    const found: unknown[] = [
      collections.map(({collection, rejected, restored: count}) => [collection, count, rejected]),
    ]
    for (const name of (await ours()).toSorted()) {
      const schema = await server.connection.getCollection(name)
      const tenants = schema?.multiTenancyConfig?.enabled ? await server.connection.listTenants(name) : undefined
      found.push(schema, tenants)
      for (const tenant of tenants?.map((one) => one.name) ?? [undefined])
        found.push(tenant, [...(await restDump(server.url, name, tenant))])
    }

    return JSON.stringify(found)
  } finally {
    await rm(checkpointDirectory, {force: true, recursive: true})
  }
}

async function clean(): Promise<void> {
  for (const name of await ours()) await server.connection.deleteCollection(name)
}

/** As a restore opens its collections. */
async function sourcesOf(folder: string): Promise<ExportSource[]> {
  const native = await NativeExport.open(openStore(path.dirname(folder)), path.basename(folder))
  return native.collections
    .toSorted()
    .map((name) => new ExportSource(native, name, {schema: EXPORTED_CLASSES[name as keyof typeof EXPORTED_CLASSES]}))
}

/** All that a restore would write of it. */
async function contentOf(folder: string): Promise<string> {
  const found: unknown[] = []
  for (const source of await sourcesOf(folder)) {
    const content = await source.survey()
    const {collection: name, tenants} = source.head.metadata
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
  it(`is refused, or is restored as it was (${ROUNDS} changes)`, {timeout: 30_000 + ROUNDS * 1000}, async () => {
    const folder = await copyExport(directory.path)
    const expected = await restored(folder)
    await clean()
    const files = (await readdir(folder)).toSorted()
    const below = numbers(Number(process.env.SEED ?? 14))
    let refused = 0
    let same = 0
    for (let round = 0; round < ROUNDS; round++) {
      const file = path.join(folder, files[below(files.length)]!)
      const names = Object.keys(CHANGES)
      const name = names[below(names.length)]!
      const original = await readFile(file)
      const changed = CHANGES[name]!(Buffer.from(original), below)
      if (ROUND !== undefined && round !== ROUND) continue
      await writeFile(file, changed)
      try {
        expect(await restored(folder), `${name} in ${file}, round ${round}`).toBe(expected)
        await clean()
        same++
      } catch (error) {
        if (!(error instanceof DataOpsError)) throw error
        expect(error.code, `${name} in ${file}, round ${round}: ${error.message}`).toBe('BACKUP_DAMAGED')
        expect(await ours(), `${name} in ${file}, round ${round}: ${error.message}`).toEqual([])
        refused++
      }

      await writeFile(file, original)
    }

    if (ROUND !== undefined) return
    expect(refused + same).toBe(ROUNDS)
    if (process.env.MUTATIONS) process.stderr.write(`${refused} changes refused, ${same} restored equal\n`)
    // Statistics, indexes of columns, times of the export: nothing that is restored.
    expect(refused).toBeGreaterThan(ROUNDS / 3)
    expect(await restored(folder)).toBe(expected)
    await clean()
  })

  it('is refused before any of it is written when it names another compression of any of its columns', async () => {
    const folder = await copyExport(directory.path, 'footers')
    const file = path.join(folder, 'Exp_Mz5pgzVTQ5Wh_0000.parquet')
    const original = await readFile(file)
    const footer = original.length - 8 - original.readUInt32LE(original.length - 8)
    let refused = 0
    // A field of Thrift, 32 bits, that is 6: zstd.
    for (let at = footer; (at = original.indexOf('150c', at, 'hex')) !== -1; at += 2) {
      const bytes = Buffer.from(original)
      bytes[at + 1] = 14
      await writeFile(file, bytes)
      const [source] = await sourcesOf(folder)
      const isTaken = await source!
        .assertWhole()
        .then(() => true)
        .catch(() => false)
      // What else looks like one: it can be read.
      if (isTaken) await source!.survey()
      else refused++
    }

    expect(refused).toBeGreaterThanOrEqual(7)
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

  it('is refused when one shard has the file of another', async () => {
    const folder = await copyExport(directory.path, 'shards')
    for (const name of ['export_metadata.json', 'node_probe_status.json']) {
      const text = await readFile(path.join(folder, name), 'utf8')
      const twin = text
        .replace('"P7hdLNQXmtZC"\n', '"P7hdLNQXmtZC", "twin"\n')
        .replace(/("P7hdLNQXmtZC": ?)(\{[^}]+\})/, '$1$2, "twin": $2')
      await writeFile(path.join(folder, name), twin)
    }

    await expect(contentOf(folder)).rejects.toThrow('ExpTarget_twin_0000.parquet is missing')
    await cp(path.join(folder, 'ExpTarget_P7hdLNQXmtZC_0000.parquet'), path.join(folder, 'ExpTarget_twin_0000.parquet'))
    await expect(contentOf(folder)).rejects.toThrow('are one and the same: other objects are missing')
  })
})
