/* Runs the integration tests of Weaviate's own clients, from checkouts of theirs, on the embedded server and on a real one, and tells them apart test by test. */
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {cpSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import {parseArgs} from 'node:util'

import {startServer} from './versions.mjs'

const USAGE = `usage: npm run test:clients -- [--typescript DIR] [--python DIR] [--server embedded|real] [--least PERCENT] [FILTER …]
  DIR is a checkout of weaviate/typescript-client or weaviate/weaviate-python-client: it is copied, not changed.
  WEAVIATE_BINARY is the program of the real server; without it, the results of its last run are compared with.
  FILTER is a part of the name of a test's file.`

/** What the tests take both servers for. */
const VERSION = '1.39.0'

/** What both clients' own set-up gives their servers, less what needs another service. */
const REAL = {
  AUTOSCHEMA_ENABLED: 'false',
  ENABLE_API_BASED_MODULES: 'true',
  ENABLE_MODULES: 'generative-dummy,reranker-dummy',
  EXPORT_ENABLED: 'true',
  GRPC_MAX_MESSAGE_SIZE: '100000000',
  OBJECTS_TTL_DELETE_SCHEDULE: '@every 12h',
  QUERY_DEFAULTS_LIMIT: '25',
}
const EMBEDDED = {autoSchema: false, maxMessageBytes: 100_000_000, offload: false, queryDefaultsLimit: 25}

/** Tests of what the embedded server does not promise, by file and name. */
const NOT_PROMISED = {
  'search, grouping and profiling':
    /near|bm25|hybrid|search|group|profil|boost|diversity|target.?vector|autocut|rerank|generat/i,
  'modules, and vectors that they make': /openai|vectoriz|cohere|c11y|classification|multi2vec|text2vec/i,
  'other services of a server': /backup|export|rbac|roles|users|replicate|debug/i,
}

const SUITES = {
  python: {
    files: ['integration', 'weaviate', 'conftest.py', 'pytest.ini', 'setup.cfg'],
    install: installPython,
    run: runPython,
  },
  typescript: {
    files: ['src', 'test', 'package.json', 'vitest.config.ts', 'tsconfig.json'],
    install: installTypescript,
    run: runTypescript,
  },
}

const home = path.resolve('.tmp', 'clients')

const {positionals: filters, values} = parseArgs({
  allowPositionals: true,
  options: {
    least: {default: '95', type: 'string'},
    python: {type: 'string'},
    server: {type: 'string'},
    typescript: {type: 'string'},
  },
})
const chosen = Object.keys(SUITES).filter((name) => values[name] !== undefined)
if (chosen.length === 0 || !['embedded', 'real', undefined].includes(values.server)) {
  console.error(USAGE)
  process.exit(2)
}

mkdirSync(home, {recursive: true})
for (const name of chosen) await SUITES[name].install(path.resolve(values[name]))
for (const server of ['real', 'embedded']) if ((values.server ?? server) === server) await runOn(server)
process.exit(compare())

async function runOn(server) {
  if (server === 'real' && !process.env.WEAVIATE_BINARY) return
  for (const name of chosen) {
    const {grpcUrl, stop, url} = await start(server)
    try {
      const place = path.join(home, `${name}-${server}`)
      copySuite(name, place, {grpcPort: new URL(`http://${grpcUrl}`).port, port: new URL(url).port})
      console.error(`\n== ${name} client on the ${server} server`)
      const results = await SUITES[name].run(place)
      const report = reportOf(name, server)
      const earlier = filters.length > 0 ? readReport(report) : {}
      writeFileSync(report, JSON.stringify({...earlier, ...results}, undefined, 1))
    } finally {
      await stop()
    }
  }
}

async function start(server) {
  if (server === 'real') return startServer(process.env.WEAVIATE_BINARY, REAL)
  const {startEmbeddedWeaviate} = await import('../src/testing/index.ts')
  const embedded = await startEmbeddedWeaviate(EMBEDDED)
  return {grpcUrl: embedded.grpcUrl, stop: embedded.close, url: embedded.url}
}

/** Their tests name ports: those of a server without keys become the ones of this one. */
function copySuite(name, place, {grpcPort, port}) {
  rmSync(place, {force: true, recursive: true})
  for (const file of SUITES[name].files)
    cpSync(path.join(values[name], file), path.join(place, file), {recursive: true})
  for (const entry of readdirSync(place, {recursive: true, withFileTypes: true})) {
    const file = path.join(entry.parentPath, entry.name)
    if (!entry.isFile() || !/\.(ts|py)$/.test(file) || file.includes(`${path.sep}proto${path.sep}`)) continue
    const text = readFileSync(file, 'utf8')
    const moved = text
      .replaceAll(/\b80(80|86|87|90)\b/g, () => port)
      .replaceAll(/\b500(51|57|58|61)\b/g, () => grpcPort)
    if (moved !== text) writeFileSync(file, moved)
  }
}

async function installTypescript(checkout) {
  const place = path.join(home, 'node')
  if (existsSync(path.join(place, 'node_modules', '.bin', 'vitest'))) return
  const {dependencies, devDependencies} = JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8'))
  const needed = Object.entries(devDependencies).filter(([name]) => /^(@curveball\/|express$|vitest$)/.test(name))
  mkdirSync(place, {recursive: true})
  const wanted = {...dependencies, ...Object.fromEntries(needed)}
  writeFileSync(path.join(place, 'package.json'), JSON.stringify({dependencies: wanted, private: true}))
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {cwd: place})
}

