/**
 * npm run bench -- start-up: what the test's host CLI takes to print its help, without the plugin and with it, and the help of `col backup`:
 * time, and CPU (user and system), which a busy machine changes less.
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

/** Milliseconds. */
interface Cost {
  cpu: number
  ms: number
}

/** @throws Error with what was printed when the process fails. */
function run(env: NodeJS.ProcessEnv, argv: string[]): Cost {
  const start = performance.now()
  // The shell tells what its children took.
  const command = ['-c', '"$@" >&2 && times', 'sh', process.execPath, host, ...argv]
  const {status, stderr, stdout} = spawnSync('sh', command, {encoding: 'utf8', env})
  const ms = performance.now() - start
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`)
  const children = stdout.trim().split('\n').at(-1) ?? ''
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  )
  return {cpu: seconds.reduce((sum, each) => sum + each, 0) * 1000, ms}
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
  const samples = cases.map((): Cost[] => [])
  // In turns, the first time uncounted: it fills caches.
  for (let round = 0; round <= Number(values.runs); round++) {
    for (const [index, {argv, env}] of cases.entries()) {
      const cost = run(env, argv)
      if (round > 0) samples[index]!.push(cost)
    }
  }

  const median = (costs: readonly Cost[]): number =>
    costs.map(({ms}) => ms).toSorted((a, b) => a - b)[costs.length >> 1]!
  // The kernel counts CPU in hundredths of a second.
  const mean = (costs: readonly Cost[]): number => costs.reduce((sum, {cpu}) => sum + cpu, 0) / costs.length
  const columns = ['ms', 'of the host alone', 'ms CPU', 'of the host alone']
  console.log(
    `${values.runs} runs in turns, medians of time and means of CPU, Node ${process.version}\n\n| command | ${columns.join(' | ')} |`,
  )
  console.log(`| --- |${' ---: |'.repeat(columns.length)}`)
  for (const [index, {name}] of cases.entries()) {
    const cells = [median, mean].flatMap((typical) => {
      const [own, alone] = [typical(samples[index]!), typical(samples[0]!)]
      return [String(Math.round(own)), (own / alone).toFixed(2)]
    })
    console.log(`| ${name} | ${cells.join(' | ')} |`)
  }
} finally {
  await rm(folder, {force: true, recursive: true})
}
