/** A merge that leaves alone what is there: also what others write while it is under way, in every run of it. */
import {afterEach, beforeEach, expect, it} from 'vitest'

import type {Connection} from '../../../src/weaviate/connection.js'

import {comesFromLacking} from '../../../src/cli/unread.js'
import {BackupManager, CopyManager, DataOpsError, JobManager, RestoreManager} from '../../../src/index.js'
import {GRACE, SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {SMALLEST_ITEM} from '../../../src/jobs/restore/divide.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {floats} from '../../codec/part-sample.js'
import {writeAll} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'
import {objectId} from '../../support/object-id.js'

const NAME = 'Meanwhile'
const COPY = 'MeanwhileCopy'
const COUNT = 40
const MERGE = {batchSize: 5, concurrency: 2, merge: true, name: COPY} as const
const USUAL = {every: SAVE_EVERY.ms, grace: GRACE.ms, rows: SMALLEST_ITEM.rows}
const servers = embeddedServers()

beforeEach(() => {
  SAVE_EVERY.ms = 0
  GRACE.ms = 0
  SMALLEST_ITEM.rows = 10
})

afterEach(() => {
  SAVE_EVERY.ms = USUAL.every
  GRACE.ms = USUAL.grace
  SMALLEST_ITEM.rows = USUAL.rows
})

const schemaOf = (name: string) => ({
  class: name,
  properties: [
    {dataType: ['text'], name: 'by'},
    {dataType: [name], name: 'next'},
  ],
  vectorizer: 'none',
})
const VECTOR = floats(1, 0.5)
const objectOf = (number: number, by: string, to = NAME) => ({
  id: objectId(number),
  vector: VECTOR,
  properties: {
    by,
    ...(by === 'backup' && {next: [{beacon: `weaviate://localhost/${to}/${objectId((number + 1) % COUNT)}`}]}),
  },
})

async function begin() {
  const {connection} = await servers.start()
  for (const name of [NAME, COPY]) await connection.createCollection(schemaOf(name))
  await writeAll(
    connection,
    NAME,
    Array.from({length: COUNT}, (_, number) => objectOf(number, 'backup')),
  )
  const place = {directory: servers.directory}
  const {id} = await new BackupManager(connection, place).backupCollection(NAME, {format: 'parquet'})
  return {connection, id, place}
}

/** Another program writes these while the objects with those ids are still to come. `diesAt`: a number of objects that no call takes. */
function beside(connection: Connection, theirs: readonly number[], diesAt = Infinity): Connection {
  let isWritten = false
  let taken = 0
  return {
    ...connection,
    async writeObjects(request) {
      if (!isWritten) {
        isWritten = true
        await writeAll(
          connection,
          COPY,
          theirs.map((number) => objectOf(number, 'others')),
        )
      }

      taken += request.objects.length
      if (taken > diesAt) throw new DataOpsError('SERVER_REFUSED', 'That is enough.')
      return connection.writeObjects(request)
    },
  }
}

/** Whose the objects are, and that those of the backup have their references, and the others none. */
async function othersIn(connection: Connection): Promise<number[]> {
  const collection = planCollection((await connection.getCollection(COPY))!)
  const ids = Array.from({length: COUNT}, (_, number) => objectId(number))
  const objects = await connection.getObjects({collection, ids})
  expect(objects).toHaveLength(COUNT)
  for (const {properties} of objects)
    expect([properties.by, (properties.next as unknown[] | undefined)?.length ?? 0]).toEqual(
      properties.by === 'backup' ? ['backup', 1] : ['others', 0],
    )
  return objects
    .flatMap(({id, properties}) => (properties.by === 'others' ? [Number(id.slice(-12))] : []))
    .toSorted((a, b) => a - b)
}

const THEIRS = [7, 23, 24, 39]

it.each(['skip', 'fail'] as const)('is not written over by a restore (%s)', async (onConflict) => {
  const {connection, id, place} = await begin()
  const restored = await new RestoreManager(beside(connection, THEIRS), place).restoreCollection(id, {
    ...MERGE,
    onConflict,
  })
  expect(restored).toMatchObject({
    references: COUNT - THEIRS.length,
    restored: COUNT - THEIRS.length,
    skipped: THEIRS.length,
  })
  expect(await othersIn(connection)).toEqual(THEIRS)
  const told = restored.warnings.filter(({code}) => code === 'written-meanwhile')
  expect(told.map(({details}) => details)).toEqual(onConflict === 'fail' ? [{collection: COPY, objects: 4}] : [])
  expect(comesFromLacking(restored)).toBe(onConflict === 'fail')
})

it('is written over where that is asked for', async () => {
  const {connection, id, place} = await begin()
  await new RestoreManager(beside(connection, THEIRS), place).restoreCollection(id, MERGE)
  expect(await othersIn(connection)).toEqual([])
})

it('nor by a run that goes on, to which what the killed one had sent is its own', async () => {
  const {connection, id, place} = await begin()
  const options = {...MERGE, concurrency: 1, onConflict: 'skip'} as const
  const killed = new RestoreManager(beside(connection, [12], 21), place).restoreCollection(id, options)
  await expect(killed).rejects.toThrow('That is enough.')
  // Within what was announced, beyond it there is nothing here: of what the killed one has sent, and of what it has not.
  const collection = planCollection(schemaOf(COPY))
  const objects = Array.from({length: 3}, (_, number) => objectOf(number + 25, 'backup'))
  expect(await connection.writeObjects({collection, objects})).toEqual([])
  await writeAll(connection, COPY, [objectOf(31, 'others')])
  const restored = await new RestoreManager(connection, place).restoreCollection(id, options)
  expect(restored.skipped).toBe(2)
  expect(restored.restored + restored.resumed).toBe(COUNT - 2)
  expect(await othersIn(connection)).toEqual([12, 31])
})

it('of rows that may have been sent, what the server makes of them is not known where it makes something else of them', async () => {
  const {connection, id, place} = await begin()
  const options = {...MERGE, allowVectorization: true, concurrency: 1, onConflict: 'skip'} as const
  const killed = new RestoreManager(beside(connection, [12], 21), place).restoreCollection(id, options)
  await expect(killed).rejects.toThrow('That is enough.')
  await writeAll(connection, COPY, [objectOf(31, 'others')])
  expect(await new RestoreManager(connection, place).restoreCollection(id, options)).toMatchObject({skipped: 1})
  expect(await othersIn(connection)).toEqual([12])
})

it('nor by a copy', async () => {
  const {connection, place} = await begin()
  const copies = new CopyManager(connection, beside(connection, THEIRS), place)
  expect(await copies.copyCollection(NAME, {...MERGE, onConflict: 'skip'})).toMatchObject({skipped: THEIRS.length})
  expect(await othersIn(connection)).toEqual(THEIRS)
})

it('nor by several machines', async () => {
  const {connection, id, place} = await begin()
  const jobs = new JobManager(place)
  const {concurrency: _, ...merge} = MERGE
  const job = await jobs.createRestore(connection, [id], {...merge, items: 4, onConflict: 'skip'})
  await jobs.work(beside(connection, THEIRS), job.id, {concurrency: 1, hint: 0})
  const {restored} = await jobs.show(job.id)
  expect(restored).toMatchObject([{restored: COUNT - THEIRS.length, skipped: THEIRS.length}])
  expect(await othersIn(connection)).toEqual(THEIRS)
})
