/** Words that are being typed, and what fits them. */
import {execFile, spawnSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {chmod, writeFile} from 'node:fs/promises'
import {type AddressInfo, createServer} from 'node:net'
import path from 'node:path'
import {promisify} from 'node:util'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type CommandShape, settingsTyped, whatFits} from '../../src/cli/completion/fits.js'
import {newestOfEach} from '../../src/cli/completion/newest.js'
import {completionScript, SHELLS} from '../../src/cli/completion/scripts.js'
import {globalFlags, outputFlag} from '../../src/cli/flags.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {root} from '../support/root.js'
import {fill, filler} from './fill.js'
import {cli, start, temporaryFolder} from './run-cli.js'

const {commands} = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, CommandShape>
}
const fits = (...typed: string[]) => whatFits(typed, Object.values(commands))

describe('what fits', () => {
  it.each([
    [['col', 'res'], ['restore']],
    [
      ['job', ''],
      ['cancel', 'create', 'list', 'show', 'work'],
    ],
    [
      ['job', 'create', ''],
      ['backup', 'restore'],
    ],
    [['com'], ['completion']],
    [
      ['col', 'backup', '--format', ''],
      ['json', 'parquet', 'arrow'],
    ],
    [['col', 'backup', '--format', 'p'], ['parquet']],
    [['col', 'backup', '--format=a'], ['arrow']],
    [['col', 'backup', '--ret'], ['--retry-max-wait']],
    [['col', 'backup', '--no-re'], ['--no-resume']],
    [['nothing', ''], []],
  ])('%j: %j', (typed, words) => {
    const found = fits(...typed)
    expect(found.kind).toBe('words')
    expect(found.words).toEqual(words)
  })

  it.each([
    [['col', 'backup', ''], 'collections'],
    [['col', 'backup', 'One', '--format', 'json', ''], 'collections'],
    [['col', 'diff', 'One', ''], 'collections'],
    [['col', 'backup', '--exclude', ''], 'collections'],
    [['col', 'restore', 'one', ''], 'backups'],
    [['backup', 'diff', 'one', ''], 'backups'],
    [['col', 'verify', 'One', '--against='], 'backups'],
    [['backup', 'head', 'one', ''], 'files'],
    [['col', 'backup', '-o', ''], 'files'],
    [['backup', 'query', 'one', ''], 'files'],
  ])('%j: %s', (typed, kind) => {
    expect(fits(...typed).kind).toBe(kind)
  })

  it('asks the server and place that stand on the line, and no flag that has no value yet', () => {
    const flags = {...globalFlags, output: outputFlag} as unknown as Parameters<typeof settingsTyped>[1]
    const typed = [
      'col',
      'backup',
      '--url',
      'http://one',
      '--format',
      'json',
      '-o',
      's3://x',
      '--discover-nodes',
      '--url',
    ]
    expect(settingsTyped([...typed, ''], flags)).toEqual(['--url', 'http://one', '-o', 's3://x', '--discover-nodes'])
  })

  it('never names the hidden command', () => {
    expect(fits('').words).not.toContain('complete')
    expect(fits('').words).toContain('doctor')
  })
})

it('names the newest of each collection, and of each of its servers where there are several', () => {
  const backups = [
    {collection: 'Book', server: 'http://prod:8080'},
    {collection: 'Book', server: 'http://staging:8080'},
    {collection: 'Book', server: 'http://prod:8080'},
    {collection: 'Film', server: 'http://prod:8080'},
    {collection: 'Old', server: undefined},
    {collection: 'Old', server: 'http://prod:8080'},
    {collection: '', server: 'http://prod:8080'},
  ]
  expect(newestOfEach(backups)).toEqual([
    'Book@latest',
    'Book@latest@prod',
    'Book@latest@staging',
    'Film@latest',
    'Old@latest',
    'Old@latest@prod',
  ])
})

