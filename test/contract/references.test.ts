/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return -- answers are read as they come: a wrong shape fails the expectation */
import {beforeAll, describe, expect, it} from 'vitest'

import {messageOf, useTarget, uuid, withName} from './target.js'

const {create, named, target} = useTarget()

const beacon = (collection: string, number: number) => ({beacon: `weaviate://localhost/${collection}/${uuid(number)}`})

async function write(name: string, number: number, properties: Record<string, unknown> = {}): Promise<void> {
  const objects = [{class: name, id: uuid(number), properties}]
  const {json} = await target.rest('POST', '/batch/objects', {objects})
  expect(json[0].result).toEqual({status: 'SUCCESS'})
}

async function read(name: string, number: number, query = ''): Promise<any> {
  const {json} = await target.rest('GET', `/objects/${name}/${uuid(number)}${query}`)
  return json.properties as unknown
}

/** The beacons of a property, as REST shows them. */
async function beacons(name: string, number: number, property: string): Promise<string[]> {
  const properties = await read(name, number)
  return properties[property].map((reference: {beacon: string}) => reference.beacon) as string[]
}

describe('references of a collection', () => {
  let name: string
  let other: string
  beforeAll(async () => {
    other = await create('Other', {properties: [{dataType: ['text'], name: 't'}]})
    name = await create('References', {properties: [{dataType: ['text'], name: 't'}]})
    const dataTypes = {both: [name, other], one: [other], self: [name]}
    for (const [property, dataType] of Object.entries(dataTypes))
      await target.rest('POST', `/schema/${name}/properties`, {dataType, name: property})
    await write(other, 0x0a, {t: 'a'})
    await write(other, 0x0b, {t: 'b'})
    await write(name, 0xff)
  })

  const errorsOf = async (...references: any[]) => {
    const {errors} = await target.grpc('batchReferences', {
      references: references.map((reference: object) => ({fromCollection: name, ...reference})),
    })
    return Object.fromEntries(errors.map((each: {error: string; index: number}) => [each.index, each.error])) as Record<
      number,
      string
    >
  }

  it('may stand in an object, to objects that are there', async () => {
    await write(name, 1, {both: [beacon(other, 0x0a), beacon(name, 0xff)], one: [beacon(other, 0x0b)]})
    expect(await read(name, 1)).toEqual({
      both: [
        {...beacon(other, 0x0a), href: `/v1/objects/${other}/${uuid(0x0a)}`},
        {...beacon(name, 0xff), href: `/v1/objects/${name}/${uuid(0xff)}`},
      ],
      one: [{...beacon(other, 0x0b), href: `/v1/objects/${other}/${uuid(0x0b)}`}],
    })
    await write(name, 2, {one: [{beacon: `weaviate://localhost/${uuid(0x0a)}`}], self: []})
    expect(await beacons(name, 2, 'one')).toEqual([beacon(other, 0x0a).beacon])
    expect(await beacons(name, 2, 'self')).toEqual([])
  })

  it.each<[string, unknown, string]>([
    [
      'one that is not there',
      [{beacon: `weaviate://localhost/OTHER/${uuid(0x99)}`}],
      `invalid cref: 'cref' CLASS:one: no object with id ${uuid(0x99)} found`,
    ],
    ['a map', {beacon: 'x'}, 'reference property is not a slice map[beacon:x]'],
    ['text', 'x', 'reference property is not a slice x'],
    ['no beacon', [{beacon: 'x'}], "invalid cref URI: path must be of format '<class>/<uuid>', but got 'x'"],
    [
      'no UUID',
      [{beacon: 'weaviate://localhost/OTHER/xx'}],
      "invalid cref URI: 2nd path segment must be uuid, but got 'xx'",
    ],
  ])('may not be %s', async (_, value, message) => {
    const json = withName(JSON.stringify(value), 'OTHER', other)
    const answer = await target.rest(
      'POST',
      '/objects',
      `{"class":"${name}","id":"${uuid(0x77)}","properties":{"one":${json}}}`,
    )
    expect(answer.status).toBe(422)
    expect(messageOf(answer)).toBe(`invalid object: ${withName(message, 'CLASS', name)}`)
  })

  it('may not stand in an object to another of its batch', async () => {
    const inside = {singleTargetRefProps: [{propName: 'self', uuids: [uuid(0x70)]}]}
    const {errors} = await target.grpc('batchObjects', {
      objects: [
        {collection: name, uuid: uuid(0x70)},
        {collection: name, properties: inside, uuid: uuid(0x71)},
      ],
    })
    const error = `invalid cref: 'cref' ${name}:self: no object with id ${uuid(0x70)} found`
    expect(errors).toEqual([{error, index: 1}])
  })

  it('stand in gRPC objects by target', async () => {
    const objects = [
      {
        multiTargetRefProps: [
          {propName: 'both', targetCollection: other, uuids: [uuid(0x0a)]},
          {propName: 'both', targetCollection: name, uuids: [uuid(0xff)]},
        ],
        singleTargetRefProps: [{propName: 'one', uuids: [uuid(0x0b), uuid(0x0a)]}],
      },
      {singleTargetRefProps: [{propName: 'both', uuids: [uuid(0x0a)]}]},
      {multiTargetRefProps: [{propName: 'one', targetCollection: other, uuids: [uuid(0x0a)]}]},
      {singleTargetRefProps: [{propName: 'one', uuids: [uuid(0x99)]}]},
    ]
    const {errors} = await target.grpc('batchObjects', {
      objects: objects.map((properties, index) => ({collection: name, properties, uuid: uuid(0x10 + index)})),
    })
    expect(errors.toSorted((a: any, b: any) => a.index - b.index)).toEqual([
      {error: `target is a multi-target reference, need single target [${name} ${other}]`, index: 1},
      {error: `target is a single-target reference, need multi-target [${other}]`, index: 2},
      {error: `invalid cref: 'cref' ${name}:one: no object with id ${uuid(0x99)} found`, index: 3},
    ])
    expect(await beacons(name, 0x10, 'both')).toEqual([beacon(other, 0x0a).beacon, beacon(name, 0xff).beacon])
    expect(await beacons(name, 0x10, 'one')).toEqual([beacon(other, 0x0b).beacon, beacon(other, 0x0a).beacon])
  })

  it('are appended by batches, to any target, in order', async () => {
    await write(name, 0x20, {t: 'x'})
    const references = [
      {fromUuid: uuid(0x20), name: 'self', toCollection: name, toUuid: uuid(0x20)},
      {fromUuid: uuid(0x20), name: 'self', toUuid: uuid(0x99)},
      {fromUuid: uuid(0x20), name: 'self', toCollection: other, toUuid: uuid(0x0a)},
    ]
    expect(await errorsOf(...references)).toEqual({})
    const once = [beacon(name, 0x20).beacon, beacon(name, 0x99).beacon, beacon(other, 0x0a).beacon]
    expect(await beacons(name, 0x20, 'self')).toEqual(once)
    expect(await errorsOf(...references)).toEqual({})
    expect(await beacons(name, 0x20, 'self')).toEqual([...once, ...once])
    expect((await read(name, 0x20)).t).toBe('x')
  })

  it('keep a beacon without collection where there are several', async () => {
    await write(name, 0x21)
    expect(await errorsOf({fromUuid: uuid(0x21), name: 'both', toUuid: uuid(0x0a)})).toEqual({})
    expect(await beacons(name, 0x21, 'both')).toEqual([`weaviate://localhost/${uuid(0x0a)}`])
  })

  it('go when their object is written again', async () => {
    await write(name, 0x22)
    expect(await errorsOf({fromUuid: uuid(0x22), name: 'one', toUuid: uuid(0x0a)})).toEqual({})
    await write(name, 0x22, {t: 'again'})
    expect(await read(name, 0x22)).toEqual({t: 'again'})
  })

  it('are refused one by one', async () => {
    await write(name, 0x23)
    const nowhere = named('Nowhere')
    expect(
      await errorsOf(
        {fromUuid: uuid(0x98), name: 'one', toUuid: uuid(0x0a)},
        {fromUuid: uuid(0x23), name: 'zz', toUuid: uuid(0x0a)},
        {fromCollection: nowhere, fromUuid: uuid(0x23), name: 'one', toUuid: uuid(0x0a)},
        {fromUuid: 'x', name: 'one', toUuid: uuid(0x0a)},
        {fromUuid: uuid(0x23), name: 'one', toUuid: 'x'},
        {fromUuid: uuid(0x23), name: 'one', toCollection: nowhere, toUuid: uuid(0x0a)},
        {fromUuid: uuid(0x23), name: 'one', tenant: 'x', toUuid: uuid(0x0a)},
        {fromUuid: uuid(0x23), name: 'one', toUuid: uuid(0x0b)},
        {fromUuid: uuid(0x23), name: 'one', toCollection: '', toUuid: ''},
        {fromUuid: uuid(0x23), name: 'one', toUuid: ''},
      ),
    ).toEqual({
      0: `ref batch: object with id ${uuid(0x98)} not found`,
      1: `property zz does not exist for class ${name}`,
      2: `source class "${nowhere}" not found in schema`,
      3: "invalid cref URI: 2nd path segment must be uuid, but got 'one'",
      4: "invalid cref URI: 1nd path segment must be uuid, but got 'x'",
      5: `target class "${name}" not found in schema`,
      6: `class ${name} has multi-tenancy disabled, but request was with tenant`,
      8: "invalid cref URI: 2nd path segment must be uuid, but got ''",
      9: "invalid cref URI: 1nd path segment must be uuid, but got ''",
    })
    expect(await beacons(name, 0x23, 'one')).toEqual([beacon(other, 0x0b).beacon])
    expect(await target.grpcFailure('batchReferences', {references: []})).toEqual({
      code: 2,
      details: 'invalid params: length cannot be 0, need at least one reference for batching',
    })
  })

  it('are appended over REST, too', async () => {
    await write(name, 0x24)
    const from = `weaviate://localhost/${name}/${uuid(0x24)}/one`
    const {json, status} = await target.rest('POST', '/batch/references', [
      {from, to: beacon(other, 0x99).beacon},
      {from: withName(from, uuid(0x24), uuid(0x98)), to: beacon(other, 0x0a).beacon},
    ])
    expect(status).toBe(200)
    expect(json).toEqual([
      {from, result: {status: 'SUCCESS'}, to: beacon(other, 0x99).beacon},
      {
        from: withName(from, uuid(0x24), uuid(0x98)),
        result: {errors: {error: [{message: `ref batch: object with id ${uuid(0x98)} not found`}]}, status: 'FAILED'},
        to: beacon(other, 0x0a).beacon,
      },
    ])
    expect(await beacons(name, 0x24, 'one')).toEqual([beacon(other, 0x99).beacon])
    const bad = await target.rest('POST', '/batch/references', [{from, to: 'x'}])
    expect(bad).toMatchObject({json: {code: 601, message: 'to in body must be of type uri: "x"'}, status: 422})
  })

  it('of one object are changed one by one, to objects that are there', async () => {
    await write(name, 0x25)
    const path = `/objects/${name}/${uuid(0x25)}/references/one`
    expect((await target.rest('POST', path, beacon(other, 0x0a))).status).toBe(200)
    expect((await target.rest('POST', path, beacon(other, 0x0b))).status).toBe(200)
    expect((await target.rest('DELETE', path, beacon(other, 0x0a))).status).toBe(204)
    expect(await beacons(name, 0x25, 'one')).toEqual([beacon(other, 0x0b).beacon])
    expect((await target.rest('PUT', path, [beacon(other, 0x0a)])).status).toBe(200)
    expect(await beacons(name, 0x25, 'one')).toEqual([beacon(other, 0x0a).beacon])
    const missing = `msg:validate existence code:400 err:validate reference: no object with id ${uuid(0x99)} found`
    expect(messageOf(await target.rest('POST', path, beacon(other, 0x99)))).toBe(missing)
    expect(messageOf(await target.rest('PUT', path, [beacon(other, 0x0a), beacon(other, 0x99)]))).toBe(missing)
    expect((await target.rest('PUT', path, [])).status).toBe(200)
    expect(await beacons(name, 0x25, 'one')).toEqual([])
    expect((await target.rest('PUT', withName(path, uuid(0x25), uuid(0x98)), [])).status).toBe(404)
  })

  it('are appended by PATCH', async () => {
    await write(name, 0x26, {one: [beacon(other, 0x0a)]})
    const patch = {class: name, properties: {one: [beacon(other, 0x0b)]}}
    expect((await target.rest('PATCH', `/objects/${name}/${uuid(0x26)}`, patch)).status).toBe(204)
    expect(await beacons(name, 0x26, 'one')).toEqual([beacon(other, 0x0a).beacon, beacon(other, 0x0b).beacon])
  })

  it('are resolved by Search, which leaves out those that dangle', async () => {
    await write(other, 0x0c, {t: 'c'})
    await write(name, 0x30, {
      both: [beacon(other, 0x0a), beacon(name, 0xff)],
      one: [beacon(other, 0x0b), beacon(other, 0x0c)],
    })
    await write(name, 0x31, {one: []})
    await write(name, 0x32)
    await write(name, 0x33, {one: [beacon(other, 0x0c)]})
    await target.rest('DELETE', `/objects/${other}/${uuid(0x0c)}`)
    const references = async (number: number, ...refProperties: Array<Record<string, unknown>>) => {
      const reply = await target.grpc('search', {
        after: uuid(number - 1),
        collection: name,
        limit: 1,
        properties: {refProperties: refProperties.map((each) => ({metadata: {uuid: true}, ...each}))},
        uses123Api: true,
        uses125Api: true,
        uses127Api: true,
      })
      const {refProps, refPropsRequested} = reply.results[0].properties
      expect(refPropsRequested).toBe(true)
      return refProps.map((found: any) => [
        found.propName,
        ...found.properties.map((each: any) => [
          each.targetCollection,
          each.metadata.id,
          each.nonRefProps?.fields.get('t')?.kind.value,
        ]),
      ]) as unknown
    }

    const one = {properties: {nonRefProperties: ['t']}, referenceProperty: 'one'}
    expect(await references(0x30, one)).toEqual([['one', [other, uuid(0x0b), 'b']]])
    expect(await references(0x30, {...one, referenceProperty: 'both', targetCollection: other})).toEqual([
      ['both', [other, uuid(0x0a), 'a']],
    ])
    expect(await references(0x31, one)).toEqual([['one']])
    expect(await references(0x32, one)).toEqual([])
    expect(await references(0x33, one)).toEqual([])
    expect(await beacons(name, 0x33, 'one')).toEqual([beacon(other, 0x0c).beacon])
    const properties = {refProperties: [{referenceProperty: 'both'}]}
    expect((await target.grpcFailure('search', {collection: name, limit: 1, properties})).details).toBe(
      `extract properties request: multi target references from collection ${name} and property both with need an explicitlinked collection. Available linked collections are [${name} ${other}]`,
    )
  })
})