async function runTypescript(place) {
  const report = path.join(place, 'report.json')
  const tests = filters.length > 0 ? filters : ['integration.test', 'journey.test']
  const modules = path.join(home, 'node', 'node_modules')
  cpSync(modules, path.join(place, 'node_modules'), {recursive: true, verbatimSymlinks: true})
  const options = ['--no-file-parallelism', '--testTimeout=20000', '--reporter=json', `--outputFile=${report}`]
  await run(path.join('node_modules', '.bin', 'vitest'), ['run', ...options, ...tests], {cwd: place, isSuite: true})
  const results = {}
  for (const {assertionResults, name} of JSON.parse(readFileSync(report, 'utf8')).testResults)
    for (const {failureMessages, fullName, status} of assertionResults)
      results[`${path.relative(place, name)} > ${fullName}`] =
        status === 'passed' ? 'passed' : status === 'failed' ? `failed: ${failureMessages.join(' ')}` : 'skipped'
  return results
}

async function installPython() {
  const place = path.join(home, 'python')
  if (existsSync(path.join(place, 'bin', 'pytest'))) return
  await run('python3', ['-m', 'venv', place])
  const client = 'httpx<0.29 validators<1 authlib<2 pydantic<3 grpcio<1.80 protobuf<7 packaging'.split(' ')
  const tests =
    'grpcio-health-checking pytest pytest-asyncio pytest-benchmark pytest-profiling pytest-timeout pytest-xdist'.split(
      ' ',
    )
  await run(path.join(place, 'bin', 'pip'), ['install', '--quiet', ...client, ...tests, 'numpy', 'pandas', 'polars'])
}

async function runPython(place) {
  const report = path.join(place, 'report.xml')
  const folder = path.join(place, 'integration')
  const names = readdirSync(folder).filter((file) => file.startsWith('test_'))
  const files = names.filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  // A test that hangs ends its worker: the others go on in a new one.
  const options = [
    '-q',
    '-n2',
    '--dist=loadfile',
    '--timeout=60',
    '--tb=short',
    `--junitxml=${report}`,
    '--override-ini=addopts=-m "not profiling" --benchmark-skip --max-worker-restart=100',
  ]
  const pytest = path.join(home, 'python', 'bin', 'pytest')
  await run(pytest, [...options, ...files.map((file) => path.join('integration', file))], {cwd: place, isSuite: true})
  const results = {}
  const cases = /<testcase classname="([^"]*)" name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g
  for (const [, file, name, inner = ''] of readFileSync(report, 'utf8').matchAll(cases)) {
    const [, kind] = /<(failure|error|skipped)/.exec(inner) ?? []
    const outcome = kind === undefined ? 'passed' : kind === 'skipped' ? 'skipped' : `failed: ${unescaped(inner)}`
    results[unescaped(`${file} > ${name}`)] = outcome
  }

  return results
}

function unescaped(xml) {
  const named = {'&#10;': '\n', '&amp;': '&', '&apos;': "'", '&gt;': '>', '&lt;': '<', '&quot;': '"'}
  return xml.replaceAll(/&(?:#10|amp|apos|gt|lt|quot);/g, (entity) => named[entity])
}

/** What a suite prints goes to a file: it tells of its tests by its report. */
async function run(program, args, {cwd, isSuite = false} = {}) {
  const output = isSuite ? openSync(path.join(cwd, 'output.log'), 'w') : 'inherit'
  const env = {...process.env, PYTHONPATH: cwd, WEAVIATE_VERSION: VERSION}
  const [code] = await once(spawn(program, args, {cwd, env, stdio: ['ignore', output, output]}), 'exit')
  if (code !== 0 && !isSuite) throw new Error(`${program} ended with ${code}`)
}

function reportOf(name, server) {
  return path.join(home, `${name}-${server}.json`)
}

function readReport(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

/** Prints each test that passes on the real server and not on the embedded one. The exit code: 1 when they are too many. */
function compare() {
  let all = 0
  let good = 0
  for (const name of chosen) {
    const real = readReport(reportOf(name, 'real'))
    const embedded = readReport(reportOf(name, 'embedded'))
    const counts = {passed: 0}
    for (const [id, outcome] of Object.entries(real)) {
      if (outcome !== 'passed') continue
      const [reason] = Object.entries(NOT_PROMISED).find(([, pattern]) => pattern.test(id)) ?? []
      const hasPassed = embedded[id] === 'passed'
      if (reason !== undefined) {
        counts[reason] = (counts[reason] ?? 0) + 1
        continue
      }

      all++
      if (hasPassed) good++
      if (hasPassed) counts.passed++
      else console.log(`${name}: ${id}\n    ${(embedded[id] ?? 'not run').slice(0, 400).replaceAll('\n', ' ')}`)
    }

    console.log(
      `${name}: ${Object.entries(counts)
        .map(([what, count]) => `${count} ${what}`)
        .join(', ')}`,
    )
  }

  const share = all === 0 ? 0 : (100 * good) / all
  console.log(`${good} of ${all} tests that pass on the real server pass on the embedded one (${share.toFixed(1)} %)`)
  return share < Number(values.least) ? 1 : 0
}
