import {readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, type Filler, filler, objectId} from './fill.js'
import {cli, type CliRun, temporaryFolder} from './run-cli.js'

let server: EmbeddedWeaviate
let weaviate: Filler
let folder: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  weaviate = filler(server.url)
  folder = await temporaryFolder()
  await fill(weaviate, 'Article', 1200)
  await fill(weaviate, 'Author', 30)
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

/** A command on the embedded server, in a folder of its own. */
async function on(place: string, ...argv: string[]): Promise<CliRun> {
  return cli([...argv, '--output', path.join(folder.path, place)], {
    WEAVIATE_GRPC_URL: server.grpcUrl!,
    WEAVIATE_URL: server.url,
  })
}

it('--transport rest takes no gRPC where it answers, and --transport grpc nothing else', async () => {
  const seen: string[] = []
  const watched = await startEmbeddedWeaviate({
    onRequest({method, transport}) {
      seen.push(`${transport} ${method}`)
    },
  })
  const env = {WEAVIATE_GRPC_URL: watched.grpcUrl!, WEAVIATE_URL: watched.url}
  await fill(filler(watched.url), 'Article', 20)
  const backup = async (...flags: string[]) =>
    cli(['col', 'backup', 'Article', '--json', '-o', path.join(folder.path, 'transports'), ...flags], env)
  try {
    for (const [transport, isGrpc] of [
      ['rest', false],
      ['grpc', true],
    ] as const) {
      seen.length = 0
      expect(await backup('--transport', transport)).toMatchObject({code: 0})
      expect(seen.includes('grpc Search'), seen.join('; ')).toBe(isGrpc)
      expect(seen.some((call) => call.startsWith('grpc '))).toBe(isGrpc)
    }

    env.WEAVIATE_GRPC_URL = '127.0.0.1:9'
    expect(await backup('--transport', 'grpc')).toMatchObject({code: 6})
    expect(await backup('--transport', 'pigeon')).toMatchObject({code: 2})
  } finally {
    await watched.close()
  }
})

async function result(run: Promise<CliRun>, code = 0): Promise<Record<string, unknown>> {
  const done = await run
  expect(done, done.stderr + done.stdout).toMatchObject({code})
  return done.json()
}

describe('back up, clear, restore, verify', () => {
  it('keeps the promise of docs/json-output.md, in every format', async () => {
    for (const format of ['json', 'parquet']) {
      const place = `cycle-${format}`
      const backup = await result(on(place, 'col', 'backup', 'Article', '--format', format, '-z', '--json'))
      expect(backup).toMatchObject({
        bytes: expect.any(Number) as number,
        collection: 'Article',
        compressed: true,
        digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        dryRun: false,
        format,
        id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        objectCount: 1200,
        resumed: 0,
        runId: expect.any(String) as string,
        seconds: expect.any(Number) as number,
        warnings: [],
      })
      expect(await readdir(path.join(folder.path, place))).toContain(path.basename(backup.path as string))

      expect(await result(on(place, 'col', 'clear', 'Article', '--force', '--json'))).toMatchObject({
        collection: 'Article',
        deleted: 1200,
        dryRun: false,
        remaining: 0,
        seconds: expect.any(Number) as number,
        warnings: [],
      })
      expect(await weaviate.count('Article')).toBe(0)

      const id = (backup.id as string).slice(0, 8)
      expect(await result(on(place, 'col', 'restore', id, '--merge', '--verify', '--json'))).toMatchObject({
        aliases: [],
        backupId: backup.id,
        collection: 'Article',
        dryRun: false,
        references: 0,
        rejected: 0,
        restored: 1200,
        resumed: 0,
        seconds: expect.any(Number) as number,
        skipped: 0,
        verification: {equal: true},
        warnings: [],
      })
      expect(await result(on(place, 'col', 'verify', 'Article', '--against', id, '--json'))).toMatchObject({
        backupDigest: backup.digest,
        backupId: backup.id,
        collection: 'Article',
        counts: {backup: 1200, different: 0, extra: 0, live: 1200, missing: 0},
        differences: [],
        equal: true,
        liveDigest: backup.digest,
        schemaDifferences: [],
      })
    }
  })

  it('says the same to a person on stdout, with the progress on stderr', async () => {
    const backup = await on('person', 'col', 'backup', 'Author')
    expect(backup.code).toBe(0)
    expect(backup.stdout).toMatch(/^Backed up Author: 30 objects, [\d.]+ kB, \d/)
    expect(backup.stdout).toMatch(/\n {2}id +[0-9a-f-]{36}\n/)
    expect(backup.stderr).toMatch(/^Backing up Author/m)
    expect(backup.stderr).not.toContain('\r')

    const quiet = await on('person', 'col', 'backup', 'Author', '--quiet')
    expect(quiet).toMatchObject({code: 0, stderr: ''})

    const file = (await readdir(path.join(folder.path, 'person'))).find(
      (name) => name.endsWith('.json') && name.startsWith('Author'),
    )
    const restore = await on(
      'person',
      'col',
      'restore',
      path.join(folder.path, 'person', file!),
      '--name',
      'AuthorCopy',
    )
    expect(restore.stdout).toMatch(/^Restored AuthorCopy: 30 objects/)
    expect(await weaviate.count('AuthorCopy')).toBe(30)
    const clear = await on('person', 'col', 'clear', 'AuthorCopy', '--force', '--no-keep-schema')
    expect(clear.stdout).toMatch(/^Cleared AuthorCopy: 30 objects/)
    expect(clear.stdout).toMatch(/schema +was put into .+ before the drop/)
    expect(await weaviate.count('AuthorCopy')).toBe(0)
  })

  it('backs up the schema only, in each spelling', async () => {
    for (const spelling of ['--schema-only', '--no-include-data']) {
      const backup = await result(on('schema', 'col', 'backup', 'Author', spelling, '--json'))
      expect(backup.objectCount).toBe(0)
    }

    expect((await result(on('schema', 'col', 'backup', 'Author', '--include-data', '--json'))).objectCount).toBe(30)
  })

  it('backs up several collections in one run, and all of them', async () => {
    const run = await result(on('several', 'col', 'backup', 'Article', 'Author', '--json'))
    expect(run).toMatchObject({backups: [{collection: 'Article'}, {collection: 'Author'}]})
    for (const backup of run.backups as Array<{runId: string}>) expect(backup.runId).toBe(run.runId)
    const everything = await result(on('all', 'col', 'backup', '--all', '--json', '--schema-only'))
    expect((everything.backups as Array<{collection: string}>).map(({collection}) => collection)).toEqual(
      expect.arrayContaining(['Article', 'Author']),
    )
  })

  it('writes nothing in a dry run', async () => {
    expect(await result(on('dry', 'col', 'backup', 'Article', '--dry-run', '--json'))).toMatchObject({
      dryRun: true,
      objectCount: 1200,
    })
    expect(await readdir(folder.path)).not.toContain('dry')
    expect(await result(on('dry', 'col', 'clear', 'Article', '--dry-run', '--json'))).toMatchObject({
      deleted: 0,
      dryRun: true,
      remaining: 1200,
    })
    expect(await weaviate.count('Article')).toBe(1200)
  })
})

