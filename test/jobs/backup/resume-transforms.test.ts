/** Backups that change objects on the way, interrupted and continued: they end as one that was not. */
import {readdir, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {transformsAgain} from '../../../src/flow/transform/again.js'
import {
  BackupManager,
  type BackupOptions,
  type BackupResult,
  transforms as changes,
  Verifier,
  type Warning,
} from '../../../src/index.js'
import {FLUSH_EVERY} from '../../../src/jobs/backup/transfer.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {makeTenants} from '../../fault/samples.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {bundledWorker} from '../../support/worker-bundle.js'

bundledWorker()
const {drop, limit, loadTransform, outOfTenants, rename, transformObjects} = changes
const NAME = 'ResumeTransforms'
const OBJECTS = 60
const SETTINGS = {...FLUSH_EVERY}

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  server = await startTestServer()
})

afterAll(async () => server.close())

beforeEach(async () => {
  directory = await temporaryDirectory()
  await makeCollection(server.connection, NAME, OBJECTS, 4)
})

afterEach(async () => {
  Object.assign(FLUSH_EVERY, SETTINGS)
  await server.connection.deleteCollection(NAME)
  await directory.remove()
})

async function back(options: BackupOptions): Promise<BackupResult> {
  return new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {
    batchSize: 5,
    concurrency: 1,
    ...options,
  })
}

/** Stops a backup as soon as so many objects were read. */
async function interrupt(objects: number, options: BackupOptions): Promise<unknown> {
  Object.assign(FLUSH_EVERY, {bytes: 1, ms: 0})
  const controller = new AbortController()
  return back({
    ...options,
    onProgress({completed}) {
      if (completed >= objects) controller.abort()
    },
    signal: controller.signal,
  }).catch((error: unknown) => error)
}

const kept = async (): Promise<string[]> => (await readdir(directory.path)).toSorted()

