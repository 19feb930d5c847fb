/** A backup that several threads look at is said to be what one finds it to be, whatever was done to it. */
import {cp, mkdir, readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'

import type {BackupVerification, VerifyBackupOptions} from '../../../src/jobs/verify/options.js'

import {openArchive} from '../../../src/catalog/locate.js'
import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupManager, Verifier} from '../../../src/index.js'
import {FLUSH_EVERY} from '../../../src/jobs/backup/transfer.js'
import {checkBackup} from '../../../src/jobs/verify/backup.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {listenToThreads} from '../../support/asked-threads.js'
import {makeCollection, startTestServer, temporaryDirectory} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'
import {makeBackup, makeObject, SCHEMA, TENANT_SCHEMA} from './backups.js'

const heard = listenToThreads(
  ['rows', 'hash'],
  "if (call === 'rows' && process.env.TEST_DIES_AT === String(payload)) throw new Error('planted')",
)
const SETTINGS = {...FLUSH_EVERY}
const COUNT = 600
const PARTS = 5
/** Eight are each change, of a quick verification and of one that reads; `npm run test:mutations` does more. */
const ROUNDS = process.env.MUTATIONS === undefined ? 8 : 48
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  directory = await temporaryDirectory()
})

afterAll(async () => {
  Object.assign(FLUSH_EVERY, SETTINGS)
  await directory.remove()
})

/** A part each, of 40, 80, … objects, of tenants in turn where there are some. */
const pages = (tenants?: readonly string[]) =>
  Array.from({length: PARTS}, (_, part) =>
    Array.from({length: (part + 1) * 40}, (__, at) => makeObject(part * 1000 + at + 1, tenants?.[at % tenants.length])),
  )

async function folder(name: string): Promise<string> {
  const made = path.join(directory.path, name)
  await mkdir(made)
  return made
}

/** Of a file of the backup. */
type Change = (file: string, random: (below: number) => number) => Promise<void>

const CHANGES: Record<string, Change> = {
  added: async (file) => writeFile(file, 'x', {flag: 'a'}),
  cut: async (file, random) => truncate(file, random((await readFile(file)).length)),
  async flipped(file, random) {
    const bytes = await readFile(file)
    bytes[random(bytes.length)]! ^= 1 << random(8)
    await writeFile(file, bytes)
  },
  gone: async (file) => rm(file),
}

/** The same verification but for how long it took, or the error that it ended with. */
async function outcome(verifier: Verifier, backup: string, options: VerifyBackupOptions): Promise<unknown> {
  try {
    const found: BackupVerification = await verifier.verifyBackup(backup, options)
    return {...found, seconds: 0}
  } catch (error) {
    const {code, message} = error as {code: string; message: string}
    return {code, message}
  }
}

async function compareChanged(whole: string, verifier: Verifier): Promise<void> {
  let seed = 7
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }

  let damaged = 0
  for (let round = 0; round < ROUNDS; round++) {
    const changed = path.join(directory.path, `changed-${round}`, path.basename(whole))
    await cp(whole, changed, {recursive: true})
    const files = (await readdir(changed)).filter((file) => file.startsWith('objects'))
    const [name, change] = Object.entries(CHANGES)[round % 4]!
    // Two parts at once, now and then: in which order they are named shall not hang on which thread was the first.
    for (let times = 0; times < (round % 3 === 0 ? 2 : 1); times++) {
      const file = path.join(changed, files[(random(files.length) + times) % files.length]!)
      await change(file, random).catch(() => {})
    }

    const quick = (round >> 2) % 2 === 0
    const one = await outcome(verifier, changed, {quick, workers: 1})
    expect(await outcome(verifier, changed, {quick, workers: 3}), `${name}, round ${round}`).toEqual(one)
    if ((one as BackupVerification).problems?.length > 0) damaged++
    await rm(path.dirname(changed), {recursive: true})
  }

  expect(damaged).toBe(ROUNDS)
}

