/* Runs the suites on each real server that WEAVIATE_BINARIES names: one after the other, on free ports of the loopback interface, in a folder that is removed. */
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync, mkdirSync, readFileSync, rmSync} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'

/** What must pass on every version that is supported: tests of what a server lacks are skipped, with the reason. */
const SUITES = ['test/lossless', 'test/seed.test.ts', 'test/weaviate/rest']

/** Those that begin with a version: older servers lack the calls, or say the same in other words than the embedded server. */
const SUITES_SINCE = [
  {
    reason: 'the calls over gRPC alone; older servers lack some, which go over REST',
    since: [1, 33],
    suite: 'test/weaviate/grpc',
  },
  {reason: 'the words and defaults of 1.39, which the embedded server has', since: [1, 39], suite: 'test/contract'},
]

/** @param {string} version of a server */
function suitesFor(version) {
  const [major, minor] = version.split('.').map(Number)
  const later = SUITES_SINCE.filter(({reason, since, suite}) => {
    const isIn = major > since[0] || (major === since[0] && minor >= since[1])
    if (!isIn) console.error(`${version}: without ${suite} (${reason})`)
    return isIn
  })
  return [...SUITES, ...later.map(({suite}) => suite)]
}

/**
 * One line a version. Resolves with the exit code: 0 when all pass on each.
 * @param {Record<string, string | undefined>} environment of the tests
 * @param {string[]} suites instead of those that the version is to pass
 */
export async function testVersions(environment, suites) {
  const binaries = (environment.WEAVIATE_BINARIES ?? '').split(/[,:]/).filter(Boolean)
  if (binaries.length === 0) {
    console.error('WEAVIATE_BINARIES names no server: the paths of the programs, with commas or colons between them.')
    return 2
  }

  mkdirSync('.tmp', {recursive: true})
  const lines = []
  let failures = 0
  for (const binary of binaries) {
    const {failed, passed, skipped, version} = await testOn(binary, environment, suites)
    failures += failed
    lines.push(`${version.padEnd(12)} ${passed} passed, ${failed} failed, ${skipped} skipped`)
  }

  console.log(`\n${lines.join('\n')}`)
  return failures === 0 ? 0 : 1
}

async function testOn(binary, environment, wanted) {
  const server = await startServer(binary)
  try {
    const {version} = await (await fetch(`${server.url}/v1/meta`)).json()
    console.error(`\n== ${version} (${binary})`)
    const suites = wanted.length > 0 ? wanted : suitesFor(version)
    const report = path.join('.tmp', `vitest-${version}.json`)
    rmSync(report, {force: true})
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    // A real server on a busy machine takes its time. One server for all files: what some of them ask of it (a node's state, all collections) is not theirs alone.
    // Not spawnSync: what the server says has to be read meanwhile, or it stands still once the pipe is full.
    const tests = spawn(
      'vitest',
      ['run', '--no-file-parallelism', '--testTimeout=300000', '--hookTimeout=300000', ...reporters, ...suites],
      {
        env: {...environment, WEAVIATE_GRPC_URL: server.grpcUrl, WEAVIATE_URL: server.url},
        shell: process.platform === 'win32',
        stdio: 'inherit',
      },
    )
    await once(tests, 'close')
    // Without a report nothing ran.
    if (!existsSync(report)) return {failed: 1, passed: 0, skipped: 0, version}
    const {numFailedTestSuites, numFailedTests, numPassedTests, numPendingTests, numTodoTests, success} = JSON.parse(
      readFileSync(report, 'utf8'),
    )
    const unknown = success ? 0 : Math.max(1, numFailedTestSuites)
    const failed = numFailedTests > 0 ? numFailedTests : unknown
    return {failed, passed: numPassedTests, skipped: numPendingTests + numTodoTests, version}
  } finally {
    await server.stop()
  }
}

/** A real server on free ports of the loopback interface, its data in a folder that `stop` removes. */
export async function startServer(binary, environment = {}) {
  const data = await mkdtemp(path.join(tmpdir(), 'elysia-versions-'))
  const [rest, grpc] = await freePorts(2)
  const gossip = await freePair()
  const raft = await freePair()
  const url = `http://127.0.0.1:${rest}`
  const child = spawn(binary, ['--host', '127.0.0.1', '--port', String(rest), '--scheme', 'http'], {
    cwd: data,
    env: {
      AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'true',
      CLUSTER_ADVERTISE_ADDR: '127.0.0.1',
      CLUSTER_BIND_ADDR: '127.0.0.1',
      // Old servers start with the next one only.
      CLUSTER_DATA_BIND_PORT: String(gossip + 1),
      CLUSTER_GOSSIP_BIND_PORT: String(gossip),
      CLUSTER_HOSTNAME: 'node1',
      CLUSTER_IN_LOCALHOST: 'true',
      DISABLE_TELEMETRY: 'true',
      // Newer servers have it without being asked.
      ENABLE_MODULES: 'text2vec-openai',
      GRPC_PORT: String(grpc),
      LOG_LEVEL: 'error',
      PATH: process.env.PATH,
      PERSISTENCE_DATA_PATH: path.join(data, 'data'),
      PROMETHEUS_MONITORING_ENABLED: 'false',
      RAFT_BOOTSTRAP_EXPECT: '1',
      RAFT_INTERNAL_RPC_PORT: String(raft + 1),
      RAFT_PORT: String(raft),
      ...environment,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (text) => {
    said = `${said}${text}`.slice(-2000)
  })
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }

    await rm(data, {force: true, recursive: true})
  }

  let problem = 'it was not ready within a minute'
  child.on('error', (error) => {
    problem = error.message
  })
  for (let attempt = 0; attempt < 300; attempt++) {
    const reply = await fetch(`${url}/v1/.well-known/ready`).catch(() => undefined)
    if (reply?.ok) return {grpcUrl: `127.0.0.1:${grpc}`, stop, url}
    if (child.exitCode !== null || child.pid === undefined) break
    await sleep(200)
  }

  if (child.exitCode !== null) problem = `it ended with ${child.exitCode}`
  await stop()
  throw new Error(`${binary} does not start: ${problem}. ${said}`)
}

async function freePorts(count) {
  const listeners = []
  for (let index = 0; index < count; index++) {
    const listener = createServer().listen(0, '127.0.0.1')
    await once(listener, 'listening')
    listeners.push(listener)
  }

  const ports = listeners.map((listener) => listener.address().port)
  for (const listener of listeners) {
    listener.close()
    await once(listener, 'close')
  }

  return ports
}

/** The first of two free ports that follow each other. */
async function freePair() {
  for (;;) {
    const [port] = await freePorts(1)
    const next = createServer().listen(port + 1, '127.0.0.1')
    const isFree = await once(next, 'listening')
      .then(() => true)
      .catch(() => false)
    next.close()
    if (isFree) return port
  }
}