describe('in a shell', () => {
  let server: EmbeddedWeaviate
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let env: Record<string, string>

  beforeAll(async () => {
    server = await startEmbeddedWeaviate()
    folder = await temporaryFolder()
    await fill(filler(server.url), 'Book', 3)
    await fill(filler(server.url), 'Bookmark', 3)
    const place = path.join(folder.path, 'backups')
    env = {ELYSIACTL_BACKUPS: place, WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url}
    expect(await cli(['col', 'backup', 'Book'], env)).toMatchObject({code: 0})
    const program = path.join(folder.path, 'elysia-data-ops')
    await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${path.join(root, 'bin', 'run.js')}" "$@"\n`)
    await chmod(program, 0o755)
  })
  afterAll(async () => {
    await server.close()
    await folder.remove()
  })

  const bash = spawnSync('bash', ['-c', 'compgen -b'], {encoding: 'utf8'})
  const isBash = bash.status === 0

  /** What bash would offer where this line ends. */
  async function offered(line: string): Promise<string[]> {
    const script = [
      completionScript('bash', 'elysia-data-ops'),
      // As bash itself breaks it.
      `COMP_LINE=${JSON.stringify(line)} COMP_POINT=${line.length}`,
      '_elysia_data_ops_complete',
      // eslint-disable-next-line no-template-curly-in-string -- of bash
      'printf "%s\\n" "${COMPREPLY[@]}"',
      'complete -p elysia-data-ops',
    ]
    const file = path.join(folder.path, 'script.sh')
    await writeFile(file, script.join('\n'))
    const variables = {...process.env, ...env, PATH: `${folder.path}:${process.env.PATH}`}
    const {stdout: text} = await promisify(execFile)('bash', ['--norc', file], {env: variables})
    const lines = text.trimEnd().split('\n')
    expect(lines.pop()).toBe('complete -o default -F _elysia_data_ops_complete elysia-data-ops')
    return lines
  }

  it.skipIf(!isBash)('bash is offered collections, backups, commands and flags', async () => {
    expect(await offered('elysia-data-ops col ver')).toEqual(['verify'])
    expect(await offered('elysia-data-ops col backup Bo')).toEqual(['Book', 'Bookmark'])
    expect(await offered('elysia-data-ops col backup Book --exclude Bookm')).toEqual(['Bookmark'])
    const [latest, named, id] = await offered('elysia-data-ops backup show ')
    expect([latest, named]).toEqual(['latest', 'Book@latest'])
    expect(id).toMatch(/^[\da-f]{8}$/)
    // What stands before the @ is a word of its own to bash.
    expect(await offered('elysia-data-ops col restore Book@')).toEqual(['latest'])
    expect(await offered('elysia-data-ops col verify Book --against=lat')).toEqual(['latest'])
  })

  it.each(['zsh', 'fish'])('%s takes the script', async (shell) => {
    const {error, status, stderr} = spawnSync(
      shell,
      ['-n', '-c', completionScript(shell as 'zsh', 'elysia-data-ops')],
      {
        encoding: 'utf8',
      },
    )
    if (error) console.warn(`SKIPPED: there is no ${shell} to read its script`)
    else expect(stderr, stderr).toBe('')
    expect(error ? 0 : status).toBe(0)
    const printed = await cli(['completion', shell])
    expect(printed.stdout).toBe(`${completionScript(shell as 'zsh', 'elysia-data-ops')}\n`)
  })

  it('says nothing, and ends with 0, where nobody answers, or never ends answering', async () => {
    const silent = createServer(() => {
      // Takes every connection, and says nothing.
    })
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve)
    })
    const {port} = silent.address() as AddressInfo
    const words = ['complete', '--', 'col', 'backup', '']
    for (const url of ['http://127.0.0.1:9', `http://127.0.0.1:${port}`, 'ftp://x'])
      expect(await start(words, {WEAVIATE_URL: url}).done).toMatchObject({code: 0, stderr: '', stdout: ''})
    const wrong = ['complete', '--', 'backup', 'show', '--output', 'ftp://x', '']
    expect(await start(wrong).done).toMatchObject({code: 0, stderr: '', stdout: ''})
    silent.close()
  })

  it('of each kind there is a script that asks the program under its own name', () => {
    for (const shell of SHELLS) expect(completionScript(shell, 'elysiactl')).toMatch(/\belysiactl\b/)
  })
})
