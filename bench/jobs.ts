/** What is measured, each in a process of its own so that memory and CPU are its own: `node jobs.mjs '<json>'`, bundled by run.ts, prints one JSON line. */
import type weaviateClient from 'weaviate-client'

import {BackupManager, ClearManager, connect, CopyManager, RestoreManager, Verifier} from '@elysia/data-ops'
import path from 'node:path'

import {readCeiling, writeCeiling} from './ceiling.js'
import {type DataOptions, makeClass, makeObjects} from './data.js'
import {peakBytes} from './peak.mjs'

export interface JobInput {
  /** Tells formats apart: `json`, `json.gz`, `parquet`, `parquet.zst`, `arrow`. */
  backup?: string
  concurrency?: number
  data: DataOptions
  directory: string
  format?: string
  grpcUrl: string
  /** Batches of the write ceiling on their way at once; default 4. */
  inFlight?: number
  job: JobName
  /** Of encrypted backups. */
  keys?: {encryptTo: string[]; identities: string[]}
  /** Collection to write to; default that of the data. */
  target?: string
  tenants?: number
  url: string
  /** `restore`: compares the target with the backup afterwards. */
  verify?: boolean
  /** Threads of a backup or restore. */
  workers?: number
}

export type JobName =
  | 'backup'
  | 'batch-delete-loop'
  | 'clear'
  | 'client-insert-many'
  | 'client-iterator'
  | 'client-loop'
  | 'copy'
  | 'copy-ceiling'
  | 'floor'
  | 'read-ceiling'
  | 'restore'
  | 'restore-export'
  | 'verify'
  | 'write-ceiling'

export interface JobOutput {
  bytes?: number
  /** User and system, of this process alone. */
  cpuSeconds: number
  objects: number
  path?: string
  /** Bytes. */
  peakRss: number
  seconds: number
}

/** The official client's iterator is measured on so many: it reads some 60 objects a second. */
const ITERATED = 500

type Measured = Omit<JobOutput, 'cpuSeconds' | 'peakRss'> & {cpuSeconds?: number}