describe('results that are not all well', () => {
  it('prints what differs and exits with 4', async () => {
    const {id} = await result(on('differs', 'col', 'backup', 'Author', '--json'))
    await weaviate.request('DELETE', `objects/Author/${objectId(3)}`)
    await weaviate.request('PATCH', `objects/Author/${objectId(5)}`, {
      class: 'Author',
      properties: {title: 'Another'},
    })
    const comparison = await result(on('differs', 'col', 'verify', 'Author', '--against', String(id), '--json'), 4)
    expect(comparison).toMatchObject({counts: {different: 1, extra: 0, missing: 1}, equal: false})
    expect(comparison.differences).toEqual(
      expect.arrayContaining([
        {id: objectId(3), state: 'missing'},
        {id: objectId(5), members: ['title'], state: 'different'},
      ]),
    )
    const shown = await on('differs', 'col', 'verify', 'Author', '--against', String(id), '--limit', '1')
    expect(shown.code).toBe(4)
    expect(shown.stdout).toMatch(/^Author differs from backup .*1 missing, 0 extra, 1 different/)
    expect(shown.stdout).toMatch(/… and 1 more \(--differences\)/)
  })

  it('prints the result and exits with 3 when objects were refused', async () => {
    await fill(weaviate, 'Wide', 4)
    const {id} = await result(on('refused', 'col', 'backup', 'Wide', '--json'))
    // Vectors of another length than those that are there are refused object by object.
    await fill(weaviate, 'Narrow', 0)
    await weaviate.request('POST', 'objects', {class: 'Narrow', id: objectId(900), vector: [1, 2, 3]})
    const restored = await result(
      on('refused', 'col', 'restore', String(id), '--merge', '--name', 'Narrow', '--json'),
      3,
    )
    expect(restored).toMatchObject({rejected: 4, restored: 0})
    const shown = await on('refused', 'col', 'restore', String(id), '--merge', '--name', 'Narrow')
    expect(shown).toMatchObject({code: 3})
    expect(shown.stdout).toMatch(/refused +4 objects, see .+\.rejected\.jsonl/)
    expect(await readFile(restored.rejectedFile as string, 'utf8')).toContain(objectId(0))
  })

  it('finds a flipped byte and exits with 4', async () => {
    const {id, path: file} = await result(on('flipped', 'col', 'backup', 'Author', '--json'))
    const whole = await result(on('flipped', 'backup', 'verify', String(id), '--json'))
    expect(whole).toMatchObject({id, problems: []})
    const bytes = await readFile(file as string)
    const at = bytes.indexOf('Title 7')
    bytes[at + 6] = '8'.codePointAt(0)!
    await writeFile(file as string, bytes)
    for (const flags of [[], ['--quick']]) {
      const {problems} = await result(on('flipped', 'backup', 'verify', String(id), '--json', ...flags), 4)
      expect(problems).not.toEqual([])
    }

    const refused = await on('flipped', 'col', 'restore', String(id), '--name', 'Flipped', '--json')
    expect(refused).toMatchObject({code: 4})
    expect(refused.json()).toMatchObject({error: {code: 'BACKUP_DAMAGED', exitCode: 4}})
    await expect(weaviate.count('Flipped')).rejects.toThrow()
  })
})
