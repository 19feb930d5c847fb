/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access -- answers are read as they come: a wrong shape fails the expectation */

import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import weaviate, {type WeaviateClient} from 'weaviate-client'

import {useTarget, uuid} from './target.js'

const {create, named, target} = useTarget()

describe('the official client, unmodified', () => {
  let client: WeaviateClient
  beforeAll(async () => {
    const [grpcHost, grpcPort] = target.grpcUrl.split(':', 2)
    const {hostname, port} = new URL(target.url)
    client = await weaviate.connectToCustom({
      grpcHost,
      grpcPort: Number(grpcPort),
      grpcSecure: false,
      httpHost: hostname,
      httpPort: Number(port),
      httpSecure: false,
    })
  })
  afterAll(async () => {
    await client.close()
  })

  it('finds the server ready', async () => {
    expect(await client.isReady()).toBe(true)
    expect(await client.isLive()).toBe(true)
    const {version} = await client.getMeta()
    expect(version).toMatch(/^1\./)
  })

  it('creates a collection from a schema, and reads its configuration', async () => {
    const name = named('FromSchema')
    await client.collections.createFromSchema({
      class: name,
      properties: [{dataType: ['text'], name: 'title'}],
      vectorIndexType: 'flat',
      vectorizer: 'none',
    })
    expect(await client.collections.exists(name)).toBe(true)
    const config = await client.collections.use(name).config.get()
    expect(config).toMatchObject({name, properties: [{dataType: 'text', name: 'title', tokenization: 'word'}]})
    expect(config.vectorizers.default).toMatchObject({indexType: 'flat', vectorizer: {name: 'none'}})
    const all = await client.collections.listAll()
    expect(all.map((each) => each.name)).toContain(name)
    await client.collections.use(name).config.addProperty({dataType: 'int', name: 'count'})
    expect((await client.collections.use(name).config.get()).properties).toHaveLength(2)
    await client.collections.delete(name)
    expect(await client.collections.exists(name)).toBe(false)
  })

  it('writes, reads, iterates, counts and deletes objects', async () => {
    const name = await create('Objects', {
      properties: [
        {dataType: ['text'], name: 'title'},
        {dataType: ['int'], name: 'count'},
        {dataType: ['date'], name: 'when'},
        {dataType: ['number[]'], name: 'weights'},
        {dataType: ['geoCoordinates'], name: 'where'},
        {dataType: ['object'], name: 'inner', nestedProperties: [{dataType: ['text'], name: 'a'}]},
      ],
    })
    const collection = client.collections.use(name)
    const when = new Date('2024-01-02T03:04:05.678Z')
    const inserted = await collection.data.insertMany(
      Array.from({length: 25}, (_, index) => ({
        id: uuid(index + 1),
        properties: {
          count: index,
          inner: {a: `a${index}`},
          title: `title ${index}`,
          weights: [index, 0.5],
          when,
          where: {latitude: 1.5, longitude: -2.5},
        },
        vectors: [index, 1, 0.25],
      })),
    )
    expect(inserted.hasErrors).toBe(false)
    expect(Object.values(inserted.uuids)).toHaveLength(25)

    const page = await collection.query.fetchObjects({after: uuid(2), includeVector: true, limit: 3})
    expect(page.objects.map((object) => object.uuid)).toEqual([uuid(3), uuid(4), uuid(5)])
    expect(page.objects[0]!.vectors.default).toEqual([2, 1, 0.25])
    expect(page.objects[0]!.properties).toEqual({
      count: 2,
      inner: {a: 'a2'},
      title: 'title 2',
      weights: [2, 0.5],
      when,
      where: {latitude: 1.5, longitude: -2.5},
    })
    const metadata = await collection.query.fetchObjects({limit: 1, returnMetadata: ['creationTime', 'updateTime']})
    expect(metadata.objects[0]!.metadata!.creationTime).toBeInstanceOf(Date)

    const one = await collection.query.fetchObjectById(uuid(7))
    expect(one!.properties.title).toBe('title 6')
    expect(await collection.query.fetchObjectById(uuid(99))).toBeNull()
    const filtered = await collection.query.fetchObjects({
      filters: collection.filter.byProperty('count').greaterThan(21),
    })
    expect(filtered.objects).toHaveLength(3)

    const ids: string[] = []
    for await (const object of collection.iterator()) ids.push(object.uuid)
    expect(ids).toEqual(Array.from({length: 25}, (_, index) => uuid(index + 1)))

    expect(await collection.length()).toBe(25)
    expect((await collection.aggregate.overAll()).totalCount).toBe(25)

    const deleted = await collection.data.deleteMany(collection.filter.byId().containsAny([uuid(1), uuid(2), uuid(99)]))
    expect(deleted).toMatchObject({failed: 0, matches: 2, successful: 2})
    await collection.data.deleteMany(collection.filter.byProperty('title').like('*'))
    expect(await collection.length()).toBe(0)
  })

  it('writes one object at a time', async () => {
    const name = await create('Singly', {properties: [{dataType: ['text'], name: 'title'}]})
    const {data, query} = client.collections.use(name)
    const id = await data.insert({properties: {title: 'first'}, vectors: [1, 2]})
    await data.update({id, properties: {title: 'second'}})
    expect((await query.fetchObjectById(id))!.properties.title).toBe('second')
    await data.replace({id, properties: {title: 'third'}})
    expect((await query.fetchObjectById(id))!.properties.title).toBe('third')
    expect(await data.exists(id)).toBe(true)
    expect(await data.deleteById(id)).toBe(true)
    expect(await data.exists(id)).toBe(false)
    await expect(data.insert({id: uuid(1), vectors: {nope: [1]}})).rejects.toThrow(
      'does not have configuration for vector nope',
    )
  })

  it('says which objects of a batch were refused', async () => {
    const name = await create('Refused', {properties: [{dataType: ['int'], name: 'count'}]})
    const result = await client.collections.use(name).data.insertMany([
      {id: uuid(1), properties: {count: 1}},
      {id: uuid(2), properties: {count: 'x'}},
    ])
    expect(result.hasErrors).toBe(true)
    expect(Object.keys(result.errors)).toEqual(['1'])
    expect(result.errors[1]!.message).toContain("invalid integer property 'count'")
  })

  it('writes named vectors and references', async () => {
    const name = await create('Linked', {
      properties: [{dataType: ['text'], name: 'title'}],
      vectorConfig: {a: {vectorIndexType: 'flat', vectorizer: {none: {}}}},
    })
    const collection = client.collections.use(name)
    await collection.config.addReference({name: 'to', targetCollection: name})
    await collection.data.insertMany([{id: uuid(1), properties: {title: 'one'}, vectors: {a: [1, 2, 3]}}])
    await collection.data.insertMany([{id: uuid(2), properties: {title: 'two'}, references: {to: uuid(1)}}])
    await collection.data.referenceAddMany([{fromProperty: 'to', fromUuid: uuid(1), to: uuid(2)}])
    await collection.data.referenceAdd({fromProperty: 'to', fromUuid: uuid(2), to: uuid(2)})
    const {objects} = await collection.query.fetchObjects({includeVector: true, returnReferences: [{linkOn: 'to'}]})
    expect(objects[0]!.vectors).toEqual({a: [1, 2, 3]})
    const links = objects.map(
      (object) => (object.references as any)?.to.objects.map((each: {uuid: string}) => each.uuid) as unknown,
    )
    expect(links).toEqual([[uuid(2)], [uuid(1), uuid(2)]])
  })

  it('works with tenants', async () => {
    const name = await create('Tenants', {multiTenancyConfig: {enabled: true}})
    const collection = client.collections.use(name)
    await collection.tenants.create([{name: 'a'}, {activityStatus: 'INACTIVE', name: 'b'}])
    expect(await collection.tenants.get()).toMatchObject({
      a: {activityStatus: 'ACTIVE'},
      b: {activityStatus: 'INACTIVE'},
    })
    await collection.tenants.update({activityStatus: 'ACTIVE', name: 'b'})
    expect((await collection.tenants.getByName('b'))!.activityStatus).toBe('ACTIVE')
    const tenant = collection.withTenant('b')
    await tenant.data.insertMany([{id: uuid(1), properties: {t: 'x'}}])
    expect(await tenant.length()).toBe(1)
    expect(await collection.withTenant('a').length()).toBe(0)
    await collection.tenants.remove('a')
    expect(Object.keys(await collection.tenants.get())).toEqual(['b'])
  })

  it('works with aliases', async () => {
    const name = await create('Aliased')
    const alias = named('AliasOfIt')
    await client.alias.create({alias, collection: name})
    expect(await client.alias.listAll()).toContainEqual({alias, collection: name})
    await client.alias.delete(alias)
    expect(await client.alias.listAll()).not.toContainEqual({alias, collection: name})
  })

  it('sees the nodes', async () => {
    const name = await create('Noded')
    const nodes = await client.cluster.nodes({collection: name, output: 'verbose'})
    expect(nodes[0]!.shards[0]!.class).toBe(name)
  })
})
