/**
 * npm run bench -- shapes: backups and restores of data of several shapes, beside what the server alone can do, and beside another checkout of this
 * tool, in one go.
 *
 * Options: --url URL --grpc-url HOST:PORT (default: the embedded server), --beside DIR (a checkout that is built, of any commit that has bench/jobs.ts),
 * --only NAME,… (of the shapes below), --format parquet, --runs 3.
 */
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parseArgs} from 'node:util'

import type {JobInput, JobOutput} from './jobs.js'

import {bundleJobs, describeMachine, fill, type Filling, leave, medianRow, openHost, type Row, runJob} from './host.js'

const {values: options} = parseArgs({
  options: {
    beside: {type: 'string'},
    format: {default: 'parquet', type: 'string'},
    'grpc-url': {type: 'string'},
    only: {type: 'string'},
    runs: {default: '3', type: 'string'},
    url: {type: 'string'},
  },
})

const SOURCE = 'ElysiaShape'
const TARGET = 'ElysiaShapeCopy'
const NAMES = Array.from({length: 10}, (_, index) => `vector${index}`)

interface Shape extends Omit<Filling, 'class'> {
  dims: number
  index?: 'hnsw'
  name: string
  namedVectors?: string[]
  objects: number
  properties?: number
}

const SHAPES: readonly Shape[] = [
  {dims: 1536, name: 'unnamed', objects: 20_000},
  {dims: 128, name: 'named', namedVectors: NAMES, objects: 20_000},
  {dims: 64, name: 'short', objects: 50_000},
  {dims: 0, name: 'none', objects: 50_000},
  {dims: 1536, index: 'hnsw', name: 'hnsw', objects: 3000},
  {dims: 1536, name: 'shards', objects: 20_000, shards: 8},
  // Without properties: the server keeps some four files open for each property of an active tenant.
  {dims: 64, name: 'tenants', objects: 20_000, properties: 0, tenants: 5000},
]

/** Whose jobs: this tool's, and another checkout's. */
interface Side {
  jobsFile: string
  label: string
}

const only = options.only?.split(',')
const directory = await mkdtemp(path.join(tmpdir(), 'elysia-shapes-'))
const sides: Side[] = [{jobsFile: await bundleJobs(), label: 'this'}]
if (options.beside !== undefined) sides.push({jobsFile: await bundleJobs(options.beside), label: 'beside'})
const host = await openHost({grpcUrl: options['grpc-url'], url: options.url})

try {
  console.log(`${options.format}, medians of ${options.runs}, ${describeMachine()}\n`)
  console.log('| shape | job | objects/s | of the ceiling | CPU, µs an object | peak RSS, MB |')
  console.log('| --- | --- | ---: | ---: | ---: | ---: |')
  for (const shape of SHAPES) if (only === undefined || only.includes(shape.name)) await measure(shape)
} finally {
  await leave(host, [SOURCE, TARGET])
  await rm(directory, {force: true, recursive: true})
}

async function measure(shape: Shape): Promise<void> {
  const {dims, index, name, namedVectors, objects, properties, shards, tenants} = shape
  const data = {className: SOURCE, dims, namedVectors, objects, properties, vectorIndexType: index}
  await fill(host, {class: data, shards, tenants})
  const samples = new Map<string, JobOutput[]>()
  const run = async (label: string, jobsFile: string, more: Partial<JobInput> & Pick<JobInput, 'job'>) => {
    const output = await runJob(jobsFile, {
      data,
      directory,
      format: options.format,
      grpcUrl: host.grpcUrl,
      target: TARGET,
      tenants,
      url: host.url,
      ...more,
    })
    samples.set(label, [...(samples.get(label) ?? []), output])
    return output
  }

  const own = sides[0]!.jobsFile
  for (let round = 0; round < Number(options.runs); round++) {
    // By turns: who goes first finds the server in another state.
    const inTurn = round % 2 === 0 ? sides : sides.toReversed()
    // The ceilings know nothing of tenants.
    if (tenants === undefined) await run('read ceiling', own, {job: 'read-ceiling'})
    for (const {jobsFile, label} of inTurn) {
      const {path: backup} = await run(`back up, ${label}`, jobsFile, {job: 'backup'})
      await run(`restore, ${label}`, jobsFile, {backup, job: 'restore'})
      await rm(backup!, {force: true, recursive: true})
    }

    if (tenants === undefined) await run('write ceiling', own, {inFlight: 8, job: 'write-ceiling'})
  }

  const rows = [...samples].map(([label, outputs]) => medianRow(label, outputs))
  for (const row of rows) print(`${name}: ${describe(shape)}`, row, ceilingOf(row, rows))
}

function describe({dims, index, namedVectors, objects, shards, tenants}: Shape): string {
  const vectors = dims === 0 ? 'no vectors' : `${namedVectors ? `${namedVectors.length} × ` : ''}${dims} dimensions`
  return [`${objects} objects`, vectors, index, shards && `${shards} shards`, tenants && `${tenants} tenants`]
    .filter(Boolean)
    .join(', ')
}

function ceilingOf({job}: Row, rows: readonly Row[]): number | undefined {
  if (job.endsWith('ceiling')) return undefined
  const wanted = job.startsWith('restore') ? 'write ceiling' : 'read ceiling'
  return rows.find((row) => row.job === wanted)?.objectsPerSecond
}

function print(shape: string, {cpuPerObject, job, objectsPerSecond, peakRss}: Row, ceiling: number | undefined): void {
  const share = ceiling === undefined ? '' : (objectsPerSecond / ceiling).toFixed(2)
  const peak = job.endsWith('ceiling') ? '' : Math.round(peakRss / 1e6)
  console.log(`| ${[shape, job, Math.round(objectsPerSecond), share, cpuPerObject.toFixed(1), peak].join(' | ')} |`)
}
