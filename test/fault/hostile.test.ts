/** Backups that somebody else made or broke: refused or carried, with typed errors only, in bounded time and memory. */
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {cp, mkdir, open, readdir, readFile, rm, symlink, writeFile} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {gzipSync} from 'node:zlib'
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'

import {openArchive} from '../../src/catalog/locate.js'
import {type BackupHead, documentHead, documentTail, sealLine} from '../../src/codec/document.js'
import {
  BackupManager,
  type BackupOptions,
  connect,
  type Connection,
  DataOpsError,
  LocalStore,
  RestoreManager,
  Verifier,
} from '../../src/index.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {programFile} from '../support/programs.js'
import {sha256, writeSealedBackup} from '../support/sealed-backup.js'
import {randomFrom, SEED, temporaryFolder} from './harness.js'
import {report} from './report.js'
import {makeReferences} from './samples.js'

const NAME = 'FaultHostile'
const COPY = 'FaultHostileCopy'
const OBJECTS = 40
/** Milliseconds that one mutated backup may take to be refused: far more than it does. */
const LONG = 20_000
const MUTATIONS = Number(process.env.FAULT_ROUNDS ?? 10) * 5

let server: EmbeddedWeaviate
let connection: Connection
let directory: Awaited<ReturnType<typeof temporaryFolder>>
let worker: string

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  connection = await connect({grpcUrl: server.grpcUrl!, url: server.url})
  directory = await temporaryFolder()
  worker = programFile('hostile')
  await makeReferences(connection, NAME, {dims: 4, objects: OBJECTS, references: 3})
})

afterEach(async () => connection.deleteCollection(COPY))

afterAll(async () => {
  await connection.close()
  await server.close()
  await directory.remove()
})

