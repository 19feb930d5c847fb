/** The commands of docs/guides/native-export.md run as they stand there; its Article is a collection of the export in test/fixtures. */
import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {copyExport, EXPORTED_CLASSES} from '../support/native-export.js'
import {cli, root, temporaryFolder} from './run-cli.js'

let server: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let commands: string[][]

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  folder = await temporaryFolder()
  await mkdir(path.join(folder.path, 'exports'))
  await copyExport(path.join(folder.path, 'exports'))
  await writeFile(path.join(folder.path, 'schema.json'), JSON.stringify({classes: Object.values(EXPORTED_CLASSES)}))
  const text = await readFile(path.join(root, 'docs/guides/native-export.md'), 'utf8')
  commands = [...text.matchAll(/^elysia-data-ops (.*)$/gm)].map(([, line = '']) => line.split(' '))
})

afterAll(async () => {
  await server.close()
  await folder.remove()
})

/** What the guide says below `exports/nightly` and `schema.json` lies in the test's folder. */
async function run(argv: readonly string[]): Promise<Record<string, unknown>> {
  const words = argv.map((word) =>
    word === 'Article' ? 'ExpTarget' : /^exports\/|\.json$/.test(word) ? path.join(folder.path, word) : word,
  )
  const done = await cli([...words, '--json'], {WEAVIATE_GRPC_URL: server.grpcUrl ?? '', WEAVIATE_URL: server.url})
  expect(done.code, `${argv.join(' ')}: ${done.stderr}${done.stdout}`).toBe(0)
  return done.json()
}

it('restores an export, shows it, verifies it and compares with it', async () => {
  expect(commands.map((argv) => argv.slice(0, 2).join(' '))).toEqual([
    'col restore',
    'backup show',
    'backup verify',
    'col verify',
    // On a real server: test/fault/real-export.test.ts.
    'col backup',
  ])
  const [restore, show, verify, compare] = commands as [string[], string[], string[], string[]]
  expect(await run(restore)).toMatchObject({collection: 'ExpTarget', restored: 1, verification: {equal: true}})
  expect(await run(show)).toMatchObject({backend: 'filesystem', objectCount: 6})
  expect(await run(verify)).toMatchObject({objectCount: 6, problems: []})
  expect(await run(compare)).toMatchObject({counts: {different: 0, extra: 0, missing: 0}, equal: true})
})

it('refuses an export that lost a file, with exit code 4, and makes nothing of it', async () => {
  const place = await copyExport(folder.path, 'cut')
  const file = path.join(place, 'ExpMT_hot_0000.parquet')
  await writeFile(file, (await readFile(file)).subarray(0, -1))
  const env = {WEAVIATE_GRPC_URL: server.grpcUrl ?? '', WEAVIATE_URL: server.url}
  const schema = ['--schema-from', path.join(folder.path, 'schema.json')]
  const done = await cli(['col', 'restore', place, '--collection', 'ExpMT', ...schema, '--json'], env)
  expect(done.code, done.stdout).toBe(4)
  expect(done.json()).toMatchObject({error: {code: 'BACKUP_DAMAGED', message: expect.stringContaining(file) as string}})
  const classes = (await (await fetch(`${server.url}/v1/schema`)).json()) as {classes: Array<{class: string}>}
  expect(classes.classes.map(({class: name}) => name)).toEqual(['ExpTarget'])
})

it('says how a server is made to export by itself where it does not', async () => {
  const place = path.join(folder.path, 'backups')
  const argv = ['col', 'backup', 'ExpTarget', '--via', 'export', '--export-backend', 's3', '-o', place, '--json']
  const done = await cli(argv, {WEAVIATE_GRPC_URL: server.grpcUrl ?? '', WEAVIATE_URL: server.url})
  expect(done.code, done.stdout).toBe(1)
  expect(done.json()).toMatchObject({
    error: {
      hint: expect.stringContaining('EXPORT_ENABLED=true') as string,
      message: 'The server has its export switched off.',
    },
  })
  expect(await readdir(place).catch(() => [])).toEqual([])
})
