import {mkdir, readdir, rename, rm, stat, symlink, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {noPlaceYet} from '../../src/cli/backup-entry.js'
import {isPlaceThere} from '../../src/cli/place.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from './fill.js'
import {cli, type CliRun, temporaryFolder} from './run-cli.js'

interface Entry {
  collection: string
  id: string
  path: string
  status: string
}

let server: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let place: string
let run = 0

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  folder = await temporaryFolder()
  await fill(filler(server.url), 'Book', 12)
  await fill(filler(server.url), 'Film', 3)
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})
beforeEach(() => {
  place = path.join(folder.path, `place-${run++}`)
})

async function backup(name: string): Promise<Entry> {
  const {json} = await cli(['col', 'backup', name, '-o', place, '--json'], {
    WEAVIATE_GRPC_URL: server.grpcUrl!,
    WEAVIATE_URL: server.url,
  })
  return json() as unknown as Entry
}

/** A command that needs no server, and gets none. */
async function offline(...argv: string[]): Promise<CliRun> {
  return cli([...argv, '-b', place], {WEAVIATE_URL: 'http://127.0.0.1:9'})
}

async function listed(...argv: string[]): Promise<Entry[]> {
  const {json} = await offline('backup', 'list', '--json', ...argv)
  return json().backups as Entry[]
}

describe('backup list', () => {
  it('warns of all that killed runs left, and of nothing once it is gone', async () => {
    const {path: file} = await backup('Book')
    const checkpoint = `${path.basename(file)}.Book-01234567.checkpoint`
    const left = ['.drop-Film.json', '.activated-Film.json', checkpoint, `${checkpoint}-elsewhere`]
    for (const name of left) await writeFile(path.join(place, name), '{}')
    const {code, json, stderr} = await offline('backup', 'list', '--json')
    expect({backups: (json().backups as Entry[]).length, code}).toEqual({backups: 1, code: 0})
    for (const name of left) expect(stderr).toContain(`${path.join(place, name)} `)
    expect(stderr).toMatch(/was dropped and not yet made again\. Unless that is being done now: run the same col clear/)
    expect(stderr).toMatch(/tenants may have been left active/)
    expect(stderr).toMatch(/waits for a restore to be continued, by another place\./)
    for (const name of left) await rm(path.join(place, name))
    expect((await offline('backup', 'list')).stderr).toBe('')
  })

  it('shows every backup, newest first, with what --json promises', async () => {
    const book = await backup('Book')
    const film = await backup('Film')
    const both = await listed()
    expect(both.map(({collection}) => collection).toSorted()).toEqual(['Book', 'Film'])
    expect(both).toContainEqual({
      bytes: expect.any(Number) as number,
      collection: 'Book',
      complete: true,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      format: 'json',
      id: book.id,
      objectCount: 12,
      partial: false,
      path: book.path,
      runId: expect.any(String) as string,
      server: expect.stringContaining(server.url) as string,
      status: 'sealed',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
    })
    expect(await listed('Film')).toMatchObject([{id: film.id}])

    expect((await offline('backup', 'list', 'film')).stdout).toBe(
      `There are no backups of "film" in ${place}, which has 2 backups of others. Did you mean Film?\n`,
    )
    const {stdout} = await offline('backup', 'list')
    const [header, ...rows] = stdout.trimEnd().split('\n')
    expect(header).toMatch(/^ID +COLLECTION +WHEN +FORMAT +OBJECTS +SIZE +PATH$/)
    expect(rows).toHaveLength(2)
    expect(stdout).toContain(book.id.slice(0, 8))
  })

  it('says that there is none, and fails on nothing that is not there', async () => {
    await mkdir(place)
    const none = await offline('backup', 'list')
    expect(none).toMatchObject({code: 0, stdout: `There are no backups in ${place}.\n`})
    expect(await listed()).toEqual([])
  })

  it('does not say of a folder that is not there that it holds nothing, whoever looks, and makes none', async () => {
    for (const argv of [
      ['backup', 'list'],
      ['backup', 'list', '--reindex'],
      ['backup', 'prune'],
      ['job', 'list'],
    ]) {
      const looked = await offline(...argv, '--json')
      expect(looked.code, argv.join(' ')).toBe(2)
      const {error} = looked.json() as {error: unknown}
      expect(error).toMatchObject({
        code: 'INVALID_INPUT',
        hint: expect.stringMatching(/came from --output, and whether what holds it is mounted/) as string,
        message: `There is no folder ${place}: what backups there are is not known.`,
      })
    }

    const named = await cli(['backup', 'list'], {ELYSIACTL_BACKUPS: place})
    expect(named).toMatchObject({code: 2, stderr: expect.stringContaining('came from ELYSIACTL_BACKUPS') as string})
    for (const reference of ['latest', 'Book@latest', '*', '5f0c', 'run:5f0c']) {
      const verified = await offline('backup', 'verify', reference)
      expect(verified).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`Nothing is at ${place}: name the place with --output.`) as string,
      })
    }

    await expect(stat(place)).rejects.toThrow('ENOENT')
  })

  it('is kind to whoever has named no place yet', async () => {
    await expect(isPlaceThere(place, undefined)).resolves.toBe(false)
    expect(noPlaceYet('backups')).toBe(
      `There are no backups: ${path.resolve('backups')} is not there. The first backup makes it; name another place with --output.`,
    )
    await mkdir(place)
    await expect(isPlaceThere(place, '--output')).resolves.toBe(true)
  })

  it('marks what is missing or unlisted, and makes the catalog anew', async () => {
    const [book, film] = [await backup('Book'), await backup('Film')]
    await rm(book.path)
    await rename(film.path, film.path.replace('Film_', 'Movie_'))
    expect((await listed()).map(({status}) => status).toSorted()).toEqual(['missing', 'missing', 'unlisted'])
    const entered = 'without an entry in the catalog'
    expect((await offline('backup', 'list')).stderr).toContain(`1 backup is there ${entered}`)
    await writeFile(path.join(place, 'Broken_2026-01-01_000000.json'), '{"metadata":{')
    const {json, stderr} = await offline('backup', 'list', '--reindex', '--json')
    expect(json()).toMatchObject({
      backups: [{collection: 'Film', status: 'sealed'}],
      damaged: [{path: path.join(place, 'Broken_2026-01-01_000000.json'), reason: expect.any(String) as string}],
      directory: place,
    })
    expect(stderr).toMatch(/Warning: .*Broken_2026-01-01_000000\.json is no usable backup/)
    expect(stderr + (await offline('backup', 'list')).stderr).not.toContain(entered)
  })

  it('keeps the entry of what cannot be read now as it makes the catalog anew, and exits with 3', async () => {
    const {path: file} = await backup('Book')
    await rm(file)
    await symlink(path.basename(file), file)
    const {code, json, stderr} = await offline('backup', 'list', '--reindex', '--json')
    expect(code).toBe(3)
    expect(json()).toMatchObject({
      backups: [{collection: 'Book', path: file}],
      damaged: [],
      unread: [{path: file, reason: expect.stringContaining('symbolic links') as string}],
    })
    expect(stderr).toContain(`Warning: Whether ${file} is a backup cannot be said now. Cannot read ${file}`)
  })
})