it.each(['parquet', 'arrow'] as const)('%s: whole, each part once, and damaged alike', async (format) => {
  const where = await folder(format)
  const tenants = [
    {name: 'A', status: 'HOT' as const},
    {name: 'B', status: 'HOT' as const},
  ]
  const backup = await makeBackup({compress: false, format}, TENANT_SCHEMA, pages(['A', 'B']), {
    directory: where,
    tenants,
  })
  await heard()
  const verifier = new Verifier()
  const told: number[] = []
  const found = await verifier.verifyBackup(backup, {
    onProgress({bytes = 0, completed}) {
      told.push(bytes, completed)
    },
    workers: 3,
  })
  expect(found).toMatchObject({objectCount: COUNT, problems: []})
  const each = Array.from({length: PARTS}, (_, part) => part)
  expect(await heard()).toEqual([...each.map((part) => `hash ${part}`), ...each.map((part) => `rows ${part}`)])
  expect(found).toMatchObject({digest: (await verifier.verifyBackup(backup, {workers: 1})).digest})
  expect(await heard()).toEqual([])
  // All bytes but those of what names them, and all objects.
  expect(Math.max(...told)).toBeGreaterThan(found.bytes * 0.9)
  expect(told).toContain(COUNT)
  await compareChanged(backup, verifier)
})

it('finds what stands in two parts, with few ids in memory', async () => {
  const where = await folder('twice')
  const all = pages()
  all[1]!.push(all[4]![150]!)
  all[3]!.push(all[0]![7]!, all[2]![9]!)
  const backup = await makeBackup({compress: false, format: 'parquet'}, SCHEMA, all, {directory: where})
  const opened = await openArchive(backup, new LocalStore(where))
  const {problems} = await checkBackup(opened, {maxRecordsInMemory: 30, workers: 4})
  const ids = problems.map(({message}) => /Object (\S+) stands in it more than once/.exec(message)?.[1])
  expect(new Set(ids)).toEqual(new Set([all[0]![7]!.id, all[2]![9]!.id, all[4]![150]!.id]))
  expect(ids).toHaveLength(3)
  await heard()
})

it('reads encrypted ones by the identity, and in this thread what no other can open', async () => {
  const server = await startTestServer()
  try {
    const {identity, recipient} = await newIdentity()
    await makeCollection(server.connection, 'VerifyDocs', 400, 8)
    Object.assign(FLUSH_EVERY, {bytes: 1})
    const where = await folder('encrypted')
    const manager = new BackupManager(server.connection, {directory: where, encryptTo: [recipient]})
    const backup = await manager.backupCollection('VerifyDocs', {batchSize: 40, format: 'parquet', workers: 2})
    await heard()
    const verifier = new Verifier({directory: where, identities: [identity]})
    expect(await verifier.verifyBackup(backup.path, {workers: 3})).toMatchObject({
      digest: backup.digest,
      objectCount: 400,
      problems: [],
    })
    expect((await heard()).length).toBeGreaterThan(3)
    await compareChanged(backup.path, verifier)
    await heard()

    const inMemory = memoryStore()
    const kept = await new BackupManager(server.connection, {store: inMemory}).backupCollection('VerifyDocs', {
      batchSize: 40,
      format: 'parquet',
    })
    expect(await new Verifier({store: inMemory}).verifyBackup(kept.id, {workers: 3})).toMatchObject({
      objectCount: 400,
      problems: [],
    })
    expect(await heard()).toEqual([])
  } finally {
    await server.connection.deleteCollection('VerifyDocs')
    await server.close()
  }
})

it.each([NaN, 0, -1, 1.5])('refuses %d workers, and says nothing of the backup', async (workers) => {
  const where = await folder(`refused-${workers}`)
  const backup = await makeBackup({compress: false, format: 'parquet'}, SCHEMA, pages(), {directory: where})
  for (const quick of [false, true]) {
    const refused = new Verifier().verifyBackup(backup, {quick, workers})
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: `The number of workers must be a whole number above 0, not ${workers}.`,
    })
  }

  expect(await heard()).toEqual([])
})

it('ends with Ctrl-C, and when a thread dies', async () => {
  const where = await folder('ended')
  const backup = await makeBackup({compress: false, format: 'parquet'}, SCHEMA, pages(), {directory: where})
  const stop = new AbortController()
  const stopped = new Verifier().verifyBackup(backup, {
    onProgress({completed}) {
      if (completed > 0) stop.abort()
    },
    signal: stop.signal,
    workers: 2,
  })
  await expect(stopped).rejects.toMatchObject({code: 'INTERRUPTED'})
  await expect(new Verifier().verifyBackup(backup, {signal: AbortSignal.abort(), workers: 2})).rejects.toMatchObject({
    code: 'INTERRUPTED',
  })
  process.env.TEST_DIES_AT = '3'
  try {
    await expect(new Verifier().verifyBackup(backup, {workers: 2})).rejects.toMatchObject({
      code: 'UNEXPECTED',
      message: expect.stringContaining('planted') as string,
    })
  } finally {
    delete process.env.TEST_DIES_AT
  }
})
