/* npm run recording: docs/images/recording.svg, from a real run of the built commands in a pseudo terminal (`script` of util-linux) against the embedded server. */
import {startEmbeddedWeaviate} from '@elysia/data-ops/testing'
import {spawn} from 'node:child_process'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import process from 'node:process'
import {fileURLToPath} from 'node:url'

import {loadMovies, readMovies} from './movies.mjs'
import {Screen, svgOf} from './terminal-svg.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const COLUMNS = 92
const HEIGHT = 24
/** Seconds: of a key, behind a command and what it printed, and at the end. */
const KEY = 0.035
const REST = 1.6
const END = 5

const STEPS = [
  {
    command: 'col backup Movie --format parquet',
    note: 'Back a collection up: Parquet that DuckDB, Polars and pandas read as it is.',
  },
  {
    command: String.raw`backup query Movie@latest \
  "select director, count(*) as films from Movie where director is not null
   group by director order by films desc limit 3"`,
    note: 'Ask the backup, without a server.',
  },
  {answer: ['Type the name', 'Movie'], command: 'col clear Movie', note: 'Lose everything …'},
  {
    command: 'col restore Movie@latest --merge --verify',
    note: '… and get it back, compared with the backup object by object.',
  },
]

const folder = await mkdtemp(path.join(tmpdir(), 'elysia-recording-'))
const server = await startEmbeddedWeaviate()
const screen = new Screen(COLUMNS)
let now = 0.5
try {
  await loadMovies(server, await readMovies())
  for (const {answer, command, note} of STEPS) {
    screen.write(`# ${note}`, now, 'note')
    screen.write('\n', now)
    now += 0.8
    type(`$ elysia-data-ops ${command}`.replaceAll('\n', '\n> '))
    await record(wordsOf(command), answer)
    now += REST
    screen.write('\n', now)
  }
} finally {
  await server.close()
  await rm(folder, {force: true, recursive: true})
}

const svg = svgOf(screen.states, {
  columns: COLUMNS,
  height: HEIGHT,
  seconds: Math.ceil(now + END),
  title: 'A terminal: a collection is backed up, asked in SQL, cleared, restored and found equal',
})
await writeFile(path.join(root, 'docs', 'images', 'recording.svg'), svg)
console.log(`docs/images/recording.svg: ${svg.length} bytes, ${Math.ceil(now + END)} s`)

/** Three keys at a time. */
function type(text) {
  for (const line of text.split('\n')) {
    for (let at = 0; at < line.length; at += 3) {
      screen.write(line.slice(at, at + 3), now, 'command')
      now += 3 * KEY
    }

    screen.write('\n', now)
  }
}

/** Runs a command; what it prints goes to the screen at its time. */
async function record(words, [question, reply] = []) {
  const quoted = [process.execPath, path.join(root, 'bin', 'run.js'), ...words].map(
    (word) => `'${word.replaceAll("'", String.raw`'\''`)}'`,
  )
  const line = `stty cols ${COLUMNS} rows ${HEIGHT}; exec ${quoted.join(' ')}`
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:CI|DEBUG|ELYSIA.*)$/.test(name)))
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    cwd: folder,
    env: {
      ...env,
      SHELL: '/bin/sh',
      TERM: 'xterm-256color',
      WEAVIATE_GRPC_URL: server.grpcUrl,
      WEAVIATE_URL: server.url,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const begun = performance.now() / 1000 - now
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
    now = performance.now() / 1000 - begun
    screen.write(text.replaceAll('\r\n', '\n'), now)
    if (reply === undefined || !said.includes(question)) return
    question = '\0'
    setTimeout(() => child.stdin.write(`${reply}\r`), 1000)
  })
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`${words.join(' ')}: exit code ${code}\n${said}`)
}

function wordsOf(command) {
  return [...command.matchAll(/"([^"]*)"|([^\s\\]+)/g)].map(([, quoted, plain]) => quoted ?? plain)
}
