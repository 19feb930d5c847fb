/** What whoever came to the end of a job was warned of: everybody who looks at the job learns it. */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'

import {jobLines} from '../../../src/cli/job-results.js'
import {newIdentity} from '../../../src/codec/age/header.js'
import {DataOpsError} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {withEncryption} from '../../../src/store/encryption.js'
import {makeCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'MachinesWarned'
const COPY = 'MachinesWarnedCopy'
const CHANGED = {code: 'schema-changed', details: {collection: NAME, newMembers: ['the property note']}}
let server: TestServer
let store: Store

beforeAll(async () => {
  server = await startTestServer()
})

afterAll(async () => {
  for (const name of [NAME, COPY]) await server.connection.deleteCollection(name)
  await server.close()
})

beforeEach(async () => {
  for (const name of [NAME, COPY]) await server.connection.deleteCollection(name)
  await makeCollection(server.connection, NAME, 20, 4)
  store = memoryStore()
})

/** A property comes into being between the plan and the seal. */
async function plan(place = store): Promise<string> {
  const {id} = await new JobManager({store: place}).createBackup(server.connection, [NAME], {items: 1})
  const response = await fetch(`${server.url}/v1/schema/${NAME}/properties`, {
    body: JSON.stringify({dataType: ['text'], name: 'note'}),
    headers: {'content-type': 'application/json'},
    method: 'POST',
  })
  expect(response.status).toBe(200)
  return id
}

/** That the backup is sealed cannot be noted, once: the next attempt finds it sealed. */
function forgetful(place: Store): Store {
  let isSealed = false
  let isLost = false
  return {
    ...place,
    async put(key, bytes, condition) {
      isSealed ||= key.endsWith('/metadata.json') || key === '.backup_catalog.json'
      if (isSealed && !isLost && Buffer.from(bytes).includes('"sealed":{')) {
        isLost = true
        throw new DataOpsError('STORAGE', 'Nobody notes that.')
      }

      return place.put(key, bytes, condition)
    },
  }
}

describe('the warnings of a seal', () => {
  it('are told to those who did not seal, in JSON and in words', async () => {
    const id = await plan()
    await new JobManager({store}).work(server.connection, id)
    const later = await new JobManager({store}).work(server.connection, id)
    expect(later).toMatchObject({done: 0, sealed: [{collection: NAME, warnings: [CHANGED]}], warnings: []})
    const shown = await new JobManager({store}).show(id)
    expect(shown.sealed).toMatchObject([{warnings: [CHANGED]}])
    expect(jobLines(shown)).toContain(`  Warning: ${shown.sealed[0]?.warnings[0]?.message}`)
  })

  it('are those that stand in it, where who sealed it did not live to say them', async () => {
    const id = await plan()
    const worked = await new JobManager({store: forgetful(store)}).work(server.connection, id)
    expect(worked).toMatchObject({aside: [], end: 'done', sealed: [{warnings: [CHANGED]}]})
  })

  it('are not known where it is encrypted, which is not none', async () => {
    const {recipient} = await newIdentity()
    const place = withEncryption(store, {encryptTo: [recipient]})
    const id = await plan(place)
    const worked = await new JobManager({store: withEncryption(forgetful(store), {encryptTo: [recipient]})}).work(
      server.connection,
      id,
    )
    expect(worked).toMatchObject({aside: [], end: 'done', sealed: [{warnings: [{code: 'seal-unseen'}]}]})
  })
})

it('what a restore was warned of stands below it', async () => {
  const backup = await new JobManager({store}).createBackup(server.connection, [NAME], {items: 1})
  const {sealed} = await new JobManager({store}).work(server.connection, backup.id)
  const options = {items: 1, name: COPY, overrides: {invertedIndexConfig: {bm25: {b: 0.75, k1: 1.2}}}}
  const {id} = await new JobManager({store}).createRestore(server.connection, [sealed[0]?.id ?? ''], options)
  await new JobManager({store}).work(server.connection, id)
  const shown = await new JobManager({store}).show(id)
  const [restored] = shown.restored
  const lines = jobLines({...shown, restored: [{...restored!, warnings: [{code: 'x', message: 'Look at it.'}]}]})
  expect(lines.at(-1)).toBe('  Warning: Look at it.')
})
