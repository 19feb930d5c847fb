/**
 * npm run bench -- growth: rate and memory of each job as a collection grows.
 *
 * Options: --url URL --grpc-url HOST:PORT (default: the embedded server), --sizes 10000,100000,1000000, --dims 128, --format parquet, --runs 1,
 * --workers N, --plot FILE.svg.
 */
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parseArgs} from 'node:util'

import type {DataOptions} from './data.js'
import type {JobInput, JobOutput} from './jobs.js'

import {bundleJobs, describeMachine, fill, type Host, leave, medianRow, openHost, runJob} from './host.js'
import {type Growth, growthPlot, savePlot} from './plots.js'

const {values: options} = parseArgs({
  options: {
    dims: {default: '128', type: 'string'},
    format: {default: 'parquet', type: 'string'},
    'grpc-url': {type: 'string'},
    plot: {type: 'string'},
    runs: {default: '1', type: 'string'},
    sizes: {default: '10000,100000,1000000', type: 'string'},
    url: {type: 'string'},
    workers: {type: 'string'},
  },
})

const SOURCE = 'ElysiaGrowth'
const TARGET = 'ElysiaGrowthCopy'
const JOBS = ['back up', 'restore', 'restore, compared', 'verify'] as const

const jobsFile = await bundleJobs()
const host = await openHost({grpcUrl: options['grpc-url'], url: options.url})
const directory = await mkdtemp(path.join(tmpdir(), 'elysia-growth-'))
const growth = JOBS.map((job): Growth => ({job, rows: []}))

try {
  for (const size of options.sizes.split(',')) await measure(host, Number(size))
  print()
  if (options.plot !== undefined) await savePlot(options.plot, growthPlot(growth))
} finally {
  await leave(host, [SOURCE, TARGET])
  await rm(directory, {force: true, recursive: true})
}

async function measure({grpcUrl, url}: Host, objects: number): Promise<void> {
  const data: DataOptions = {className: SOURCE, dims: Number(options.dims), objects}
  await fill(host, {class: data})
  const workers = options.workers === undefined ? undefined : Number(options.workers)
  const outputs = JOBS.map((): JobOutput[] => [])
  for (let round = 0; round < Number(options.runs); round++) {
    const run = async (more: Partial<JobInput> & Pick<JobInput, 'job'>): Promise<JobOutput> =>
      runJob(jobsFile, {data, directory, grpcUrl, target: TARGET, url, workers, ...more})
    const made = await run({format: options.format, job: 'backup'})
    const backup = made.path!
    const others = [
      await run({backup, job: 'restore'}),
      await run({backup, job: 'restore', verify: true}),
      await run({backup, job: 'verify'}),
    ]
    for (const [index, output] of [made, ...others].entries()) outputs[index]!.push(output)
    await rm(backup, {force: true, recursive: true})
  }

  for (const [index, {job, rows}] of growth.entries()) {
    const row = medianRow(job, outputs[index]!)
    rows.push({...row, objects})
    console.error(`${objects}, ${job}: ${Math.round(row.objectsPerSecond)}/s, ${Math.round(row.peakRss / 1e6)} MB`)
  }
}

function print(): void {
  console.log(`${options.dims} dimensions, ${options.format}, medians of ${options.runs}, ${describeMachine()}\n`)
  console.log('| job | objects | objects/s | CPU, µs an object | peak RSS, MB |\n| --- | ---: | ---: | ---: | ---: |')
  for (const {job, rows} of growth) {
    for (const {cpuPerObject, objects, objectsPerSecond, peakRss} of rows) {
      const cells = [job, objects, Math.round(objectsPerSecond), cpuPerObject.toFixed(1), Math.round(peakRss / 1e6)]
      console.log(`| ${cells.join(' | ')} |`)
    }
  }
}
