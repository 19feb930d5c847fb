/** What is published: packed, installed into an empty project, and used there as the documentation says. */
import {execFile} from 'node:child_process'
import {cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import process from 'node:process'
import {promisify} from 'node:util'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {npmCache, pack, type Tarball} from '../support/pack.js'
import {root} from '../support/root.js'

const exec = promisify(execFile)

let project: string
let tarball: Tarball

beforeAll(async () => {
  project = await mkdtemp(path.join(tmpdir(), 'data-ops-package-'))
  tarball = await pack(project)
  console.log(`the package: ${tarball.size} bytes, ${tarball.unpackedSize} unpacked, ${tarball.files.length} files`)
  await writeFile(path.join(project, 'package.json'), '{"name": "empty", "private": true, "type": "module"}\n')
  await inProject('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', tarball.path)
}, 180_000)
afterAll(async () => rm(project, {force: true, recursive: true}))

/** Runs a program in the empty project; rejects, with what it printed, unless it ends well. */
async function inProject(command: string, ...argv: string[]): Promise<string> {
  try {
    const {stdout} = await exec(command, argv, {cwd: project, env: {...process.env, ...npmCache}})
    return stdout
  } catch (error) {
    const {stderr, stdout} = error as {stderr: string; stdout: string}
    throw new Error(`${command} ${argv.join(' ')}\n${stdout}${stderr}`, {cause: error})
  }
}

async function typeCheck(...argv: string[]): Promise<string> {
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const options = ['--noEmit', '--target', 'es2024', '--module', 'nodenext', '--types', 'node']
  return inProject(process.execPath, tsc, ...options, ...argv)
}

async function examplesOf(page: string): Promise<string[]> {
  const text = await readFile(path.join(root, page), 'utf8')
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1]!)
}

describe('the tarball', () => {
  it('holds what it should, and nothing else', () => {
    expect([...new Set(tarball.files.map((file) => file.split('/', 1)[0]!))].toSorted()).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'NOTICE',
        'README.md',
        'bin',
        'deploy',
        'dist',
        'docs',
        'oclif.manifest.json',
        'package.json',
      ].toSorted(),
    )
    const odd = tarball.files.filter(
      (file) =>
        !/^(?:bin\/run\.js|deploy\/kubernetes\/[\w.-]+\.yaml|dist\/.+\.(?:js|d\.ts)|docs\/(?:adr\/|clouds\/|guides\/)?[\w-]+\.md|[\w.]+)$/.test(
          file,
        ),
    )
    expect(odd).toEqual([])
    expect(tarball.size).toBeLessThan(1_000_000)
  })

  it('holds every file that package.json points at', async () => {
    const {bin, exports, oclif} = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
      bin: Record<string, string>
      exports: Record<string, Record<string, string> | string>
      oclif: {hooks: Record<string, string>}
    }
    const commands = await readdir(path.join(root, 'commands'), {recursive: true})
    const named = [
      ...[bin, oclif.hooks, ...Object.values(exports)].flatMap((names) =>
        Object.values(typeof names === 'string' ? [names] : names),
      ),
      ...commands.filter((name) => name.endsWith('.ts')).map((name) => `dist/commands/${name.replace(/\.ts$/, '.js')}`),
    ]
    expect(tarball.files).toEqual(expect.arrayContaining(named.map((name) => path.posix.normalize(name))))
  })

  it('installs with no development dependency, and none of it asks for an unknown licence', async () => {
    const {dependencies} = JSON.parse(await inProject('npm', 'ls', '--json')) as {dependencies: Record<string, unknown>}
    expect(Object.keys(dependencies)).toEqual(['@elysia/data-ops'])
    const lock = JSON.parse(await readFile(path.join(project, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, {license?: string; optional?: boolean}>
    }
    const installed = Object.entries(lock.packages).filter(([name]) => name !== '')
    expect(installed.length).toBeGreaterThan(10)
    const permissive = /^\(?(?:0BSD|Apache-2\.0|BlueOak-1\.0\.0|BSD-[23]-Clause|ISC|MIT|CC0-1\.0| OR | AND )+\)?$/
    expect(installed.filter(([, {license}]) => !permissive.test(license ?? '')).map(([name]) => name)).toEqual([])
    expect(installed.map(([name]) => name)).not.toContain('node_modules/vitest')
  })
})

