/** Changes on the way that cannot be made: one sentence, exit code 2, and nothing written, for backup, restore and copy alike. */
import {readdir, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from './fill.js'
import {cli, start, temporaryFolder} from './run-cli.js'

const ID_17 = '00000000-0000-4000-8000-000000000010'

let a: EmbeddedWeaviate
let b: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let backup: string
let module: string

beforeAll(async () => {
  a = await startEmbeddedWeaviate()
  b = await startEmbeddedWeaviate()
  folder = await temporaryFolder()
  await fill(filler(a.url), 'Book', 30)
  module = path.join(folder.path, 'throws.mjs')
  const body = `if (object.id === '${ID_17}') throw new Error('no'); return object`
  await writeFile(module, `export const partial = false\nexport function object(object) { ${body} }\n`)
  const made = await cli(['col', 'backup', 'Book', '-o', path.join(folder.path, 'good'), '--json'], server(a))
  backup = (made.json() as {path: string}).path
})

afterAll(async () => {
  await a.close()
  await b.close()
  await folder.remove()
})

const server = ({grpcUrl = '', url}: EmbeddedWeaviate): Record<string, string> => ({
  WEAVIATE_GRPC_URL: grpcUrl,
  WEAVIATE_URL: url,
})

/** Of nothing that is left to wait for Node makes an end, as if all were well. */
it('a transform that never answers ends a restore as what it is, with nothing written', async () => {
  const never = path.join(folder.path, 'never.mjs')
  await writeFile(never, 'export const object = () => new Promise(() => {})\n')
  const done = await start(['col', 'restore', backup, '--transform', never, '--json'], server(b)).done
  expect(done.code, done.stdout + done.stderr).toBe(2)
  expect(done.json()).toMatchObject({
    error: {
      code: 'INVALID_INPUT',
      message: expect.stringMatching(
        /^The transform never\.mjs failed on object 1, .*: it never answers\. Nothing was written\.$/,
      ) as string,
    },
  })
})

it('a name that is dropped is free for another property, as the hint says', async () => {
  const argv = [
    'col',
    'restore',
    backup,
    '--name',
    'Freed',
    '--rename',
    'title=rank',
    '--drop',
    'rank',
    '--verify',
    '--json',
  ]
  const done = await cli(argv, server(b))
  expect(done.code, done.stdout).toBe(0)
  expect(done.json()).toMatchObject({restored: 30, verification: {equal: true}})
  await filler(b.url).request('DELETE', 'schema/Freed')
})

const mistakes: Array<[what: string, flags: () => string[], message: RegExp]> = [
  ['a filter that does not parse', () => ['--where', 'rank >'], /^The filter rank > cannot be understood: .+\.$/],
  ['a rename onto a name that is taken', () => ['--rename', 'title=rank'], /^"Book" has a property "rank" already\.$/],
  [
    'a transform that throws on object 17',
    () => ['--transform', module],
    new RegExp(String.raw`^The transform throws\.mjs failed on object 17, ${ID_17}: no\.(?: Nothing was written\.)?$`),
  ],
]

describe.each(mistakes)('%s', (_, flags, message) => {
  it.each(['backup', 'restore', 'copy'])('ends a %s, with nothing written', async (job) => {
    const places = path.join(folder.path, 'places')
    const source = job === 'restore' ? backup : 'Book'
    const to = {ELYSIACTL_TO_GRPC_URL: b.grpcUrl ?? '', ELYSIACTL_TO_URL: b.url}
    const env = job === 'backup' ? server(a) : job === 'restore' ? server(b) : {...server(a), ...to}
    const before = await readdir(path.dirname(backup))
    const done = await cli(['col', job, source, ...flags(), '-o', places, '--json'], env)
    expect(done.code, done.stdout).toBe(2)
    const {error} = done.json() as {error: {hint: string; message: string}}
    expect(error).toMatchObject({code: 'INVALID_INPUT', exitCode: 2})
    expect(error.message).toMatch(message)
    expect(error.hint).not.toBe('')
    const {classes} = (await filler(b.url).request('GET', 'schema')) as {classes: unknown[]}
    expect(classes).toEqual([])
    expect(await filler(a.url).count('Book')).toBe(30)
    expect(await readdir(places).catch(() => [])).toEqual([])
    expect(await readdir(path.dirname(backup))).toEqual(before)
  })
})
