/**
 * npm run bench -- memory: peak resident memory of the commands, each in a process of its own. Ends with 1 when one takes more than --most.
 *
 * Options: --url URL --grpc-url HOST:PORT (default: the embedded server), --objects 200000, --dims 128, --workers 2, --most 350 (MB).
 */
import {execFile} from 'node:child_process'
import {mkdtemp, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parseArgs, promisify} from 'node:util'

import {connectTo, describeMachine, fill, leave, openHost} from './host.js'

const {values: options} = parseArgs({
  options: {
    dims: {default: '128', type: 'string'},
    'grpc-url': {type: 'string'},
    most: {default: '350', type: 'string'},
    objects: {default: '200000', type: 'string'},
    url: {type: 'string'},
    workers: {default: '2', type: 'string'},
  },
})

const SOURCE = 'ElysiaMemory'
const TARGET = 'ElysiaMemoryCopy'

const host = await openHost({grpcUrl: options['grpc-url'], url: options.url})
const directory = await mkdtemp(path.join(tmpdir(), 'elysia-memory-'))
const peakFile = path.join(directory, 'peak')
let isTooMuch = false

try {
  const size = {dims: Number(options.dims), objects: Number(options.objects)}
  await fill(host, {class: {className: SOURCE, ...size}})
  console.log(`${options.objects} × ${options.dims}, ${options.workers} workers, ${describeMachine()}\n`)
  console.log('| command | peak RSS, MB |\n| --- | ---: |')
  const server = ['--url', host.url, '--grpc-url', host.grpcUrl]
  const workers = ['--workers', options.workers]
  for (const format of ['parquet', 'arrow']) {
    const place = ['-o', path.join(directory, format)]
    await measure(['col', 'backup', SOURCE, '--format', format, ...workers, ...server, ...place])
    await measure(['backup', 'verify', `${SOURCE}@latest`, ...place])
    await measure(['backup', 'report', `${SOURCE}@latest`, ...place])
    await connectTo(host, async (connection) => connection.deleteCollection(TARGET))
    await measure(['col', 'restore', `${SOURCE}@latest`, '--name', TARGET, '--verify', ...workers, ...server, ...place])
  }
} finally {
  await leave(host, [SOURCE, TARGET])
  await rm(directory, {force: true, recursive: true})
}

if (isTooMuch) process.exitCode = 1

async function measure(argv: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, ['--import', './bench/tell-peak.mjs', 'bin/run.js', ...argv], {
    env: {...process.env, ELYSIA_PEAK_FILE: peakFile},
    maxBuffer: 16 * 1024 * 1024,
  })
  const megabytes = Number(await readFile(peakFile, 'utf8')) / 1e6
  const isOver = megabytes > Number(options.most)
  isTooMuch ||= isOver
  const words = argv.slice(0, argv.includes('--url') ? argv.indexOf('--url') : 3).join(' ')
  console.log(`| ${words} | ${Math.round(megabytes)}${isOver ? ` (over ${options.most})` : ''} |`)
}
