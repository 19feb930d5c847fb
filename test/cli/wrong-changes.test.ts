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

describe('ids that are not all there', () => {
  const there = ['00000000-0000-4000-8000-00000000000A', '00000000-0000-4000-8000-000000000003']
  const absent = Array.from({length: 7}, (_, index) => `f0000000-0000-4000-8000-00000000000${index}`)
  const lines = ['# chosen', ...there, '', ...there.map((id) => id.toLowerCase()), ...absent.toReversed()]

  it.each(['backup', 'restore', 'copy'])('are told of, and a %s ends with code 3', async (job) => {
    const file = path.join(folder.path, 'ids.txt')
    // As Windows writes it.
    await writeFile(file, Buffer.from(`\u{FEFF}${lines.join('\r\n')}`, job === 'copy' ? 'utf16le' : 'utf8'))
    const to = {ELYSIACTL_TO_GRPC_URL: b.grpcUrl ?? '', ELYSIACTL_TO_URL: b.url}
    const env = job === 'restore' ? server(b) : {...server(a), ...to}
    const place = path.join(folder.path, 'ids')
    const done = await cli(['col', job, job === 'restore' ? backup : 'Book', '--ids', file, '-o', place, '--json'], env)
    expect(done.code, done.stdout + done.stderr).toBe(3)
    expect(done.json()).toMatchObject({
      [job === 'backup' ? 'objectCount' : 'restored']: 2,
      warnings: [
        {
          code: 'ids-not-there',
          details: {absent: 7, asked: 9, ids: absent.slice(0, 5)},
          message: `7 of the 9 ids are not those of objects of "Book": ${absent.slice(0, 5).join(', ')}, …`,
        },
      ],
    })
    if (job === 'backup') return
    expect(await filler(b.url).count('Book')).toBe(2)
    await filler(b.url).request('DELETE', 'schema/Book')
  })

  it.each([
    ['# none\n\n', /^The list of ids is empty: nothing would be left\.$/],
    [`${there[0]},1\n`, /^"00000000-0000-4000-8000-00000000000A,1" is no UUID\.$/],
    [undefined, /^The file of ids .+ cannot be read: it does not exist\.$/],
  ])('in a file like %j, which is none, are refused', async (text, message) => {
    const file = path.join(folder.path, text === undefined ? 'absent.txt' : 'wrong.txt')
    if (text !== undefined) await writeFile(file, text)
    const done = await cli(['col', 'restore', backup, '--ids', file, '--json'], server(b))
    expect(done.code).toBe(2)
    expect(done.json()).toMatchObject({error: {message: expect.stringMatching(message) as string}})
  })
})

it('two names for one property are refused', async () => {
  const done = await cli(['col', 'backup', 'Book', '--rename', 'title=a', '--rename', 'title=b', '--json'], server(a))
  expect(done.code).toBe(2)
  expect(done.json()).toMatchObject({error: {message: '--rename gives "title" two names, "a" and "b".'}})
})

const mistakes: Array<[what: string, flags: () => string[], message: RegExp]> = [
  ['a filter that is empty', () => ['--where', ' '], /^A filter is empty\.$/],
  ['ids in a folder', () => ['--ids', folder.path], /^The file of ids .+ cannot be read: it is a folder\.$/],
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