describe('a backup that changes objects', () => {
  it.each([
    {format: 'json', workers: 1},
    {format: 'parquet', workers: 1},
    {format: 'json', workers: 2},
    {format: 'parquet', workers: 2},
  ] as const)('is continued: $format, by $workers', async (how) => {
    const properties = (await server.connection.getCollection(NAME))!.properties ?? []
    const [first, second] = properties.map(({name}) => name) as [string, string]
    const transforms = [rename({[first]: 'renamed'}), drop([second]), limit(OBJECTS - 7)]
    const whole = await back({...how, transforms})
    expect(await interrupt(OBJECTS / 3, {...how, transforms})).toMatchObject({
      code: 'INTERRUPTED',
      details: {resumable: true},
    })
    const warnings: Warning[] = []
    const result = await back({
      ...how,
      onWarning(warning) {
        warnings.push(warning)
      },
      resume: true,
      transforms,
    })
    expect(result).toMatchObject({complete: true, digest: whole.digest, objectCount: OBJECTS - 7, partial: true})
    expect(result.resumed).toBeGreaterThan(0)
    expect(warnings).toEqual([])
    const verified = await new Verifier({directory: directory.path}).verifyBackup(result.path)
    expect(verified).toMatchObject({digest: whole.digest, problems: []})
    expect(await kept()).toHaveLength(3)
  })

  it('is continued with the same changes only', async () => {
    const properties = (await server.connection.getCollection(NAME))!.properties ?? []
    const [first, second] = properties.map(({name}) => name) as [string, string]
    await interrupt(30, {transforms: [drop([first])]})
    const before = await kept()
    for (const transforms of [[drop([second])], [], [drop([first]), limit(3)]]) {
      await expect(back({resume: true, transforms})).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: `There is no unfinished backup of "${NAME}" with these options to resume.`,
      })
    }

    expect(await kept()).toEqual(before)
    expect(await back({resume: true, transforms: [drop([first])]})).toMatchObject({objectCount: OBJECTS})
  })

  it('is not continued once the changes would make something else of the collection', async () => {
    const transforms = [limit(50)]
    await interrupt(30, {transforms})
    const collection = planCollection((await server.connection.getCollection(NAME))!)
    const {objects} = await server.connection.readPage({collection, include: 'ids', limit: 1})
    await server.connection.deleteObjects({collection: NAME, ids: [objects[0]!.id]})
    const warnings: Warning[] = []
    const onWarning = (warning: Warning): void => {
      warnings.push(warning)
    }

    await expect(back({onWarning, resume: true, transforms})).rejects.toMatchObject({code: 'INVALID_INPUT'})
    expect(warnings).toMatchObject([{code: 'not-continued'}])
    expect(warnings[0]!.message).toContain('what the changes on the way would make of the collection')
    expect(await back({resume: 'auto', transforms})).toMatchObject({objectCount: 50, resumed: 0})
  })

  it.each([
    {how: 'was written again', workers: 1},
    {how: 'was written again', workers: 2},
    {how: 'was left out and now is not', workers: 1},
    {how: 'was deleted', workers: 1},
    {how: 'came', workers: 1},
  ])('is not continued when something of what it had read $how meanwhile, by $workers', async ({how, workers}) => {
    const collection = planCollection((await server.connection.getCollection(NAME))!)
    const property = collection.schema.properties!.find(({dataType}) => dataType[0] === 'text')
    const {objects} = await server.connection.readPage({collection, include: 'objects', limit: 1})
    const first = objects[0]!
    // What is left out leaves nothing behind that could be compared.
    const expression =
      how === 'was left out and now is not' ? `id != "${first.id}" || ${property!.name} == "new"` : 'true'
    const transforms = [transformsAgain([{expression, kind: 'where'}]).transforms[0]!]
    expect(first.properties[property!.name]).not.toBe('new')
    await interrupt(30, {format: 'parquet', transforms, workers})
    if (how === 'was deleted') await server.connection.deleteObjects({collection: NAME, ids: [first.id]})
    else {
      const id = how === 'came' ? '00000000-0000-4000-8000-000000000001' : first.id
      const properties = {...first.properties, [property!.name]: 'new'}
      expect(await server.connection.writeObjects({collection, objects: [{...first, id, properties}]})).toEqual([])
    }

    const warnings: Warning[] = []
    const options: BackupOptions = {
      format: 'parquet',
      onWarning(warning) {
        warnings.push(warning)
      },
      transforms,
      workers,
    }
    await expect(back({...options, resume: true})).rejects.toMatchObject({code: 'INVALID_INPUT'})
    expect(warnings).toMatchObject([{code: 'not-continued'}])
    expect(warnings[0]!.message).toContain('what it had read of the collection was changed since')
    const again = await back({...options, resume: 'auto'})
    expect(again).toMatchObject({digest: (await back({format: 'parquet', transforms})).digest, resumed: 0})
  })

  it('is continued when what it had not read yet was changed meanwhile', async () => {
    const collection = planCollection((await server.connection.getCollection(NAME))!)
    const {objects} = await server.connection.readPage({collection, include: 'objects', limit: OBJECTS})
    const last = objects.at(-1)!
    const transforms = [drop([collection.schema.properties![0]!.name])]
    await interrupt(20, {transforms})
    await server.connection.deleteObjects({collection: NAME, ids: [last.id]})
    const result = await back({resume: true, transforms})
    expect(result.resumed).toBeGreaterThan(0)
    expect(result).toMatchObject({digest: (await back({transforms})).digest, objectCount: OBJECTS - 1})
  })

  it('by functions of a program is refused, by a module is continued while that is the same', async () => {
    const own = [transformObjects({object: (object) => object}, {name: 'own'})]
    const refused = {code: 'INVALID_INPUT', message: expect.stringContaining('functions of this program') as string}
    await expect(back({resume: true, transforms: own})).rejects.toMatchObject(refused)
    expect(await kept()).toEqual([])
    const file = path.join(directory.path, 'same.mjs')
    await writeFile(file, 'export const object = (object) => object')
    const transforms = [await loadTransform(file)]
    expect(await interrupt(30, {transforms})).toMatchObject({details: {resumable: true}})
    expect(await back({resume: true, transforms})).toMatchObject({objectCount: OBJECTS})
  })

  it('by a module that imports what was changed meanwhile is none to go on with', async () => {
    const [file, words] = ['module.mjs', 'words.mjs'].map((name) => path.join(directory.path, name)) as [string, string]
    await writeFile(file, "import {change} from './words.mjs'\nexport const object = change")
    await writeFile(words, 'export const change = (object) => object')
    expect(await interrupt(30, {transforms: [await loadTransform(file)]})).toMatchObject({details: {resumable: true}})
    await writeFile(words, 'export const change = (object) => ({...object, properties: {}})')
    const changed = {resume: true, transforms: [await loadTransform(file)]}
    const none = expect.stringContaining('There is no unfinished back') as string
    await expect(back(changed)).rejects.toMatchObject({code: 'INVALID_INPUT', message: none})
  })
})

it('two objects that become one are found, one read before the pause and one after', async () => {
  await server.connection.deleteCollection(NAME)
  await makeTenants(server.connection, NAME, {objects: 60, tenants: 2})
  const collection = planCollection((await server.connection.getCollection(NAME))!)
  await server.connection.setTenantStatus(NAME, [{name: 'tenant1', status: 'HOT'}])
  const {objects} = await server.connection.readPage({collection, include: 'objects', limit: 1, tenant: 'tenant0'})
  const twin = {...objects[0]!, tenant: 'tenant1'}
  expect(await server.connection.writeObjects({collection, objects: [twin]})).toEqual([])
  const transforms = [outOfTenants()]
  expect(await interrupt(35, {transforms})).toMatchObject({code: 'INTERRUPTED', details: {resumable: true}})
  await expect(back({resume: true, transforms})).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining(twin.id) as string,
  })
  await server.connection.deleteAlias(`${NAME}Alias`)
})
