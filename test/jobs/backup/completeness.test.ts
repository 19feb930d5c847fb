/** What was counted and what was read; what a server answers wrongly; a collection that is not the same at the end. */
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../../src/model/object.js'
import type {Connection, ObjectPage, PageRequest} from '../../../src/weaviate/connection.js'

import {readManifest} from '../../../src/archive/manifest.js'
import {BackupCatalog, BackupManager, ClearManager, RestoreManager, Verifier} from '../../../src/index.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {fillCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'CompletenessProbe'
const COUNT = 60
const idOf = (index: number): string => `${(index * 4 + 1).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
function bytesOf(index: number): Uint8Array {
  const {buffer, byteLength, byteOffset} = Float32Array.of(index, 1, 2)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

const objects: WeaviateObject[] = Array.from({length: COUNT}, (_, index) => ({
  id: idOf(index),
  properties: {title: `object ${index}`},
  vector: bytesOf(index),
}))

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  server = await startTestServer()
})

beforeEach(async () => {
  directory = await temporaryDirectory()
  await fillCollection(
    server.connection,
    {class: NAME, properties: [{dataType: ['text'], name: 'title'}], vectorIndexType: 'flat', vectorizer: 'none'},
    objects,
  )
})

afterEach(async () => directory.remove())

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

type Members = Partial<Pick<Connection, 'count' | 'getCollection' | 'getObjects' | 'readPage' | 'identify'>>

function withMembers(members: Members): Connection {
  return {...server.connection, ...members}
}

const backUp = async (connection: Connection, options = {}) =>
  new BackupManager(connection, {directory: directory.path}).backupCollection(NAME, {batchSize: 20, ...options})

/** Hides these objects from one of the two ways, or from both. */
function hiding(isHidden: (id: string, request: PageRequest) => boolean): Members['readPage'] {
  return async (request) => {
    const kept: WeaviateObject[] = []
    for (let {after} = request; ;) {
      const page = await server.connection.readPage({...request, after})
      kept.push(...page.objects.filter(({id}) => !isHidden(id, request)))
      if (page.objects.length < request.limit || kept.length >= request.limit) {
        return {bytes: page.bytes, objects: kept.slice(0, request.limit)}
      }

      after = page.objects.at(-1)!.id
    }
  }
}

const hidden = new Set([idOf(7), idOf(30), idOf(59)])

describe('a backup that was counted', () => {
  it('is whole, and says so', async () => {
    const backup = await backUp(server.connection)
    expect(backup).toMatchObject({
      complete: true,
      counted: {after: COUNT, before: COUNT, read: COUNT},
      objectCount: COUNT,
    })
    expect(backup.missing).toBeUndefined()
    const {metadata, seal} = await readManifest(
      new LocalStore(directory.path),
      backup.path.slice(directory.path.length + 1),
    )
    expect(metadata).toMatchObject({version: '1.1'})
    expect(seal).toMatchObject({complete: true, guarantee: expect.stringContaining('60 were read') as string})
    expect(seal.requires).toBeUndefined()
  })

  it('has what one way hides and the other shows', async () => {
    const connection = withMembers({readPage: hiding((id, {viaRest}) => !viaRest && hidden.has(id))})
    const backup = await backUp(connection)
    expect(backup).toMatchObject({complete: true, objectCount: COUNT, warnings: []})
    const comparison = await new Verifier({connection: server.connection, directory: directory.path}).verifyCollection(
      NAME,
      backup.id,
    )
    expect(comparison).toMatchObject({equal: true})
  })

  it('is incomplete when neither shows them: listed so, never the last good one, and nothing is cleared', async () => {
    const good = await backUp(server.connection)
    const connection = withMembers({readPage: hiding((id) => hidden.has(id))})
    const backup = await backUp(connection)
    const counted = {after: COUNT, before: COUNT, read: COUNT - 3}
    expect(backup).toMatchObject({complete: false, counted, objectCount: COUNT - 3})
    expect(backup.warnings.map(({code}) => code)).toEqual(['incomplete'])
    const catalog = new BackupCatalog(directory.path)
    const listed = await catalog.list()
    expect(listed.map(({complete, id}) => [id, complete])).toEqual([
      [backup.id, false],
      [good.id, undefined],
    ])
    // Whoever uses it is told.
    const message = `${backup.path} is an incomplete backup: the server counted 60 objects before and 60 after, 57 are in it.`
    const verifier = new Verifier({connection: server.connection, directory: directory.path})
    expect(await verifier.verifyBackup(backup.path)).toMatchObject({problems: [], warnings: [message]})
    expect((await verifier.verifyBackup(backup.path, {quick: true})).warnings).toEqual([message])
    const said: string[] = []
    const onWarning = ({message: text}: {message: string}): void => {
      said.push(text)
    }

    expect(await verifier.verifyCollection(NAME, backup.id, {onWarning})).toMatchObject({counts: {extra: 3}})
    const restored = await new RestoreManager(server.connection, {directory: directory.path}).restoreCollection(
      backup.id,
      {dryRun: true, name: `${NAME}Copy`, onWarning},
    )
    expect(restored.warnings[0]).toMatchObject({code: 'incomplete-backup', details: {counted}})
    expect(said).toEqual([message, message])

    const {removed} = await catalog.prune({keepLast: 1})
    expect(removed).toEqual([])
    const clear = new ClearManager(connection, {directory: directory.path})
    await expect(clear.clearCollection(NAME, {backupFirst: true})).rejects.toMatchObject({
      code: 'INCOMPLETE',
      exitCode: 3,
    })
    expect(await server.connection.count(NAME)).toBe(COUNT)
  })

  it('names what is there and cannot be read', async () => {
    const refused = new DataOpsError('SERVER_REFUSED', 'its vector holds NaN')
    const backup = await backUp(
      withMembers({
        async getObjects(request) {
          if (request.viaRest) throw refused
          return []
        },
        readPage: hiding((id, {viaRest}) => !viaRest && hidden.has(id)),
      }),
    )
    expect(backup).toMatchObject({complete: false, counted: {read: COUNT - 3}})
    expect(backup.missing?.map(({id}) => id).toSorted()).toEqual([...hidden].toSorted())
  })

  it('is not made incomplete by writers', async () => {
    let calls = 0
    const counts = [COUNT, COUNT + 5, COUNT]
    const backup = await backUp(withMembers({count: async () => counts[calls++] ?? COUNT}))
    expect(backup).toMatchObject({complete: true, counted: {after: COUNT, before: COUNT + 5, read: COUNT}})
  })

  it('says when more was read than was counted', async () => {
    const backup = await backUp(withMembers({count: async () => COUNT - 1}))
    expect(backup.complete).toBe(true)
    expect(backup.warnings.map(({code}) => code)).toEqual(['more-than-counted'])
  })
})

describe('a backup that looks again', () => {
  it('is whole when it settles on what reading did not show', async () => {
    const connection = withMembers({
      readPage: hiding((id, {include, viaRest}) => (include === 'objects' || viaRest === true) && hidden.has(id)),
    })
    const backup = await backUp(connection, {settle: true})
    expect(backup).toMatchObject({
      complete: true,
      counted: {after: COUNT, read: COUNT},
      objectCount: COUNT,
      warnings: [],
    })
  })

  it('is incomplete when it takes for deleted what the server still counts', async () => {
    const connection = withMembers({
      getObjects: async (request) => (await server.connection.getObjects(request)).filter(({id}) => !hidden.has(id)),
      readPage: hiding((id, {include}) => include === 'ids' && hidden.has(id)),
    })
    const backup = await backUp(connection, {settle: true})
    const counted = {after: COUNT, before: COUNT, read: COUNT - 3}
    expect(backup).toMatchObject({complete: false, counted, objectCount: COUNT - 3})
    const {seal} = await readManifest(new LocalStore(directory.path), backup.path.slice(directory.path.length + 1))
    expect(seal.guarantee).toContain('3 objects that the server counted are not in the backup')
  })

  it('of all slices when it is continued, those of the earlier run too', async () => {
    const connection = withMembers({readPage: hiding((id, {viaRest}) => !viaRest && id === idOf(7))})
    const controller = new AbortController()
    const interrupted = backUp(connection, {
      batchSize: 5,
      concurrency: 1,
      onProgress({completed}: {completed: number}) {
        if (completed >= 30) controller.abort()
      },
      signal: controller.signal,
    })
    await expect(interrupted).rejects.toMatchObject({code: 'INTERRUPTED', details: {resumable: true}})
    const backup = await backUp(connection, {resume: true})
    expect(backup.resumed).toBeGreaterThanOrEqual(20)
    expect(backup).toMatchObject({complete: true, counted: {after: COUNT, read: COUNT}, objectCount: COUNT})
    const verifier = new Verifier({connection: server.connection, directory: directory.path})
    expect((await verifier.verifyBackup(backup.path)).problems).toEqual([])
    expect(await verifier.verifyCollection(NAME, backup.path)).toMatchObject({equal: true})
  })
})

describe('a collection that is not the same at the end', () => {
  it('dropped and made anew: nothing is sealed, nothing is left to continue', async () => {
    let calls = 0
    const connection = withMembers({identify: async () => (calls++ === 0 ? 'a' : 'b')})
    await expect(backUp(connection)).rejects.toMatchObject({code: 'SERVER_REFUSED', details: {recreated: true}})
    expect(await new BackupCatalog(directory.path).list()).toEqual([])
    const store = new LocalStore(directory.path)
    expect((await store.list('')).filter(({name}) => name.includes('partial'))).toEqual([])
  })

  it('with a property more: a backup that settles has it', async () => {
    let isAdded = false
    const connection = withMembers({
      async readPage(request) {
        if (!isAdded) {
          isAdded = true
          await server.connection.updateCollection({class: NAME, properties: [{dataType: ['int'], name: 'later'}]})
          const schema = (await server.connection.getCollection(NAME))!
          const {planCollection} = await import('../../../src/weaviate/collection-plan.js')
          await server.connection.writeObjects({
            collection: planCollection(schema),
            objects: objects.map((object, later) => ({...object, properties: {...object.properties, later}})),
          })
        }

        return server.connection.readPage(request)
      },
    })
    const backup = await backUp(connection, {settle: true})
    const comparison = await new Verifier({connection: server.connection, directory: directory.path}).verifyCollection(
      NAME,
      backup.id,
    )
    expect(comparison).toMatchObject({counts: {backup: COUNT, live: COUNT}, equal: true})
  })
})

/** Backups from mutated replies: each takes a tenth of a second. */
const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 3) * 13

/** Deterministic, so that a failure can be looked at. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const MUTATIONS: Array<(page: ObjectPage, random: () => number) => ObjectPage> = [
  (page, random) => ({...page, objects: page.objects.slice(0, Math.floor(random() * page.objects.length))}),
  (page) => ({...page, objects: []}),
  (page) => ({...page, objects: page.objects.toReversed()}),
  (page) => ({...page, objects: page.objects.slice(1)}),
  (page, random) => ({...page, objects: page.objects.filter(() => random() > 0.2)}),
  (page) => ({...page, objects: [...page.objects, ...page.objects]}),
  (page) => ({...page, objects: page.objects.map((object) => ({...object, id: 'no-uuid'}))}),
  (page) => ({...page, objects: page.objects.map((object) => ({...object, lastUpdateTimeUnix: NaN}))}),
  (page) => ({...page, objects: page.objects.map((object) => ({...object, vector: new Uint8Array(7)}))}),
  (page) => ({...page, objects: page.objects.map((object) => ({...object, tenant: 'other'}))}),
  (page) => ({...page, objects: undefined as never}),
  (page) => ({...page, objects: [null as never]}),
  () => undefined as never,
]

function mutating(mutation: (typeof MUTATIONS)[number], random: () => number): Connection {
  return withMembers({
    async readPage(request) {
      const page = await server.connection.readPage(request)
      return random() < 0.4 ? mutation(page, random) : page
    },
  })
}

describe('replies that are wrong', () => {
  it('never make a backup that is sealed as whole while objects are missing', async () => {
    const outcomes = {errors: 0, incomplete: 0, whole: 0}
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const random = randomOf(seed * 7919)
      const mutation = MUTATIONS[seed % MUTATIONS.length]!
      const connection = mutating(mutation, random)
      try {
        const backup = await backUp(connection, {concurrency: 1, maxRetries: 0})
        if (backup.complete) expect([seed, backup.objectCount]).toEqual([seed, COUNT])
        outcomes[backup.complete ? 'whole' : 'incomplete']++
      } catch (error) {
        if (!(error instanceof DataOpsError)) throw error
        outcomes.errors++
      }
    }

    expect(outcomes.whole + outcomes.incomplete + outcomes.errors).toBe(ROUNDS)
    expect(outcomes.whole).toBeGreaterThan(ROUNDS / 8)
    expect(outcomes.errors).toBeGreaterThan(ROUNDS / 8)
  }, 120_000)

  it('that come again and again are an error', async () => {
    const first = await server.connection.readPage({
      collection: (await import('../../../src/weaviate/collection-plan.js')).planCollection(
        (await server.connection.getCollection(NAME))!,
      ),
      include: 'objects',
      limit: 20,
    })
    const connection = withMembers({readPage: async () => first})
    await expect(backUp(connection, {concurrency: 1})).rejects.toMatchObject({
      code: 'UNEXPECTED',
      message: expect.stringMatching(/goes back|were asked for/) as string,
    })
  })
})
