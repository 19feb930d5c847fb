/** Somebody else's `metadata.json` lies in the folder that a backup by several machines is to be sealed in: it is sealed beside it, and the job ends. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'

import {BackupCatalog, BackupManager, DataOpsError, RestoreManager, Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {overlay} from '../../../src/model/overlay.js'
import {readAll} from '../../../src/store/read-all.js'
import {makeCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {type Death, dyingStore} from '../../support/dying-store.js'
import {fasterClock} from '../../support/faster-clock.js'
import {memoryStore} from '../../support/memory-store.js'
import {openerOf} from '../../support/plain-or-encrypted.js'
import {sleepyStore} from '../../support/sleepy-store.js'

const NAME = 'MachinesTaken'
const COPY = `${NAME}Copy`
const COUNT = 300
const LEASE_MS = 600
/** One call in so many. */
const STEP = process.env.SWEEP === 'all' ? 1 : 7
fasterClock()
let server: TestServer
let digest: string
/** What lies in the folder, by what it is. */
const foreign = new Map<string, Uint8Array>([['rubbish', Buffer.from('not ours\n')]])

beforeAll(async () => {
  server = await startTestServer()
  await makeCollection(server.connection, NAME, COUNT, 4)
  for (const kind of ['plain', 'encrypted'] as const) {
    const place = memoryStore()
    const store = (await openerOf(kind))(place)
    const other = await new BackupManager(server.connection, {store}).backupCollection(NAME, {format: 'parquet'})
    if (kind === 'plain') digest = other.digest
    const folder = (await place.list('')).find(({name}) => name.startsWith(NAME))
    foreign.set(`of a ${kind} backup`, await readAll(place, `${folder!.name}/metadata.json`))
  }
})

afterAll(async () => {
  for (const name of [NAME, COPY]) await server.connection.deleteCollection(name)
  await server.close()
})

const create = async (store: Store): Promise<{folder: string; id: string}> => {
  const {id} = await new JobManager({store}).createBackup(server.connection, [NAME], {items: 2, leaseMs: LEASE_MS})
  const folder = (await store.list('')).find(({name}) => name.startsWith(NAME))
  return {folder: folder!.name, id}
}

/** There is one backup, whole, beside what took its name; the job says so, and says the same when it is asked again. */
async function expectBeside(
  store: Store,
  {folder, id}: {folder: string; id: string},
  bytes: Uint8Array,
): Promise<{file: string; id: string}> {
  for (let again = 0; again < 2; again++) {
    const worked = await new JobManager({store}).work(server.connection, id)
    expect(worked).toMatchObject({aside: [], end: 'done', sealed: [{object_count: COUNT}]})
    expect(worked.sealed[0]!.file).toMatch(new RegExp(String.raw`^${folder}-\d+$`))
  }

  const [sealed] = (await new JobManager({store}).show(id)).sealed
  const listed = await new BackupCatalog(store).list()
  expect(listed.filter(({id: own}) => own === sealed!.id)).toMatchObject([{file: sealed!.file, status: 'sealed'}])
  const found = await new Verifier({store}).verifyBackup(sealed!.file)
  expect(found).toMatchObject({digest, objectCount: COUNT, problems: []})
  expect(Buffer.from(await readAll(store, `${folder}/metadata.json`))).toEqual(Buffer.from(bytes))
  expect((await store.list(folder)).map(({name}) => name).filter((name) => name.startsWith('objects-'))).toEqual([])
  return sealed!
}

