/** A backup and a restore need nothing of what they write to but its contract. */
import {readFile} from 'node:fs/promises'
import {afterAll, beforeAll, expect, it} from 'vitest'

import type {SealedArchive} from '../../src/archive/writer.js'
import type {WriteFailure} from '../../src/model/object.js'

import {persistent} from '../../src/flow/persistent.js'
import {TenantNotes} from '../../src/flow/tenants/note.js'
import {where} from '../../src/flow/transform/index.js'
import {makeJob as makeBackup} from '../../src/jobs/backup/job.js'
import {claim, open} from '../../src/jobs/backup/open.js'
import {type BackupOptions} from '../../src/jobs/backup/options.js'
import {planBackup} from '../../src/jobs/backup/plan.js'
import {seal} from '../../src/jobs/backup/seal.js'
import {transfer} from '../../src/jobs/backup/write.js'
import {makeJob as makeRestore} from '../../src/jobs/restore/job.js'
import {planRestore} from '../../src/jobs/restore/plan.js'
import {createTarget, leave, prepareTarget, type Target} from '../../src/jobs/restore/target.js'
import {writeObjects, writeReferences} from '../../src/jobs/restore/write.js'
import {compareSides} from '../../src/jobs/verify/compare.js'
import {LiveSide} from '../../src/jobs/verify/live-side.js'
import {SourceSide} from '../../src/jobs/verify/source-side.js'
import {resolveCollection} from '../../src/weaviate/resolve.js'
import {fillCollection, startTestServer, type TestServer} from '../support/collections.js'
import {MemoryArchive, MemorySink} from '../support/memory-sink.js'
import {memorySource} from '../support/memory-source.js'
import {memoryStore} from '../support/memory-store.js'
import {selfReferring} from '../support/self-referring.js'

const NAME = 'AnySink'
const {objects, schema} = selfReferring(NAME)

let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
  await fillCollection(server.connection, schema, objects)
})

afterAll(async () => {
  await server.close()
})

/** All steps of a backup but its entry in the catalog, into `writer`. */
async function backUp(writer: MemoryArchive, options: BackupOptions = {}): Promise<SealedArchive> {
  const store = memoryStore()
  const connection = persistent(server.connection)
  const collection = await resolveCollection(connection, NAME)
  const plan = await planBackup(makeBackup({collection, connection, notes: new TenantNotes([store]), options, store}))
  if (plan.step !== 'planned') throw new Error('there is one')
  const claimed = await claim(plan)
  try {
    return await seal(await transfer({...(await open(claimed)), writer}))
  } finally {
    await claimed.claim.release()
  }
}

/** All steps of a restore but its confirmation, into `sink`. */
async function restore(sink: MemorySink, name: string): Promise<Target> {
  const store = memoryStore()
  const job = makeRestore(
    server.connection,
    {source: memorySource(schema, objects), store},
    {name},
    {notes: new TenantNotes([store])},
  )
  try {
    const target = await prepareTarget(await createTarget(await planRestore(job)))
    const {target: written} = await writeReferences(
      await writeObjects({...target, transfer: {...target.transfer, sink}}),
    )
    await leave(written)
    return written
  } finally {
    await job.leases.release()
  }
}

const sideOf = ({objects: held}: MemorySink): SourceSide => new SourceSide(memorySource(schema, [...held.values()]), {})

it('is implemented in 40 lines', async () => {
  const text = await readFile(new URL('../support/memory-sink.ts', import.meta.url), 'utf8')
  const body = text.replaceAll(/^import [^]*? from '[^']+'$/gm, '')
  const lines = body.split('\n').filter((line) => line !== '')
  expect(lines.length).toBeLessThanOrEqual(40)
})

it('takes a backup, whose seal and objects are those of the collection', async () => {
  const archive = new MemoryArchive()
  const sealed = await backUp(archive)
  expect(sealed.seal).toMatchObject({complete: true, counted: {after: 50, before: 50, read: 50}, object_count: 50})
  const live = new LiveSide(server.connection, (await server.connection.getCollection(NAME))!, {})
  const compared = await compareSides(sideOf(archive), live, {})
  expect(compared).toMatchObject({equal: true, objects: {first: 50, second: 50}})
  expect(compared.digests).toEqual({first: sealed.seal.digest, second: sealed.seal.digest})
})

it('takes what transforms make of a backup, and one that looks again for changes', async () => {
  const half = where(`id < "${objects.map(({id}) => id).toSorted()[25]!}"`)
  const part = new MemoryArchive()
  expect((await backUp(part, {transforms: [half]})).seal.object_count).toBe(25)
  expect(part.objects.size).toBe(25)
  const settled = new MemoryArchive()
  expect((await backUp(settled, {settle: true})).seal).toMatchObject({amendments: [], object_count: 50})
})

it('that refuses an object makes no backup', async () => {
  const archive = new MemoryArchive()
  const {id} = objects[17]!
  archive.write = async (): Promise<WriteFailure[]> => [{id, reason: 'no room'}]
  await expect(backUp(archive)).rejects.toMatchObject({code: 'UNEXPECTED', details: {id, reason: 'no room'}})
})

it('takes a restore, objects and references, past the server', async () => {
  const sink = new MemorySink(['before'])
  const {restore: done} = await restore(sink, 'AnySinkRestored')
  expect(done.checkpoint).toMatchObject({objects: {count: 50, finished: true}, references: {count: 50, finished: true}})
  expect(await compareSides(sideOf(sink), new SourceSide(memorySource(schema, objects), {}), {})).toMatchObject({
    equal: true,
    objects: {first: 50, second: 50},
  })
  // One is written to see that both addresses are of one server.
  expect(await server.connection.count('AnySinkRestored')).toBeLessThanOrEqual(1)
})

it('that refuses objects of a restore: they are noted, and their references are not sent', async () => {
  const sink = new MemorySink(['before'])
  const {write} = sink
  const refused = new Set(objects.filter((_, index) => index % 10 === 0).map(({id}) => id))
  sink.write = async (some) => {
    await write.call(
      sink,
      some.filter(({id}) => !refused.has(id)),
    )
    return some.filter(({id}) => refused.has(id)).map(({id}) => ({id, reason: 'no room'}))
  }

  const {restore: done, transfer: used} = await restore(sink, 'AnySinkRefused')
  expect(done.checkpoint).toMatchObject({objects: {count: 45}, references: {count: 45}, rejected: {size: 5}})
  expect(used.rejected.count).toBe(5)
  expect(sink.objects.size).toBe(45)
})
