/** Backups and collections by the names that people type. */
import {readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from './fill.js'
import {cli, type CliRun, temporaryFolder} from './run-cli.js'

let server: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let place: string

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  folder = await temporaryFolder()
  place = path.join(folder.path, 'backups')
  for (const name of ['Book', 'BookTmp', 'Film']) await fill(filler(server.url), name, 4)
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

async function on(...argv: string[]): Promise<CliRun> {
  return cli([...argv, '-o', place], {WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url})
}

interface Taken {
  collection: string
  id: string
  path: string
}

describe('names', () => {
  let run: {backups: Taken[]; runId: string}
  let again: Taken

  it('of collections are patterns, or in another case', async () => {
    const backup = await on('col', 'backup', '*', '--exclude', '*Tmp', '--json')
    expect(backup.code).toBe(0)
    run = backup.json() as unknown as typeof run
    expect(run.backups.map(({collection}) => collection)).toEqual(['Book', 'Film'])
    const other = await on('col', 'backup', 'book', '--json')
    again = other.json() as unknown as Taken
    expect(again.collection).toBe('Book')
    const wrong = await on('col', 'backup', 'Bock')
    expect(wrong).toMatchObject({code: 5})
    expect(wrong.stderr).toContain('Did you mean Book?')
    // What deletes wants the name as it is; the server itself would take this one for Book.
    const cleared = await on('col', 'clear', 'book', '--force')
    expect(cleared).toMatchObject({code: 5})
    expect(cleared.stderr).toContain('There is no collection "book"')
    expect(cleared.stderr).toContain('Did you mean Book, BookTmp?')
    const none = await on('col', 'backup', 'Zoo*')
    expect(none).toMatchObject({code: 5})
    expect(none.stderr).toContain('There are Book, BookTmp, Film.')
  })

  it('of backups are taken by every command', async () => {
    const shown = await on('backup', 'show', 'Book@latest', '--json')
    expect(shown.json()).toMatchObject({id: again.id})
    expect((await on('backup', 'verify', 'latest', '--json')).json()).toMatchObject({id: again.id, problems: []})
    const compared = await on('col', 'verify', 'Film', '--against', 'Film@latest', '--json')
    expect(compared).toMatchObject({code: 0})
    const all = await on('backup', 'verify', `run:${run.runId.slice(0, 8)}`, '--json')
    expect(all.json()).toMatchObject({backups: [{objectCount: 4}, {objectCount: 4}]})
    const restored = await on('col', 'restore', `run:${run.runId}`, '--exclude', 'Film', '--merge', '--json')
    expect(restored.json()).toMatchObject({collections: [{backupId: run.backups[0]!.id, collection: 'Book'}]})
    const paths = [...run.backups.map((backup) => backup.path), again.path]
    const byShell = await on('col', 'restore', ...paths, '--merge', '--json')
    expect(byShell.json()).toMatchObject({collections: [{collection: 'Film'}, {backupId: again.id}]})
    expect(byShell.stderr).toContain(`1 older one left out: ${run.backups[0]!.path}`)
    const two = await on('backup', 'show', '*')
    expect(two).toMatchObject({code: 2})
    expect(two.stderr).toContain('2 backups are called "*", and one is needed.')
    const removed = await on('backup', 'remove', 'Book@latest', '--force', '--json')
    expect(removed.json()).toMatchObject({removed: {id: again.id}})
    expect((await on('backup', 'show', 'latest', '--json')).json()).not.toMatchObject({id: again.id})
    // The newest was meant, not what is the newest whole one.
    const film = (await on('col', 'backup', 'Film', '--json')).json() as unknown as Taken
    const [text, before] = [await readFile(film.path, 'utf8'), await readdir(path.dirname(film.path))]
    await writeFile(film.path, text.slice(0, -40))
    const refused = await on('backup', 'remove', 'Film@latest', '--force')
    expect(refused).toMatchObject({code: 2})
    expect(refused.stderr).toContain('Nothing is removed')
    expect(await readdir(path.dirname(film.path))).toEqual(before)
    await writeFile(film.path, text)
  })

  it('of several go on past what fails, with its reason', async () => {
    const {code, json, stdout} = await on('col', 'backup', 'Nothing', 'Film', '--keep-going', '--json')
    expect(code, stdout).toBe(5)
    expect(json()).toMatchObject({
      backups: [{collection: 'Film'}],
      failed: [{code: 'COLLECTION_MISSING', collection: 'Nothing', exitCode: 5}],
    })
    const shown = await on('col', 'backup', 'Nothing', 'Film', '--keep-going')
    expect(shown.stdout).toMatch(/NOT backed up: Nothing: There is no collection "Nothing"/)
  })
})