describe.each(['plain', 'encrypted'] as const)('%s', (kind) => {
  it.each(['rubbish', 'of a plain backup', 'of an encrypted backup'])(
    '%s lies there before anybody has worked',
    async (what) => {
      const place = memoryStore()
      const store = (await openerOf(kind))(place)
      const job = await create(store)
      const bytes = foreign.get(what.replace('an enc', 'a enc'))!
      await place.put(`${job.folder}/metadata.json`, bytes)
      const {id} = await expectBeside(store, job, bytes)
      await server.connection.deleteCollection(COPY)
      const restored = await new RestoreManager(server.connection, {store}).restoreCollection(id, {
        name: COPY,
        verify: true,
      })
      expect(restored).toMatchObject({restored: COUNT, verification: {equal: true}})
    },
    30_000,
  )

  it('comes right before the seal', async () => {
    const place = memoryStore()
    const opened = await openerOf(kind)
    const job = await create(opened(place))
    const bytes = foreign.get('rubbish')!
    const late = overlay(place, {
      async put(...put: Parameters<Store['put']>) {
        if (put[0] === `${job.folder}/metadata.json`) await place.put(put[0], bytes, {ifAbsent: true})
        return place.put(...put)
      },
    })
    await new JobManager({store: opened(late)}).work(server.connection, job.id)
    await expectBeside(opened(place), job, bytes)
  }, 30_000)

  it('is a whole backup, and the place is pruned hours after the items were done: their parts, and what is being brought, stay', async () => {
    const [place, elsewhere] = [memoryStore(), memoryStore()]
    const opened = await openerOf(kind)
    const job = await create(opened(place))
    await new BackupManager(server.connection, {store: elsewhere}).backupCollection(NAME, {format: 'parquet'})
    const {name: other} = (await elsewhere.list('')).find(({name}) => name.startsWith(NAME))!
    for (const {name} of await elsewhere.list(other))
      await place.put(`${job.folder}/${name}`, await readAll(elsewhere, `${other}/${name}`))
    const bytes = await readAll(place, `${job.folder}/metadata.json`)
    const old = overlay(place, {
      list: async (folder: string) =>
        (await place.list(folder)).map((entry) => ({...entry, modified: entry.modified && 1})),
    })
    const leftovers: string[] = []
    const mayGo = async (): Promise<void> => {
      for (const dryRun of [true, false])
        leftovers.push(...(await new BackupCatalog(old).prune({}, {dryRun})).leftovers)
    }

    let isPruned = false
    const pruned = overlay(place, {
      async createWriter(key: string) {
        if (key.startsWith(`${job.folder}-2/`) && !isPruned) {
          isPruned = true
          await mayGo()
        }

        return place.createWriter(key)
      },
    })
    await new JobManager({store: opened(pruned)}).work(server.connection, job.id)
    expect(isPruned).toBe(true)
    expect(leftovers).toEqual([])
    await expectBeside(opened(place), job, bytes)
    if (kind === 'plain')
      expect(await new Verifier({store: place}).verifyBackup(job.folder)).toMatchObject({digest, problems: []})
  }, 30_000)

  it('lies in the next folder too, once that was agreed on', async () => {
    const place = memoryStore()
    const opened = await openerOf(kind)
    const job = await create(opened(place))
    const bytes = foreign.get('rubbish')!
    await place.put(`${job.folder}/metadata.json`, bytes)
    const late = overlay(place, {
      async put(...put: Parameters<Store['put']>) {
        if (put[0] === `${job.folder}-2/metadata.json`) await place.put(put[0], bytes, {ifAbsent: true})
        return place.put(...put)
      },
    })
    await new JobManager({store: opened(late)}).work(server.connection, job.id)
    const {file} = await expectBeside(opened(place), job, bytes)
    expect(file).toBe(`${job.folder}-3`)
  }, 30_000)

  it('an empty one, as a kill leaves it where there are no hard links, holds nothing up', async () => {
    const place = memoryStore()
    const store = (await openerOf(kind))(place)
    const job = await create(store)
    await place.put(`${job.folder}/metadata.json`, new Uint8Array())
    const worked = await new JobManager({store}).work(server.connection, job.id)
    expect(worked).toMatchObject({aside: [], end: 'done', sealed: [{file: job.folder}]})
    expect(await new Verifier({store}).verifyBackup(job.folder)).toMatchObject({digest, problems: []})
  })

  it.runIf(kind === 'encrypted')('the key of another backup lies beside its own', async () => {
    const [place, elsewhere] = [memoryStore(), memoryStore()]
    const opened = await openerOf(kind)
    const job = await create(opened(place))
    const other = await create(opened(elsewhere))
    const [key] = await elsewhere.list(other.folder)
    // The newest one is tried first.
    const name = key!.name.replace('key-1-', 'key-2-')
    await place.put(`${job.folder}/${name}`, await readAll(elsewhere, `${other.folder}/${key!.name}`))
    expect(await new JobManager({store: opened(place)}).work(server.connection, job.id)).toMatchObject({end: 'done'})
    expect(await new Verifier({store: opened(place)}).verifyBackup(job.folder)).toMatchObject({digest, problems: []})
  })

  it('another schema lies there in place of its own', async () => {
    const place = memoryStore()
    const store = (await openerOf(kind))(place)
    const job = await create(store)
    const schema = `${job.folder}/schema.json${kind === 'plain' ? '' : '.age'}`
    await place.put(schema, foreign.get('rubbish')!)
    const worked = await new JobManager({store}).work(server.connection, job.id)
    expect(worked).toMatchObject({aside: [], end: 'done', sealed: [{object_count: COUNT}]})
    const {file} = worked.sealed[0]!
    // What is encrypted has never been there before: that file is nobody's.
    expect(file).toBe(kind === 'plain' ? `${job.folder}-2` : job.folder)
    expect(await new Verifier({store}).verifyBackup(file)).toMatchObject({digest, problems: []})
    if (kind === 'plain') expect(Buffer.from(await readAll(place, schema)).toString()).toBe('not ours\n')
  })

  it('a job that is cancelled takes its own files away, and nothing else', async () => {
    for (const what of ['metadata.json', 'notes.txt']) {
      const place = memoryStore()
      const store = (await openerOf(kind))(place)
      const job = await create(store)
      await place.put(`${job.folder}/${what}`, foreign.get('rubbish')!)
      const dying = overlay(place, {
        async put(...put: Parameters<Store['put']>) {
          if (put[0].startsWith(job.folder) && !put[0].includes('objects'))
            throw new DataOpsError('STORAGE', 'It may not be put.', {details: {reason: 'denied'}})
          return place.put(...put)
        },
      })
      const worked = new JobManager({store: (await openerOf(kind))(dying)}).work(server.connection, job.id)
      await worked.catch(() => {})
      await new JobManager({store}).cancel(server.connection, job.id)
      const left = (await place.list(job.folder)).map(({name}) => name)
      expect(left).toContain(what)
      expect(left.filter((name) => name.startsWith('objects-'))).toEqual([])
    }
  })

  it.each(['dies', 'lost'] as Death[])(
    'a sealer %s at any call',
    async (death) => {
      const opened = await openerOf(kind)
      const bytes = foreign.get('rubbish')!
      for (let at = Infinity; ; at += STEP) {
        const place = memoryStore()
        const job = await create(opened(place))
        await place.put(`${job.folder}/metadata.json`, bytes)
        const dying = dyingStore(place, death, at)
        const working = new JobManager({store: opened(dying.store)}).work(server.connection, job.id, {concurrency: 1})
        await working.catch(() => {})
        await expectBeside(opened(place), job, bytes)
        if (at === Infinity) {
          const first = dying.calls.findIndex((call) => call.includes(`${job.folder}-2`)) - 5
          expect(first).toBeGreaterThan(10)
          at = first - STEP
        } else if (at > dying.calls.length) break
      }
    },
    120_000,
  )

  it('two seal at once: one of them becomes the backup', async () => {
    for (const file of ['schema.json', 'metadata.json']) {
      const place = memoryStore()
      const opened = await openerOf(kind)
      const job = await create(opened(place))
      const bytes = foreign.get('rubbish')!
      await place.put(`${job.folder}/metadata.json`, bytes)
      const sleeper = sleepyStore(place, {atPut: (key) => key.startsWith(`${job.folder}-2/${file}`)})
      const late = new JobManager({store: opened(sleeper.store)}).work(server.connection, job.id)
      await sleeper.asleep
      await new JobManager({store: opened(place)}).work(server.connection, job.id)
      sleeper.wake()
      expect(await late).toMatchObject({aside: [], end: 'done'})
      await expectBeside(opened(place), job, bytes)
      expect((await place.list('')).filter(({name}) => name.startsWith(NAME))).toHaveLength(2)
    }
  }, 60_000)
})
