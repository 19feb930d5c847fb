/**
 * What an optional package that is missing is said by, where the tarball is installed in each way that people install it: a project, a global
 * install, a host's plugin folder. The command of the sentence is run as it stands; after it the place works. `node --import tsx
 * test/package/peers.ts`; needs npm's registry, or its cache; ends with 1 where one does not hold.
 */
import {execFile} from 'node:child_process'
import {mkdir, writeFile} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {pathToFileURL} from 'node:url'

import {temporaryDirectory} from '../support/collections.js'
import {npmCache, pack} from '../support/pack.js'
import {root} from '../support/root.js'
import {BUCKET, startS3} from '../support/s3-server.js'

interface Ended {
  code: number
  text: string
}

/** A way to install the tarball, and to run the program that comes of it. */
interface Way {
  /** The folder that the command names, and what it says before it. */
  command: (folder: string) => string
  install: (folder: string) => Promise<Ended>
  name: string
  run: (folder: string, ...argv: string[]) => Promise<Ended>
}

const folder = await temporaryDirectory()
const s3 = await startS3()
const tarball = await pack(folder.path)
const {AZURE_STORAGE_CONNECTION_STRING: _, ...outer} = process.env

async function run(command: string, argv: readonly string[], cwd: string, more = {}): Promise<Ended> {
  const env = {...outer, ...npmCache, ...s3.env, NO_COLOR: '1', ...more}
  return new Promise((resolve) => {
    execFile(command, argv, {cwd, env, maxBuffer: 2 ** 26}, (error, stdout, stderr) => {
      resolve({code: error ? Number(error.code ?? 1) : 0, text: `${stdout}${stderr}`})
    })
  })
}

const npm = async (cwd: string, ...argv: string[]): Promise<Ended> =>
  run('npm', [...argv, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], cwd)
const dataOf = (at: string): string => path.join(at, 'data')
const host = async (at: string, ...argv: string[]): Promise<Ended> =>
  run(process.execPath, [path.join(root, 'test/fixtures/host/bin/run.js'), ...argv], at, {
    XDG_CACHE_HOME: path.join(at, 'cache'),
    XDG_CONFIG_HOME: path.join(at, 'config'),
    XDG_DATA_HOME: dataOf(at),
  })

const WAYS: Way[] = [
  {
    command: (at) => `npm install --prefix ${at}`,
    async install(at) {
      await writeFile(path.join(at, 'package.json'), '{"name": "empty", "private": true}\n')
      return npm(at, 'install', tarball.path)
    },
    name: 'a project',
    run: async (at, ...argv) => run(path.join(at, 'node_modules/.bin/elysia-data-ops'), argv, at),
  },
  {
    command: (at) => `npm install --global --prefix ${at}`,
    install: async (at) => npm(at, 'install', '--global', '--prefix', at, tarball.path),
    name: 'a global install',
    run: async (at, ...argv) => run(path.join(at, 'bin/elysia-data-ops'), argv, at),
  },
  {
    command: (at) => `npm install --prefix ${path.join(dataOf(at), 'elysiactl')}`,
    install: async (at) => host(at, 'plugins', 'install', pathToFileURL(tarball.path).href),
    name: "a host's plugin folder",
    run: host,
  },
]

const PLACES = [
  {packages: '@aws-sdk/client-s3', place: `s3://${BUCKET}/x`},
  {packages: '@google-cloud/storage', place: `gs://${BUCKET}/x`},
  {packages: '@azure/storage-blob @azure/identity', place: 'az://account/container/x'},
]

let broken = 0
function tell(isHolding: boolean, what: string, {text}: Ended): void {
  if (!isHolding) broken++
  console.log(`${isHolding ? 'ok ' : 'NOT'} ${what}${isHolding ? '' : `:\n${text}`}`)
}

try {
  for (const way of WAYS) {
    const at = path.join(folder.path, way.name.replaceAll(/\W/g, '-'))
    await mkdir(at)
    const installed = await way.install(at)
    tell(installed.code === 0, `${way.name}: the tarball is installed`, installed)
    for (const {packages, place} of PLACES) await tryPlace(way, at, {packages, place})
    const again = await way.run(at, 'backup', 'list', '-o', `s3://${BUCKET}/x`)
    tell(again.code === 0, `${way.name}: the place at s3:// is still opened once the others are installed`, again)
  }
} finally {
  await s3.close()
  await folder.remove()
}

// eslint-disable-next-line unicorn/no-process-exit -- a program of its own
process.exit(broken === 0 ? 0 : 1)

async function tryPlace(way: Way, at: string, {packages, place}: (typeof PLACES)[number]): Promise<void> {
  const missing = await way.run(at, 'backup', 'list', '-o', place)
  const command = `${way.command(at)} ${packages}`
  // Terminals break lines.
  const said = missing.text.replaceAll(/[\s›]+/g, ' ')
  tell(
    missing.code === 2 && said.includes(`Install it: ${command}`),
    `${way.name}, ${place}: says "${command}"`,
    missing,
  )
  const given = await run('sh', ['-c', `${command} --no-audit --no-fund --loglevel=error`], folder.path)
  tell(given.code === 0, `${way.name}, ${place}: that command installs it`, given)
  const loaded = await way.run(at, 'backup', 'list', '-o', place)
  const isThere = place.startsWith('s3:') ? loaded.code === 0 : !loaded.text.includes('Install')
  tell(isThere, `${way.name}, ${place}: it is found there`, loaded)
}