describe('backup show', () => {
  it('shows head and seal, by id or path', async () => {
    const book = await backup('Book')
    for (const reference of [book.id, book.id.slice(0, 6), path.basename(book.path), book.path]) {
      const {json} = await offline('backup', 'show', reference, '--json')
      expect(json()).toMatchObject({
        aliases: [],
        collection: 'Book',
        compressed: false,
        format: 'json',
        id: book.id,
        objectCount: 12,
        parts: [{file: null, rows: 12}],
        path: book.path,
        schema: {class: 'Book'},
        statistics: {rows: 12},
      })
    }

    const {stdout} = await offline('backup', 'show', book.id)
    expect(stdout).toMatch(/^Backup of Book: 12 objects, /)
    expect(stdout).toMatch(/properties +title: text, rank: int\n/)
  })
})

describe('backup remove', () => {
  it('removes files and entry, and nothing else', async () => {
    const [book, film] = [await backup('Book'), await backup('Film')]
    await writeFile(path.join(place, 'mine.txt'), 'not a backup')
    const {code, json} = await offline('backup', 'remove', book.id, '--force', '--json')
    expect(code).toBe(0)
    expect(json()).toMatchObject({removed: {collection: 'Book', id: book.id, path: book.path}})
    expect(await listed()).toMatchObject([{id: film.id}])
    const files = await readdir(place)
    expect(files).toEqual(expect.arrayContaining(['mine.txt', path.basename(film.path)]))
    expect(files).not.toContain(path.basename(book.path))
    const again = await offline('backup', 'remove', book.id, '--force', '--json')
    expect(again).toMatchObject({code: 2})
    expect(again.json()).toMatchObject({error: {code: 'NOT_A_BACKUP'}})
  })
})

describe('backup prune', () => {
  it('keeps the newest of each collection, says what would go, then removes it', async () => {
    const books: Entry[] = []
    for (let times = 0; times < 3; times++) books.push(await backup('Book'))
    const film = await backup('Film')
    await mkdir(path.join(place, 'Book_notes'))
    const before = await readdir(place)
    const dry = await offline('backup', 'prune', '--keep-last', '1', '--dry-run', '--json')
    const {dryRun, kept, removed} = dry.json() as {
      dryRun: boolean
      kept: Array<Entry & {reasons: string[]}>
      removed: Entry[]
    }
    expect(dryRun).toBe(true)
    expect(removed.map(({id}) => id).toSorted()).toEqual(
      books
        .slice(0, 2)
        .map(({id}) => id)
        .toSorted(),
    )
    expect(kept.map(({id}) => id).toSorted()).toEqual([books[2]!.id, film.id].toSorted())
    for (const {reasons} of kept) expect(reasons).not.toEqual([])
    expect(await readdir(place)).toEqual(before)

    const shown = await offline('backup', 'prune', '--keep-last', '1')
    expect(shown).toMatchObject({code: 0})
    expect(shown.stdout).toMatch(/^Removed 2 backups \([\d.]+ kB\), kept 2\n/)
    expect((await listed()).map(({id}) => id).toSorted()).toEqual([books[2]!.id, film.id].toSorted())
    expect(await readdir(place)).toContain('Book_notes')
  })
})

describe('--mode', () => {
  it.each([
    {files: 0o600, folder: 0o700, given: []},
    {files: 0o640, folder: 0o750, given: ['--mode', '0640']},
    {files: 0o644, folder: 0o755, given: ['--mode', '644']},
  ])('$given: every file that is written', async ({files, folder: folderMode, given}) => {
    const env = {WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url}
    expect((await cli(['col', 'backup', 'Book', '-o', place, ...given], env)).code).toBe(0)
    const modeOf = async (name: string): Promise<number> => (await stat(path.join(place, name))).mode & 0o777
    const names = await readdir(place)
    expect(names).toHaveLength(2)
    expect(await Promise.all(names.map(async (name) => modeOf(name)))).toEqual([files, files])
    expect(await modeOf('')).toBe(folderMode)
  })

  it.each(['0440', '999', 'rw', '17777'])('%s is refused', async (mode) => {
    const {code, stderr} = await offline('backup', 'list', '--mode', mode)
    expect({code, isSaid: stderr.includes('such as 0640')}).toEqual({code: 2, isSaid: true})
  })
})
