import {spawnSync} from 'node:child_process'
import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises'
import {homedir} from 'node:os'
import path from 'node:path'
import {pathToFileURL} from 'node:url'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from './fill.js'
import {type CliRun, root, start, temporaryFolder} from './run-cli.js'

const KEY = 'host-key-5d20'
const hostScript = path.join(root, 'test', 'fixtures', 'host', 'bin', 'run.js')
let server: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let env: Record<string, string>
let hostSettings: string

/** The host CLI `elysiactl`, with folders of its own. */
async function elysiactl(...argv: string[]): Promise<CliRun> {
  return start(argv, env, hostScript).done
}

async function hostSays(settings: unknown): Promise<void> {
  await writeFile(hostSettings, JSON.stringify(settings))
}

beforeAll(async () => {
  server = await startEmbeddedWeaviate({apiKeys: [KEY]})
  await fill(filler(server.url, KEY), 'Book', 50)
  folder = await temporaryFolder()
  const place = (name: string) => path.join(folder.path, name)
  env = {
    // The tarball's dependencies are in npm's cache, where `npm ci` of this project put them.
    npm_config_cache: process.env.npm_config_cache ?? path.join(homedir(), '.npm'),
    npm_config_prefer_offline: 'true',
    npm_config_userconfig: process.env.npm_config_userconfig ?? path.join(homedir(), '.npmrc'),
    XDG_CACHE_HOME: place('cache'),
    XDG_CONFIG_HOME: place('config'),
    XDG_DATA_HOME: place('data'),
  }
  hostSettings = path.join(place('config'), 'elysiactl', 'host.json')
  await mkdir(path.dirname(hostSettings), {recursive: true})

  const packed = spawnSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder.path], {cwd: root})
  expect(packed.status, packed.stderr.toString()).toBe(0)
  const tarball = (await readdir(folder.path)).find((name) => name.endsWith('.tgz'))
  const installed = await elysiactl('plugins', 'install', pathToFileURL(place(tarball!)).href)
  expect(installed, installed.stderr).toMatchObject({code: 0})
  expect(installed.stderr).not.toContain('may not work as expected')
}, 180_000)
afterAll(async () => {
  await server.close()
  await folder.remove()
})

// Each test runs several processes, which take their time on a busy machine.
describe('installed into a host', () => {
  it("backs up with the host's url and key, and tells the host", async () => {
    await hostSays({answer: {apiKey: KEY, grpcUrl: server.grpcUrl, url: server.url}})
    const output = path.join(folder.path, 'backups')
    const backup = await elysiactl('col', 'backup', 'Book', '--json', '-o', output)
    expect(backup, backup.stderr + backup.stdout).toMatchObject({code: 0})
    expect(backup.json()).toMatchObject({collection: 'Book', format: 'json', objectCount: 50, warnings: []})
    expect(backup.stdout + backup.stderr).not.toContain(KEY)

    const id = backup.json().id as string
    const restore = await elysiactl('col', 'restore', id, '--name', 'Copy', '--verify', '--json', '-o', output)
    expect(restore, restore.stderr + restore.stdout).toMatchObject({code: 0})
    expect(restore.json()).toMatchObject({collection: 'Copy', restored: 50, verification: {equal: true}})

    const announced = await readFile(path.join(folder.path, 'data', 'elysiactl', 'announced.jsonl'), 'utf8')
    const lines = announced
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(lines).toMatchObject([{backup: {id}}, {restored: {backupId: id, collection: 'Copy'}}])
  })

  it('prints the result and exits with 1 when the work is done, but the host fails at its part', async () => {
    const answer = {apiKey: KEY, grpcUrl: server.grpcUrl, url: server.url}
    await hostSays({announcementFailure: `no copy for ${KEY}`, answer})
    const output = path.join(folder.path, 'announced')
    const backup = await elysiactl('col', 'backup', 'Book', '--json', '-o', output)
    expect(backup).toMatchObject({code: 1})
    const message = 'The hook elysia:backup:sealed of elysiactl-host failed: no copy for ***'
    expect(backup.json()).toMatchObject({objectCount: 50, warnings: [{code: 'hook-failed', message}]})
    expect(backup.stderr).toContain(`Warning: ${message}`)
  })

  it('prefers flags and environment to the host, and the host to the settings file', async () => {
    await hostSays({answer: {apiKey: 'not-the-key-0000', grpcUrl: server.grpcUrl, url: server.url}})
    const home = path.join(folder.path, 'home')
    await mkdir(path.join(home, '.elysiactl'), {recursive: true})
    await writeFile(path.join(home, '.elysiactl', 'settings.yaml'), `weaviate: {api_key: ${KEY}}\n`, {mode: 0o600})
    const dryRun = ['col', 'backup', 'Book', '--dry-run', '--json']
    const fromHost = await start(dryRun, {...env, HOME: home}, hostScript).done
    expect(fromHost).toMatchObject({code: 6})
    const {error} = fromHost.json() as {error: {details: {settings: Record<string, unknown>}; hint: string}}
    expect(error.hint).toContain('The credentials came from the host (elysiactl-host).')
    expect(error.details.settings.apiKey).toEqual({from: 'the host (elysiactl-host)', value: '***'})

    const fromEnvironment = await start(dryRun, {...env, HOME: home, WEAVIATE_API_KEY: KEY}, hostScript).done
    expect(fromEnvironment).toMatchObject({code: 0})

    // A host that does not know leaves it to the settings file.
    await hostSays({answer: {grpcUrl: server.grpcUrl, url: server.url}})
    expect(await start(dryRun, {...env, HOME: home}, hostScript).done).toMatchObject({code: 0})
  })

  it("says so when the host's hook fails, and does not go on with another server", async () => {
    await hostSays({failure: 'the vault is closed'})
    const run = await elysiactl('col', 'backup', 'Book', '--dry-run', '--json')
    expect(run).toMatchObject({code: 1})
    expect(run.json()).toMatchObject({
      error: {
        code: 'UNEXPECTED',
        message: 'The hook elysia:connection of elysiactl-host failed: the vault is closed',
      },
    })
  })

  it('says how to install the package of a cloud into the folder of the plugins', async () => {
    await hostSays({answer: {apiKey: KEY, grpcUrl: server.grpcUrl, url: server.url}})
    const listed = await elysiactl('backup', 'list', '--json', '-o', 's3://bucket/x')
    expect(listed, listed.stderr + listed.stdout).toMatchObject({code: 2})
    expect(listed.json()).toMatchObject({
      error: {
        code: 'INVALID_INPUT',
        hint: `Install it: npm install --prefix ${path.join(folder.path, 'data', 'elysiactl')} @aws-sdk/client-s3`,
      },
    })
  })

  it('answers --help without loading anything of the plugin', async () => {
    const help = await elysiactl('col', 'backup', '--help')
    expect(help.stdout).toContain('$ elysiactl col backup NAME... [flags]')
    expect(help.stdout).toContain('$ elysiactl col backup Article --format parquet -z -o /var/backups')
    // What Node loads is what takes time; a count of files says it without a stopwatch.
    const tracing = {...env, NODE_DEBUG: 'esm,module'}
    const command = await start(['col', 'clear', 'Book'], tracing, hostScript).done
    expect(command.stderr).toMatch(/data-ops\/dist/)
    const loaded = await start(['col', 'backup', '--help'], tracing, hostScript).done
    expect(loaded.stderr).toMatch(/@oclif\/core/)
    expect(loaded.stderr).not.toMatch(/data-ops\/dist|weaviate-client|apache-arrow|hyparquet|grpc-js|undici/)
  })
})
