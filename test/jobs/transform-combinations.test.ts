/**
 * Every change on the way with every other: any three, in a restore, a backup or a copy, with and without tenants. What comes of them is what
 * an oracle of this file makes of the objects. COMBINATIONS says how many.
 */
import fc from 'fast-check'
import {createHash} from 'node:crypto'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {
  BackupManager,
  transforms as changes,
  CopyManager,
  RestoreManager,
  type Transform,
  Verifier,
} from '../../src/index.js'
import {type JsonObject, type JsonValue, type WeaviateObject} from '../../src/model/object.js'
import {type WeaviateClass} from '../../src/model/schema.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../support/collections.js'

const RUNS = Number(process.env.COMBINATIONS ?? 24)
const PLAIN = 'CombinedPlain'
const TENANTS = 'CombinedTenants'
const OBJECTS = 24

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let fromFile: Transform
const backups = new Map<string, string>()

const vectorOf = (...numbers: number[]): Uint8Array => {
  const {buffer, byteLength, byteOffset} = Float32Array.from(numbers)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

const idOf = (index: number): string =>
  `${createHash('sha256').update(`${index}`).digest('hex').slice(0, 8)}-0000-4000-8000-${String(index).padStart(12, '0')}`
const uidOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, 'a')}`

/** A collection as this file understands it. */
interface Model {
  named: ReadonlySet<string>
  objects: readonly WeaviateObject[]
  /** Types by name. */
  properties: Readonly<Record<string, string>>
  tenants?: ReadonlySet<string>
  unnamed: boolean
}

const PROPERTIES = {
  customer: 'text',
  rank: 'int',
  score: 'number',
  tags: 'text[]',
  title: 'text',
  uid: 'uuid',
}

function makeModel(name: string): Model {
  const isPlain = name === PLAIN
  const objects = Array.from({length: OBJECTS}, (_, index): WeaviateObject => ({
    id: idOf(index),
    properties: {
      customer: `c${index % 3}`,
      ...(index % 5 > 0 && {rank: index - 4}),
      score: index / 2,
      ...(index % 4 > 0 && {tags: [`t${index % 2}`, 'all']}),
      title: `text ${index}`,
      uid: uidOf(index),
    },
    ...(isPlain
      ? {vector: vectorOf(index, 1)}
      : {
          tenant: ['eu-1', 'eu-2', 'us-1'][index % 3]!,
          vectors: new Map([
            ['main', {bytes: vectorOf(index, 2), kind: 'single' as const}],
            ...(index % 4 > 0 ? [['other', {bytes: vectorOf(3, index), kind: 'single' as const}] as const] : []),
          ]),
        }),
  }))
  return {
    named: new Set(isPlain ? [] : ['main', 'other']),
    objects,
    properties: PROPERTIES,
    ...(!isPlain && {tenants: new Set(['empty', 'eu-1', 'eu-2', 'us-1'])}),
    unnamed: isPlain,
  }
}

/** One change: as a transform, and as this file understands it. */
interface Change {
  apply: (model: Model) => Model
  /** Whether it means anything there. */
  fits: (model: Model) => boolean
  make: () => Transform
  name: string
}

const has = (property: string, type: string) => (model: Model) => model.properties[property] === type
const each = (model: Model, change: (object: WeaviateObject) => readonly WeaviateObject[]): Model => ({
  ...model,
  objects: model.objects.flatMap((object) => change(object)),
})
const kept = (model: Model, isKept: (object: WeaviateObject) => boolean): Model =>
  each(model, (object) => (isKept(object) ? [object] : []))
const withProperties = (object: WeaviateObject, change: (properties: JsonObject) => JsonObject): WeaviateObject => ({
  ...object,
  properties: change({...object.properties}),
})

const without = <T>(record: Readonly<Record<string, T>>, name: string): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([other]) => other !== name))

function renamed(model: Model, old: string, name: string): Model {
  const change = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [key === old ? name : key, value]))
  return {
    ...each(model, (object) => [withProperties(object, (properties) => change(properties))]),
    properties: change(model.properties),
  }
}

function converted(property: string, from: string, to: string, value: (value: JsonValue) => JsonValue): Change {
  return {
    apply: (model) => ({
      ...each(model, (object) => [
        withProperties(object, (properties) => {
          const given = properties[property]
          return given === undefined ? properties : {...properties, [property]: value(given)}
        }),
      ]),
      properties: {...model.properties, [property]: to},
    }),
    fits: has(property, from),
    make: () => changes.convert(property, to),
    name: `${property}: ${from} to ${to}`,
  }
}

/** The unnamed vector has the empty name. */
function movedVector(from: string, to: string): Change {
  const hasVector = (model: Model, name: string): boolean => (name === '' ? model.unnamed : model.named.has(name))
  return {
    apply(model) {
      const named = new Set([...model.named, to].filter((name) => name !== from && name !== ''))
      const moved = (object: WeaviateObject): WeaviateObject => {
        const {vector, vectors, ...rest} = object
        const all = new Map(vectors)
        const bytes = from === '' ? vector : all.get(from)?.bytes
        all.delete(from)
        if (bytes && to !== '') all.set(to, {bytes, kind: 'single'})
        const unnamed = to === '' ? bytes : from === '' ? undefined : vector
        return {...rest, ...(unnamed && {vector: unnamed}), ...(all.size > 0 && {vectors: all})}
      }

      const unnamed = to === '' || (model.unnamed && from !== '')
      return {...each(model, (object) => [moved(object)]), named, unnamed}
    },
    fits: (model) => hasVector(model, from) && !hasVector(model, to),
    make: () => changes.moveVector(from, to),
    name: `vector ${from || 'unnamed'} to ${to || 'unnamed'}`,
  }
}

function droppedVector(gone: string): Change {
  return {
    apply(model) {
      const dropped = each(model, ({vector, vectors, ...rest}) => {
        const others = new Map([...(vectors ?? [])].filter(([name]) => name !== gone))
        return [{...rest, ...(vector && gone !== '' && {vector}), ...(others.size > 0 && {vectors: others})}]
      })
      const named = new Set([...model.named].filter((name) => name !== gone))
      // A class has a vector at least.
      const unnamed = gone === '' ? named.size === 0 : model.unnamed || named.size === 0
      return {...dropped, named, unnamed}
    },
    fits: (model) => (gone === '' ? model.unnamed : model.named.has(gone)),
    make: () => changes.dropVector(gone),
    name: `without the vector ${gone || 'unnamed'}`,
  }
}

const keyOf = ({id, tenant}: WeaviateObject): string => `${id}/${tenant ?? ''}`
const lowest = (model: Model, count: number, rank: (object: WeaviateObject) => string): Model => {
  const first = new Set(
    model.objects
      .map((object) => rank(object))
      .toSorted()
      .slice(0, count),
  )
  return kept(model, (object) => first.has(rank(object)))
}

const always = (): boolean => true

/** In the file too, by hand. */
const several = (object: WeaviateObject): WeaviateObject[] => {
  const number = Number(object.id.slice(-2))
  if (number % 4 === 0) return []
  if (number % 4 === 1) return [object, {...object, id: object.id.replace('-4000-', '-4001-')}]
  return [object]
}

const CHANGES: Change[] = [
  {
    apply: (model) => kept(model, ({properties}) => Number(properties.score) >= 3.5),
    fits: has('score', 'number'),
    make: () => changes.where('score >= 3.5'),
    name: 'where score',
  },
  {
    apply: (model) => kept(model, ({properties}) => typeof properties.rank === 'number' && properties.rank > 2),
    fits: has('rank', 'int'),
    make: () => changes.where('rank != null && rank > 2'),
    name: 'where rank',
  },
  {
    apply: (model) => kept(model, ({id, tenant}) => tenant !== 'eu-1' && id > '2'),
    fits: ({tenants}) => tenants !== undefined,
    make: () => changes.where('tenant != "eu-1" && id > "2" && created < timestamp("2100-01-01T00:00:00Z")'),
    name: 'where tenant and id',
  },
  {
    apply: (model) => kept(model, ({id}) => Number(id.slice(-2)) % 2 === 0),
    fits: always,
    make: () => changes.onlyIds(Array.from({length: OBJECTS}, (_, index) => idOf(index * 2).toUpperCase())),
    name: 'ids',
  },
  {apply: (model) => lowest(model, 9, keyOf), fits: always, make: () => changes.limit(9), name: 'limit'},
  {
    apply: (model) =>
      lowest(model, 11, (object) =>
        createHash('sha256')
          .update(`seed\n${keyOf(object)}`)
          .digest('hex'),
      ),
    fits: always,
    make: () => changes.sample(11, 'seed'),
    name: 'sample',
  },
  {
    apply: (model) =>
      kept(model, (object) => {
        const digest = createHash('sha256')
          .update(`x\n${keyOf(object)}`)
          .digest('hex')
        return Number.parseInt(digest.slice(0, 13), 16) / 2 ** 52 < 0.4
      }),
    fits: always,
    make: () => changes.sample('40%', 'x'),
    name: 'sample of a share',
  },
  {
    apply: (model) => renamed(model, 'title', 'heading'),
    fits: ({properties}) => 'title' in properties && !('heading' in properties),
    make: () => changes.rename({title: 'heading'}),
    name: 'rename',
  },
  {
    apply: (model) => ({
      ...each(model, (object) => [withProperties(object, (properties) => without(properties, 'score'))]),
      properties: without(model.properties, 'score'),
    }),
    fits: ({properties}) => 'score' in properties,
    make: () => changes.drop(['score']),
    name: 'drop',
  },
  converted('uid', 'uuid', 'text', (value) => value),
  converted('rank', 'int', 'number', (value) => value),
  converted('rank', 'int', 'text', String),
  converted('title', 'text', 'text[]', (value) => [value]),
  converted('customer', 'text', 'text[]', (value) => [value]),
  movedVector('', 'main'),
  movedVector('main', ''),
  movedVector('other', 'second'),
  droppedVector('other'),
  droppedVector('main'),
  droppedVector(''),
  {
    apply: (model) => each(model, ({vector: _, vectors: __, ...object}) => [object]),
    fits: always,
    make: () => changes.withoutVectors(),
    name: 'without vectors',
  },
  {
    apply: (model) => ({...each(model, (object) => [{...object, tenant: 'one'}]), tenants: new Set(['one'])}),
    fits: always,
    make: () => changes.intoTenant('one'),
    name: 'into a tenant',
  },
  {
    apply(model) {
      const from = each(model, (object) => [{...object, tenant: object.properties.customer as string}])
      return {...from, tenants: new Set(from.objects.map(({tenant}) => tenant!))}
    },
    fits: has('customer', 'text'),
    make: () => changes.tenantFrom('customer'),
    name: 'tenants from a property',
  },
  {
    apply: ({tenants: _, ...model}) => each(model, ({tenant: __, ...object}) => [object]),
    fits: ({tenants}) => tenants !== undefined,
    make: () => changes.outOfTenants(),
    name: 'out of tenants',
  },
  {
    apply(model) {
      const name = (tenant: string): string => (tenant === 'us-1' ? 'world' : tenant)
      const isKept = (tenant: string): boolean => tenant.startsWith('eu-') || tenant === 'us-1'
      const some = kept(model, ({tenant}) => isKept(tenant!))
      return {
        ...each(some, (object) => [{...object, tenant: name(object.tenant!)}]),
        tenants: new Set([...model.tenants!].filter((tenant) => isKept(tenant)).map((tenant) => name(tenant))),
      }
    },
    fits: ({tenants}) => tenants !== undefined && tenants.has('eu-1') && tenants.has('us-1'),
    make: () => changes.selectTenants(['eu-*', 'us-1=world']),
    name: 'some tenants, one with another name',
  },
  {
    apply: (model) => each(model, several),
    fits: always,
    make: () => fromFile,
    name: 'a module that makes none, one or two of each',
  },
  {
    apply: (model) =>
      each(model, (object) => [
        {...withProperties(object, (properties) => ({...properties, score: 7})), vector: vectorOf(8, 9)},
      ]),
    fits: ({properties, unnamed}) => properties.score === 'number' && unnamed,
    make: () =>
      changes.transformObjects(
        {
          async object({properties, ...object}) {
            await Promise.resolve()
            return {...object, properties: {...properties, score: 7}, vector: [8, 9]}
          },
        },
        {name: 'test'},
      ),
    name: 'functions that change vectors',
  },
]

beforeAll(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
  const file = path.join(directory.path, 'several.mjs')
  await writeFile(
    file,
    `export async function object(object) {
  const number = Number(object.id.slice(-2))
  if (number % 4 === 0) return null
  return number % 4 === 1 ? [object, {...object, id: object.id.replace('-4000-', '-4001-')}] : object
}
`,
  )
  fromFile = await changes.loadTransform(file)
  for (const name of [PLAIN, TENANTS]) await create(name)
})

afterAll(async () => {
  for (const name of [PLAIN, TENANTS]) await server.connection.deleteCollection(name)
  await directory.remove()
  await server.close()
})

async function create(name: string): Promise<void> {
  const {connection} = server
  const {named, objects, properties, tenants} = makeModel(name)
  const schema: WeaviateClass = {
    class: name,
    properties: Object.entries(properties).map(([property, type]) => ({dataType: [type], name: property})),
    ...(tenants && {multiTenancyConfig: {enabled: true}}),
    ...(named.size > 0
      ? {
          vectorConfig: Object.fromEntries(
            [...named].map((vector) => [vector, {vectorIndexType: 'flat', vectorizer: {none: {}}}]),
          ),
        }
      : {vectorIndexType: 'flat', vectorizer: 'none'}),
  }
  await connection.deleteCollection(name)
  await connection.createCollection(schema)
  if (tenants)
    await connection.createTenants(
      name,
      [...tenants].map((tenant) => ({name: tenant, status: 'HOT' as const})),
    )
  const collection = planCollection((await connection.getCollection(name))!)
  for (const tenant of tenants ?? [undefined]) {
    const own = objects.filter((object) => object.tenant === tenant)
    if (own.length > 0) expect(await connection.writeObjects({collection, objects: own})).toEqual([])
  }

  const {path: backup} = await new BackupManager(connection, {directory: directory.path}).backupCollection(name)
  backups.set(name, backup)
}

const sorted = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))

function seen({id, properties, tenant, vector, vectors}: WeaviateObject): unknown {
  const numbers = (bytes: Uint8Array): number[] => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return Array.from({length: bytes.byteLength / 4}, (_, index) => view.getFloat32(index * 4, true))
  }

  return {
    id,
    properties: sorted(properties),
    tenant,
    vector: vector?.length ? numbers(vector) : undefined,
    vectors: sorted(Object.fromEntries([...(vectors ?? [])].map(([name, {bytes}]) => [name, numbers(bytes)]))),
  }
}

/** All that there is of a collection, in the words of a model. */
async function dump(name: string): Promise<unknown> {
  const {connection} = server
  const schema = (await connection.getCollection(name))!
  const collection = planCollection(schema)
  const tenants = collection.multiTenant ? (await connection.listTenants(name)).map((tenant) => tenant.name) : undefined
  const objects: WeaviateObject[] = []
  for (const tenant of tenants ?? [undefined]) {
    const page = await connection.readPage({collection, include: 'objects', limit: 1000, tenant})
    objects.push(...page.objects)
  }

  return {
    named: Object.keys(schema.vectorConfig ?? {}).toSorted(),
    objects: inOrder(objects),
    properties: sorted(
      Object.fromEntries((schema.properties ?? []).map(({dataType, name: own}) => [own, dataType[0]])),
    ),
    tenants: tenants?.toSorted(),
  }
}

const inOrder = (objects: readonly WeaviateObject[]): unknown[] =>
  objects.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)).map((object) => seen(object))

const expected = ({named, objects, properties, tenants}: Model): unknown => ({
  named: [...named].toSorted(),
  objects: inOrder(objects),
  properties: sorted(properties),
  tenants: tenants && [...tenants].toSorted(),
})

/** Three roads to the same end. */
const ROADS: Record<string, (source: string, target: string, transforms: Transform[]) => Promise<void>> = {
  async backup(source, target, transforms) {
    const manager = new BackupManager(server.connection, {directory: directory.path})
    const {complete, path: backup} = await manager.backupCollection(source, {transforms})
    expect(complete).toBe(true)
    expect((await new Verifier({directory: directory.path}).verifyBackup(backup)).problems).toEqual([])
    const restores = new RestoreManager(server.connection, {directory: directory.path})
    const restored = await restores.restoreCollection(backup, {name: target, verify: true})
    expect(restored).toMatchObject({rejected: 0, verification: {equal: true}})
  },
  async copy(source, target, transforms) {
    const manager = new CopyManager(server.connection, server.connection, {directory: directory.path})
    const copied = await manager.copyCollection(source, {name: target, transforms, verify: true})
    expect(copied).toMatchObject({complete: true, rejected: 0, verification: {equal: true}})
  },
  async restore(source, target, transforms) {
    const restores = new RestoreManager(server.connection, {directory: directory.path})
    const restored = await restores.restoreCollection(backups.get(source)!, {name: target, transforms, verify: true})
    expect(restored).toMatchObject({rejected: 0, verification: {equal: true}})
  },
}

let copies = 0
const done = new Set<string>()

async function check(source: string, road: string, chosen: readonly Change[]): Promise<void> {
  let model = makeModel(source)
  const used: Change[] = []
  for (const change of chosen) {
    if (!change.fits(model)) continue
    model = change.apply(model)
    used.push(change)
    done.add(change.name)
  }

  const target = `Combined${++copies}`
  const where = `${road} of ${source}: ${used.map(({name}) => name).join(', then ')}`
  try {
    await ROADS[road]!(
      source,
      target,
      used.map(({make}) => make()),
    )
    expect(await dump(target), where).toEqual(expected(model))
  } catch (error) {
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, {cause: error})
  } finally {
    await server.connection.deleteCollection(target)
  }
}

const roads = Object.keys(ROADS)

describe('a change on the way', () => {
  it.each(CHANGES)('alone, $name: the dump is the one that the oracle makes', async (change) => {
    for (const [index, source] of [PLAIN, TENANTS].entries()) {
      if (!change.fits(makeModel(source))) continue
      await check(source, roads[(CHANGES.indexOf(change) + index) % roads.length]!, [change])
    }
  })

  it(`with any two others, by any road: the same (${RUNS} combinations)`, {timeout: 30_000 + RUNS * 2000}, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(PLAIN, TENANTS),
        fc.constantFrom(...roads),
        fc.uniqueArray(fc.constantFrom(...CHANGES), {maxLength: 3, minLength: 3}),
        check,
      ),
      {endOnFailure: true, numRuns: RUNS},
    )
  })

  it('was looked at, each of them', () => {
    expect([...done].toSorted()).toEqual(CHANGES.map(({name}) => name).toSorted())
  })
})
