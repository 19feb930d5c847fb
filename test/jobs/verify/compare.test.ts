/** Live collections beside backups, on the embedded server: equal, or every difference found and named. */
import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi} from 'vitest'

import type {CollectionComparison} from '../../../src/jobs/verify/options.js'
import type {WeaviateObject} from '../../../src/model/object.js'
import type {Warning} from '../../../src/model/progress.js'
import type {WeaviateClass} from '../../../src/model/schema.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {openArchive} from '../../../src/catalog/locate.js'
import {BackupManager} from '../../../src/jobs/backup/manager.js'
import {compareCollection, type CompareCollectionOptions, compareSides} from '../../../src/jobs/verify/compare.js'
import {type ComparedSource, SourceSide} from '../../../src/jobs/verify/source-side.js'
import {Verifier} from '../../../src/jobs/verify/verifier.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {connect} from '../../../src/weaviate/connect.js'
import {KINDS, makeObjects, SCHEMA, TENANT_SCHEMA, uuid, vector} from './backups.js'

let folder: string
let server: EmbeddedWeaviate
let connection: Connection
let schema: WeaviateClass

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'elysia-compare-'))
  server = await startEmbeddedWeaviate()
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
})

afterAll(async () => {
  await connection.close()
  await server.close()
  await rm(folder, {force: true, recursive: true})
})

async function write(objects: readonly WeaviateObject[], target = schema): Promise<void> {
  const collection = planCollection(target)
  await expect(connection.writeObjects({collection, objects})).resolves.toEqual([])
  await expect(connection.writeReferences({collection, objects})).resolves.toEqual([])
}

async function create(wanted: WeaviateClass): Promise<WeaviateClass> {
  await connection.createCollection(wanted)
  const created = await connection.getCollection(wanted.class)
  return created!
}

/** `PATCH`-less: an object is written again as a whole, its references after it. */
async function rewrite(number: number, change: (object: WeaviateObject) => void, tenant?: string): Promise<void> {
  const object = makeObjects(number, tenant)[number - 1]!
  change(object)
  await write([object])
}

async function remove(number: number, tenant?: string): Promise<void> {
  const query = tenant === undefined ? '' : `?tenant=${tenant}`
  const answer = await fetch(`${server.url}/v1/objects/Docs/${uuid(number)}${query}`, {method: 'DELETE'})
  expect(answer.status).toBe(204)
}

async function compare(backup: string, options: Partial<CompareCollectionOptions> = {}): Promise<CollectionComparison> {
  const {archive} = await openArchive(backup, new LocalStore(folder))
  return compareCollection(connection, archive, {collection: 'Docs', ...options})
}

