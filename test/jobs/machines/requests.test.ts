/** How often a restore by several machines asks its place, for each item more. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import {BackupManager} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {SMALLEST_ITEM} from '../../../src/jobs/restore/divide.js'
import {openStore} from '../../../src/store/open.js'
import {makeReferences} from '../../fault/samples.js'
import {BUCKET} from '../../support/s3-server.js'
import {type ServerWithS3, startServerWithS3} from '../../support/server-with-s3.js'

const NAME = 'MachinesCounted'
const COPY = 'MachinesCountedCopy'
const COUNT = 400
const USUAL = SMALLEST_ITEM.rows

let at: ServerWithS3

beforeAll(async () => {
  at = await startServerWithS3()
  await makeReferences(at.server.connection, NAME, {dims: 4, objects: COUNT, references: 2})
  SMALLEST_ITEM.rows = 5
}, 60_000)

afterAll(async () => {
  SMALLEST_ITEM.rows = USUAL
  await at.close(NAME, COPY)
})

/** All but bytes of parts and renewals: by what is done with what. */
async function requestsOf(backup: string, wanted: number): Promise<{all: number; items: number; kinds: string}> {
  const {
    s3,
    server: {connection},
  } = at
  const manager = new JobManager({store: openStore(`s3://${BUCKET}/counted`)})
  const kinds = new Map<string, number>()
  s3.fault = ({body, key, operation}) => {
    const isRenewal = operation === 'PutObject' && /"beat":(?!1,).*"state":"taken"/.test(body.toString())
    if (isRenewal || key.includes('/objects')) return undefined
    const kind = `${operation} ${key.replaceAll(/\d+/g, '0')}`
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    return undefined
  }

  const {id, items} = await manager.createRestore(connection, [backup], {items: wanted, name: COPY})
  const worked = await manager.work(connection, id, {hint: 0})
  s3.fault = undefined
  expect(worked).toMatchObject({done: items, end: 'done', restored: [{restored: COUNT}]})
  await connection.deleteCollection(COPY)
  let all = 0
  for (const count of kinds.values()) all += count
  return {all, items, kinds: JSON.stringify([...kinds], undefined, 1)}
}

it('is at most five times', async () => {
  const {id} = await new BackupManager(at.server.connection, {
    store: openStore(`s3://${BUCKET}/counted`),
  }).backupCollection(NAME, {format: 'parquet'})
  const few = await requestsOf(id, 10)
  const many = await requestsOf(id, 50)
  expect([few.items, many.items]).toEqual([21, 101])
  expect((many.all - few.all) / (many.items - few.items), many.kinds).toBeLessThanOrEqual(5)
}, 60_000)
