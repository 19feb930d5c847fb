import {BinaryWriter} from '@bufbuild/protobuf/wire'
import {describe, expect, it} from 'vitest'

import type {GrpcContext} from '../../../src/weaviate/grpc/context.js'

import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {GrpcReader} from '../../../src/weaviate/grpc/read.js'
import {type SearchRequest} from '../../../src/weaviate/proto/generated/weaviate.js'

const ID = '00000000-0000-0000-0000-000000000001'

/** A reply with one object: its id, a vector, and properties as these bytes where it was asked for any. */
function reply(properties: Uint8Array, vectorType: number): Uint8Array {
  const writer = new BinaryWriter()
  writer.uint32(18).fork()
  writer.uint32(18).fork()
  writer.uint32(10).string(ID)
  writer.uint32(186).fork()
  writer
    .uint32(10)
    .string('v')
    .uint32(26)
    .bytes(Uint8Array.of(0, 0, 128, 63))
    .uint32(32)
    .int32(vectorType)
  writer.join()
  writer.join()
  if (properties.length > 0) writer.uint32(10).bytes(properties)
  writer.join()
  return writer.finish()
}

// PropertiesResult › non_ref_props › fields › {key: "t", value: {99: "x"}}
const UNKNOWN_KIND = Uint8Array.from(
  new BinaryWriter()
    .uint32(90)
    .fork()
    .uint32(10)
    .fork()
    .uint32(10)
    .string('t')
    .uint32(18)
    .fork()
    .uint32((99 << 3) | 2)
    .string('x')
    .join()
    .join()
    .join()
    .finish(),
)

function reader(vectorType = 1) {
  const asked: string[] = []
  const released: Uint8Array[] = []
  const context: GrpcContext = {
    async call(_method, request) {
      const names = (request as SearchRequest).properties?.nonRefProperties ?? []
      asked.push(`grpc ${names.join(',')}`)
      return reply(names.length > 0 ? UNKNOWN_KIND : new Uint8Array(0), vectorType) as never
    },
    release(bytes) {
      released.push(bytes)
    },
    rest: {
      async getObject({id}) {
        asked.push('rest object')
        return {id, properties: {t: 'x'}}
      },
      async getObjects() {
        throw new Error('no whole object is read')
      },
      async readPage() {
        throw new Error('no whole page is read')
      },
      async readReferencesPage() {
        asked.push('rest page')
        return [{id: ID, properties: {t: 'x'}}]
      },
      async writeObjects() {
        throw new Error('nothing is written')
      },
    },
  }
  return {asked, reader: new GrpcReader(context), released}
}

const collection = planCollection({
  class: 'C',
  properties: [{dataType: ['text'], name: 't'}],
  vectorConfig: {v: {vectorIndexType: 'flat', vectorizer: {none: {}}}},
})
const OBJECT = {
  id: ID,
  properties: {t: 'x'},
  vectors: new Map([['v', {bytes: Uint8Array.of(0, 0, 128, 63), kind: 'single'}]]),
}

describe('a kind of value that is not known', () => {
  it('sends the properties of that collection over REST, from then on without asking for them over gRPC', async () => {
    const {asked, reader: grpc} = reader()
    expect((await grpc.readPage({collection, include: 'objects', limit: 10})).objects).toEqual([OBJECT])
    expect((await grpc.readPage({collection, include: 'objects', limit: 10})).objects).toEqual([OBJECT])
    expect(asked.filter((call) => call === 'grpc t')).toHaveLength(1)
    expect(asked.filter((call) => call === 'rest page')).toHaveLength(2)
  })

  it('does so for objects by id', async () => {
    const {asked, reader: grpc} = reader()
    expect(await grpc.getObjects({collection, ids: [ID]})).toEqual([OBJECT])
    expect(asked).toEqual(['grpc t', 'grpc ', 'rest object'])
  })

  it('is refused where it is a vector, with what to do', async () => {
    const {reader: grpc} = reader(3)
    await expect(grpc.readPage({collection, include: 'objects', limit: 10})).rejects.toMatchObject({
      code: 'UNEXPECTED',
      details: {reason: 'a vector is of type 3, which is not known here'},
      hint: expect.stringContaining('use REST') as string,
    })
  })
})

describe('the memory of a page', () => {
  it('is given back once, however often that is asked for', async () => {
    const {reader: grpc, released} = reader()
    const page = await grpc.readPage({collection, include: 'objects', limit: 10})
    expect(released).toEqual([])
    page.release?.()
    page.release?.()
    expect(released).toHaveLength(1)
  })
})
