/** Whatever happens to the bytes of a backup is found, and said to be in the file it happened to. */
import {Buffer} from 'node:buffer'
import {appendFile, cp, mkdtemp, readFile, rm, truncate, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'

import type {Problem} from '../../../src/archive/problem.js'
import type {VerifyBackupOptions} from '../../../src/jobs/verify/options.js'

import {assertWhole, checkHashes} from '../../../src/archive/hashes.js'
import {openArchive} from '../../../src/catalog/locate.js'
import {verificationLines} from '../../../src/cli/results.js'
import {GZIP_HEADER} from '../../../src/codec/gzip.js'
import {Verifier} from '../../../src/jobs/verify/verifier.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {filesOf, KINDS, makeBackup, type MakeBackupOptions, makeObjects, SCHEMA, TENANT_SCHEMA} from './backups.js'

let folder: string
const verifier = new Verifier()

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'elysia-damage-'))
})

afterAll(async () => {
  await rm(folder, {force: true, recursive: true})
})

const QUICK = {quick: true}

/** What verification says; a backup of which nothing is left to name it is refused as damaged. */
async function problemsOf(backup: string, options: VerifyBackupOptions = QUICK): Promise<Problem[]> {
  try {
    const {problems} = await verifier.verifyBackup(backup, options)
    return problems
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.code !== 'BACKUP_DAMAGED') throw error
    return error.details.problems as Problem[]
  }
}

/** A generator of numbers that gives the same ones every time. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** All ends and line ends, what comes after them, and a hundred others, evenly spread. */
function placesIn(bytes: Buffer, random: (below: number) => number): Set<number> {
  const places = new Set<number>()
  const step = Math.max(1, Math.floor(bytes.length / 100))
  for (let at = 0; at < bytes.length; at += step) places.add(Math.min(bytes.length - 1, at + random(step)))
  for (let at = 0; at < Math.min(20, bytes.length); at++) places.add(at).add(bytes.length - 1 - at)
  for (const [at, byte] of bytes.entries()) if (byte === 10) places.add(at).add(Math.min(at + 1, bytes.length - 1))
  for (let at = bytes.indexOf(GZIP_HEADER); at !== -1; at = bytes.indexOf(GZIP_HEADER, at + 1)) {
    for (let index = 0; index < GZIP_HEADER.length; index++) places.add(at + index)
  }

  return places
}

