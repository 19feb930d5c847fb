/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return -- answers are read as they come: a wrong shape fails the expectation */
import {BinaryReader, WireType} from '@bufbuild/protobuf/wire'
import {Client, credentials} from '@grpc/grpc-js'
import {Buffer} from 'node:buffer'
import {beforeAll, describe, expect, it} from 'vitest'

import {Filters_Operator, SearchRequest, Vectors_VectorType} from '../../src/weaviate/proto/generated/weaviate.js'
import {EVERYTHING, fieldsOf, filter, floats, idsOf, keysOf, toFloats, useTarget, uuid, withName} from './target.js'

const {create, named, target} = useTarget()
const {VECTOR_TYPE_MULTI_FP32: MULTI, VECTOR_TYPE_SINGLE_FP32: SINGLE} = Vectors_VectorType

describe('Search', () => {
  let name: string
  beforeAll(async () => {
    name = await create('Search', {
      properties: [
        {dataType: ['text'], name: 't'},
        {dataType: ['blob'], name: 'bl'},
        {dataType: ['int'], name: 'i'},
        {
          dataType: ['object'],
          name: 'o',
          nestedProperties: [
            {dataType: ['int'], name: 'x'},
            {dataType: ['blob'], name: 'inner'},
          ],
        },
      ],
    })
    const object = (number: number) => ({
      collection: name,
      properties: {
        nonRefProperties: {bl: 'AAAA', t: `number ${number}`},
        objectProperties: [{propName: 'o', value: {nonRefProperties: {inner: 'AAAA', x: number}}}],
      },
      uuid: uuid(number),
      vectorBytes: floats(number, 0.5),
    })
    const {errors} = await target.grpc('batchObjects', {objects: [7, 2, 0xff, 1, 3].map((number) => object(number))})
    expect(errors).toEqual([])
  })

  const search = async (request: Record<string, unknown> = {}) =>
    target.grpc('search', {
      collection: name,
      metadata: {uuid: true},
      properties: {},
      uses123Api: true,
      uses125Api: true,
      uses127Api: true,
      ...request,
    })
  const numbers = async (request: Record<string, unknown>) =>
    idsOf(await search(request)).map((id) => Number.parseInt(id.slice(-12), 16))

  it('lists by id, from any id', async () => {
    expect(await numbers({limit: 9})).toEqual([1, 2, 3, 7, 0xff])
    expect(await numbers({after: uuid(2), limit: 2})).toEqual([3, 7])
    expect(await numbers({after: uuid(4), limit: 9})).toEqual([7, 0xff])
    expect(await numbers({after: uuid(0), limit: 1})).toEqual([1])
    expect(await numbers({after: uuid(0xff), limit: 1})).toEqual([])
    expect(await numbers({limit: 2, offset: 3})).toEqual([7, 0xff])
    expect(await numbers({after: uuid(2).toUpperCase(), limit: 1})).toEqual([3])
    const lower = name.replace('C', 'c')
    expect(await numbers({collection: lower, limit: 1})).toEqual([1])
  })

  it('gives exactly the metadata asked for', async () => {
    const {metadata} = (await search({limit: 1})).results[0]
    expect(metadata).toMatchObject({creationTimeUnixPresent: false, id: uuid(1), lastUpdateTimeUnixPresent: false})
    expect([...(metadata.idAsBytes as Uint8Array)]).toEqual([...Buffer.from(uuid(1).replaceAll('-', ''), 'hex')])
    expect(metadata.vectorBytes).toHaveLength(0)
    const all = {creationTimeUnix: true, lastUpdateTimeUnix: true, vector: true}
    const times = (await search({limit: 1, metadata: all})).results[0].metadata
    expect(times).toMatchObject({creationTimeUnixPresent: true, id: '', lastUpdateTimeUnixPresent: true})
    expect(Math.abs(Number(times.creationTimeUnix) - Date.now())).toBeLessThan(60_000)
    expect(toFloats(times.vectorBytes as Uint8Array)).toEqual([1, 0.5])
    const none = (await search({limit: 1, metadata: undefined})).results[0].metadata
    expect(none).toMatchObject({creationTimeUnixPresent: false, id: ''})
  })

  it('sends the vector twice: the deprecated floats and the bytes', async () => {
    const client = new Client(target.grpcUrl, credentials.createInsecure())
    const request = SearchRequest.create({collection: name, limit: 1, metadata: {vector: true}, properties: {}})
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(
        '/weaviate.v1.Weaviate/Search',
        (value: Uint8Array) => Buffer.from(value),
        (value) => value,
        SearchRequest.encode(request).finish(),
        (error, value) => {
          if (error) reject(error)
          else resolve(value!)
        },
      )
    })
    client.close()
    /** The length-delimited fields of a message. */
    const fields = (message: Uint8Array): Map<number, Uint8Array> => {
      const reader = new BinaryReader(message)
      const found = new Map<number, Uint8Array>()
      while (reader.pos < reader.len) {
        const [field, wireType] = reader.tag()
        if (wireType === WireType.LengthDelimited) found.set(field, reader.bytes())
        else reader.skip(wireType)
      }

      return found
    }

    const metadata = fields(fields(fields(bytes).get(2)!).get(2)!)
    expect(toFloats(metadata.get(2)!)).toEqual([1, 0.5])
    expect(toFloats(metadata.get(19)!)).toEqual([1, 0.5])
  })

  it('gives exactly the properties asked for', async () => {
    const keys = async (properties?: Record<string, unknown>) =>
      Object.keys(fieldsOf(await search({limit: 1, properties}))).toSorted()
    expect(await keys({nonRefProperties: ['t', 'bl']})).toEqual(['bl', 't'])
    expect(await keys({returnAllNonrefProperties: true})).toEqual(['i', 'o', 't'])
    // All but blobs, whatever is named beside it.
    expect(await keys({nonRefProperties: ['bl'], returnAllNonrefProperties: true})).toEqual(['i', 'o', 't'])
    expect(await keys()).toEqual(['i', 'o', 't'])
    expect((await search({limit: 1})).results[0].properties).toMatchObject({
      nonRefProps: undefined,
      refPropsRequested: false,
      targetCollection: name,
    })
    const all = fieldsOf(await search({limit: 1, properties: {returnAllNonrefProperties: true}}))
    expect(keysOf(all.o!.value.fields as Map<string, unknown>)).toEqual(['x'])
    const plain = fieldsOf(await search({limit: 1, properties: {nonRefProperties: ['o']}}))
    expect(keysOf(plain.o!.value.fields as Map<string, unknown>)).toEqual(['x'])
    const nested = {objectProperties: [{primitiveProperties: ['inner'], propName: 'o'}]}
    const some = fieldsOf(await search({limit: 1, properties: nested}))
    expect(keysOf(some.o!.value.fields as Map<string, unknown>)).toEqual(['inner'])
  })

  it('filters', async () => {
    const {OPERATOR_CONTAINS_ANY, OPERATOR_EQUAL, OPERATOR_LIKE} = Filters_Operator
    const text = (value: string) => ({$case: 'valueText' as const, value})
    expect(await numbers({filters: filter(OPERATOR_EQUAL, '_id', text(uuid(3))), limit: 9})).toEqual([3])
    const some = {$case: 'valueTextArray' as const, value: {values: [uuid(7), uuid(2), uuid(99)]}}
    const any = await numbers({filters: filter(OPERATOR_CONTAINS_ANY, '_id', some), limit: 9})
    expect(any.toSorted((a, b) => a - b)).toEqual([2, 7])
    expect(await numbers({filters: filter(OPERATOR_EQUAL, 't', text('Number 7')), limit: 9})).toEqual([7])
    expect(await numbers({filters: filter(OPERATOR_LIKE, 't', text('num*')), limit: 9})).toHaveLength(5)
  })

  it.each<[string, Record<string, unknown>, string]>([
    [
      'an unknown property',
      {properties: {nonRefProperties: ['zzz']}},
      "extract properties request: get property by name zzz for class CLASS: no such prop with name 'zzz' found in class 'CLASS' in the schema. Check your schema files for which properties in this class are available",
    ],
    [
      'a plain property as a reference',
      {properties: {refProperties: [{referenceProperty: 't'}]}},
      'extract properties request: could not find class text in schema',
    ],
    [
      'a cursor and an offset',
      {after: uuid(0), offset: 1},
      "cursor api: invalid 'after' parameter: offset cannot be set with after and limit parameters",
    ],
    [
      'a cursor and a filter',
      {after: uuid(0), filters: EVERYTHING},
      "cursor api: invalid 'after' parameter: where cannot be set with after and limit parameters",
    ],
    [
      'a cursor that is no UUID',
      {after: 'xyz'},
      "cursor api: invalid 'after' parameter: after parameter 'xyz' is not a valid uuid: invalid UUID length: 3",
    ],
    [
      'too long a page',
      {after: uuid(0), limit: 10_001},
      "explorer: list class: search: invalid pagination params: query maximum results exceeded: the total limit calculated from the provided offset '0' and limit '10001' exceeds the configured value for QUERY_MAXIMUM_RESULTS '10000'. If you've supplied a negative offset or limit, this may be an underflow error",
    ],
    [
      'a tenant of none',
      {tenant: 'x'},
      'explorer: list class: search: object search at index INDEX: class CLASS has multi-tenancy disabled, but request was with tenant',
    ],
  ])('refuses %s', async (_, request, details) => {
    const failure = await target.grpcFailure('search', {
      collection: name,
      limit: 5,
      metadata: {uuid: true},
      properties: {},
      ...request,
    })
    expect(failure).toEqual({
      code: 2,
      details: withName(withName(details, 'CLASS', name), 'INDEX', name.toLowerCase()),
    })
  })

  it('refuses a collection that is not there', async () => {
    const none = named('SearchNone')
    expect(await target.grpcFailure('search', {collection: none, limit: 1})).toEqual({
      code: 2,
      details: `could not find class ${none} in schema`,
    })
  })

  it('gives named vectors, single and multi', async () => {
    const vectors = await create('Vectors', {
      vectorConfig: {
        m: {vectorIndexConfig: {multivector: {enabled: true}}, vectorizer: {none: {}}},
        s: {vectorIndexType: 'flat', vectorizer: {none: {}}},
      },
    })
    const multi = new Uint8Array([2, 0, ...floats(1, 2, 3, 4.5)])
    const {errors} = await target.grpc('batchObjects', {
      objects: [
        {
          collection: vectors,
          uuid: uuid(1),
          vectors: [
            {name: 'm', type: MULTI, vectorBytes: multi},
            {name: 's', type: SINGLE, vectorBytes: floats(1, 2, 3)},
          ],
        },
        {collection: vectors, uuid: uuid(2), vectors: [{name: 's', vectorBytes: floats(4, 5, 6)}]},
        {collection: vectors, uuid: uuid(3)},
      ],
    })
    expect(errors).toEqual([])
    const metadata = {uuid: true, vectors: ['s', 'm', 'unknown']}
    const {results} = await search({collection: vectors, limit: 9, metadata})
    const found = results.map((result: any) =>
      result.metadata.vectors.map((vector: any) => [vector.name, vector.type, [...(vector.vectorBytes as Uint8Array)]]),
    )
    expect(found).toEqual([
      [
        ['s', SINGLE, [...floats(1, 2, 3)]],
        ['m', MULTI, [...multi]],
      ],
      [['s', SINGLE, [...floats(4, 5, 6)]]],
      [],
    ])
    // Asking for the unnamed vector asks for all named ones.
    const all = await search({collection: vectors, limit: 1, metadata: {vector: true}})
    expect(all.results[0].metadata.vectors.map((vector: any) => vector.name as unknown).toSorted()).toEqual(['m', 's'])
  })
})

