/** What the benches share: a server to measure, a process for each job, data to begin with, and what a row of a table is. */
import {build} from 'esbuild'
import {type ChildProcess, execFile, spawn} from 'node:child_process'
import {arch, cpus, platform, totalmem} from 'node:os'
import path from 'node:path'
import {promisify} from 'node:util'

import type {JobInput, JobOutput} from './jobs.js'

import {planCollection} from '../src/weaviate/collection-plan.js'
import {connect} from '../src/weaviate/connect.js'
import {type DataOptions, makeClass, makeObjects} from './data.js'

export interface Host {
  /** Absent: a server that was named. */
  embedded?: ChildProcess
  grpcUrl: string
  url: string
}

/** The server that is named, or the embedded one in a process of its own. */
export async function openHost({grpcUrl, url}: {grpcUrl?: string; url?: string}): Promise<Host> {
  if (url === undefined) {
    const {child, ...addresses} = await startServer()
    return {embedded: child, ...addresses}
  }

  return {grpcUrl: grpcUrl ?? `${new URL(url).hostname}:50051`, url}
}

/** The machine, in a line. */
export function describeMachine(): string {
  return `Node ${process.version}, ${platform()} ${arch()}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`
}

/** Holds the heap as the commands do (src/cli/small-heap.ts). */
export const HEAP = ['--max-semi-space-size=8', '--heap-growing-percent=70']

/** Runs a job in a process of its own, so that its memory and CPU are its own. */
export async function runJob(jobsFile: string, input: JobInput): Promise<JobOutput> {
  const {stdout} = await promisify(execFile)(process.execPath, [...HEAP, jobsFile, JSON.stringify(input)], {
    maxBuffer: 16 * 1024 * 1024,
  })
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as JobOutput
}

/** A measured job: medians of its runs. */
export interface Row {
  bytes?: number
  /** µs of CPU an object, of the job's own process. */
  cpuPerObject: number
  job: string
  objectsPerSecond: number
  /** Bytes. */
  peakRss: number
}

export function medianRow(job: string, outputs: readonly JobOutput[]): Row {
  const median = (value: (output: JobOutput) => number): number =>
    outputs.map((output) => value(output)).toSorted((a, b) => a - b)[outputs.length >> 1]!
  return {
    bytes: outputs[0]!.bytes,
    cpuPerObject: median((output) => (output.cpuSeconds / output.objects) * 1e6),
    job,
    objectsPerSecond: median((output) => output.objects / output.seconds),
    peakRss: median((output) => output.peakRss),
  }
}

/**
 * Plain JavaScript: a loader in each job's process would count as its memory and CPU. Returns the file's path.
 * @param checkout whose jobs, and whose tool as it was built there; default this one
 */
export async function bundleJobs(checkout = '.'): Promise<string> {
  const file = path.resolve(checkout, '.tmp', 'bench', 'jobs.mjs')
  await build({
    absWorkingDir: path.resolve(checkout),
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

export interface Filling {
  class: DataOptions
  /** Leaves the tenants inactive. */
  inactive?: boolean
  shards?: number
  /** 0: a collection without. */
  tenants?: number
}

/** Makes the collection anew and writes its objects. Returns the server's version. */
export async function fill(
  host: Host,
  {class: data, inactive = false, shards = 1, tenants = 0}: Filling,
): Promise<string> {
  return connectTo(host, async (connection) => {
    await connection.deleteCollection(data.className)
    const schema = makeClass({...data, ...(tenants > 0 && {tenant: 't0'})})
    if (tenants === 0) schema.shardingConfig = {desiredCount: shards}
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
        data.className,
        group.map((name) => ({name, status: 'HOT' as const})),
      )
      await writeAll(first * perTenant, Math.min((first + groupSize) * perTenant, data.objects))
      await connection.setTenantStatus(
        data.className,
        group.map((name) => ({name, status: 'COLD' as const})),
      )
    }

    if (tenants > 0 && !inactive) {
      await connection.setTenantStatus(
        data.className,
        names.map((name) => ({name, status: 'HOT' as const})),
      )
    }

    return connection.version
  })
}

export async function connectTo<T>(
  {grpcUrl, url}: Host,
  use: (connection: Awaited<ReturnType<typeof connect>>) => Promise<T>,
): Promise<T> {
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

/** What a run has made is removed, and a server of its own ended. */
export async function leave(host: Host, collections: readonly string[]): Promise<void> {
  await connectTo(host, async (connection) => {
    for (const collection of collections) await connection.deleteCollection(collection)
  })
  host.embedded?.kill()
}