describe.each(KINDS)('$label', (kind) => {
  let backup: string

  beforeAll(async () => {
    const directory = await mkdtemp(path.join(folder, 'whole-'))
    backup = await makeBackup(kind, SCHEMA, [makeObjects(3), makeObjects(5).slice(3)], {directory})
  })

  async function copy(): Promise<string> {
    const directory = await mkdtemp(path.join(folder, 'copy-'))
    const target = path.join(directory, path.basename(backup))
    await cp(backup, target, {recursive: true})
    return target
  }

  test('nothing is wrong with it as it was written', async () => {
    const whole = await verifier.verifyBackup(backup)
    expect(whole).toMatchObject({objectCount: 5, problems: [], quick: false, warnings: []})
    expect(whole.digest).toMatch(/^[0-9a-f]{64}$/)
    const quick = await verifier.verifyBackup(backup, {quick: true})
    expect(quick).toMatchObject({objectCount: 5, problems: [], quick: true})
    expect(quick.digest).toBeUndefined()
    let size = 0
    for (const bytes of (await filesOf(backup)).values()) size += bytes.length
    expect(whole.bytes).toBe(size)
  })

  test('one flipped bit of any byte is found, in the file that it is in', async () => {
    const damaged = await copy()
    const random = randomNumbers(7)
    for (const [file, bytes] of await filesOf(damaged)) {
      for (const at of placesIn(bytes, random)) {
        const flipped = Buffer.from(bytes)
        flipped[at]! ^= 1 << random(8)
        await writeFile(file, flipped)
        const problems = await problemsOf(damaged)
        const isFound = problems.some((problem) => problem.file === file || problem.file === damaged)
        expect(isFound, `byte ${at} of ${path.basename(file)}: ${JSON.stringify(problems)}`).toBe(true)
      }

      await writeFile(file, bytes)
    }

    await expect(problemsOf(damaged)).resolves.toEqual([])
  })

  test('a flipped byte is found by decoding too, without an error', async () => {
    const damaged = await copy()
    const random = randomNumbers(11)
    for (const [file, bytes] of await filesOf(damaged)) {
      for (let turn = 0; turn < 20; turn++) {
        const flipped = Buffer.from(bytes)
        flipped[random(bytes.length)]! ^= 0xff
        await writeFile(file, flipped)
        const problems = await problemsOf(damaged, {})
        expect(problems).not.toEqual([])
        // Its name stands before it: neither is said twice.
        for (const {file: where, message} of problems) expect(message.startsWith(`${where} is damaged`)).toBe(false)
      }

      await writeFile(file, bytes)
    }
  })

  test('a cut-off file is found wherever it ends', async () => {
    const damaged = await copy()
    for (const [file, bytes] of await filesOf(damaged)) {
      for (let turn = 0; turn < 30; turn++) {
        const length = turn === 29 ? bytes.length - 1 : Math.floor((bytes.length * turn) / 30)
        await writeFile(file, bytes)
        await truncate(file, length)
        const problems = await problemsOf(damaged)
        expect(problems, `${path.basename(file)} cut to ${length}`).not.toEqual([])
      }

      await writeFile(file, bytes)
    }
  })

  test('anything appended is found', async () => {
    for (const extra of ['\n', '\0', 'x', '{}\n', '\u{1F}\u{8B}\b']) {
      const damaged = await copy()
      for (const [file, bytes] of await filesOf(damaged)) {
        await appendFile(file, extra, 'latin1')
        await expect(problemsOf(damaged), `${file} and ${JSON.stringify(extra)}`).resolves.not.toEqual([])
        await writeFile(file, bytes)
      }
    }
  })

  test('assertWhole refuses a damaged backup with all its problems, and lets a whole one pass', async () => {
    const damaged = await copy()
    const {archive, store} = await openArchive(damaged, new LocalStore(folder))
    await expect(assertWhole({manifest: archive.manifest, store})).resolves.toBeUndefined()
    const [file, bytes] = [...(await filesOf(damaged))].find(([name]) => !name.endsWith('metadata.json'))!
    bytes[Math.floor(bytes.length / 2)]! ^= 4
    await writeFile(file, bytes)
    const problems = await checkHashes({manifest: archive.manifest, store})
    await expect(assertWhole({manifest: archive.manifest, store})).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      details: {problems},
      hint: expect.any(String) as string,
    })
    expect(problems[0]).toMatchObject({file})
  })

  test('a signal stops it', async () => {
    const signal = AbortSignal.abort()
    await expect(verifier.verifyBackup(backup, {signal})).rejects.toMatchObject({code: 'INTERRUPTED'})
  })
})