describe('BatchObjects', () => {
  it('answers for each object, by its index', async () => {
    const name = await create('Batch', {properties: [{dataType: ['int'], name: 'i'}]})
    const write = async (...objects: any[]) => {
      const {errors} = await target.grpc('batchObjects', {
        objects: objects.map((object: object) => ({collection: name, ...object})),
      })
      return Object.fromEntries(
        errors.map((each: {error: string; index: number}) => [each.index, each.error]),
      ) as Record<number, string>
    }

    expect(await write({uuid: uuid(1), vectorBytes: floats(1, 2, 3)})).toEqual({})
    const refused = await write(
      {uuid: uuid(2), vectorBytes: floats(1, 2)},
      {uuid: 'x'},
      {tenant: 'q', uuid: uuid(3)},
      {properties: {nonRefProperties: {i: 1.5}}, uuid: uuid(4)},
      {uuid: uuid(5), vectorBytes: new Uint8Array(5)},
      {uuid: uuid(6), vectors: [{name: 'zz', vectorBytes: floats(1)}]},
      {uuid: uuid(7)},
    )
    const dims = (id: string, dimensions: number) =>
      `Validate vector index for ${id}: new node has a vector with length ${dimensions}. Existing nodes have vectors with length 3: vector dimensions do not match the index dimensions`
    expect(refused).toEqual({
      0: dims(uuid(2), 2),
      1: 'invalid UUID length: 1',
      2: `class ${name} has multi-tenancy disabled, but request was with tenant`,
      3: `invalid integer property 'i' on class '${name}': requires an integer, the given value is '1.5'`,
      4: dims(uuid(5), 1),
      5: `collection ${name} does not have configuration for vector zz`,
    })
    const listed = await target.grpc('search', {collection: name, limit: 9, metadata: {uuid: true}})
    expect(idsOf(listed)).toEqual([uuid(1), uuid(7)])
  })

  it('replaces an object whole', async () => {
    const name = await create('BatchReplace')
    const write = async (object: Record<string, unknown>) =>
      target.grpc('batchObjects', {objects: [{collection: name, uuid: uuid(1), ...object}]})
    await write({properties: {nonRefProperties: {a: 'x', b: 'y'}}, vectorBytes: floats(1)})
    await write({properties: {nonRefProperties: {a: 'z'}}})
    const {json} = await target.rest('GET', `/objects/${name}/${uuid(1)}?include=vector`)
    expect(json.properties).toEqual({a: 'z'})
    expect(json).not.toHaveProperty('vector')
  })

  it('takes nothing, too', async () => {
    expect((await target.grpc('batchObjects', {objects: []})).errors).toEqual([])
  })
})