describe.each(KINDS)('a collection beside its $label backup', ({compress, format}) => {
  const count = 60
  let backup: string

  beforeEach(async () => {
    schema = await create(SCHEMA)
    await write(makeObjects(count))
    const directory = await mkdtemp(path.join(folder, 'backups-'))
    const result = await new BackupManager(connection, {directory}).backupCollection('Docs', {compress, format})
    backup = result.path
  })

  afterEach(async () => {
    await connection.deleteCollection('Docs')
  })

  test('is equal when nothing has changed', async () => {
    const result = await compare(backup)
    expect(result).toMatchObject({
      collection: 'Docs',
      counts: {backup: count, different: 0, extra: 0, live: count, missing: 0},
      differences: [],
      equal: true,
      schemaDifferences: [],
    })
    expect(result.liveDigest).toBe(result.backupDigest)
    expect(result.tenantsLeftOut).toBeUndefined()
  })

  test.each([
    ['an object deleted', async () => remove(7), {id: uuid(7), state: 'missing'}],
    ['an object added', async () => write([{...makeObjects(1)[0]!, id: uuid(99)}]), {id: uuid(99), state: 'extra'}],
    [
      'a property changed',
      async () =>
        rewrite(9, (object) => {
          object.properties.title = 'Another'
        }),
      {id: uuid(9), members: ['title'], state: 'different'},
    ],
    [
      'a property removed and a number changed in its last bit',
      async () =>
        rewrite(9, (object) => {
          delete object.properties.title
          object.properties.score = (9 / 7) * (1 + 2 ** -52)
        }),
      {id: uuid(9), members: ['score', 'title'], state: 'different'},
    ],
    [
      'one bit of a vector changed',
      async () =>
        rewrite(11, (object) => {
          object.vector = vector(11, -11, 0.1)
          object.vector[8]! ^= 1
        }),
      {id: uuid(11), members: ['vector'], state: 'different'},
    ],
    [
      'a reference removed',
      async () =>
        rewrite(13, (object) => {
          object.properties.related = []
        }),
      {id: uuid(13), members: ['related'], state: 'different'},
    ],
  ] as const)('differs by %s', async (_, change, difference) => {
    await change()
    const result = await compare(backup)
    expect(result.equal).toBe(false)
    expect(result.differences).toEqual([difference])
    const {different, extra, missing} = result.counts
    expect({different, extra, missing}).toEqual({different: 0, extra: 0, missing: 0, [difference.state]: 1})
    expect(result.liveDigest).not.toBe(result.backupDigest)
  })

  test('is equal under another name, its references to itself too', async () => {
    const copy = await create({
      ...SCHEMA,
      class: 'Copy',
      properties: SCHEMA.properties!.map((property) =>
        property.name === 'related' ? {...property, dataType: ['Copy']} : property,
      ),
    })
    const objects = makeObjects(count)
    for (const [index, object] of objects.entries()) {
      object.properties.related = [{beacon: `weaviate://localhost/Copy/${uuid(index + 2)}`}]
    }

    await write(objects, copy)
    try {
      await expect(compare(backup, {collection: 'Copy'})).resolves.toMatchObject({differences: [], equal: true})
      objects[4]!.properties.related = [{beacon: `weaviate://localhost/Docs/${uuid(6)}`}]
      await write([objects[4]!], copy)
      await expect(compare(backup, {collection: 'Copy'})).resolves.toMatchObject({
        differences: [{id: uuid(5), members: ['related'], state: 'different'}],
        equal: false,
      })
    } finally {
      await connection.deleteCollection('Copy')
    }
  })

  test('all kinds at once come sorted, up to the limit, whether records are spilled or not', async () => {
    for (const number of [30, 5, 50]) await remove(number)
    await rewrite(20, (object) => {
      object.properties.score = -1
    })
    await write([{...makeObjects(1)[0]!, id: uuid(0xff_ff)}])
    const expected = [
      {id: uuid(5), state: 'missing'},
      {id: uuid(20), members: ['score'], state: 'different'},
      {id: uuid(30), state: 'missing'},
      {id: uuid(50), state: 'missing'},
      {id: uuid(0xff_ff), state: 'extra'},
    ]
    const counts = {backup: count, different: 1, extra: 1, live: count - 2, missing: 3}
    // A place of its own: other tests spill at the same time.
    const temporary = await mkdtemp(path.join(folder, 'temporary-'))
    vi.stubEnv('TMPDIR', temporary)
    for (const maxRecordsInMemory of [undefined, 7, 1]) {
      const result = await compare(backup, {limit: Infinity, maxRecordsInMemory})
      expect(result).toMatchObject({counts, differences: expected, equal: false})
    }

    await expect(compare(backup, {limit: 2})).resolves.toMatchObject({counts, differences: expected.slice(0, 2)})
    await expect(compare(backup, {limit: 0})).resolves.toMatchObject({counts, differences: [], equal: false})
    await expect(readdir(temporary)).resolves.toEqual([])
    vi.unstubAllEnvs()
  })
})

