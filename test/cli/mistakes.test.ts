/** Twenty mistakes that people make: one sentence, the right exit code, and a next step that works when it is followed word for word. */
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it, onTestFinished, vi} from 'vitest'

import commandNotFound from '../../hooks/command-not-found.js'
import {startTestServer, type TestServer} from '../support/collections.js'
import {fill, filler} from './fill.js'
import {cli, type CliRun, root, start, temporaryFolder} from './run-cli.js'

let server: TestServer
/** A real server keeps what it had. */
let before: string[]

const names = async () => (await server.connection.listCollections()).map((schema) => schema.class)
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let env: Record<string, string>

beforeAll(async () => {
  server = await startTestServer()
  folder = await temporaryFolder()
  env = {
    ELYSIACTL_BACKUPS: path.join(folder.path, 'backups'),
    WEAVIATE_GRPC_URL: server.grpcUrl,
    WEAVIATE_URL: server.url,
  }
  before = await names()
  const weaviate = filler(server.url)
  await fill(weaviate, 'Article', 20)
  await fill(weaviate, 'Author', 3)
  await fill(weaviate, 'Journal', 2)
  await weaviate.request('POST', 'aliases', {alias: 'Live', class: 'Author'})
  await writeFile(path.join(folder.path, 'article.json'), '{}')
  expect(await cli(['col', 'backup', 'Article', 'Author', '-q'], env)).toMatchObject({code: 0})
})
afterAll(async () => {
  for (const name of await names()) if (!before.includes(name)) await server.connection.deleteCollection(name)
  await filler(server.url).request('DELETE', 'aliases/Live')
  await server.close()
  await folder.remove()
})

/** What is said, without the frame that oclif draws, in one line. */
function said({stderr}: CliRun): string {
  return stderr.replaceAll(/^ *›/gm, '').replaceAll(/\s+/g, ' ').replace('Try this: ', '').trim()
}

/** The command that a hint asks for: a whole one, the word that was meant, the flag to add. */
function followed(argv: readonly string[], text: string): string[] {
  const [, near] = /Did you mean: elysia-data-ops ([a-z ]+)\?/.exec(text) ?? []
  const [, whole] = /: elysia-data-ops (\S+ \S+ \S+)$/.exec(text) ?? []
  const [, flag] = /Did you mean (--[\w-]+)\?/.exec(text) ?? []
  const [, word] = /(?:Did you mean|There is after it|name it:) ([\w@:-]+)[.,?]/.exec(text) ?? []
  const [, wrong] = /"([^"]+)"/.exec(text) ?? []
  const [, add] = /\b(?:say|with) (--[a-z-]+)\.?(?: |$)/.exec(text) ?? []
  const [, other] = /(?:List what there is with|in its place with) ((?:backup|col) \w+(?: --\w+)?)/.exec(text) ?? []
  if (near !== undefined) {
    const rest = argv.slice(near.split(' ', 1)[0] === argv[0] ? 2 : 1)
    return [...near.split(' '), ...rest]
  }

  if (whole !== undefined) return whole.split(' ')
  if (flag !== undefined) return argv.map((one) => (one === /no flag (--[\w-]+)/.exec(text)?.[1] ? flag : one))
  if (word !== undefined) {
    const meant = argv.findIndex((one) => one === wrong || one.startsWith(`${wrong}@`))
    return argv.map((one, at) => (at === meant ? word : one))
  }

  if (other?.startsWith('col') && argv[1] === 'restore') return [...argv, ...other.split(' ').slice(2)]
  if (other !== undefined) return other.split(' ')
  return add === undefined ? [] : [...argv, add]
}

/** What was typed, the exit code, and the exit code of what was said to do instead. */
const MISTAKES: Array<[title: string, argv: string[], code: number]> = [
  ['a collection nearly right', ['col', 'backup', 'Articel'], 5],
  ['a collection to verify nearly right', ['col', 'verify', 'Articl', '--against', 'Article@latest'], 5],
  ['a collection to clear nearly right', ['col', 'clear', 'Jurnal', '--force'], 5],
  ['a collection to clear in another case', ['col', 'clear', 'jOURNAL', '--force'], 5],
  ['a command mistyped', ['col', 'bakcup', 'Article'], 2],
  ['a command of backups mistyped', ['backup', 'lst'], 2],
  ['a command without its topic', ['restore', 'Article@latest', '--name', 'Untopical'], 2],
  ['a flag mistyped', ['col', 'backup', 'Article', '--fromat', 'json'], 2],
  ['a flag mistyped of another command', ['backup', 'head', 'Article@latest', '--ful'], 2],
  ['the name of a backup nearly right', ['col', 'restore', 'Articel@latest', '--name', 'NearlyRight'], 2],
  ['a backup shown by a name nearly right', ['backup', 'show', 'Autor@latest'], 2],
  ['a day without a backup', ['backup', 'show', 'Article@2020-01-01'], 2],
  ['an id that is none', ['col', 'restore', 'zzzz1234', '--name', 'NoId'], 2],
  ['a path to nothing', ['backup', 'verify', 'nowhere.json'], 2],
  ['a restore over what is there', ['col', 'restore', 'Article@latest'], 5],
  ['an object that is not in it', ['backup', 'get', 'Article@latest', '00000000-0000-4000-8000-0000000fffff'], 1],
  ['a clear that nobody confirms', ['col', 'clear', 'Journal'], 2],
  ['an alias to clear', ['col', 'clear', 'Live', '--force'], 2],
  ['a removal that nobody confirms', ['backup', 'remove', 'Author@latest'], 2],
  ['nothing to back up', ['col', 'backup'], 2],
]

