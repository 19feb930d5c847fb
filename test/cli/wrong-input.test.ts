import {chmod, mkdir, readdir, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, type RequestInfo, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, type Filler, filler} from './fill.js'
import {cli, temporaryFolder} from './run-cli.js'

const KEY = 'right-key-3f9a'
const WRONG_KEY = 'wrong-key-77c1'
const HEADER_SECRET = 'header-secret-19d2'

let server: EmbeddedWeaviate
let weaviate: Filler
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let backupPath: string
const writes: string[] = []
let env: Record<string, string>

beforeAll(async () => {
  server = await startEmbeddedWeaviate({
    apiKeys: [KEY],
    onRequest({method, path: where, transport}: RequestInfo) {
      const isRead = transport === 'rest' ? method === 'GET' : /Search|Check|TenantsGet|Aggregate/.test(method)
      if (!isRead) writes.push(`${method} ${where}`)
    },
  })
  weaviate = filler(server.url, KEY)
  folder = await temporaryFolder()
  env = {WEAVIATE_API_KEY: KEY, WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url}
  await fill(weaviate, 'Book', 20)
  await fill(weaviate, 'ELYSIACTL_Plan', 2)
  await weaviate.request('POST', 'aliases', {alias: 'Tome', class: 'Book'})
  const {json} = await cli(['col', 'backup', 'Book', '-o', path.join(folder.path, 'good'), '--json'], env)
  backupPath = json().path as string
  await writeFile(path.join(folder.path, 'file'), 'not a folder')
  await writeFile(path.join(folder.path, 'notes.json'), '{"hello": 1}\n')
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

interface Mistake {
  argv: () => string[]
  code: string
  env?: () => Record<string, string>
  exitCode: number
  hint?: RegExp
  message: RegExp
}

const mistakes: Record<string, Mistake> = {
  'a backup that does not exist': {
    argv: () => ['col', 'restore', 'abcd1234', '-o', path.join(folder.path, 'good')],
    code: 'NOT_A_BACKUP',
    exitCode: 2,
    hint: /backup list/,
    message: /abcd1234/,
  },
  'a backup that does not exist, of which no server need be asked': {
    argv: () => [
      'col',
      'restore',
      '/no/such/backup',
      '-o',
      path.join(folder.path, 'none'),
      '--url',
      'http://127.0.0.1:1',
    ],
    code: 'NOT_A_BACKUP',
    exitCode: 2,
    hint: /Nothing is at/,
    message: /no\/such\/backup/,
  },
  'a collection that does not exist': {
    argv: () => ['col', 'backup', 'Bok', '-o', path.join(folder.path, 'new')],
    code: 'COLLECTION_MISSING',
    exitCode: 5,
    message: /Bok/,
  },
  'a collection that is there already': {
    argv: () => ['col', 'restore', backupPath],
    code: 'COLLECTION_EXISTS',
    exitCode: 5,
    hint: /--merge|--name/,
    message: /Book/,
  },
  'a file that is no backup': {
    argv: () => ['col', 'restore', path.join(folder.path, 'notes.json'), '--name', 'Fresh'],
    code: 'NOT_A_BACKUP',
    exitCode: 2,
    message: /notes\.json/,
  },
  // As a folder on a disk that is full or read-only; also for root.
  'a folder that cannot be written': {
    argv: () => ['col', 'backup', 'Book', '-o', '/proc/elysia/backups'],
    code: 'STORAGE',
    exitCode: 1,
    message: /\/proc\/elysia/,
  },
  'a folder below a file': {
    argv: () => ['col', 'backup', 'Book', '-o', path.join(folder.path, 'file', 'below')],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /--output/,
    message: /^Backups cannot lie in .*file\/below: it is a file, or lies below one\.$/,
  },
  'a file in the place of backups': {
    argv: () => ['backup', 'list', '-o', path.join(folder.path, 'file')],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /--output/,
    message: /file: it is a file/,
  },
  'a file in the place of the backups that are copied': {
    argv: () => ['backup', 'copy', backupPath, '--to', path.join(folder.path, 'file')],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /--to/,
    message: /file: it is a file/,
  },
  'a file in the place of jobs': {
    argv: () => ['job', 'list', '-o', path.join(folder.path, 'file')],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /file: it is a file/,
  },
  'a file in the place of a checkpoint': {
    argv: () => ['col', 'restore', backupPath, '--name', 'Fresh', '--checkpoint-dir', path.join(folder.path, 'file')],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /--checkpoint-dir/,
    message: /^A checkpoint cannot lie in .*file: it is a file/,
  },
  'a file in the place of the checkpoint of a copy': {
    argv: () => ['col', 'copy', 'Book', 'Fresh', '--checkpoint-dir', path.join(folder.path, 'file')],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /--checkpoint-dir/,
    message: /^A checkpoint cannot lie in /,
  },
  'a folder of refused objects': {
    argv: () => ['col', 'restore', backupPath, '--merge', '--retry-rejected', folder.path],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /rejected\.jsonl/,
    message: /^There are no refused objects in /,
  },
  'a setting of another kind than the schema has': {
    argv: () => ['col', 'restore', backupPath, '--name', 'Fresh', '--set', 'replicationConfig.factor=abc', '--dry-run'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /It is 1 now/,
    message: /^"replicationConfig\.factor" is a number, and cannot be set to "abc"\.$/,
  },
  'a section of settings set to a value': {
    argv: () => ['col', 'restore', backupPath, '--name', 'Fresh', '--set', 'replicationConfig=5', '--dry-run'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /one by one/,
    message: /^"replicationConfig" cannot be set to that: it is an object\.$/,
  },
  'a folder of checkpoints without a name': {
    argv: () => ['col', 'restore', backupPath, '--name', 'Fresh', '--checkpoint-dir', ''],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /^Name one, or \. for the one that you are in\.$/,
    message: /has no usable name\.$/,
  },
  'a setting of another kind of a copy': {
    argv: () => ['col', 'copy', 'Book', 'Fresh', '--set', 'properties.title.indexSearchable=yes', '--dry-run'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /is true or false, and cannot be set to "yes"/,
  },
  'a header that is none': {
    argv: () => ['col', 'backup', 'Book', '--header', HEADER_SECRET],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /--help/,
    message: /^--header: needs "Name: value" in one quoted text\.$/,
  },
  'a header without quotes': {
    argv: () => ['col', 'clear', 'Book', '--header', 'X-Key:', HEADER_SECRET],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /--header/,
  },
  'a switch with a value': {
    argv: () => ['col', 'backup', 'Book', '--dry-run=false'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /^Leave the flag out\.$/,
    message: /^--dry-run takes no value\.$/,
  },
  'a length of time that is none': {
    argv: () => ['backup', 'prune', '--keep-within', 'soon', '-o', path.join(folder.path, 'good')],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /soon/,
  },
  'a misspelt flag with a secret': {
    argv: () => ['col', 'backup', 'Book', `--api-kye=${WRONG_KEY}`],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /^Did you mean --api-key\? See .* col backup --help\.$/,
    message: /^There is no flag --api-kye\.$/,
  },
  'a misspelt format': {
    argv: () => ['col', 'backup', 'Book', '--format', 'xml'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^Expected --format=xml to be one of: json, parquet, arrow\.$/,
  },
  'a missing flag': {
    argv: () => ['col', 'verify', 'Book'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^--against is missing\.$/,
  },
  'a missing name': {
    argv: () => ['col', 'backup'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /--all/,
    message: /^NAME is missing\.$/,
  },
  'a time to lock for that is none': {
    argv: () => ['col', 'backup', 'Book', '--lock-for', 'never'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /^Write a number and a unit/,
    message: /^--lock-for: "never" is not a length of time\.$/,
  },
  'flags that cannot be said together': {
    argv: () => ['col', 'restore', backupPath, '--merge', '--replace'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^--merge and --replace cannot be said together\.$/,
  },
  'a flag without the one that it needs': {
    argv: () => ['col', 'restore', backupPath, '--on-conflict', 'skip'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^--on-conflict needs --merge\.$/,
  },
  'a schema for a backup, which has its own': {
    argv: () => ['col', 'restore', backupPath, '--name', 'Fresh', '--schema-from', 'schema.json'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: /^Leave out --schema-from; --set changes the schema\.$/,
    message: /is no export: a backup holds its schema\.$/,
  },
  'a tenant of a backup without': {
    argv: () => ['backup', 'head', backupPath, '--tenant', 'a'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^The backup of "Book" has no tenants\.$/,
  },
  'a page in a folder that is not there': {
    argv: () => ['backup', 'report', backupPath, '--html', path.join(folder.path, 'none', 'page.html')],
    code: 'STORAGE',
    exitCode: 1,
    message: /^Cannot write the page to .*page\.html: there is no folder .*\.$/,
  },
  'a second server that wants a key': {
    argv: () => [
      'col',
      'copy',
      'Book',
      '--to-url',
      server.url.replace('127.0.0.1', 'localhost'),
      '--to-grpc-url',
      server.grpcUrl!,
    ],
    code: 'NOT_ALLOWED',
    exitCode: 6,
    hint: /set ELYSIACTL_TO_API_KEY or --to-api-key\.$/,
    message: /does not accept these credentials/,
  },
  'a number that is none': {
    argv: () => ['col', 'backup', 'Book', '--batch-size', 'many'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^--batch-size: expected an integer but received: many\.$/,
  },
  'a protected name': {
    argv: () => ['col', 'clear', 'ELYSIACTL_Plan', '--force'],
    code: 'NOT_CONFIRMED',
    exitCode: 2,
    hint: /--allow-protected/,
    message: /protected/,
  },
  'a protected name of one\u{2019}s own': {
    argv: () => ['col', 'clear', 'Book', '--force', '--protected', 'Bo*'],
    code: 'NOT_CONFIRMED',
    exitCode: 2,
    hint: /--allow-protected/,
    message: /protected/,
  },
  'a settings file that is not there': {
    argv: () => ['col', 'backup', 'Book', '--config', '/nowhere/settings.yaml'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^The settings file \/nowhere\/settings\.yaml cannot be read \(ENOENT\)\.$/,
  },
  'a wrong key': {
    argv: () => ['col', 'backup', 'Book', '-o', path.join(folder.path, 'new'), '--api-key', WRONG_KEY],
    code: 'NOT_ALLOWED',
    exitCode: 6,
    hint: /The credentials came from --api-key\./,
    message: /./,
  },
  'an address that is none': {
    argv: () => ['col', 'backup', 'Book'],
    code: 'INVALID_INPUT',
    env: () => ({...env, WEAVIATE_URL: 'ftp://somewhere'}),
    exitCode: 2,
    message: /^WEAVIATE_URL gives an address that is not http or https\.$/,
  },
  'an alias to clear': {
    argv: () => ['col', 'clear', 'Tome', '--force'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /alias/,
  },
  'an unreachable server': {
    argv: () => [
      'col',
      'backup',
      'Book',
      '-o',
      path.join(folder.path, 'new'),
      '--url',
      'http://user:pass-word-5@127.0.0.1:9',
    ],
    code: 'CANNOT_CONNECT',
    env: () => ({}),
    exitCode: 6,
    hint: /The address came from --url\./,
    message: /127\.0\.0\.1:9/,
  },
  'clearing without a terminal and without --force': {
    argv: () => ['col', 'clear', 'Book'],
    code: 'NOT_CONFIRMED',
    exitCode: 2,
    hint: /--force/,
    message: /^Clearing Book was not confirmed; nothing was changed\.$/,
  },
  'flags that contradict each other': {
    argv: () => ['col', 'backup', 'Book', '--include-data', '--schema-only'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^--include-data and --schema-only contradict each other\.$/,
  },
  'names beside --all': {
    argv: () => ['col', 'backup', 'Book', '--all'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^--all takes no names\.$/,
  },
  'no key': {
    argv: () => ['col', 'backup', 'Book', '-o', path.join(folder.path, 'new')],
    code: 'NOT_ALLOWED',
    env: () => ({WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url}),
    exitCode: 6,
    hint: /No credentials were given: set WEAVIATE_API_KEY or --api-key\./,
    message: /./,
  },
  'one name for several backups': {
    argv: () => ['col', 'restore', backupPath, backupPath, '--name', 'Fresh'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^--name needs a single backup\.$/,
  },
  'removing without a terminal and without --force': {
    argv: () => ['backup', 'remove', path.basename(backupPath), '-o', path.join(folder.path, 'good')],
    code: 'NOT_CONFIRMED',
    exitCode: 2,
    hint: /--force/,
    message: /was not confirmed; nothing was changed\.$/,
  },
  'too many arguments': {
    argv: () => ['col', 'clear', 'Book', 'Tome'],
    code: 'INVALID_INPUT',
    exitCode: 2,
    message: /^There is an argument too many \(Tome\)\.$/,
  },
}

/** Names of backups hold the second in which they were begun. */
function undated(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\d_\d{6}/g, 'DATE')
}

describe('wrong input', () => {
  it.each(Object.entries(mistakes))(
    '%s: one sentence, the exit code, no secret, nothing changed',
    async (_name, mistake) => {
      writes.length = 0
      const files = await readdir(path.join(folder.path, 'good'))
      const environment = mistake.env?.() ?? env

      const json = await cli([...mistake.argv(), '--json'], environment)
      const {error} = json.json() as {error: Record<string, unknown>}
      expect(error).toMatchObject({
        code: mistake.code,
        details: expect.any(Object) as object,
        exitCode: mistake.exitCode,
        message: expect.stringMatching(mistake.message) as string,
      })
      if (mistake.hint) expect(error.hint).toMatch(mistake.hint)
      expect(json.code).toBe(mistake.exitCode)

      const shown = await cli(mistake.argv(), environment)
      expect(shown).toMatchObject({code: mistake.exitCode, stdout: ''})
      expect(undated(shown.stderr)).toContain(undated(`Error: ${error.message as string}\n`))

      for (const {stderr, stdout} of [json, shown])
        expect(stdout + stderr).not.toMatch(new RegExp([KEY, WRONG_KEY, HEADER_SECRET, 'pass-word-5'].join('|')))
      expect(writes).toEqual([])
      expect(await readdir(path.join(folder.path, 'good'))).toEqual(files)
      expect(await readdir(folder.path)).not.toContain('new')
    },
  )
})

describe('settings', () => {
  it('come from the settings file when nothing else says better, which warns when others can read its secret', async () => {
    const home = path.join(folder.path, 'home')
    const file = path.join(home, '.elysiactl', 'settings.yaml')
    await mkdir(path.dirname(file), {recursive: true})
    await writeFile(
      file,
      `services: {weaviate_base_url: "${server.url}"}\nweaviate: {api_key: ${KEY}, grpc_endpoint: "${server.grpcUrl}"}\n`,
    )
    await chmod(file, 0o644)
    const run = await cli(['col', 'backup', 'Book', '--dry-run', '--json'], {HOME: home})
    expect(run.json()).toMatchObject({collection: 'Book', objectCount: 20})
    expect(run.stderr).toContain(
      `Warning: The settings file ${file} holds a secret and others can read it: chmod 600 it.`,
    )
    expect(run.stderr + run.stdout).not.toContain(KEY)

    await chmod(file, 0o600)
    expect((await cli(['col', 'backup', 'Book', '--dry-run'], {HOME: home})).stderr).not.toContain('Warning')
    const overruled = await cli(['col', 'backup', 'Book', '--dry-run', '--json'], {
      HOME: home,
      WEAVIATE_API_KEY: WRONG_KEY,
    })
    expect(overruled.json()).toMatchObject({
      error: {
        code: 'NOT_ALLOWED',
        details: {settings: {apiKey: {from: 'WEAVIATE_API_KEY', value: '***'}, url: {value: server.url}}},
      },
    })
  })
})