describe('tenants', () => {
  let backup: string
  let warnings: Warning[]

  beforeEach(async () => {
    warnings = []
    schema = await create(TENANT_SCHEMA)
    await connection.createTenants(
      'Docs',
      ['A', 'B', 'C', 'D'].map((name) => ({name, status: 'HOT'})),
    )
    // The same ids in several tenants; none in C.
    await write([...makeObjects(20, 'A'), ...makeObjects(10, 'B'), ...makeObjects(5, 'D')])
    await connection.setTenantStatus('Docs', [
      {name: 'B', status: 'COLD'},
      {name: 'D', status: 'FROZEN'},
    ])
    const directory = await mkdtemp(path.join(folder, 'backups-'))
    const result = await new BackupManager(connection, {directory}).backupCollection('Docs')
    backup = result.path
  })

  afterEach(async () => {
    await connection.deleteCollection('Docs')
  })

  const onWarning = (warning: Warning): void => {
    warnings.push(warning)
  }

  async function statuses(): Promise<Record<string, string>> {
    const tenants = await connection.listTenants('Docs')
    return Object.fromEntries(tenants.map(({name, status}) => [name, status]))
  }

  test('that the backup skipped are left out, and nobody knows whether they are equal; states are put back', async () => {
    const result = await compare(backup, {onWarning})
    expect(result).toMatchObject({
      counts: {backup: 30, different: 0, extra: 0, live: 30, missing: 0},
      equal: false,
      notCompared: ['tenant D (not in the backup: offloaded)'],
      tenantsLeftOut: [{name: 'D', reason: 'not in the backup: offloaded'}],
    })
    expect(warnings).toMatchObject([{code: 'tenant-not-compared', details: {name: 'D'}}])
    await expect(statuses()).resolves.toEqual({A: 'HOT', B: 'COLD', C: 'HOT', D: 'FROZEN'})
  })

  test('differ by what differs in each, sorted by tenant and id; inactive ones too', async () => {
    await connection.setTenantStatus('Docs', [{name: 'B', status: 'HOT'}])
    const change = (object: WeaviateObject): void => {
      object.properties.title = 'changed'
    }

    await rewrite(4, change, 'B')
    await remove(2, 'B')
    await rewrite(3, change, 'A')
    await write(makeObjects(1, 'C'))
    await connection.setTenantStatus('Docs', [{name: 'B', status: 'COLD'}])
    const expected = [
      {id: uuid(3), members: ['title'], state: 'different', tenant: 'A'},
      {id: uuid(2), state: 'missing', tenant: 'B'},
      {id: uuid(4), members: ['title'], state: 'different', tenant: 'B'},
      {id: uuid(1), state: 'extra', tenant: 'C'},
    ]
    for (const maxRecordsInMemory of [undefined, 5]) {
      const result = await compare(backup, {maxRecordsInMemory})
      expect(result).toMatchObject({counts: {different: 2, extra: 1, missing: 1}, differences: expected, equal: false})
    }

    await expect(statuses()).resolves.toMatchObject({B: 'COLD'})
    await expect(compare(backup, {tenants: ['C']})).resolves.toMatchObject({
      counts: {backup: 0, live: 1},
      differences: [{id: uuid(1), state: 'extra', tenant: 'C'}],
    })
    await remove(1, 'C')
    await expect(compare(backup, {tenants: ['C']})).resolves.toMatchObject({equal: true})
    await expect(compare(backup, {tenants: ['A', 'B']})).resolves.toMatchObject({counts: {backup: 30}, equal: false})
  })

  test('that are offloaded now keep the comparison open, unless they may be onloaded', async () => {
    await connection.setTenantStatus('Docs', [{name: 'A', status: 'FROZEN'}])
    await expect(compare(backup)).resolves.toMatchObject({
      counts: {backup: 10, live: 10},
      differences: [],
      equal: false,
      tenantsLeftOut: [{name: 'D'}, {name: 'A', reason: 'offloaded'}],
    })
    await expect(compare(backup, {includeOffloaded: true})).resolves.toMatchObject({
      counts: {live: 30},
      equal: false,
      notCompared: ['tenant D (not in the backup: offloaded)'],
    })
    await expect(compare(backup, {includeOffloaded: true, tenants: ['A', 'B', 'C']})).resolves.toMatchObject({
      counts: {live: 30},
      equal: true,
    })
    await expect(statuses()).resolves.toMatchObject({A: 'FROZEN', D: 'FROZEN'})
  })

  test('that nobody has are refused by name', async () => {
    await expect(compare(backup, {tenants: ['A', 'Z']})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('"Z"') as string,
    })
  })

  test('that are gone are missing with all their objects', async () => {
    const answer = await fetch(`${server.url}/v1/schema/Docs/tenants`, {
      body: '["B"]',
      headers: {'content-type': 'application/json'},
      method: 'DELETE',
    })
    expect(answer.status).toBe(200)
    await expect(compare(backup)).resolves.toMatchObject({counts: {live: 20, missing: 10}, equal: false})
  })
})

