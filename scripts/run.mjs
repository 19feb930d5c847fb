/* Sets up what is missing, then runs a job on the Node that package-lock.json pins. Itself it needs Node 20 and npm, nothing else. */
import {Buffer} from 'node:buffer'
import {spawn, spawnSync} from 'node:child_process'
import {existsSync, readdirSync, readFileSync, rmSync, statSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import {fileURLToPath} from 'node:url'

import {testVersions} from './versions.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const bin = path.join(root, 'node_modules', '.bin')
// The `node` package carries its binary: every job runs on it, whatever the machine has.
const outside = process.env.PATH.split(path.delimiter).filter((folder) => path.resolve(folder) !== bin)
const environment = {...process.env, PATH: [bin, ...outside].join(path.delimiter)}
// Linters make much that is short-lived: with more room for it, less is collected.
const ROOMY = {NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --max-semi-space-size=64`.trim()}

const jobs = {
  bench,
  demo,
  docs,
  recording,
  test,
  'test:clients': testClients,
  'test:copies': testCopies,
  'test:exports': testExports,
  'test:fault': testFault,
  'test:guides': testGuides,
  'test:kubernetes': testKubernetes,
  'test:meanwhile': testMeanwhile,
  'test:mutations': testMutations,
  'test:peers': testPeers,
  'test:places': testPlaces,
  'test:policies': testPolicies,
  'test:replies': testReplies,
  'test:report': testReport,
  'test:sweep': testSweep,
  'test:versions': testOnVersions,
  'test:workers': testWorkers,
}
const [name, ...options] = process.argv.slice(2)
const job = jobs[name]
if (!job) {
  console.error(`usage: node scripts/run.mjs ${Object.keys(jobs).join(' | ')}`)
  process.exit(2)
}

process.chdir(root)
install()
await job()

function install() {
  const installed = path.join(root, 'node_modules', '.package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync('package-lock.json').mtimeMs) return
  console.error('Installing dependencies (npm ci) …')
  // By the machine's own npm and Node: the ones in node_modules are removed on the way.
  must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    ...process.env,
    PATH: outside.join(path.delimiter),
  })
}

function build() {
  const built = path.join('dist', 'index.js')
  const sources = ['src', 'commands', 'hooks', 'package.json', 'tsup.config.ts', 'tsconfig.json']
  if (existsSync(built) && newest(sources) <= statSync(built).mtimeMs) return
  console.error('Building …')
  must('tsup', ['--silent'])
}

function demo() {
  build()
  must('node', ['scripts/demo.mjs', ...options])
}

/** The site in .tmp/site, from what is in the repository alone; a link that leads nowhere ends it. */
function docs() {
  must('node', ['--import', 'tsx', 'docs/.vitepress/pages.ts'])
  must('typedoc', ['--options', 'docs/.vitepress/typedoc.json'])
  must('vitepress', ['build', 'docs', ...options])
}

/** docs/images/recording.svg, which README opens with. */
function recording() {
  build()
  must('node', ['scripts/recording.mjs'])
}

function bench() {
  build()
  const isNamed = ['growth', 'latency', 'latency-jobs', 'memory', 'native-export', 'shapes', 'start-up'].includes(
    options[0],
  )
  const [file, ...rest] = isNamed ? options : ['run', ...options]
  must('node', ['--import', 'tsx', `bench/${file}.ts`, ...rest])
}

async function test() {
  // First, since scripts and benchmarks are checked against the package's built types.
  build()
  const checks = [
    ['eslint', '.'],
    ['prettier', '--check', '--log-level=warn', '.'],
    ['tsc', '--noEmit'],
  ]
  // The tests wait for servers and disks a good part of their time.
  await vitest(options, options.length === 0 ? checks.map(async (check) => beside(check)) : [])
}

function testClients() {
  must('node', ['--import', 'tsx', 'scripts/client-suites.mjs', ...options])
}

function testKubernetes() {
  must('node', ['scripts/kubernetes-schemas.mjs'])
}

async function testExports() {
  build()
  environment.FAULT_ROUNDS ??= '100'
  environment.MUTATIONS ??= '1000'
  environment.COMBINATIONS ??= '300'
  environment.SWEEP ??= 'all'
  const kills = ['test/fault/kill-sources.test.ts', 'test/fault/kill-several.test.ts']
  const changes = ['test/archive/native', 'test/jobs/transform-combinations.test.ts']
  await vitest([...kills, ...changes, 'test/fault/real-export.test.ts', ...options])
}

async function testCopies() {
  build()
  if (!environment.WEAVIATE_BINARY || !environment.WEAVIATE_SOURCE_BINARY) {
    console.error(
      'No servers: name two programs of Weaviate in WEAVIATE_SOURCE_BINARY (from) and WEAVIATE_BINARY (to).',
    )
    process.exit(1)
  }

  await vitest(['test/fault/real-copy.test.ts', ...options])
}

async function testWorkers() {
  build()
  environment.WORKERS_ROUNDS ??= '50'
  await vitest([
    'test/fault/workers.test.ts',
    'test/fault/workers-restore.test.ts',
    '--no-file-parallelism',
    ...options,
  ])
}

async function testPlaces() {
  environment.PLACES_ROUNDS ??= '500'
  await vitest(['test/fault/places.test.ts', ...options])
}

/** Installs the tarball in a project, globally and into a host, and the packages of each cloud by the command that it says. */
function testPeers() {
  build()
  must('node', ['--import', 'tsx', 'test/package/peers.ts', ...options])
}

/** Needs a versitygw, by its path in VERSITYGW_BINARY, and an Azurite; without them nothing is tried, and that is said. */
function testPolicies() {
  must('node', ['--import', 'tsx', 'test/store/s3/policies.ts', ...options])
  must('node', ['--import', 'tsx', 'test/store/azure/policies.ts', ...options])
}

async function testGuides() {
  build()
  environment.GUIDES_PYTHON ??= 'python3'
  must(environment.GUIDES_PYTHON, ['-c', 'import duckdb, pandas, polars, pyarrow'])
  await vitest(['test/docs/blocks.test.ts', ...options])
}

async function testMutations() {
  environment.MUTATIONS ??= '20000'
  await vitest(['test/jobs/encrypted/mutations.test.ts', 'test/jobs/verify/workers.test.ts', ...options])
}

async function testReport() {
  build()
  const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  environment.CHROMIUM ??= browsers.find((browser) => existsSync(browser)) ?? ''
  if (!existsSync(environment.CHROMIUM)) {
    console.error('No browser: install Chromium (apt install chromium), or name one in CHROMIUM.')
    process.exit(1)
  }

  await vitest(['test/cli/report-browser.test.ts', ...options])
}

async function testMeanwhile() {
  build()
  environment.MEANWHILE ??= '200'
  await vitest(['test/fault/meanwhile.test.ts', ...options])
}

async function testReplies() {
  environment.REPLIES ??= '1500'
  await vitest(['test/fault/replies.test.ts', ...options])
}

async function testSweep() {
  environment.SWEEP ??= 'all'
  await vitest(['test/fault/sweep.test.ts', 'test/jobs/machines/dying.test.ts', ...options])
}

async function testFault() {
  build()
  environment.FAULT_ROUNDS ??= '100'
  await vitest(['test/fault', ...options])
}

async function testOnVersions() {
  build()
  // Commands are looked for in PATH of this process.
  process.env.PATH = environment.PATH
  process.exit(await testVersions(environment, options))
}

/** The last line is the one that CI reads. */
async function vitest(filters, checks = []) {
  const report = path.join('.tmp', 'vitest.json')
  rmSync(report, {force: true})
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const {code} = await ended(start('vitest', ['run', ...reporters, ...filters], ['inherit', 'inherit', 'inherit']))
  const checked = await Promise.all(checks)
  for (const {text} of checked) if (text !== '') console.log(text)
  if (existsSync(report)) {
    const {numFailedTests, numPassedTests, numPendingTests, numTodoTests} = JSON.parse(readFileSync(report, 'utf8'))
    console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests + numTodoTests} skipped`)
  }

  process.exit(Math.max(code, ...checked.map((check) => check.code)))
}

