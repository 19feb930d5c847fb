/**
 * npm run bench -- start-up: how long the test's host CLI takes to print its help, without the plugin and with it, and the help of `col backup`.
 * Option: --runs 20.
 */
import {spawnSync} from 'node:child_process'
import {mkdtemp, readdir, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {pathToFileURL} from 'node:url'
import {parseArgs} from 'node:util'

const {values} = parseArgs({allowPositionals: true, options: {runs: {default: '20', type: 'string'}}})
const host = path.resolve('test', 'fixtures', 'host', 'bin', 'run.js')
const folder = await mkdtemp(path.join(tmpdir(), 'elysia-start-up-'))

/** The environment of a host with folders of its own. */
function hostIn(name: string): NodeJS.ProcessEnv {
  const place = (kind: string): string => path.join(folder, name, kind)
  return {
    ...process.env,
    npm_config_prefer_offline: 'true',
    XDG_CACHE_HOME: place('cache'),
    XDG_CONFIG_HOME: place('config'),
    XDG_DATA_HOME: place('data'),
  }
}

/** Milliseconds. @throws Error with what was printed when the process fails. */
function run(env: NodeJS.ProcessEnv, argv: string[]): number {
  const start = performance.now()
  const {status, stderr, stdout} = spawnSync(process.execPath, [host, ...argv], {encoding: 'utf8', env})
  const ms = performance.now() - start
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}${stdout}`)
  return ms
}

try {
  const [without, plugin] = [hostIn('without'), hostIn('with')]
  const packed = spawnSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], {encoding: 'utf8'})
  if (packed.status !== 0) throw new Error(packed.stderr)
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))!
  run(plugin, ['plugins', 'install', pathToFileURL(path.join(folder, tarball)).href])

  const cases = [
    {argv: ['--help'], env: without, name: 'the host alone: --help'},
    {argv: ['--help'], env: plugin, name: 'with the plugin: --help'},
    {argv: ['col', 'backup', '--help'], env: plugin, name: 'with the plugin: col backup --help'},
  ]
  const samples = cases.map((): number[] => [])
  // In turns, the first time uncounted: it fills caches.
  for (let round = 0; round <= Number(values.runs); round++) {
    for (const [index, {argv, env}] of cases.entries()) {
      const ms = run(env, argv)
      if (round > 0) samples[index]!.push(ms)
    }
  }

  const medians = samples.map((times) => times.toSorted((a, b) => a - b)[times.length >> 1]!)
  console.log(
    `medians of ${values.runs}, Node ${process.version}\n\n| command | ms | of the host alone |\n| --- | ---: | ---: |`,
  )
  for (const [index, {name}] of cases.entries()) {
    console.log(`| ${name} | ${Math.round(medians[index]!)} | ${(medians[index]! / medians[0]!).toFixed(2)} |`)
  }
} finally {
  await rm(folder, {force: true, recursive: true})
}
