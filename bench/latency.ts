/**
 * Workers on a server that answers each call after 200 ms and uses no CPU for it: N of them are to be N times as fast as one. On the
 * embedded server, in a process of its own. `npm run bench -- latency`; LATENCY_OBJECTS and LATENCY_WORKERS change what is measured;
 * LATENCY_PLOT names an SVG file.
 */
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'

import {BackupManager, connect, RestoreManager} from '../dist/index.js'
import {makeClass, makeObjects} from './data.js'
import {savePlot, togetherPlot} from './plots.js'

const LATENCY_MS = 200
const OBJECTS = Number(process.env.LATENCY_OBJECTS ?? 20_000)
const WORKERS = Number(process.env.LATENCY_WORKERS ?? 8)
/** Small, so that waiting is what takes the time. */
const BATCH = 10
const NAME = 'LatencyBench'

/** Objects a second from the first page of a pass to its last: the calls before and after it are one behind another, whatever the workers. */
class Pass {
  readonly #stage: string
  #first?: {at: number; completed: number}
  #last?: {at: number; completed: number}

  constructor(stage: string) {
    this.#stage = stage
  }

  get rate(): number {
    if (!this.#first || !this.#last) return 0
    return ((this.#last.completed - this.#first.completed) / (this.#last.at - this.#first.at)) * 1000
  }

  readonly see = ({completed, stage}: {completed: number; stage: string}): void => {
    if (stage !== this.#stage) return
    this.#last = {at: performance.now(), completed}
    this.#first ??= this.#last
  }
}

const script = path.join(import.meta.dirname, 'latency-server.ts')
const child = spawn(process.execPath, ['--import', 'tsx', script, String(LATENCY_MS)], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
const {grpcUrl, url} = JSON.parse(line) as {grpcUrl: string; url: string}
const directory = await mkdtemp(path.join(tmpdir(), 'latency-'))
const connection = await connect({grpcUrl, url})
try {
  await connection.createCollection(makeClass({className: NAME, dims: 8, objects: OBJECTS}))
  await fill()
  const rates: Record<string, number[]> = {backup: [], restore: []}
  for (const workers of [1, WORKERS]) {
    const reading = new Pass('backup')
    const writing = new Pass('restore')
    const backup = await new BackupManager(connection, {directory}).backupCollection(NAME, {
      batchSize: BATCH,
      format: 'parquet',
      onProgress: reading.see,
      workers,
    })
    rates.backup?.push(reading.rate)
    const restored = await new RestoreManager(connection, {directory}).restoreCollection(backup.id, {
      batchSize: BATCH,
      name: `${NAME}Copy`,
      onProgress: writing.see,
      workers,
    })
    rates.restore?.push(writing.rate)
    console.log(
      `${workers} workers: back up ${backup.seconds.toFixed(1)} s, restore ${restored.seconds.toFixed(1)} s in all`,
    )
    await connection.deleteCollection(`${NAME}Copy`)
  }

  const {LATENCY_PLOT} = process.env
  if (LATENCY_PLOT !== undefined) {
    const jobs = Object.entries(rates).map(([job, [one = 0, many = 0]]) => ({job, many, one}))
    await savePlot(LATENCY_PLOT, togetherPlot(jobs, `${WORKERS} workers`))
  }

  for (const [job, [one = 0, many = 0]] of Object.entries(rates)) {
    console.log(
      `${job}: 1 worker ${one.toFixed(0)}/s, ${WORKERS} workers ${many.toFixed(0)}/s, ${(many / one).toFixed(1)} times`,
    )
  }
} finally {
  await connection.close()
  child.kill()
  await rm(directory, {force: true, recursive: true})
}

async function fill(): Promise<void> {
  const {planCollection} = await import('../src/weaviate/collection-plan.js')
  const collection = planCollection((await connection.getCollection(NAME))!)
  const objects = [...makeObjects({className: NAME, dims: 8, objects: OBJECTS})]
  for (let start = 0; start < objects.length; start += 2000) {
    await connection.writeObjects({collection, objects: objects.slice(start, start + 2000)})
  }
}