describe('Verifier', () => {
  let directory: string
  let backup: {id: string; path: string}

  beforeEach(async () => {
    schema = await create(SCHEMA)
    await write(makeObjects(25))
    directory = await mkdtemp(path.join(folder, 'backups-'))
    backup = await new BackupManager(connection, {directory}).backupCollection('Docs')
  })

  afterEach(async () => {
    await connection.deleteCollection('Docs')
  })

  test('takes an alias and the start of an id, and says how far it is', async () => {
    await connection.createAlias('Current', 'Docs')
    try {
      const events: number[] = []
      const verifier = new Verifier({connection, directory})
      const result = await verifier.verifyCollection('Current', backup.id.slice(0, 8), {
        onProgress({completed, total}) {
          events.push(completed)
          expect(total).toBe(50)
        },
      })
      expect(result).toMatchObject({backupId: backup.id, collection: 'Docs', equal: true})
      expect(events.at(-1)).toBe(50)
      await expect(verifier.verifyBackup(backup.id)).resolves.toMatchObject({id: backup.id, problems: []})
    } finally {
      await connection.deleteAlias('Current')
    }
  })

  test('refuses what is not there, and needs a connection for collections', async () => {
    const verifier = new Verifier({connection, directory})
    await expect(verifier.verifyCollection('Absent', backup.path)).rejects.toMatchObject({code: 'COLLECTION_MISSING'})
    await expect(verifier.verifyCollection('Docs', 'absent')).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
    await expect(new Verifier({directory}).verifyCollection('Docs', backup.path)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    })
  })

  test('blames the backup, not the collection, for rows that changed on the disk', async () => {
    const text = await readFile(backup.path, 'utf8')
    await writeFile(backup.path, text.replace('"Title 9 ', '"Title 8 '))
    const verifier = new Verifier({connection, directory})
    await expect(verifier.verifyCollection('Docs', backup.path)).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
  })

  test('stops at a signal', async () => {
    const controller = new AbortController()
    const verifier = new Verifier({connection, directory})
    const verified = verifier.verifyCollection('Docs', backup.path, {
      onProgress() {
        controller.abort()
      },
      signal: controller.signal,
    })
    await expect(verified).rejects.toMatchObject({code: 'INTERRUPTED'})
  })

  test('a property that the collection lacks is a blocking difference of the schemas', async () => {
    await connection.deleteCollection('Docs')
    const [title, , related] = SCHEMA.properties!
    schema = await create({...SCHEMA, properties: [title!, related!]})
    const result = await compare(backup.path)
    expect(result.equal).toBe(false)
    expect(result.counts).toMatchObject({live: 0, missing: 25})
    expect(result.schemaDifferences).toContainEqual(
      expect.objectContaining({path: 'properties.score', severity: 'blocking'}),
    )
  })

  test('of a schema-only backup nothing but the schema is compared', async () => {
    const warnings: Warning[] = []
    const manager = new BackupManager(connection, {directory})
    const schemaOnly = await manager.backupCollection('Docs', {includeData: false})
    const result = await compare(schemaOnly.path, {
      onWarning(warning) {
        warnings.push(warning)
      },
    })
    expect(result).toMatchObject({
      counts: {backup: 0, live: 0},
      equal: false,
      notCompared: ['the objects: the backup holds the schema only'],
    })
    expect(warnings).toMatchObject([{code: 'schema-only'}])
  })
})

