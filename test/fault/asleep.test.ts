/** Processes that stand still for longer than their lease (a paused container, a closed laptop), and wake when another has gone on in their place. */
import {type ChildProcess, spawn} from 'node:child_process'
import {createHash} from 'node:crypto'
import {once} from 'node:events'
import {readdir, readFile} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, afterEach, beforeAll, describe, expect, it, vi} from 'vitest'

import type {WorkerJob} from './worker.js'

import {BackupCatalog, BackupManager, connect, type Connection, Verifier} from '../../src/index.js'
import {FLUSH_EVERY} from '../../src/jobs/backup/transfer.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {makeCollection} from '../support/collections.js'
import {buildWorker, temporaryFolder} from './harness.js'

const NAME = 'FaultAsleep'
const OBJECTS = 300

let server: EmbeddedWeaviate
let connection: Connection
let directory: Awaited<ReturnType<typeof temporaryFolder>>
let worker: string
let pauseMs = 0
const children: ChildProcess[] = []

beforeAll(async () => {
  server = await startEmbeddedWeaviate({
    async onRequest({method}) {
      if (method === 'Search' && pauseMs > 0) await sleep(pauseMs)
    },
  })
  connection = await connect({grpcUrl: server.grpcUrl!, url: server.url})
  directory = await temporaryFolder()
  worker = await buildWorker()
  await makeCollection(connection, NAME, OBJECTS, 16)
}, 60_000)

afterEach(() => {
  pauseMs = 0
  FLUSH_EVERY.ms = 60_000
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  children.length = 0
})

afterAll(async () => {
  await connection.close()
  await server.close()
  await directory.remove()
})

/** SHA-256 of every file of a backup, by name. */
async function hashes(place: string): Promise<Record<string, string>> {
  const sha256 = async (file: string): Promise<string> =>
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
  const names = await readdir(place).catch(() => undefined)
  if (!names) return {[path.basename(place)]: await sha256(place)}
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await sha256(path.join(place, name))] as const)),
  )
}

function rowsIn(journal: string): number {
  return (JSON.parse(journal) as {position: {rows: number}}).position.rows
}

describe('a backup that stands still for longer than its lease', () => {
  it.each([
    {compress: false, format: 'json'},
    {compress: true, format: 'json'},
    {compress: false, format: 'parquet'},
    {compress: false, format: 'arrow'},
  ] as const)('reaches nothing of what its successor has sealed ($format, compressed: $compress)', async (kind) => {
    const {compress, format} = kind
    const folder = path.join(directory.path, `${format}-${compress}`)
    pauseMs = 20
    const options = {batchSize: 10, compress, concurrency: 1, format, resume: 'auto'} as const
    const job: WorkerJob = {
      directory: folder,
      flushMs: 0,
      grpcUrl: server.grpcUrl!,
      leaseMs: 400,
      run: {collection: NAME, job: 'backup', options},
      url: server.url,
    }
    const child = spawn(process.execPath, [worker, JSON.stringify(job)], {stdio: ['ignore', 'pipe', 'inherit']})
    children.push(child)
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const ended = once(child, 'close')
    await vi.waitFor(
      async () => {
        const journal = (await readdir(folder)).find((name) => name.endsWith('.journal'))!
        expect(rowsIn(await readFile(path.join(folder, journal), 'utf8'))).toBeGreaterThanOrEqual(50)
      },
      {interval: 5, timeout: 10_000},
    )
    child.kill('SIGSTOP')
    pauseMs = 0
    const backup = await new BackupManager(connection, {directory: folder}).backupCollection(NAME, options)
    expect(backup.objectCount).toBe(OBJECTS)
    expect(backup.resumed).toBeGreaterThanOrEqual(50)
    const sealed = await hashes(backup.path)

    child.kill('SIGCONT')
    await ended
    const {error} = JSON.parse(output) as {error?: {code: string; message: string}}
    expect(error).toMatchObject({code: 'STORAGE', message: expect.stringContaining('lost') as string})
    expect(await hashes(backup.path)).toEqual(sealed)
    expect(await new Verifier({directory: folder}).verifyBackup(backup.path)).toMatchObject({
      digest: backup.digest,
      objectCount: OBJECTS,
      problems: [],
    })
    expect((await new BackupCatalog(folder).list()).map(({id, status}) => [id, status])).toEqual([
      [backup.id, 'sealed'],
    ])
    expect(await readdir(folder)).toEqual(['.backup_catalog.json', path.basename(backup.path)])
  })
})
