/** Several processes back up into one prefix of a bucket at once: as many entries, each whole, under names of their own. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'
import {fill, filler} from './fill.js'
import {cli, start} from './run-cli.js'

const OBJECTS = 30
const PROCESSES = 4

let server: EmbeddedWeaviate
let s3: S3Server

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  s3 = await startS3()
  for (let index = 1; index <= PROCESSES; index++) await fill(filler(server.url), `Book${index}`, OBJECTS)
})
afterAll(async () => {
  await s3.close()
  await server.close()
})

interface Listed {
  backups: Array<{collection: string; id: string; objectCount: number; path: string; status: string}>
}

/** All of them at once; what is listed then. */
async function backUp(place: string, collections: readonly string[]): Promise<Listed['backups']> {
  const env = {...s3.env, WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url}
  const running = collections.map((name) =>
    start(['col', 'backup', name, '--format', 'parquet', '-o', place, '--json'], env),
  )
  for (const {done} of running) {
    const run = await done
    expect(run, run.stderr + run.stdout).toMatchObject({code: 0})
    expect(run.json()).toMatchObject({objectCount: OBJECTS})
  }

  const listed = (await cli(['backup', 'list', '-o', place, '--json'], env)).json() as unknown as Listed
  const verified = await cli(['backup', 'verify', ...listed.backups.map(({id}) => id), '-o', place, '--json'], env)
  expect(verified, verified.stderr + verified.stdout).toMatchObject({code: 0})
  return listed.backups
}

describe('four processes at once', {timeout: 300_000}, () => {
  it('of four collections: four entries', async () => {
    const names = Array.from({length: PROCESSES}, (_, index) => `Book${index + 1}`)
    const backups = await backUp(`s3://${BUCKET}/four`, names)
    expect(backups.map(({collection}) => collection).toSorted()).toEqual(names)
    expect(new Set(backups.map(({status}) => status))).toEqual(new Set(['sealed']))
  })

  it('of one collection, which want one name: all whole, under names of their own', async () => {
    const backups = await backUp(
      `s3://${BUCKET}/same`,
      Array.from({length: PROCESSES}, () => 'Book1'),
    )
    expect(backups).toHaveLength(PROCESSES)
    expect(new Set(backups.map(({path}) => path)).size).toBe(PROCESSES)
    expect(new Set(backups.map(({id}) => id)).size).toBe(PROCESSES)
    expect(new Set(backups.map(({status}) => status))).toEqual(new Set(['sealed']))
  })
})