/** Gives way to the tests. Resolves once it has ended. */
async function beside([command, ...args]) {
  const child = start(command, args, ['ignore', 'pipe', 'pipe'], {...environment, ...ROOMY})
  if (child.pid !== undefined) os.setPriority(child.pid, os.constants.priority.PRIORITY_BELOW_NORMAL)
  const {code, output} = await ended(child)
  const end = code === 0 ? '' : `${command} ended with ${code}.`
  return {code, text: `${output}${end}`.trim()}
}

function start(command, args, stdio, env = environment) {
  return spawn(command, args, {env, shell: process.platform === 'win32', stdio})
}

/** Its exit code, and what it wrote where that is piped. */
async function ended(child) {
  const output = []
  const keep = (piece) => {
    output.push(piece)
  }

  for (const stream of [child.stdout, child.stderr]) stream?.on('data', keep)
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(`${child.spawnfile}: ${error.message}`)
      resolve(1)
    })
    child.once('close', (status) => {
      resolve(status ?? 130)
    })
  })
  return {code, output: Buffer.concat(output).toString()}
}

function run(command, args, env = environment) {
  return spawnSync(command, args, {env, shell: process.platform === 'win32', stdio: 'inherit'})
}

function must(command, args, env) {
  const {error, signal, status} = run(command, args, env)
  if (error) console.error(`${command}: ${error.message}`)
  if (status !== 0) process.exit(signal ? 130 : (status ?? 1))
}

function newest(names) {
  let latest = 0
  for (const source of names) {
    const {mtimeMs} = statSync(source)
    if (mtimeMs > latest) latest = mtimeMs
    if (!statSync(source).isDirectory()) continue
    for (const entry of readdirSync(source, {recursive: true})) {
      const modified = statSync(path.join(source, entry)).mtimeMs
      if (modified > latest) latest = modified
    }
  }

  return latest
}