describe('references with tenants', () => {
  it('stay within the tenant, or go to a collection without; batches too need a target', async () => {
    const plain = await create('Plain', {properties: [{dataType: ['text'], name: 't'}]})
    const tenants = await create('Tenants', {multiTenancyConfig: {enabled: true}})
    await target.rest('POST', `/schema/${tenants}/properties`, {dataType: [tenants], name: 'same'})
    await target.rest('POST', `/schema/${tenants}/properties`, {dataType: [plain], name: 'out'})
    await target.rest('POST', `/schema/${tenants}/properties`, {dataType: [plain, tenants], name: 'both'})
    await target.rest('POST', `/schema/${plain}/properties`, {dataType: [tenants], name: 'inward'})
    await target.rest('POST', `/schema/${tenants}/tenants`, [
      {name: 'a'},
      {name: 'b'},
      {activityStatus: 'COLD', name: 'cold'},
    ])
    await write(plain, 1)
    for (const number of [1, 2]) {
      const {json} = await target.rest('POST', '/objects', {class: tenants, id: uuid(number), tenant: 'a'})
      expect(json.tenant).toBe('a')
    }

    const refused = await target.rest('POST', '/objects', {
      class: tenants,
      id: uuid(1),
      properties: {same: [beacon(tenants, 1)]},
      tenant: 'b',
    })
    expect(messageOf(refused)).toBe(
      `invalid object: invalid cref: 'cref' ${tenants}:same: no object with id ${uuid(1)} found`,
    )
    const from = (property: string, number = 1) => ({
      fromCollection: tenants,
      fromUuid: uuid(number),
      name: property,
      tenant: 'a',
    })
    const {errors} = await target.grpc('batchReferences', {
      references: [
        {...from('same'), toCollection: tenants, toUuid: uuid(2)},
        {...from('out'), toCollection: plain, toUuid: uuid(1)},
        {...from('same'), toCollection: tenants, toUuid: uuid(9)},
        {...from('out'), toCollection: plain, toUuid: uuid(9)},
        {...from('same'), tenant: 'b', toCollection: tenants, toUuid: uuid(1)},
        {...from('same'), tenant: 'zz', toCollection: tenants, toUuid: uuid(1)},
        {...from('same'), tenant: 'cold', toCollection: tenants, toUuid: uuid(1)},
        {...from('same'), tenant: '', toCollection: tenants, toUuid: uuid(1)},
        {...from('both'), toUuid: uuid(1)},
        {fromCollection: plain, fromUuid: uuid(1), name: 'inward', toCollection: tenants, toUuid: uuid(1)},
      ],
    })
    expect(Object.fromEntries(errors.map((each: any) => [each.index, each.error]))).toEqual({
      2: `target: object ${tenants}/${uuid(9)} not found for tenant "a"`,
      3: `target: object ${plain}/${uuid(9)} not found for tenant ""`,
      4: `source: object ${tenants}/${uuid(1)} not found for tenant "b"`,
      5: `source: get object ${tenants}/${uuid(1)}: determine shard: tenant not found: "zz"`,
      6: `source: get object ${tenants}/${uuid(1)}: determine shard: tenant not active: 'cold'`,
      7: `source: get object ${tenants}/${uuid(1)}: determine shard: class ${tenants} has multi-tenancy enabled, but request was without tenant`,
      8: 'multi-target references require the class name in the target beacon url',
      9: 'invalid reference: cannot reference a multi-tenant enabled class from a non multi-tenant enabled class',
    })
    expect(await read(tenants, 1, '?tenant=a')).toMatchObject({out: [beacon(plain, 1)], same: [beacon(tenants, 2)]})
  })
})