describe('a directory', () => {
  let backup: string

  beforeAll(async () => {
    const directory = await mkdtemp(path.join(folder, 'directory-'))
    backup = await makeBackup({compress: false, format: 'parquet'}, SCHEMA, [makeObjects(3), makeObjects(5).slice(3)], {
      directory,
    })
  })

  async function copy(): Promise<string> {
    const directory = await mkdtemp(path.join(folder, 'copy-'))
    const target = path.join(directory, path.basename(backup))
    await cp(backup, target, {recursive: true})
    return target
  }

  test.each(['objects.parquet', 'objects-00002.parquet', 'schema.json'])('without %s names it', async (name) => {
    const damaged = await copy()
    await rm(path.join(damaged, name))
    expect(await problemsOf(damaged, {})).toContainEqual({
      file: path.join(damaged, name),
      message: 'It is missing.',
    })
  })

  test('with a file more names it', async () => {
    const damaged = await copy()
    await writeFile(path.join(damaged, 'objects-00003.parquet'), 'PAR1')
    expect(await problemsOf(damaged)).toEqual([
      {file: path.join(damaged, 'objects-00003.parquet'), message: 'It is not part of the backup.'},
    ])
  })

  test('with an edited schema names it', async () => {
    const damaged = await copy()
    const file = path.join(damaged, 'schema.json')
    await writeFile(file, (await readFile(file, 'utf8')).replace('"score"', '"price"'))
    const problems = await problemsOf(damaged)
    expect(problems.every((problem) => problem.file === file)).toBe(true)
    expect(problems.map(({message}) => message)).toContain('It is not the schema that stands in the document.')
  })

  test('with parts of another backup names them', async () => {
    const damaged = await copy()
    const [first, second] = ['objects.parquet', 'objects-00002.parquet'].map((name) => path.join(damaged, name))
    const bytes = await readFile(first!)
    await writeFile(first!, await readFile(second!))
    await writeFile(second!, bytes)
    const files = new Set((await problemsOf(damaged, {})).map(({file}) => file))
    expect(files).toEqual(new Set([first, second]))
  })
})

describe('a document', () => {
  test('with a schema edited by hand is reported under its own id', async () => {
    const directory = await mkdtemp(path.join(folder, 'edited-'))
    const backup = await makeBackup({compress: false, format: 'json'}, SCHEMA, [makeObjects(3)], {directory})
    await writeFile(backup, (await readFile(backup, 'utf8')).replace('"score"', '"price"'))
    const result = await verifier.verifyBackup(backup)
    expect(result).toMatchObject({id: '5f0c1e0a-6e0f-4d7e-8a43-000000000001', objectCount: 3, path: backup})
    expect(result.problems[0]).toMatchObject({file: backup})
  })

  test('of which too little is left to say how many objects it had does not say "none"', async () => {
    const directory = await mkdtemp(path.join(folder, 'unknown-'))
    const backup = await makeBackup({compress: false, format: 'json'}, SCHEMA, [makeObjects(3)], {directory})
    const bytes = await readFile(backup)
    await writeFile(backup, bytes.subarray(0, Math.floor(bytes.length * 0.7)))
    const result = await verifier.verifyBackup(backup)
    expect(result.id).toBe('5f0c1e0a-6e0f-4d7e-8a43-000000000001')
    expect(result.problems.length).toBeGreaterThan(0)
    expect(result).not.toHaveProperty('objectCount')
    expect(verificationLines(result)[0]).toBe(
      `Backup ${result.id} is damaged: ${result.problems.length} problem${result.problems.length > 1 ? 's' : ''}, the number of its objects is unknown`,
    )
  })

  test('names the line that cannot be read', async () => {
    const directory = await mkdtemp(path.join(folder, 'line-'))
    const backup = await makeBackup({compress: false, format: 'json'}, SCHEMA, [makeObjects(3)], {directory})
    const text = await readFile(backup, 'latin1')
    const at = text.indexOf('"properties"', text.indexOf('\n', text.indexOf('\n') + 1))
    await writeFile(backup, `${text.slice(0, at)}#${text.slice(at + 1)}`, 'latin1')
    const {digest, problems} = await verifier.verifyBackup(backup)
    expect(digest).toBeUndefined()
    expect(problems.map(({message}) => message).join('\n')).toMatch(/SHA-256 of bytes 0 to \d+[^]*Line 3 /)
  })

  test('names the gzip member that is damaged', async () => {
    const directory = await mkdtemp(path.join(folder, 'member-'))
    const pages = [makeObjects(3), makeObjects(5).slice(3)]
    const backup = await makeBackup({compress: true, format: 'json'}, SCHEMA, pages, {directory})
    const bytes = await readFile(backup)
    const second = bytes.indexOf(Buffer.of(0x1f, 0x8b, 8, 0), 1)
    bytes[second + 20]! ^= 0x10
    await writeFile(backup, bytes)
    const problems = await problemsOf(backup)
    expect(problems.map(({message}) => message).join('\n')).toContain(`Gzip member 2, at byte ${second}, `)
  })

  test('that is none stays what it is: no backup', async () => {
    const file = path.join(folder, 'notes.json')
    await writeFile(file, '{"hello":"world"}\n')
    await expect(verifier.verifyBackup(file)).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
    await expect(verifier.verifyBackup(path.join(folder, 'absent'))).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
  })
})

