/** Encrypted backups that somebody has changed: each change is found, with a key and without one. `MUTATIONS`, `SEED`: how many, and which. */
import {createHash, randomInt} from 'node:crypto'
import {readdir, readFile, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'

import {newIdentity} from '../../../src/codec/age/header.js'
import {SEALED_CHUNK_BYTES} from '../../../src/codec/age/payload.js'
import {BackupManager, DataOpsError, Verifier} from '../../../src/index.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'EncryptedMutations'
const COUNT = Number(process.env.MUTATIONS ?? 120)
const SEED = Number(process.env.SEED ?? randomInt(2 ** 31))
const FORMATS = [
  {compress: false, format: 'json'},
  {compress: true, format: 'json'},
  {compress: false, format: 'parquet'},
  {compress: false, format: 'arrow'},
] as const

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let keys: {identity: string; recipient: string}
/** Of each backup: its path, and its files. */
const backups: Array<{files: Map<string, Buffer>; path: string}> = []

beforeAll(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
  keys = await newIdentity()
  await makeCollection(server.connection, NAME, 300, 64)
  for (const options of FORMATS) {
    const manager = new BackupManager(server.connection, {directory: directory.path, encryptTo: [keys.recipient]})
    const {path: folder} = await manager.backupCollection(NAME, options)
    const files = new Map<string, Buffer>()
    for (const file of await readdir(folder)) files.set(file, await readFile(path.join(folder, file)))
    backups.push({files, path: folder})
  }
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
  await directory.remove()
})

/** Numbers that follow from a seed. */
function numbers(seed: number): (below: number) => number {
  let count = 0
  return (below) => createHash('sha256').update(`${seed} ${count++}`).digest().readUInt32LE() % below
}

type Mutation = (bytes: Buffer, random: (below: number) => number, other: Buffer) => Buffer | undefined

const MUTATIONS: Record<string, Mutation> = {
  added: (bytes, random) => Buffer.concat([bytes, Buffer.alloc(1 + random(40), random(256))]),
  cut: (bytes, random) => bytes.subarray(0, random(bytes.length)),
  'cut at a chunk'(bytes, random) {
    const chunks = Math.floor((bytes.length - 184) / SEALED_CHUNK_BYTES)
    return chunks < 1 ? undefined : bytes.subarray(0, 184 + SEALED_CHUNK_BYTES * random(chunks + 1))
  },
  flipped(bytes, random) {
    const changed = Buffer.from(bytes)
    changed[random(bytes.length)]! ^= 1 << random(8)
    return changed
  },
  removed: () => undefined,
  'replaced by another file': (_bytes, _random, other) => other,
  'swapped chunks'(bytes, random) {
    const chunks = Math.floor((bytes.length - 184) / SEALED_CHUNK_BYTES)
    if (chunks < 2) return undefined
    const [a, b] = [random(chunks), random(chunks)].map((index) => 184 + index * SEALED_CHUNK_BYTES) as [number, number]
    const changed = Buffer.from(bytes)
    bytes.copy(changed, a, b, b + SEALED_CHUNK_BYTES)
    bytes.copy(changed, b, a, a + SEALED_CHUNK_BYTES)
    return changed
  },
}

async function isFound(verifier: Verifier, folder: string, quick: boolean): Promise<boolean> {
  try {
    return (await verifier.verifyBackup(folder, {quick})).problems.length > 0
  } catch (error) {
    if (error instanceof DataOpsError && ['BACKUP_DAMAGED', 'NOT_A_BACKUP'].includes(error.code)) return true
    throw error
  }
}

it(`finds ${COUNT} changes of seed ${SEED}`, {timeout: Math.max(60_000, COUNT * 500)}, async () => {
  const random = numbers(SEED)
  const kinds = Object.keys(MUTATIONS)
  const keyed = new Verifier({directory: directory.path, identities: [keys.identity]})
  const keyless = new Verifier({directory: directory.path})
  const missed: string[] = []
  const tried = new Map<string, number>()
  for (let done = 0; done < COUNT;) {
    const backup = backups[random(backups.length)]!
    const names = [...backup.files.keys()]
    const file = names[random(names.length)]!
    const others = [...backups[random(backups.length)]!.files.values()]
    const kind = kinds[random(kinds.length)]!
    const bytes = backup.files.get(file)!
    const changed = MUTATIONS[kind]!(bytes, random, others[random(others.length)]!)
    if (kind !== 'removed' && (!changed || changed.equals(bytes))) continue
    const where = path.join(backup.path, file)
    await (changed ? writeFile(where, changed) : rm(where))
    for (const [name, verifier, quick] of [
      ['with the key', keyed, false],
      ['without', keyless, true],
    ] as const) {
      if (!(await isFound(verifier, backup.path, quick)))
        missed.push(`${kind}: ${path.basename(backup.path)}/${file}, ${name}`)
    }

    await writeFile(where, bytes)
    tried.set(kind, (tried.get(kind) ?? 0) + 1)
    done++
  }

  expect(missed).toEqual([])
  expect(tried.size).toBeGreaterThan(4)
  for (const {path: folder} of backups) expect((await keyed.verifyBackup(folder)).problems).toEqual([])
})
