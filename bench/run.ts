/**
 * npm run bench: one table of what we do beside what the server alone can do and what the official client does, on the same data, in one go.
 *
 * Options: --url URL --grpc-url HOST:PORT (default: the embedded server, in a process of its own), --objects 50000, --dims 1536, --properties 6,
 * --named 0 (named vectors in place of the unnamed one), --uuids random|sequential|v7, --index flat|hnsw, --shards 1, --tenants 0, --inactive (the tenants,
 * as they are where there are thousands),
 * --formats json,json.gz,parquet,parquet.zst,arrow, --runs 3, --concurrency N, --workers N, --skip-client, --plot FILE.svg,
 * --also copy,export: a copy within the server beside what both ceilings reach at once; a restore of an export that the server makes first (with EXPORT_ENABLED and
 * backup-filesystem), beside the write ceiling.
 * --place s3://bucket/prefix: the same backups and restores there (with AWS's variables), and --encrypted: encrypted, in the folder; beside the others, round by round.
 */
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {parseArgs} from 'node:util'

import type {DataOptions, UuidDistribution} from './data.js'
import type {JobInput, JobName, JobOutput} from './jobs.js'

import {newIdentity} from '../src/codec/age/header.js'
import {bundleJobs, describeMachine, fill, leave, medianRow, openHost, type Row, runJob} from './host.js'
import {ratesPlot, savePlot} from './plots.js'

const {values: options} = parseArgs({
  options: {
    also: {default: '', type: 'string'},
    concurrency: {type: 'string'},
    dims: {default: '1536', type: 'string'},
    encrypted: {default: false, type: 'boolean'},
    formats: {default: 'json,json.gz,parquet,parquet.zst,arrow', type: 'string'},
    'grpc-url': {type: 'string'},
    inactive: {default: false, type: 'boolean'},
    index: {default: 'flat', type: 'string'},
    named: {default: '0', type: 'string'},
    objects: {default: '50000', type: 'string'},
    place: {type: 'string'},
    plot: {type: 'string'},
    properties: {default: '6', type: 'string'},
    runs: {default: '3', type: 'string'},
    shards: {default: '1', type: 'string'},
    'skip-client': {default: false, type: 'boolean'},
    tenants: {default: '0', type: 'string'},
    url: {type: 'string'},
    uuids: {default: 'random', type: 'string'},
    workers: {type: 'string'},
  },
})

const SOURCE = 'ElysiaBench'
const TARGET = 'ElysiaBenchCopy'
const runs = Number(options.runs)
const tenants = Number(options.tenants)
const data: DataOptions = {
  className: SOURCE,
  dims: Number(options.dims),
  namedVectors: Array.from({length: Number(options.named)}, (_, index) => `vector${index}`),
  objects: Number(options.objects),
  properties: Number(options.properties),
  uuids: options.uuids as UuidDistribution,
  vectorIndexType: options.index,
}

const directory = await mkdtemp(path.join(tmpdir(), 'elysia-bench-'))
const jobsFile = await bundleJobs()
const host = await openHost({grpcUrl: options['grpc-url'], url: options.url})

try {
  const version = await fill(host, {
    class: data,
    inactive: options.inactive,
    shards: Number(options.shards),
    tenants,
  })
  console.log(
    `${data.objects} objects × ${data.dims} dimensions, ${options.properties} properties, ${options.named === '0' ? 'one vector' : `${options.named} named vectors`}, ${options.uuids} UUIDs, ${options.index} index, ` +
      `${options.shards} shards, ${tenants > 0 ? `${tenants} ${options.inactive ? 'inactive ' : ''}tenants, ` : ''}medians of ${runs}\n` +
      `${host.embedded ? 'embedded server' : `Weaviate ${version}`}, ${describeMachine()}\n`,
  )
  const rows = tenants > 0 ? await measureTenants() : await measureAll()
  print(rows)
  if (options.plot !== undefined) await savePlot(options.plot, ratesPlot(withShares(rows)))
} finally {
  await leave(host, [SOURCE, TARGET])
  await rm(directory, {force: true, recursive: true})
}