const jobs: Record<JobName, (input: JobInput) => Promise<Measured>> = {
  async backup(input) {
    const connection = await connect({grpcUrl: input.grpcUrl, url: input.url})
    try {
      const [format, compression] = input.format!.split('.', 2)
      const result = await new BackupManager(connection, {directory: input.directory, ...input.keys}).backupCollection(
        input.data.className,
        {
          compress: compression !== undefined,
          concurrency: input.concurrency,
          format: format as 'json',
          workers: input.workers,
        },
      )
      return {bytes: result.bytes, objects: result.objectCount, path: result.path, seconds: result.seconds}
    } finally {
      await connection.close()
    }
  },

  async restore(input) {
    const connection = await connect({grpcUrl: input.grpcUrl, url: input.url})
    try {
      await connection.deleteCollection(input.target!)
      const result = await new RestoreManager(connection, {
        directory: input.directory,
        ...input.keys,
      }).restoreCollection(input.backup!, {
        concurrency: input.concurrency,
        name: input.target,
        verify: input.verify,
        workers: input.workers,
      })
      return {objects: result.restored, seconds: result.seconds}
    } finally {
      await connection.close()
    }
  },

  async 'restore-export'(input) {
    const connection = await connect({grpcUrl: input.grpcUrl, url: input.url})
    try {
      await connection.deleteCollection(input.target!)
      const result = await new RestoreManager(connection, {directory: input.directory}).restoreCollection(
        input.backup!,
        {
          checkpointDirectory: input.directory,
          concurrency: input.concurrency,
          name: input.target,
          schemaFrom: [input.data.className],
          workers: input.workers,
        },
      )
      return {objects: result.restored, seconds: result.seconds}
    } finally {
      await connection.close()
    }
  },

  async copy(input) {
    const connection = await connect({grpcUrl: input.grpcUrl, url: input.url})
    try {
      await connection.deleteCollection(input.target!)
      const result = await new CopyManager(connection, connection, {directory: input.directory}).copyCollection(
        input.data.className,
        {concurrency: input.concurrency, name: input.target, workers: input.workers},
      )
      return {objects: result.restored, seconds: result.seconds}
    } finally {
      await connection.close()
    }
  },

  async verify(input) {
    const result = await new Verifier({directory: input.directory}).verifyBackup(input.backup!)
    if (result.problems.length > 0) throw new Error('the backup is damaged')
    return {objects: input.data.objects, seconds: result.seconds}
  },

  async clear(input) {
    const connection = await connect({grpcUrl: input.grpcUrl, url: input.url})
    try {
      const result = await new ClearManager(connection, {directory: input.directory}).clearCollection(input.target!)
      return {objects: result.deleted, seconds: result.seconds}
    } finally {
      await connection.close()
    }
  },

  async 'batch-delete-loop'(input) {
    const connection = await connect({grpcUrl: input.grpcUrl, url: input.url})
    try {
      let objects = 0
      const seconds = await timed(async () => {
        for (;;) {
          const {deleted, matched} = await connection.deleteObjects({collection: input.target!})
          objects += deleted
          if (matched === 0) break
        }
      })
      return {objects, seconds}
    } finally {
      await connection.close()
    }
  },

  async 'read-ceiling'(input) {
    return readCeiling({channel: channelOf(input), schema: makeClass(input.data)})
  },

  async floor(input) {
    const file = path.join(input.directory, 'floor')
    return readCeiling({channel: channelOf(input), file, schema: makeClass(input.data)})
  },

  async 'write-ceiling'(input) {
    const {inFlight} = input
    return writeCeiling({
      channel: channelOf(input),
      inFlight,
      objects: makeObjects(input.data),
      schema: await newTarget(input),
    })
  },

  async 'copy-ceiling'(input) {
    const {inFlight} = input
    const channel = channelOf(input)
    // It begins to send before it lets the other begin.
    const writing = writeCeiling({channel, inFlight, objects: makeObjects(input.data), schema: await newTarget(input)})
    const both = await Promise.all([writing, readCeiling({channel, schema: makeClass(input.data)})])
    return both.toSorted((a, b) => b.seconds - a.seconds)[0]!
  },

  async 'client-loop'(input) {
    const client = await officialClient(input)
    const collection = client.collections.get(input.data.className)
    let objects = 0
    const seconds = await timed(async () => {
      for (let after: string | undefined; ;) {
        const page = await collection.query.fetchObjects({
          ...(after !== undefined && {after}),
          includeVector: true,
          limit: 1000,
        })
        objects += page.objects.length
        after = page.objects.at(-1)?.uuid
        if (page.objects.length < 1000) break
      }
    })
    await client.close()
    return {objects, seconds}
  },

  async 'client-iterator'(input) {
    const client = await officialClient(input)
    let objects = 0
    const seconds = await timed(async () => {
      for await (const _ of client.collections.get(input.data.className).iterator({includeVector: true})) {
        objects++
        if (objects >= ITERATED) break
      }
    })
    await client.close()
    return {objects, seconds}
  },

  async 'client-insert-many'(input) {
    await newTarget(input)
    const client = await officialClient(input)
    const collection = client.collections.get(input.target!)
    const objects = makeObjects(input.data).map((object) => ({
      id: object.id,
      properties: object.properties as Record<string, string>,
      vectors: numbersOf(object.vector!),
    }))
    let next = 0
    const seconds = await timed(async () => {
      await Promise.all(
        Array.from({length: 4}, async () => {
          while (next < objects.length) {
            const start = next
            next += 200
            const reply = await collection.data.insertMany(objects.slice(start, start + 200))
            if (reply.hasErrors) throw new Error(Object.values(reply.errors)[0]!.message)
          }
        }),
      )
    })
    await client.close()
    return {objects: objects.length, seconds}
  },
}

/** Made anew, empty. */
async function newTarget({data, grpcUrl, target, url}: JobInput): Promise<ReturnType<typeof makeClass>> {
  const connection = await connect({grpcUrl, url})
  try {
    const schema = makeClass({...data, className: target!})
    await connection.deleteCollection(target!)
    await connection.createCollection(schema)
    return schema
  } finally {
    await connection.close()
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

function channelOf({grpcUrl}: JobInput): Parameters<typeof readCeiling>[0]['channel'] {
  return {
    address: grpcUrl.replace(/^.*:\/\//, ''),
    maxMessageBytes: 104_858_000,
    metadata: async () => ({}),
    secure: false,
    timeoutMs: 120_000,
  }
}

async function officialClient({grpcUrl, url}: JobInput): ReturnType<typeof weaviateClient.connectToCustom> {
  // Here, so that it is no part of what our own jobs take.
  const {default: weaviate} = await import('weaviate-client')
  const rest = new URL(url)
  const [grpcHost, grpcPort] = grpcUrl.replace(/^.*:\/\//, '').split(':', 2)
  return weaviate.connectToCustom({
    grpcHost: grpcHost!,
    grpcPort: Number(grpcPort),
    grpcSecure: false,
    httpHost: rest.hostname,
    httpPort: Number(rest.port),
    httpSecure: false,
  })
}

const input = JSON.parse(process.argv[2] ?? '') as JobInput
const cpu = process.cpuUsage()
const result = await jobs[input.job](input)
const {system, user} = process.cpuUsage(cpu)
const output: JobOutput = {
  // Ceilings measure their own: what is prepared for them is not theirs.
  cpuSeconds: (user + system) / 1e6,
  ...result,
  peakRss: peakBytes(),
}
console.log(JSON.stringify(output))

function numbersOf(vector: Uint8Array): number[] {
  const {buffer, byteLength, byteOffset} = Uint8Array.from(vector)
  return [...new Float32Array(buffer, byteOffset, byteLength / 4)]
}