/** Sealed, with valid hashes, and wrong all the same: what only counting and decoding finds. */
describe('a backup that was sealed wrong', () => {
  const json = {compress: false, format: 'json'} as const

  async function messages(pages: Parameters<typeof makeBackup>[2], options: Partial<MakeBackupOptions>) {
    const directory = await mkdtemp(path.join(folder, 'wrong-'))
    const backup = await makeBackup(json, options.tenants ? TENANT_SCHEMA : SCHEMA, pages, {...options, directory})
    return (await verifier.verifyBackup(backup)).problems.map(({message}) => message)
  }

  test('digest', async () => {
    const found = await messages([makeObjects(2)], {seal: {digest: 'a'.repeat(64)}})
    expect(found).toEqual([expect.stringMatching(/^The content digest is [0-9a-f]{64}, the seal says a{64}\.$/)])
  })

  test('number of objects', async () => {
    const found = await messages([makeObjects(3)], {seal: {objectCount: 2}})
    expect(found).toContain('The number of objects is 3, the seal says 2.')
  })

  test('statistics', async () => {
    const found = await messages([makeObjects(3)], {
      seal: {statistics: {non_finite_vectors: 0, objects_without_vector: 1, references: 3}},
    })
    expect(found).toEqual(['The statistic objects_without_vector is 0, the seal says 1.'])
  })

  test('an object twice', async () => {
    const found = await messages([[...makeObjects(3), makeObjects(2)[1]!]], {})
    expect(found).toEqual([expect.stringContaining('stands in it more than once')])
  })

  test('the same object in two tenants is none twice; a tenant that is not listed is named', async () => {
    const tenants = [
      {name: 'A', status: 'HOT' as const},
      {name: 'B', status: 'COLD' as const},
    ]
    const pages = [makeObjects(3, 'A'), makeObjects(2, 'B')]
    expect(await messages(pages, {tenants})).toEqual([])
    const found = await messages([...pages, makeObjects(1, 'C')], {tenants})
    expect(found.join('\n')).toContain('of the tenant "C", which the seal does not list')
  })

  test('objects of a skipped tenant', async () => {
    const tenants = [{name: 'A', status: 'FROZEN' as const}]
    const found = await messages([makeObjects(1, 'A')], {seal: {tenants: [{name: 'A', skipped: 'offloaded'}]}, tenants})
    expect(found.join('\n')).toContain('of the tenant "A", which was skipped')
  })

  test('many ids twice are found with few of them in memory', async () => {
    const {checkBackup} = await import('../../../src/jobs/verify/backup.js')
    const directory = await mkdtemp(path.join(folder, 'many-'))
    const objects = makeObjects(1000)
    const backup = await makeBackup(json, SCHEMA, [objects, [objects[3]!, objects[997]!]], {directory})
    const opened = await openArchive(backup, new LocalStore(directory))
    const {problems} = await checkBackup(opened, {maxRecordsInMemory: 50})
    expect(problems).toHaveLength(2)
    for (const {message} of problems) expect(message).toContain('more than once')
  })

  test('is warned of vectors that are no finite numbers, and of skipped tenants', async () => {
    const directory = await mkdtemp(path.join(folder, 'warned-'))
    const [object] = makeObjects(1, 'A')
    object!.vector = Uint8Array.of(0, 0, 0xc0, 0x7f)
    const tenants = [{name: 'A', status: 'HOT' as const}]
    const backup = await makeBackup(json, TENANT_SCHEMA, [[object!]], {directory, tenants})
    const {problems, warnings} = await verifier.verifyBackup(backup)
    expect(problems).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('1 object has vectors')])
  })
})
