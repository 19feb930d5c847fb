import {expect, it} from 'vitest'

import {checkpointName} from '../../../src/archive/names.js'
import {utf8} from '../../../src/codec/bytes.js'
import {readCheckpoint} from '../../../src/jobs/restore/checkpoint-file.js'
import {Checkpoint} from '../../../src/jobs/restore/checkpoint.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = checkpointName('backup', 'Target@s')
const BINDING = {backupId: 'b', digest: 'd', options: '{}', server: 's', target: 'Target'}

/** A checkpoint as a run leaves it that has come across everything. */
async function written(): Promise<{
  name: string
  store: ReturnType<typeof memoryStore>
  value: Record<string, unknown>
}> {
  const store = memoryStore()
  const checkpoint = await Checkpoint.open(store, 'backup', BINDING, {})
  checkpoint.created = true
  checkpoint.conflictsSettled = true
  checkpoint.identity = 'identity'
  checkpoint.isMade = true
  checkpoint.gone.add(3, 4)
  checkpoint.late.add(11, 12)
  checkpoint.unseen.add(10, 13)
  checkpoint.objects.announced = 12
  checkpoint.objects.count = 7
  checkpoint.objects.done.add(0, 10)
  checkpoint.objects.finished = true
  checkpoint.placeholders = [
    {collection: 'Other', id: 'x', tenant: 'a', times: [1, 2], vectors: 'v'},
    {collection: 'Other', id: 'y', vectors: 'v'},
  ]
  checkpoint.references.announced = 5000
  checkpoint.references.done.add(2, 5)
  checkpoint.rejected.add(8, 9)
  checkpoint.skipped.add(0, 1)
  checkpoint.tenants = [{name: 'a', status: 'COLD'}]
  checkpoint.targetTenants = [{collection: 'Other', name: 'a', status: 'FROZEN'}]
  await checkpoint.save()
  const value = {...(await readCheckpoint(store, NAME))}
  return {name: NAME, store, value}
}

it('is read back as it was written, every member of it', async () => {
  const {value} = await written()
  expect(value).toEqual({
    binding: BINDING,
    conflictsSettled: true,
    created: true,
    gone: [[3, 4]],
    identity: 'identity',
    late: [[11, 12]],
    made: true,
    objects: {announced: 12, count: 7, done: [[0, 10]], finished: true},
    placeholders: [
      {collection: 'Other', id: 'x', tenant: 'a', times: [1, 2], vectors: 'v'},
      {collection: 'Other', id: 'y', vectors: 'v'},
    ],
    references: {announced: 5000, count: 0, done: [[2, 5]], finished: false},
    rejected: [[8, 9]],
    rejectedBytes: 0,
    skipped: [[0, 1]],
    targetTenants: [{collection: 'Other', name: 'a', status: 'FROZEN'}],
    tenants: [{name: 'a', status: 'COLD'}],
    unseen: [[10, 13]],
    version: 1,
  })
})

it.each([
  ['version', 2, 'checkpoint.version is not 1'],
  ['created', 'yes', 'checkpoint.created is neither true nor false'],
  ['objects', {count: 7, done: [[0, 10]], finished: 1}, 'checkpoint.objects.finished is neither true nor false'],
  ['objects', {count: -1, done: [], finished: true}, 'checkpoint.objects.count is not a whole number'],
  ['references', {count: 0, done: [], finished: false}, 'checkpoint.references.announced is not a whole number'],
  [
    'rejected',
    [
      [0, 1],
      [5, 5],
    ],
    'checkpoint.rejected[1] is no range',
  ],
  ['skipped', [[0, 1, 2]], 'checkpoint.skipped[0] is no pair of numbers'],
  ['gone', {}, 'checkpoint.gone is not a list'],
  ['tenants', [{name: 'a', status: 'HOT'}], 'checkpoint.tenants[0].status is none of COLD, FROZEN'],
  ['placeholders', [{collection: 'Other', id: 7}], 'checkpoint.placeholders[0].id is not text'],
  ['binding', null, 'checkpoint.binding is not an object'],
])('with another %s is damaged, and the error says where: %j', async (member, value, reason) => {
  const made = await written()
  await made.store.put(made.name, utf8(JSON.stringify({...made.value, [member]: value})))
  await expect(readCheckpoint(made.store, made.name)).rejects.toMatchObject({code: 'CHECKPOINT', details: {reason}})
})

it('that is no JSON, or says that it is over', async () => {
  const {name, store} = await written()
  await store.put(name, utf8('{"binding":'))
  await expect(readCheckpoint(store, name)).rejects.toMatchObject({code: 'CHECKPOINT'})
  await store.put(name, utf8('{"over":true}\n'))
  expect(await readCheckpoint(store, name)).toBeUndefined()
})

it('of an earlier release, which does not say what was announced, may have sent all objects', async () => {
  const {name, store, value} = await written()
  expect((await Checkpoint.open(store, 'backup', BINDING)).objects.announced).toBe(12)
  const {announced: _, ...objects} = value.objects as Record<string, unknown>
  await store.put(name, utf8(JSON.stringify({...value, objects})))
  const opened = await Checkpoint.open(store, 'backup', BINDING)
  expect(opened.objects.announced).toBe(Infinity)
  // It still does not say it, once it was saved again.
  await opened.save()
  expect((await Checkpoint.open(store, 'backup', BINDING)).objects.announced).toBe(Infinity)
})