describe('in an empty project', () => {
  // What the examples bring along themselves.
  beforeAll(async () => {
    await inProject(
      'npm',
      'install',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      'weaviate-client@3.14',
    )
  }, 120_000)

  it('has types that resolve', async () => {
    await writeFile(path.join(project, 'types.ts'), TYPES)
    // The types of Node are the project's own business.
    await cp(path.join(root, 'node_modules', '@types', 'node'), path.join(project, 'node_modules', '@types', 'node'), {
      recursive: true,
    })
    await cp(path.join(root, 'node_modules', 'undici-types'), path.join(project, 'node_modules', 'undici-types'), {
      recursive: true,
    })
    expect(await typeCheck('--strict', 'types.ts')).toBe('')
  })

  it('has types that the examples of the SDK fit', async () => {
    const names: string[] = []
    for (const page of ['README.md', 'docs/sdk.md'])
      for (const example of await examplesOf(page)) {
        names.push(`example${names.length}.ts`)
        await writeFile(path.join(project, names.at(-1)!), example)
      }

    expect(names.length).toBeGreaterThan(15)
    // They are JavaScript: what may be undefined is not asked about.
    expect(await typeCheck('--skipLibCheck', ...names)).toBe('')
    await writeFile(
      path.join(project, 'wrong.ts'),
      "import {connect} from '@elysia/data-ops'\nvoid connect({uri: 'a'})\n",
    )
    await expect(typeCheck('--skipLibCheck', 'wrong.ts')).rejects.toThrow("'uri' does not exist")
  })

  it('says how to install the package of a cloud, which is not there', async () => {
    const program = path.join(project, 'node_modules', '.bin', 'elysia-data-ops')
    const argv = ['backup', 'list', '--json', '-o', 'az://account/container/x']
    const {code, stdout} = await exec(program, argv, {cwd: project}).then(
      (ended) => ({...ended, code: 0}),
      (error: unknown) => error as {code: number; stdout: string},
    )
    expect(code).toBe(2)
    expect(stdout).toContain(`Install it: npm install --prefix ${project} @azure/storage-blob @azure/identity`)
  })

  it.each(['README.md', 'docs/sdk.md', 'docs/testing.md'])('runs every example of %s', async (page) => {
    const examples = await examplesOf(page)
    expect(examples).not.toEqual([])
    const folder = path.join(project, path.basename(page, '.md'))
    await mkdir(folder, {recursive: true})
    await writeFile(path.join(folder, 'examples.mjs'), runner(examples))
    for (const [index, example] of examples.entries()) await writeFile(path.join(folder, `${index}.mjs`), example)
    const {stdout} = await exec(process.execPath, ['examples.mjs'], {cwd: folder})
    expect(stdout).toContain(`${examples.length} examples ran`)
    // Comparisons are printed by the examples, and all of them hold.
    expect(stdout).not.toContain('false')
    expect(stdout).toContain('true')
  })
})

const TYPES = `
import {BackupManager, connect, DataOpsError, type BackupResult, type Connection} from '@elysia/data-ops'
import {readBackupDocument, type BackupDocument} from '@elysia/data-ops/codec'
import {startEmbeddedWeaviate, type EmbeddedWeaviate} from '@elysia/data-ops/testing'

const connection: Connection = await connect({url: 'http://localhost:8080'})
const backup: BackupResult = await new BackupManager(connection).backupCollection('A', {format: 'parquet'})
const count: number = backup.objectCount
const document: BackupDocument = await readBackupDocument(new Uint8Array())
const server: EmbeddedWeaviate = await startEmbeddedWeaviate({apiKeys: ['a']})
const error: Error = new DataOpsError('STORAGE', String(count), {details: {document, server}})
// @ts-expect-error -- the types are there, and not any
const wrong: string = backup.objectCount
// @ts-expect-error -- there is no such format
void new BackupManager(connection).backupCollection('A', {format: 'csv'})
void error
void wrong
`

/** Runs the examples one after another in one process, where localhost:8080 and :50051 lead to an embedded server with 200 articles. */
function runner(examples: readonly string[]): string {
  return `
import {startEmbeddedWeaviate} from '@elysia/data-ops/testing'
import {readFile, writeFile} from 'node:fs/promises'

const server = await startEmbeddedWeaviate({port: 0})
const post = (path, body) => fetch(server.url + path, {body: JSON.stringify(body), headers: {'content-type': 'application/json'}, method: 'POST'})
const properties = [{dataType: ['text'], name: 'title'}, {dataType: ['int'], name: 'words'}]
await post('/v1/schema', {class: 'Article', properties, vectorizer: 'none'})
const articles = Array.from({length: 200}, (_, index) => ({class: 'Article', properties: {title: 'article ' + index, words: index}, vector: [index, 1, 0.5]}))
await post('/v1/batch/objects', {objects: articles})
for (let index = 0; index < ${examples.length}; index++) {
  const text = await readFile(index + '.mjs', 'utf8')
  await writeFile(index + '.mjs', text
    .replaceAll('http://localhost:8080', server.url)
    .replaceAll('localhost:50051', server.grpcUrl)
    .replaceAll('connectToLocal()', 'connectToLocal({port: ' + server.port + ', grpcPort: ' + server.grpcPort + '})'))
  console.log('example', index + 1)
  await import('./' + index + '.mjs')
}
await server.close()
console.log(${examples.length} + ' examples ran')
`
}
