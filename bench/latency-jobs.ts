/**
 * Processes that share a job by leases on an S3, at a server that answers each call after 200 ms and uses no CPU for it: N of them are to be
 * N times as fast as one. `npm run bench -- latency-jobs`; LATENCY_OBJECTS and LATENCY_WORKERS change what is measured,
 * LATENCY_PLOT names an SVG file. LATENCY_WORK makes it one of the processes.
 */
import {type ChildProcessByStdio, spawn} from 'node:child_process'
import {once} from 'node:events'
import {loadavg} from 'node:os'
import path from 'node:path'
import {createInterface} from 'node:readline'
import {type Readable, type Writable} from 'node:stream'

import {connect, JobManager} from '../dist/index.js'
import {BUCKET, startS3} from '../test/support/s3-server.js'
import {makeClass, makeObjects} from './data.js'
import {HEAP} from './host.js'
import {savePlot, togetherPlot} from './plots.js'

const LATENCY_MS = 200
/** Some 1,000 an item at least, and some items for each worker. */
const OBJECTS = Number(process.env.LATENCY_OBJECTS ?? 32_000)
const WORKERS = Number(process.env.LATENCY_WORKERS ?? 8)
/** Small, so that waiting is what takes the time. */
const BATCH = 10
const NAME = 'LatencyJobs'
const PLACE = `s3://${BUCKET}/latency`

/** When one process came how far: milliseconds of the day. */
interface Seen {
  first: number
  last: number
  /** Of the time between. */
  objects: number
}

type Child = ChildProcessByStdio<Writable, Readable, null>

/** What one process does: JSON. */
interface Work {
  grpcUrl: string
  job: string
  /** Of its progress, that is measured. */
  stage: string
  url: string
}

const {LATENCY_PLOT, LATENCY_WORK} = process.env
if (LATENCY_WORK === undefined) await measure()
else await workAt(JSON.parse(LATENCY_WORK) as Work)

async function workAt({grpcUrl, job, stage, url}: Work): Promise<void> {
  const connection = await connect({grpcUrl, url})
  const lines = createInterface({input: process.stdin})
  console.log('ready')
  await once(lines, 'line')
  let first: undefined | {at: number; completed: number}
  let last = {at: Date.now(), completed: 0}
  const {end} = await new JobManager({directory: PLACE}).work(connection, job, {
    onProgress(event) {
      if (event.stage !== stage) return
      last = {at: Date.now(), completed: event.completed}
      first ??= last
    },
  })
  if (end !== 'done') throw new Error(`the job is ${end}`)
  const began = first ?? last
  console.log(
    JSON.stringify({first: began.at, last: last.at, objects: last.completed - began.completed} satisfies Seen),
  )
  lines.close()
  await connection.close()
}

async function measure(): Promise<void> {
  const s3 = await startS3()
  Object.assign(process.env, s3.env)
  const script = path.join(import.meta.dirname, 'latency-server.ts')
  const server = spawn(process.execPath, ['--import', 'tsx', script, String(LATENCY_MS)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = (await once(server.stdout.setEncoding('utf8'), 'data')) as [string]
  const at = JSON.parse(line) as {grpcUrl: string; url: string}
  const connection = await connect(at)
  try {
    await fill(connection)
    const manager = new JobManager({directory: PLACE})
    const rates: Record<string, number[]> = {'back up': [], restore: []}
    for (const workers of [1, WORKERS]) {
      const options = {batchSize: BATCH, items: 32}
      const backup = await manager.createBackup(connection, [NAME], options)
      rates['back up']?.push(await rateOf({...at, job: backup.id, stage: 'backup'}, workers))
      const [sealed] = (await manager.show(backup.id)).sealed
      if (!sealed) throw new Error('nothing was sealed')
      const restore = await manager.createRestore(connection, [sealed.id], {...options, name: `${NAME}Copy`})
      rates.restore?.push(await rateOf({...at, job: restore.id, stage: 'restore'}, workers))
      await connection.deleteCollection(`${NAME}Copy`)
    }

    if (LATENCY_PLOT !== undefined) {
      const jobs = Object.entries(rates).map(([job, [one = 0, many = 0]]) => ({job, many, one}))
      await savePlot(LATENCY_PLOT, togetherPlot(jobs, `${WORKERS} processes`))
    }

    for (const [what, [one = 0, many = 0]] of Object.entries(rates)) {
      const times = (many / one).toFixed(1)
      console.log(`${what}: 1 process ${one.toFixed(0)}/s, ${WORKERS} processes ${many.toFixed(0)}/s, ${times} times`)
    }
  } finally {
    await connection.close()
    await s3.close()
    server.kill()
  }
}

/** Objects a second of all processes together: from the first page of any to the last one of any, once all are connected. */
async function rateOf(work: Work, workers: number): Promise<number> {
  const children = Array.from({length: workers}, (): Child =>
    spawn(process.execPath, [...HEAP, '--import', 'tsx', import.meta.filename], {
      env: {...process.env, LATENCY_WORK: JSON.stringify(work)},
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  )
  const outputs = children.map(({stdout}) => createInterface({input: stdout})[Symbol.asyncIterator]())
  for (const output of outputs) await output.next()
  for (const {stdin} of children) stdin.write('go\n')
  const seen: Seen[] = []
  for (const output of outputs) {
    const {value} = (await output.next()) as {value?: string}
    if (value === undefined) throw new Error('a worker has failed')
    seen.push(JSON.parse(value) as Seen)
  }

  for (const {stdin} of children) stdin.end()
  const ms = Math.max(...seen.map(({last}) => last)) - Math.min(...seen.map(({first}) => first))
  const objects = seen.reduce((sum, one) => sum + one.objects, 0)
  console.error(
    `${work.stage}, ${workers} processes: ${objects} objects in ${(ms / 1000).toFixed(1)} s, load ${loadavg()[0]?.toFixed(1)}`,
  )
  return (objects / ms) * 1000
}

async function fill(connection: Awaited<ReturnType<typeof connect>>): Promise<void> {
  const {planCollection} = await import('../src/weaviate/collection-plan.js')
  const schema = makeClass({className: NAME, dims: 8, objects: OBJECTS})
  await connection.createCollection(schema)
  const collection = planCollection(schema)
  for (let from = 0; from < OBJECTS; from += 2000) {
    const objects = makeObjects({className: NAME, dims: 8, objects: OBJECTS}, from, Math.min(OBJECTS, from + 2000))
    await connection.writeObjects({collection, objects})
  }
}
