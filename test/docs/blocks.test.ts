/** Every block of commands in README and docs: run as it stands there, or left out aloud with the reason that stands above it. */
import {execFileSync} from 'node:child_process'
import {globSync, readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from '../cli/fill.js'
import {cli, type CliRun, temporaryFolder} from '../cli/run-cli.js'
import {root} from '../support/root.js'
import {type Block, blocksOf, commandsIn, isOfCommands, type Line, REFERENCE} from './blocks.js'

const files = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/**/*.md', {cwd: root}).toSorted()]
const pages = new Map(files.map((file) => [file, blocksOf(readFileSync(path.join(root, file), 'utf8'))]))
const all = [...pages].flatMap(([file, blocks]) => blocks.filter(isOfCommands).map((block) => ({...block, file})))

/** Run in their own order, with what they need, by another test. */
const ELSEWHERE: Readonly<Record<string, string>> = {'docs/guides/migrations.md': 'test/cli/guides.test.ts'}

const isDuckDB = await import('@duckdb/node-api').then(() => true).catch(() => false)

interface ManifestCommand {
  args: Record<string, {multiple?: boolean; required?: boolean}>
  flags: Record<string, {aliases?: string[]; allowNo?: boolean; char?: string; charAliases?: string[]; name: string}>
}

const {commands} = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, ManifestCommand>
}

/** What a line says that no command takes. */
function unknownIn({words}: Line): string[] {
  const plain = words.filter((word) => !word.startsWith('-'))
  const id = [3, 2, 1].map((count) => plain.slice(0, count).join(':')).find((each) => commands[each])
  if (id === undefined) return [`no command ${plain.slice(0, 2).join(' ')}`]
  const {flags} = commands[id]!
  const known = Object.values(flags).flatMap(({aliases = [], allowNo, char, charAliases = [], name}) => [
    ...[name, ...aliases].map((each) => `--${each}`),
    ...(allowNo ? [`--no-${name}`] : []),
    ...[char, ...charAliases].map((each) => `-${each}`),
  ])
  return words
    .filter((word) => /^--?[a-z]/.test(word) && ![...known, '--help'].includes(word.replace(/=.*$/, '')))
    .map((word) => `${id} has no ${word}`)
}

describe('blocks of commands', () => {
  it('are found, and each command and flag in them is one that there is', () => {
    expect(all.length).toBeGreaterThan(80)
    const ours = all.flatMap((block) => commandsIn(block).map((line) => ({file: block.file, line})))
    expect(ours.length).toBeGreaterThan(120)
    expect(ours.flatMap(({file, line}) => unknownIn(line).map((what) => `${file}: ${what}: ${line.text}`))).toEqual([])
    expect(unknownIn({text: '', words: ['col', 'backup', 'Article', '--fromat', 'json']})).toEqual([
      'col:backup has no --fromat',
    ])
  })

  it('that are not run say why', () => {
    const left = all.filter(({reason}) => reason !== undefined)
    const elsewhere = Object.entries(ELSEWHERE).map(([file, test]) => `${file}: by ${test}`)
    const own = left.filter(({reason}) => reason !== REFERENCE)
    const lines = own.map(({file, line, reason}) => `${file}:${line}: ${reason}`)
    console.log(['NOT RUN here:', ...elsewhere, ...lines, `${left.length - own.length} ${REFERENCE}`].join('\n  '))
    for (const {file, line, reason} of left) expect(reason?.length, `${file}:${line}`).toBeGreaterThan(8)
    const foreign = all.filter((block) => block.reason === undefined && block.others.length > 0)
    expect(foreign.map(({file, line, others}) => `${file}:${line}: ${others.join('; ')}`)).toEqual([])
  })
})

const running = [...pages]
  .filter(([file]) => ELSEWHERE[file] === undefined)
  .map(([file, blocks]): [string, Block[]] => [
    file,
    blocks.filter((each) => isOfCommands(each) && each.reason === undefined),
  ])
  .filter(([, blocks]) => blocks.length > 0)

describe.each(running)('%s', (file, blocks) => {
  let servers: {first: EmbeddedWeaviate; second: EmbeddedWeaviate}
  let folder: Awaited<ReturnType<typeof temporaryFolder>>

  beforeAll(async () => {
    const [first, second] = await Promise.all([startEmbeddedWeaviate(), startEmbeddedWeaviate()])
    servers = {first, second}
    folder = await temporaryFolder()
    const weaviate = filler(first.url)
    await fill(weaviate, 'Article', 40)
    await weaviate.request('POST', 'schema/Article/properties', {dataType: ['int'], name: 'wordCount'})
    if (file === 'docs/guides/copies.md') await fill(weaviate, 'Article_v1', 40)
  })
  afterAll(async () => {
    await servers.first.close()
    await servers.second.close()
    await folder.remove()
  })

  /** As it stands there, but for addresses, places, ids, and answers to questions that nobody is there for. */
  async function run({words}: Line): Promise<CliRun> {
    const backups = path.join(folder.path, 'backups')
    const id = words.some((word) => word.startsWith('5f0c')) ? await newest(backups) : ''
    const argv = words.map((word) => {
      if (/^(?:s3:\/\/\S+|(?:\.\/)?backups)$/.test(word)) return backups
      if (/\.(?:html|txt)$/.test(word)) return path.join(folder.path, word)
      return word
        .replace('http://localhost:8080', () => servers.first.url)
        .replace('http://new:8080', () => servers.second.url)
        .replace(/^5f0c$/, () => id)
    })
    const asks = argv[0] === 'col' && argv[1] === 'clear' && !argv.includes('--force')
    const place = argv.includes(backups) ? [] : ['-o', backups]
    return cli([...argv, ...(asks ? ['--force'] : []), ...(argv[0] === 'completion' ? [] : place)], {
      ...(words.includes('http://new:8080') && {ELYSIACTL_TO_GRPC_URL: servers.second.grpcUrl!}),
      WEAVIATE_GRPC_URL: servers.first.grpcUrl!,
      WEAVIATE_URL: servers.first.url,
    })
  }

  async function newest(place: string): Promise<string> {
    const {backups} = (await cli(['backup', 'list', 'Article', '--json', '-o', place])).json()
    return (backups as Array<{id: string}>)[0]?.id.slice(0, 8) ?? ''
  }

  it('does what it says', async () => {
    for (const line of blocks.flatMap((block) => commandsIn(block))) {
      if (line.words[1] === 'query' && !isDuckDB) {
        console.warn(`SKIPPED: ${line.text}: @duckdb/node-api is not installed`)
        continue
      }

      const done = await run(line)
      expect(done.code, `${line.text}\n${done.stderr}${done.stdout}`).toBe(0)
    }
  })

  const python = pages.get(file)!.filter(({language}) => language === 'python')
  const {GUIDES_PYTHON} = process.env
  if (python.length > 0 && !GUIDES_PYTHON) console.warn(`SKIPPED: Python of ${file}; npm run test:guides runs it`)
  it.skipIf(python.length === 0 || !GUIDES_PYTHON)('its Python runs on the backups that it made', () => {
    expect(readdirSync(path.join(folder.path, 'backups'))).not.toHaveLength(0)
    for (const {text} of python) {
      const printed = execFileSync(GUIDES_PYTHON!, ['-c', text], {cwd: folder.path, encoding: 'utf8'})
      expect(printed, text).toContain(
        text.includes('duckdb') ? '(40, 8.0)' : text.includes('polars') ? 'Title 0' : '40',
      )
    }
  })
})
