/** Changes on the way come to the same in one thread, in several, and by several workers of a job. */
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'

import {BackupManager, transforms as changes, JobManager, type Transform, Verifier} from '../../src/index.js'
import {openStore} from '../../src/store/open.js'
import {withEnvironment} from '../store/support.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../support/collections.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'

const NAME = 'ChangedAnywhere'
const OBJECTS = 600

let server: TestServer
let s3: S3Server
let restoreEnvironment: () => void
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let fromFile: Transform

beforeAll(async () => {
  server = await startTestServer()
  s3 = await startS3()
  restoreEnvironment = withEnvironment(s3.env)
  directory = await temporaryDirectory()
  await makeCollection(server.connection, NAME, OBJECTS, 4)
  const file = path.join(directory.path, 'change.mjs')
  await writeFile(
    file,
    `export const partial = false
export function object(object) {
  return {...object, properties: {...object.properties, part: 'p' + (parseInt(object.id.slice(0, 2), 16) % 3)}}
}
export function schema(schema) {
  return {...schema, properties: [...(schema.properties ?? []), {name: 'part', dataType: ['text']}]}
}
`,
  )
  fromFile = await changes.loadTransform(file)
})

afterAll(async () => {
  restoreEnvironment()
  await server.connection.deleteCollection(NAME)
  await s3.close()
  await server.close()
  await directory.remove()
})

it.each([
  ['a sample of so many, then a limit', () => [changes.sample(200, 'x'), changes.limit(70)], 70],
  [
    'code, tenants of what it says, a limit over them, a filter',
    () => [fromFile, changes.tenantFrom('part'), changes.limit(90), changes.where('tenant != "p0"')],
    undefined,
  ],
])('%s', async (_, transforms, count) => {
  const digests: string[] = []
  const add = async (place: string, id: string): Promise<void> => {
    const found = await new Verifier({store: openStore(place)}).verifyBackup(id)
    expect(found.problems).toEqual([])
    if (count !== undefined) expect(found.objectCount).toBe(count)
    expect(found.objectCount).toBeGreaterThan(0)
    expect(found.objectCount).toBeLessThan(OBJECTS)
    digests.push(`${found.objectCount} ${found.digest}`)
  }

  const local = path.join(directory.path, 'backups')
  for (const workers of [1, 3]) {
    const backup = new BackupManager(server.connection, {directory: local})
    const {id} = await backup.backupCollection(NAME, {format: 'parquet', transforms: transforms(), workers})
    await add(local, id)
  }

  const place = `s3://${BUCKET}/${transforms().length}`
  const jobs = new JobManager({store: openStore(place)})
  const {id} = await jobs.createBackup(server.connection, [NAME], {items: 5, transforms: transforms()})
  const worked = await Promise.all([1, 2, 3].map(async () => jobs.work(server.connection, id)))
  expect(worked.map(({end}) => end)).toEqual(['done', 'done', 'done'])
  await add(place, worked[0]!.sealed[0]!.id)
  expect(new Set(digests).size).toBe(1)
})