/** What came of it; anything but a DataOpsError is thrown on, and so is taking too long. */
async function outcome<T>(work: () => Promise<T>): Promise<DataOpsError | T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error('it hangs'))
    }, LONG)
  })
  try {
    return await Promise.race([work(), late])
  } catch (error) {
    if (error instanceof DataOpsError) return error
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function readAll(file: string): Promise<number> {
  const {archive} = await openArchive(file, new LocalStore(directory.path), {acceptUnsealed: true})
  let objects = 0
  for await (const page of archive.pages()) objects += page.objects.length
  return objects
}

async function restoreChanged(file: string): Promise<unknown> {
  return new RestoreManager(connection).restoreCollection(file, {
    acceptChanged: true,
    maxRetries: 0,
    name: COPY,
    restart: true,
  })
}

const KINDS: BackupOptions[] = [
  {format: 'json'},
  {compress: true, format: 'json'},
  {format: 'parquet'},
  {compress: true, format: 'parquet'},
  {format: 'arrow'},
  {compress: true, format: 'arrow'},
]

describe('a backup that was mutated', () => {
  it.each(KINDS)(
    `is refused, or read, by typed errors only: $format, compressed: $compress (${MUTATIONS} mutations)`,
    async (options) => {
      const folder = path.join(directory.path, `${options.format}-${String(options.compress)}`)
      const backup = await new BackupManager(connection, {directory: folder}).backupCollection(NAME, {
        ...options,
        batchSize: 10,
      })
      const random = randomFrom(SEED + 7)
      let unseen = 0
      for (let round = 0; round < MUTATIONS; round++) {
        const copy = path.join(folder, `mutated-${round}`, path.basename(backup.path))
        await cp(backup.path, copy, {recursive: true})
        const files = options.format === 'json' ? [copy] : (await readdir(copy)).map((name) => path.join(copy, name))
        const file = files[Math.floor(random() * files.length)]!
        const bytes = await readFile(file)
        const mutated = mutate(bytes, random)
        if (mutated.equals(bytes)) continue
        await writeFile(file, mutated)
        const where = `mutation ${round} of seed ${SEED}, ${path.basename(file)}`
        const verified = await outcome(async () => new Verifier().verifyBackup(copy))
        if (!(verified instanceof DataOpsError) && verified.problems.length === 0) unseen++
        const read = await outcome(async () => readAll(copy))
        expect(read instanceof DataOpsError || typeof read === 'number', where).toBe(true)
        if (round % 4 === 0) {
          await connection.deleteCollection(COPY)
          await outcome(async () => restoreChanged(copy))
        }

        await rm(path.dirname(copy), {force: true, recursive: true})
      }

      await connection.deleteCollection(COPY)
      report({
        fault: `one mutation of a real backup (${options.format}${options.compress ? ', compressed' : ''})`,
        job: 'verify',
        note: 'all found by verification; typed errors only',
        objectsLost: 0,
        server: 'none',
        times: MUTATIONS,
        wronglyListed: unseen,
      })
      expect(unseen).toBe(0)
    },
    30_000 + MUTATIONS * 1000,
  )
})

/** Flips, cuts, doubles, moves or makes up some bytes. */
function mutate(bytes: Buffer, random: () => number): Buffer {
  const at = Math.floor(random() * bytes.length)
  const length = 1 + Math.floor(random() * Math.min(200, bytes.length - at))
  const junk = Buffer.from(Array.from({length}, () => Math.floor(random() * 256)))
  switch (Math.floor(random() * 7)) {
    case 0: {
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1 << Math.floor(random() * 8)
      return flipped
    }

    case 1: {
      return bytes.subarray(0, at)
    }

    case 2: {
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    }

    case 3: {
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
    }

    case 4: {
      return Buffer.concat([bytes.subarray(0, at), junk, bytes.subarray(at)])
    }

    case 5: {
      return Buffer.concat([bytes.subarray(0, at), junk, bytes.subarray(at + length)])
    }

    default: {
      // Digits of numbers that count something.
      const text = bytes.toString('latin1')
      return Buffer.from(
        text.slice(0, at) + text.slice(at).replace(/\d/, (digit) => String((Number(digit) + 5) % 10)),
        'latin1',
      )
    }
  }
}

/** Object lines under a seal that holds: a writer that lies. */
async function writeDocument(
  name: string,
  lines: Iterable<Buffer | string>,
  schema: Partial<BackupHead['schema']> = {},
): Promise<string> {
  const folder = path.join(directory.path, name)
  const sealed = await writeSealedBackup(folder, {
    collection: 'FaultForeign',
    objects: 0,
    schema: {vectorIndexType: 'flat', vectorizer: 'none', ...schema},
  })
  const body: Buffer[] = [Buffer.from(documentHead(sealed))]
  let rows = 0
  for (const line of lines) {
    if (rows++ > 0) body.push(Buffer.from(',\n'))
    body.push(Buffer.from(line as string))
  }

  if (rows > 0) body.push(Buffer.from('\n'))
  body.push(Buffer.from(documentTail(rows)))
  const document = Buffer.concat(body)
  const extent = {bytes: document.length, sha256: sha256(document)}
  const first = '00000000-0000-4000-8000-000000000000'
  const seal = {
    ...sealed.seal,
    document: extent,
    object_count: rows,
    parts: [{file: null, first_id: first, last_id: 'ffffffff-ffff-ffff-ffff-ffffffffffff', rows, ...extent}],
    statistics: {...sealed.seal.statistics, bytes: document.length, rows},
  }
  await writeFile(sealed.file, Buffer.concat([document, Buffer.from(sealLine(seal, sha256))]))
  return sealed.file
}

const ID = '"id":"00000000-0000-4000-8000-000000000001","class":"FaultForeign"'

describe('a backup with a seal that holds and content that does not', () => {
  it.each<[string, Buffer | string]>([
    ['nested too deeply', `{${ID},"properties":{"title":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`],
    [
      'not UTF-8',
      Buffer.concat([
        Buffer.from(`{${ID},"properties":{"title":"`),
        Buffer.from([0xff, 0xfe, 0xc0]),
        Buffer.from('"}}'),
      ]),
    ],
    ['no JSON', `{${ID},"properties":{"title":}}`],
    ['no object', '[1,2,3]'],
    ['no UUID', '{"id":"../../etc/passwd","class":"FaultForeign","properties":{}}'],
    ['a vector of text', `{${ID},"properties":{},"vector":["one"]}`],
    ['a vector that is none', `{${ID},"properties":{},"vector":{"length":1e9}}`],
    ['a multi vector of absurd dimensions', `{${ID},"properties":{},"vectors":{"v":{"dims":1e15,"rows":[]}}}`],
    ['properties that are none', `{${ID},"properties":"all"}`],
  ])('is refused: %s', async (name, line) => {
    const file = await writeDocument(`content-${name}`, [line])
    const read = await outcome(async () => readAll(file))
    expect(read).toMatchObject({code: 'BACKUP_DAMAGED'})
    const verified = await outcome(async () => new Verifier().verifyBackup(file))
    expect(verified instanceof DataOpsError ? verified.code : verified.problems.length).toBeTruthy()
    const restored = await outcome(async () =>
      new RestoreManager(connection).restoreCollection(file, {maxRetries: 0, name: COPY, restart: true}),
    )
    expect(restored).toBeInstanceOf(DataOpsError)
    await connection.deleteCollection(COPY)
  })

  it('is carried harmlessly: prototype keys', async () => {
    const file = await writeDocument('prototype', [
      `{${ID},"properties":{"title":"a","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}}`,
    ])
    const {archive} = await openArchive(file, new LocalStore(directory.path))
    for await (const page of archive.pages()) {
      expect(Object.keys(page.objects[0]!.properties)).toEqual(['title', '__proto__', 'constructor'])
      expect(Object.getPrototypeOf(page.objects[0]!.properties)).toBe(Object.prototype)
    }

    expect(Reflect.get({}, 'polluted')).toBeUndefined()
    const restored = await outcome(async () =>
      new RestoreManager(connection).restoreCollection(file, {acceptChanged: true, name: COPY}),
    )
    // The collection has no such property.
    if (!(restored instanceof DataOpsError)) expect(restored).toMatchObject({rejected: 1, restored: 0})
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
    await connection.deleteCollection(COPY)
  })

  it('loses nothing without a word: vectors that are not finite, or of another length', async () => {
    const vectors = ['[1,2,3]', '[1,2]', '["NaN:7fc00000",1,2]', '["Infinity",1,2]']
    const file = await writeDocument(
      'vectors',
      vectors.map(
        (vector, index) =>
          `{"id":"00000000-0000-4000-8000-00000000000${index}","class":"FaultForeign","properties":{"title":"a"},"vector":${vector}}`,
      ),
    )
    const restored = await outcome(async () =>
      new RestoreManager(connection).restoreCollection(file, {
        acceptChanged: true,
        batchSize: 1,
        concurrency: 1,
        name: COPY,
      }),
    )
    // The digest of this seal is made up: what was sent is not what it says, and that is told once all is sent.
    expect(restored).toMatchObject({code: 'BACKUP_DAMAGED', details: {restored: 1}})
    expect(await connection.count(COPY)).toBe(1)
    await connection.deleteCollection(COPY)
  })

  const part = (changes: Record<string, unknown>) => (seal: Record<string, unknown>) => {
    seal.parts = (seal.parts as object[]).map((each) => ({...each, ...changes}))
  }

  it.each<[string, (seal: Record<string, unknown>) => void]>([
    ['a part outside the folder', part({file: '../../../../etc/passwd'})],
    ['a part by its absolute path', part({file: '/etc/passwd'})],
    ['a part that is the metadata', part({file: 'metadata.json'})],
    ['absurd rows', part({rows: 2 ** 60})],
    ['negative rows', part({rows: -1})],
    ['rows that are none', part({rows: 'many'})],
    ['absurd bytes', part({bytes: 2 ** 52})],
    [
      'amendments that are none',
      (seal) => {
        seal.amendments = [[{}, 1, -5]]
      },
    ],
    [
      'no parts',
      (seal) => {
        delete seal.parts
      },
    ],
    [
      'parts without end',
      (seal) => {
        const [first] = seal.parts as object[]
        seal.parts = Array.from({length: 100_000}, () => first)
      },
    ],
  ])('is refused: a seal with %s', async (name, seal) => {
    const {file} = await writeSealedBackup(path.join(directory.path, `seal-${name}`), {format: 'parquet', seal})
    expect(await outcome(async () => readAll(file))).toBeInstanceOf(DataOpsError)
    const verified = await outcome(async () => new Verifier().verifyBackup(file))
    expect(verified instanceof DataOpsError || verified.problems.length > 0).toBe(true)
    expect(
      await outcome(async () => new RestoreManager(connection).restoreCollection(file, {name: COPY})),
    ).toBeInstanceOf(DataOpsError)
    expect(await connection.getCollection(COPY)).toBeUndefined()
  })

  it('is refused: a part that is a symbolic link out of the folder', async () => {
    const folder = path.join(directory.path, 'links')
    const {path: file} = await new BackupManager(connection, {directory: folder}).backupCollection(NAME, {
      format: 'parquet',
    })
    const objects = path.join(file, 'objects.parquet')
    const elsewhere = path.join(directory.path, 'elsewhere.parquet')
    await cp(objects, elsewhere)
    await rm(objects)
    await symlink(elsewhere, objects)
    expect(await outcome(async () => readAll(file))).toBeInstanceOf(DataOpsError)
    expect(
      await outcome(async () => new RestoreManager(connection).restoreCollection(file, {name: COPY})),
    ).toBeInstanceOf(DataOpsError)
  })
})

interface HostileRun {
  outcomes: {read: string; restore?: string; verify: string}
  peakBytes: number
}

/** In a process with a small heap (128 MB unless told). @throws Error when it crashes, hangs, or lets anything but a DataOpsError out. */
async function inLittleMemory(file: string, heapMb = 128): Promise<HostileRun> {
  const child = spawn(process.execPath, [`--max-old-space-size=${heapMb}`, worker, file, server.url], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code, signal] = (await once(child, 'close')) as [null | number, NodeJS.Signals | null]
  if (code !== 0) throw new Error(`ended with ${signal ?? code}: ${stderr.slice(-2000)}`)
  return JSON.parse(stdout) as HostileRun
}

/** Memory that reading may take beside the program itself: a line or a page at most, some times over. */
const ROOM = 700 * 1024 * 1024

describe('a bomb', () => {
  it('of gzip is read in bounded memory and refused', async () => {
    const folder = path.join(directory.path, 'bomb')
    await mkdir(folder)
    const file = path.join(folder, 'FaultForeign_2024-02-01_103000.json.gz')
    // 1 GiB of one line, in 1 MB: the same member again and again.
    const start = '{"metadata":{"version":"1.0"},"schema":{"class":"FaultForeign"},"objects":[\n{"id":"'
    const piece = gzipSync(Buffer.alloc(16 * 1024 * 1024, 'a'), {level: 9})
    await writeFile(file, Buffer.concat([gzipSync(start), ...Array.from({length: 64}, () => piece)]))
    const {outcomes, peakBytes} = await inLittleMemory(file)
    for (const name of ['verify', 'read', 'restore'] as const)
      expect(outcomes[name]).toMatch(/^(BACKUP_DAMAGED|NOT_A_BACKUP|problems)$/)
    expect(peakBytes).toBeLessThan(ROOM)
    report({
      fault: 'a gzip bomb: 1 GiB in 1 MB',
      job: 'verify',
      note: `refused, ${Math.round(peakBytes / 2 ** 20)} MB at most`,
      objectsLost: 0,
      server: 'none',
      times: 3,
      wronglyListed: 0,
    })
  })

  it('of one line of 2 GB is refused without reading it into memory', async () => {
    const folder = path.join(directory.path, 'line')
    await mkdir(folder)
    const file = path.join(folder, 'FaultForeign_2024-02-01_103000.json')
    const handle = await open(file, 'w')
    await handle.write(
      '{"metadata":{"version":"1.0","collection":"FaultForeign"},"schema":{"class":"FaultForeign"},"objects":[\n{"id":"',
    )
    // Sparse: the zeros take no room on the disk.
    await handle.truncate(2 * 1024 ** 3)
    await handle.close()
    const {outcomes, peakBytes} = await inLittleMemory(file)
    for (const name of ['verify', 'read', 'restore'] as const)
      expect(outcomes[name]).toMatch(/^(BACKUP_DAMAGED|NOT_A_BACKUP|problems)$/)
    expect(peakBytes).toBeLessThan(ROOM)
    await rm(file)
    report({
      fault: 'a single line of 2 GB',
      job: 'verify',
      note: `refused, ${Math.round(peakBytes / 2 ** 20)} MB at most`,
      objectsLost: 0,
      server: 'none',
      times: 3,
      wronglyListed: 0,
    })
  })

  it('of nested brackets, keys and amendments is refused in little memory', async () => {
    const deep = await writeDocument('deep', [
      `{${ID},"properties":{"title":${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}}}`,
    ])
    expect((await inLittleMemory(deep)).outcomes).toMatchObject({read: 'BACKUP_DAMAGED'})
    const {file} = await writeSealedBackup(path.join(directory.path, 'many'), {
      format: 'parquet',
      seal(seal) {
        seal.amendments = Array.from({length: 150_000}, (_, index) => [
          null,
          `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
          1,
        ])
      },
    })
    // Amendments are in memory while a backup is read: some 200 bytes each.
    const {outcomes, peakBytes} = await inLittleMemory(file, 256)
    expect(outcomes.read).toBe('BACKUP_DAMAGED')
    expect(peakBytes).toBeLessThan(ROOM)
  })
})