// What it says, it says on stderr, too.
function quiet(): void {
  const spy = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => {
    spy.mockRestore()
  })
}

it('in a host, a word that is none of ours is not found, as without this plugin', async () => {
  quiet()
  const config = {bin: 'elysiactl', commandIDs: ['col:backup', 'plan'], root}
  // A hook that returned would end the command with 0.
  await expect(commandNotFound({config, id: 'pla'})).rejects.toMatchObject({
    message: 'command pla not found',
    oclif: {exit: 2},
  })
  await expect(commandNotFound({config, id: 'col:bakcup'})).rejects.toMatchObject({
    message: 'There is no command "col bakcup".',
    suggestions: ['Did you mean: elysiactl col backup?'],
  })
})

it.each([
  [
    'job:create:bakcup:Article',
    'There is no command "job create bakcup".',
    'Did you mean: elysiactl job create backup?',
  ],
  ['job:run', 'There is no command "job run".', 'There are: elysiactl job create backup, elysiactl job list.'],
  ['job', 'There is no command "job".', 'There are: elysiactl job create backup, elysiactl job list.'],
  ['job:list:s3://x', 'There is an argument too many (s3://x).', 'See elysiactl job list --help.'],
])('what stands behind words that are commands is no command: %s', async (id, message, suggestion) => {
  quiet()
  const config = {bin: 'elysiactl', commandIDs: ['col:backup', 'job:create:backup', 'job:list', 'plan'], root}
  await expect(commandNotFound({config, id})).rejects.toMatchObject({message, suggestions: [suggestion]})
})

it('what is no command is one JSON document with --json, as every error is', async () => {
  const {code, stderr, stdout} = await start(['job', 'list', 'foo', '--json'], env).done
  expect({code, stderr}).toEqual({code: 2, stderr: ''})
  expect(JSON.parse(stdout)).toEqual({
    error: {
      code: 'INVALID_INPUT',
      details: {},
      exitCode: 2,
      hint: 'See elysia-data-ops job list --help.',
      message: 'There is an argument too many (foo).',
    },
  })
})

it('a flag before the command is told as that, with --json as a document too', async () => {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => {
    written.mockRestore()
  })
  const config = {bin: 'elysia-data-ops', commandIDs: ['backup:list'], root}
  await expect(commandNotFound({argv: ['backup', 'list'], config, id: '--json'})).rejects.toMatchObject({
    message: '--json stands where a command is needed.',
    oclif: {exit: 2},
    suggestions: ['Flags come behind it: elysia-data-ops backup list --json'],
  })
  expect(JSON.parse(String(written.mock.calls[0]?.[0]))).toMatchObject({error: {code: 'INVALID_INPUT', exitCode: 2}})
})

describe('twenty mistakes', () => {
  it('are twenty', () => {
    expect(MISTAKES).toHaveLength(20)
  })

  it.each(MISTAKES)('%s', async (_, argv, code) => {
    const inside = await cli(argv, env)
    // What oclif itself says of an unknown command, it says in a process of its own only.
    const wrong = inside.stderr === '' ? await start(argv, env).done : inside
    const text = said(wrong)
    expect(wrong.code, text).toBe(code)
    expect(wrong.stdout).toBe('')
    // One sentence, then what to do; above it at most a warning of a backup that `latest` passes over.
    expect(text).toMatch(/(?:^|… |^Warning: .* is taken in its place\. )Error: [^.]*(?:\.\S[^.]*)*\. /)
    const next = followed(argv, text)
    expect(next, text).not.toEqual([])
    expect(next, text).not.toEqual(argv)
    const done = await cli(next, env)
    expect(done.code, `${text}\n→ ${next.join(' ')}\n${done.stderr}`).toBe(0)
  })
})
