/**
 * npm run bench: one table of what we do beside what the server alone can do and what the official client does, on the same data, in one go.
 *
 * Options: --url URL --grpc-url HOST:PORT (default: the embedded server, in a process of its own), --objects 20000, --dims 1536, --properties 6,
 * --named 0 (named vectors in place of the unnamed one), --uuids random|sequential|v7, --index flat|hnsw, --shards 1, --tenants 0, --inactive (the tenants,
 * as they are where there are thousands),
 * --formats json,json.gz,parquet,parquet.zst,arrow, --runs 3, --concurrency N, --skip-client.
 */
import {build} from 'esbuild'
import {type ChildProcess, execFile, spawn} from 'node:child_process'
import {mkdtemp, rm} from 'node:fs/promises'
import {arch, cpus, platform, tmpdir, totalmem} from 'node:os'
import path from 'node:path'
import {parseArgs, promisify} from 'node:util'

import type {JobInput, JobName, JobOutput} from './jobs.js'

import {planCollection} from '../src/weaviate/collection-plan.js'
import {connect} from '../src/weaviate/connect.js'
import {type DataOptions, makeClass, makeObjects, type UuidDistribution} from './data.js'

const {values: options} = parseArgs({
  options: {
    concurrency: {type: 'string'},
    dims: {default: '1536', type: 'string'},
    formats: {default: 'json,json.gz,parquet,parquet.zst,arrow', type: 'string'},
    'grpc-url': {type: 'string'},
    inactive: {default: false, type: 'boolean'},
    index: {default: 'flat', type: 'string'},
    named: {default: '0', type: 'string'},
    objects: {default: '20000', type: 'string'},
    properties: {default: '6', type: 'string'},
    runs: {default: '3', type: 'string'},
    shards: {default: '1', type: 'string'},
    'skip-client': {default: false, type: 'boolean'},
    tenants: {default: '0', type: 'string'},
    url: {type: 'string'},
    uuids: {default: 'random', type: 'string'},
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

interface Row {
  bytes?: number
  cpuSeconds: number
  job: string
  objectsPerSecond: number
  peakRss: number
}

const directory = await mkdtemp(path.join(tmpdir(), 'elysia-bench-'))
const jobsFile = await bundleJobs()
let embedded: ChildProcess | undefined
let {url, 'grpc-url': grpcUrl} = options
if (url === undefined) ({child: embedded, grpcUrl, url} = await startServer())
grpcUrl ??= `${new URL(url).hostname}:50051`

try {
  const version = await fill()
  console.log(
    `${data.objects} objects × ${data.dims} dimensions, ${options.properties} properties, ${options.named === '0' ? 'one vector' : `${options.named} named vectors`}, ${options.uuids} UUIDs, ${options.index} index, ` +
      `${options.shards} shards, ${tenants > 0 ? `${tenants} ${options.inactive ? 'inactive ' : ''}tenants, ` : ''}medians of ${runs}\n` +
      `${embedded ? 'embedded server' : `Weaviate ${version}`}, Node ${process.version}, ${platform()} ${arch()}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB\n`,
  )
  const rows = tenants > 0 ? await measureTenants() : await measureAll()
  print(rows)
} finally {
  await connectTo(async (connection) => {
    await connection.deleteCollection(SOURCE)
    await connection.deleteCollection(TARGET)
  })
  await rm(directory, {force: true, recursive: true})
  embedded?.kill()
}

async function measureAll(): Promise<Row[]> {
  const rows: Row[] = []
  const formats = options.formats.split(',')
  const samples = new Map<string, JobOutput[]>()
  const take = async (label: string, job: JobName, more: Partial<JobInput> = {}): Promise<JobOutput> => {
    const output = await runJob(job, more)
    const outputs = samples.get(label) ?? []
    outputs.push(output)
    samples.set(label, outputs)
    console.error(`${label}: ${Math.round(output.objects / output.seconds)}/s, ${Math.round(output.peakRss / 1e6)} MB`)
    return output
  }

  // Round by round, so that a noisy minute hurts all rows alike.
  for (let round = 0; round < runs; round++) {
    await take('read ceiling: undecoded pages', 'read-ceiling')
    if (!options['skip-client']) await take('official client, hand-written loop (writes nothing)', 'client-loop')
    for (const [index, format] of formats.entries()) {
      const backup = await take(`back up, ${format}`, 'backup', {format})
      await take(`restore, ${format}`, 'restore', {backup: backup.path, target: TARGET})
      // In turns: what the restore before it was leaves the server in another state.
      await ((round + index) % 2 === 0
        ? take('clear', 'clear', {target: TARGET})
        : take('clear: bare BatchDelete loop', 'batch-delete-loop', {target: TARGET}))
      await rm(backup.path!, {force: true, recursive: true})
    }

    if (options.named === '0') await take('write ceiling: pre-encoded batches', 'write-ceiling', {target: TARGET})
    if (!options['skip-client'] && options.named === '0') {
      await take('official client, insertMany, 4 in flight', 'client-insert-many', {target: TARGET})
    }
  }

  if (!options['skip-client']) await take('official client, iterator', 'client-iterator')
  for (const [job, outputs] of samples) rows.push(medianRow(job, outputs))
  return rows
}

/** Many tenants: backing up, beside the same objects in one collection. */
async function measureTenants(): Promise<Row[]> {
  const rows: Row[] = []
  for (const format of options.formats.split(',')) {
    const outputs: JobOutput[] = []
    for (let round = 0; round < runs; round++) {
      const output = await runJob('backup', {format})
      outputs.push(output)
      await rm(output.path!, {force: true, recursive: true})
    }

    rows.push(medianRow(`back up, ${format}`, outputs))
  }

  return rows
}

function medianRow(job: string, outputs: JobOutput[]): Row {
  const median = (value: (output: JobOutput) => number): number =>
    outputs.map((output) => value(output)).sort((a, b) => a - b)[outputs.length >> 1]!
  return {
    bytes: outputs[0]!.bytes,
    cpuSeconds: median((output) => output.cpuSeconds),
    job,
    objectsPerSecond: median((output) => output.objects / output.seconds),
    peakRss: median((output) => output.peakRss),
  }
}

function print(rows: Row[]): void {
  const rate = (start: string): number | undefined => rows.find((row) => row.job.startsWith(start))?.objectsPerSecond
  const read = rate('read ceiling')
  const write = rate('write ceiling')
  const erase = rate('clear: bare')
  const ratio = (job: string, value: number): string => {
    const ceiling = job.startsWith('restore') || job.includes('insertMany') ? write : job === 'clear' ? erase : read
    return ceiling === undefined || job.includes('ceiling') || job.includes('bare') ? '' : (value / ceiling).toFixed(2)
  }

  console.log('| job | objects/s | of the ceiling | peak RSS, MB | CPU, s | backup, MB |')
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |')
  for (const {bytes, cpuSeconds, job, objectsPerSecond, peakRss} of rows) {
    const ours = /^(?:back up|restore|clear$)/.test(job)
    console.log(
      `| ${job} | ${Math.round(objectsPerSecond)} | ${ratio(job, objectsPerSecond)} | ${ours ? Math.round(peakRss / 1e6) : ''} | ${cpuSeconds.toFixed(1)} | ${bytes === undefined ? '' : Math.round(bytes / 1e6)} |`,
    )
  }
}

async function runJob(job: JobName, more: Partial<JobInput> = {}): Promise<JobOutput> {
  const input: JobInput = {
    concurrency: options.concurrency === undefined ? undefined : Number(options.concurrency),
    data,
    directory,
    grpcUrl: grpcUrl!,
    job,
    tenants,
    url: url!,
    ...more,
  }
  const {stdout} = await promisify(execFile)(process.execPath, [jobsFile, JSON.stringify(input)], {
    maxBuffer: 16 * 1024 * 1024,
  })
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as JobOutput
}

/** Plain JavaScript: a loader in each job's process would count as its memory and CPU. Returns the file's path. */
async function bundleJobs(): Promise<string> {
  const file = path.resolve('.tmp', 'bench', 'jobs.mjs')
  await build({
    bundle: true,
    entryPoints: ['bench/jobs.ts'],
    format: 'esm',
    outfile: file,
    // The tool itself too, as it is published.
    packages: 'external',
    platform: 'node',
    target: 'node22',
  })
  return file
}

/** Returns the server's version. */
async function fill(): Promise<string> {
  return connectTo(async (connection) => {
    await connection.deleteCollection(SOURCE)
    const schema = makeClass({...data, ...(tenants > 0 && {tenant: 't0'})})
    if (tenants === 0) schema.shardingConfig = {desiredCount: Number(options.shards)}
    await connection.createCollection(schema)
    const plan = planCollection(schema)
    const perTenant = tenants > 0 ? Math.ceil(data.objects / tenants) : data.objects
    const batch = 200
    const write = async (from: number, to: number): Promise<void> => {
      if (from >= to) return
      const objects = makeObjects(data, from, to)
      if (tenants > 0)
        for (const [at, object] of objects.entries()) object.tenant = `t${Math.floor((from + at) / perTenant)}`
      const [failure] = await connection.writeObjects({collection: plan, objects})
      if (failure) throw new Error(failure.reason)
    }

    const writeAll = async (start: number, end: number): Promise<void> => {
      for (let from = start; from < end; from += batch * 4) {
        await Promise.all(
          Array.from({length: 4}, async (_, index) =>
            write(from + index * batch, Math.min(from + (index + 1) * batch, end)),
          ),
        )
      }
    }

    if (tenants === 0) await writeAll(0, data.objects)
    const names = Array.from({length: tenants}, (_, index) => `t${index}`)
    // Group by group: the server keeps more files open for a tenant that was written than for one that was opened to be read.
    const groupSize = 100
    for (let first = 0; first < tenants; first += groupSize) {
      const group = names.slice(first, first + groupSize)
      await connection.createTenants(
        SOURCE,
        group.map((name) => ({name, status: 'HOT' as const})),
      )
      await writeAll(first * perTenant, Math.min((first + groupSize) * perTenant, data.objects))
      await connection.setTenantStatus(
        SOURCE,
        group.map((name) => ({name, status: 'COLD' as const})),
      )
    }

    if (tenants > 0 && !options.inactive) {
      await connection.setTenantStatus(
        SOURCE,
        names.map((name) => ({name, status: 'HOT' as const})),
      )
    }

    return connection.version
  })
}

async function connectTo<T>(use: (connection: Awaited<ReturnType<typeof connect>>) => Promise<T>): Promise<T> {
  const connection = await connect({grpcUrl, url})
  try {
    return await use(connection)
  } finally {
    await connection.close()
  }
}

async function startServer(): Promise<{child: ChildProcess; grpcUrl: string; url: string}> {
  const script = `import {startEmbeddedWeaviate} from './dist/testing.js'; const s = await startEmbeddedWeaviate(); console.log(JSON.stringify({url: s.url, grpcUrl: s.grpcUrl}))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {stdio: ['ignore', 'pipe', 'inherit']})
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => {
      resolve(chunk.toString())
    })
    child.once('exit', (code) => {
      reject(new Error(`the embedded server ended with ${code}`))
    })
  })
  return {child, ...(JSON.parse(line) as {grpcUrl: string; url: string})}
}