async function measureAll(): Promise<Row[]> {
  const rows: Row[] = []
  const formats = options.formats.split(',')
  const also = new Set(options.also.split(','))
  const exported = also.has('export') ? await exportSource() : undefined
  const elsewhere = await otherPlaces()
  const samples = new Map<string, JobOutput[]>()
  const take = async (label: string, job: JobName, more: Partial<JobInput> = {}): Promise<JobOutput> => {
    const output = await runOne(job, more)
    const outputs = samples.get(label) ?? []
    outputs.push(output)
    samples.set(label, outputs)
    console.error(`${label}: ${Math.round(output.objects / output.seconds)}/s, ${Math.round(output.peakRss / 1e6)} MB`)
    return output
  }

  // Round by round, so that a noisy minute hurts all rows alike.
  for (let round = 0; round < runs; round++) {
    await take('read ceiling: undecoded pages', 'read-ceiling')
    if (tenants === 0) await take('floor of a backup: hashed and written, nothing decoded', 'floor')
    if (!options['skip-client']) await take('official client, hand-written loop (writes nothing)', 'client-loop')
    if (also.has('copy')) {
      await take('copy, within one server', 'copy', {target: TARGET})
      for (const inFlight of [4, 8]) {
        const label = `copy ceiling: undecoded pages and pre-encoded batches at once, ${inFlight} in flight`
        await take(label, 'copy-ceiling', {inFlight, target: TARGET})
      }
    }

    if (exported !== undefined) {
      await take('restore, export of the server', 'restore-export', {backup: exported, target: TARGET})
    }

    for (const [index, format] of formats.entries()) {
      const backup = await take(`back up, ${format}`, 'backup', {format})
      await take(`restore, ${format}`, 'restore', {backup: backup.path, target: TARGET})
      // In turns: what the restore before it was leaves the server in another state.
      await ((round + index) % 2 === 0
        ? take('clear', 'clear', {target: TARGET})
        : take('clear: bare BatchDelete loop', 'batch-delete-loop', {target: TARGET}))
      await rm(backup.path!, {force: true, recursive: true})
      for (const {label, ...where} of elsewhere) {
        const other = await take(`back up ${label}, ${format}`, 'backup', {format, ...where})
        await take(`restore ${label}, ${format}`, 'restore', {backup: other.path, target: TARGET, ...where})
        await runOne('clear', {target: TARGET})
      }
    }

    for (const inFlight of [4, 8]) {
      const label = `write ceiling: pre-encoded batches, ${inFlight} in flight`
      await take(label, 'write-ceiling', {inFlight, target: TARGET})
    }

    if (!options['skip-client'] && options.named === '0') {
      await take('official client, insertMany, 4 in flight', 'client-insert-many', {target: TARGET})
    }
  }

  if (!options['skip-client']) await take('official client, iterator', 'client-iterator')
  for (const [job, outputs] of samples) rows.push(medianRow(job, outputs))
  return rows
}

/** Where else backups are measured. What lies in object storage stays there. */
async function otherPlaces(): Promise<Array<{directory?: string; keys?: JobInput['keys']; label: string}>> {
  const {encrypted, place} = options
  const {identity, recipient} = await newIdentity()
  return [
    ...(place === undefined ? [] : [{directory: place, label: 'in object storage'}]),
    ...(encrypted ? [{keys: {encryptTo: [recipient], identities: [identity]}, label: 'encrypted'}] : []),
  ]
}

/** Has the server export what is measured. Returns where that lies; it stays there. */
async function exportSource(): Promise<string> {
  const id = `elysia-bench-${Date.now()}`
  const url = `${host.url}/v1/export/filesystem`
  const body = JSON.stringify({file_format: 'parquet', id, include: [SOURCE]})
  const begun = await fetch(url, {body, headers: {'content-type': 'application/json'}, method: 'POST'})
  if (!begun.ok) throw new Error(`no export: ${begun.status} ${await begun.text()}`)
  for (;;) {
    const reply = await fetch(`${url}/${id}`)
    const {path: place, status} = (await reply.json()) as {path: string; status: string}
    if (status === 'SUCCESS') return place
    if (status === 'FAILED' || status === 'CANCELED') throw new Error(`the export is ${status}`)
    await sleep(200)
  }
}

/** Many tenants: backing up, beside the same objects in one collection. */
async function measureTenants(): Promise<Row[]> {
  const rows: Row[] = []
  for (const format of options.formats.split(',')) {
    const outputs: JobOutput[] = []
    for (let round = 0; round < runs; round++) {
      const output = await runOne('backup', {format})
      outputs.push(output)
      await rm(output.path!, {force: true, recursive: true})
    }

    rows.push(medianRow(`back up, ${format}`, outputs))
  }

  return rows
}

/** Each job's share of what it is measured by: the better of the write ceilings or of those of copies, the read ceiling, the bare deletion. */
function withShares(rows: readonly Row[]): Array<Row & {share?: number}> {
  const best = (start: string): number | undefined => {
    const rates = rows.filter(({job}) => job.startsWith(start)).map(({objectsPerSecond}) => objectsPerSecond)
    return rates.length === 0 ? undefined : Math.max(...rates)
  }

  const [read, write] = [best('read ceiling'), best('write ceiling')]
  const [both, erase] = [best('copy ceiling'), best('clear: bare')]
  const ceilingOf = (job: string): number | undefined => {
    if (job.startsWith('copy')) return both
    if (job.startsWith('restore') || job.includes('insertMany')) return write
    return job === 'clear' ? erase : read
  }

  return rows.map((row) => {
    const {job, objectsPerSecond} = row
    const ceiling = ceilingOf(job)
    const isYardstick = /ceiling|bare/.test(job)
    return ceiling === undefined || isYardstick ? row : {...row, share: objectsPerSecond / ceiling}
  })
}

function print(rows: Row[]): void {
  console.log('| job | objects/s | of the ceiling | CPU, µs an object | peak RSS, MB | backup, MB |')
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |')
  for (const {bytes, cpuPerObject, job, objectsPerSecond, peakRss, share} of withShares(rows)) {
    const ours = /^(?:back up|copy,|restore|clear$)/.test(job)
    const cells = [
      job,
      Math.round(objectsPerSecond),
      share?.toFixed(2) ?? '',
      cpuPerObject.toFixed(1),
      ours ? Math.round(peakRss / 1e6) : '',
      ours && bytes !== undefined ? Math.round(bytes / 1e6) : '',
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

async function runOne(job: JobName, more: Partial<JobInput> = {}): Promise<JobOutput> {
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text))
  return runJob(jobsFile, {
    concurrency: number(options.concurrency),
    data,
    directory,
    grpcUrl: host.grpcUrl,
    job,
    tenants,
    url: host.url,
    workers: number(options.workers),
    ...more,
  })
}