describe('a collection that is replaced while it is compared', () => {
  const again = {class: 'Replaced', properties: [{dataType: ['text'], name: 'title'}], vectorizer: 'none'}
  const objects = Array.from({length: 40}, (_, index): WeaviateObject => ({
    id: uuid(index + 1),
    properties: {title: `t ${index}`},
    vectors: new Map(),
  }))

  test.each([
    [
      'dropped and made anew, without objects',
      async () => create(again),
      '"Replaced" was dropped and made anew while it was read',
    ],
    [
      'dropped and made anew, with the same objects',
      async () => write(objects, await create(again)),
      '"Replaced" was dropped and made anew while it was read',
    ],
  ])('%s: nobody knows whether it is equal', async (_, makeAgain, reason) => {
    const made = await create(again)
    await write(objects, made)
    const {path: backup} = await new BackupManager(connection, {directory: folder}).backupCollection('Replaced')
    const {archive} = await openArchive(backup, new LocalStore(folder))
    let isReplaced = false
    const plain = connection.readPage
    Object.assign(connection, {
      async readPage(request: Parameters<typeof plain>[0]) {
        const page = await plain.call(connection, request)
        // Once the last of it was read.
        if (!isReplaced && page.objects.length === 0) {
          isReplaced = true
          await connection.deleteCollection('Replaced')
          await makeAgain()
        }

        return page
      },
    })
    try {
      const compared = await compareCollection(connection, archive, {collection: 'Replaced'})
      expect(isReplaced).toBe(true)
      expect(compared).toMatchObject({equal: false, notCompared: expect.arrayContaining([reason]) as string[]})
    } finally {
      Object.assign(connection, {readPage: plain})
      await connection.deleteCollection('Replaced')
    }
  })
})

describe('an object that one side lists twice', () => {
  const both = makeObjects(3)
  const head: unknown = {metadata: {collection: 'Docs', options: {include_data: true}}, schema: SCHEMA}
  const lister = (objects: readonly WeaviateObject[]): SourceSide =>
    new SourceSide(
      {
        head: head as ComparedSource['head'],
        async *pages() {
          yield {endRow: objects.length, firstRow: 0, objects: [...objects], rows: objects.map((_, row) => row)}
        },
        path: 'there',
      },
      {isChanged: true},
    )

  test.each([
    ['second', 'extra'],
    ['first', 'missing'],
  ] as const)('is a difference, and is named: of the %s', async (which, state) => {
    const twice = lister([...both, both[1]!])
    const once = lister(both)
    const warnings: Warning[] = []
    const [first, second] = which === 'first' ? [twice, once] : [once, twice]
    const compared = await compareSides(first, second, {
      onWarning(warning) {
        warnings.push(warning)
      },
    })
    expect(compared).toMatchObject({
      counts: {different: 0, extra: 0, missing: 0, [state]: 1},
      differences: [{id: uuid(2), state}],
      equal: false,
    })
    expect(warnings).toMatchObject([{code: 'listed-twice', details: {objects: [{id: uuid(2)}]}}])
  })

  test('counts once more for each time, and one in another form is different', async () => {
    const other = {...both[0]!, properties: {...both[0]!.properties, text: 'another'}}
    const compared = await compareSides(lister(both), lister([other, both[1]!, both[1]!, both[1]!, both[2]!]), {})
    expect(compared.counts).toEqual({different: 1, extra: 2, missing: 0})
  })
})
