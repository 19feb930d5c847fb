/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access -- answers are read as they come: a wrong shape fails the expectation */
import {beforeAll, describe, expect, it} from 'vitest'

import {bytesOf, fieldsOf, floats, keysOf, messageOf, useTarget, uuid, withName} from './target.js'

const {create, target} = useTarget()

const TYPES: Record<string, string> = {
  b: 'boolean',
  ba: 'boolean[]',
  bh: 'blobHash',
  bl: 'blob',
  d: 'date',
  da: 'date[]',
  g: 'geoCoordinates',
  i: 'int',
  ia: 'int[]',
  n: 'number',
  na: 'number[]',
  p: 'phoneNumber',
  t: 'text',
  ta: 'text[]',
  u: 'uuid',
  ua: 'uuid[]',
}

let name: string
let next = 1

beforeAll(async () => {
  name = await create('Values', {
    properties: [
      ...Object.entries(TYPES).map(([property, type]) => ({dataType: [type], name: property})),
      {
        dataType: ['object'],
        name: 'o',
        nestedProperties: [
          {dataType: ['int'], name: 'x'},
          {dataType: ['int[]'], name: 'xa'},
          {dataType: ['text'], name: 'tt'},
          {dataType: ['object[]'], name: 'oo', nestedProperties: [{dataType: ['date'], name: 'y'}]},
        ],
      },
    ],
    vectorIndexType: 'flat',
  })
})

function toInts(bytes: Uint8Array): BigInt64Array {
  const {buffer, byteLength, byteOffset} = new Uint8Array(bytes)
  return new BigInt64Array(buffer, byteOffset, byteLength / 8)
}

/** Writes one object over REST; what REST then shows of its properties, or the refusal. */
async function overRest(
  properties: string | Record<string, unknown>,
): Promise<{properties?: any; refusal?: string; text: string}> {
  const id = uuid(next++)
  const json = typeof properties === 'string' ? properties : JSON.stringify(properties)
  const written = await target.rest('POST', '/objects', `{"class":"${name}","id":"${id}","properties":${json}}`)
  if (written.status !== 200) return {refusal: messageOf(written), text: written.text}
  const {json: read, text} = await target.rest('GET', `/objects/${name}/${id}`)
  return {properties: read.properties as unknown, text}
}

/** Writes one object over gRPC; what REST and gRPC then show, or the refusal. */
async function overGrpc(
  properties: Record<string, unknown>,
): Promise<{fields?: any; properties?: any; refusal?: string; text: string}> {
  const id = uuid(next++)
  const {errors} = await target.grpc('batchObjects', {objects: [{collection: name, properties, uuid: id}]})
  if (errors.length > 0) return {refusal: errors[0].error as string, text: ''}
  const {json, text} = await target.rest('GET', `/objects/${name}/${id}`)
  const reply = await target.grpc('search', {
    after: uuid(Number.parseInt(id.slice(-12), 16) - 1),
    collection: name,
    limit: 1,
    properties: {
      nonRefProperties: Object.keys(TYPES),
      objectProperties: [
        {
          objectProperties: [{primitiveProperties: ['y'], propName: 'oo'}],
          primitiveProperties: ['x', 'xa', 'tt'],
          propName: 'o',
        },
      ],
    },
    uses123Api: true,
    uses125Api: true,
    uses127Api: true,
  })
  return {fields: fieldsOf(reply), properties: json.properties as unknown, text}
}

describe('values over REST', () => {
  it.each<[string, unknown, unknown?]>([
    ['t', ''],
    ['t', 'a\0b \u{1F600} "\\'],
    ['t', 'x'.repeat(70_000)],
    ['i', 9_007_199_254_740_992],
    ['n', 5e-324],
    ['n', 1e308],
    ['b', false],
    ['bl', 'AAAA'],
    ['bh', 'AAAA', '63c1dd951ffedf6f7fd968ad4efa39b8ed584f162f46e715114ee184f8de9201'],
    ['d', '2024-01-02T03:04:05.123456789+02:00'],
    ['d', '2024-01-02T03:04:05.120Z', '2024-01-02T03:04:05.12Z'],
    ['d', '2024-01-02T03:04:05+00:00', '2024-01-02T03:04:05Z'],
    ['d', '2024-01-02T3:04:05,1234567891Z', '2024-01-02T03:04:05.123456789Z'],
    ['d', '0001-01-01T00:00:00Z'],
    ['d', '9999-12-31T23:59:59.999999999-23:59'],
    ['u', '00000000-0000-0000-0000-00000000ABCD', '00000000-0000-0000-0000-00000000abcd'],
    ['u', 'urn:uuid:00000000-0000-0000-0000-00000000abcd', '00000000-0000-0000-0000-00000000abcd'],
    ['u', '0000000000000000000000000000abcd', '00000000-0000-0000-0000-00000000abcd'],
    ['g', {latitude: 1.1, longitude: 2.2}],
    ['g', {latitude: 52.123456789, longitude: -4.987654321}, {latitude: 52.123455, longitude: -4.987654}],
    ['ta', []],
    ['ia', [1, -2]],
    ['na', [0.1, -1e300]],
    ['ba', [true, false]],
    ['da', ['2024-01-02T03:04:05.500+01:00'], ['2024-01-02T03:04:05.5+01:00']],
    ['ua', ['00000000-0000-0000-0000-00000000abcd']],
    ['o', {}],
    ['o', {oo: [], x: null}],
    ['o', {oo: [{y: '2024-01-02T03:04:05Z'}, {}], tt: '', x: 1, xa: []}],
  ])('%s keeps %j', async (property, value, kept = value) => {
    expect((await overRest({[property]: value})).properties).toEqual({[property]: kept})
  })

  it('keeps negative zero of a number, not of an int', async () => {
    expect((await overRest('{"n":-0.0,"i":-0}')).text).toContain('{"i":0,"n":-0}')
  })

  it('keeps ints as float64', async () => {
    const {text} = await overRest('{"i":9223372036854775807,"ia":[9007199254740993]}')
    expect(text).toContain('{"i":9223372036854776000,"ia":[9007199254740992]}')
  })

  it('leaves out null, and lowers the first letter of a name', async () => {
    expect((await overRest({n: null, T: 'upper'})).properties).toEqual({t: 'upper'})
  })

  it('parses phone numbers', async () => {
    const {properties} = await overRest({p: {defaultCountry: 'nl', input: '020 1234567'}})
    expect(properties.p).toMatchObject({
      countryCode: 31,
      defaultCountry: 'NL',
      input: '020 1234567',
      national: 201_234_567,
      valid: true,
    })
    const international = await overRest({p: {input: '+49 30 1234567'}})
    expect(international.properties.p).toMatchObject({countryCode: 49, input: '+49 30 1234567', national: 301_234_567})
    expect(international.properties.p).not.toHaveProperty('defaultCountry')
  })

  const ofClass = (text: string) => withName(text, 'CLASS', name)
  it.each<[string, unknown, string]>([
    ['t', 5, "invalid text property 't' on class 'CLASS': not a string, but json.Number"],
    ['i', 1.5, "invalid integer property 'i' on class 'CLASS': the JSON number '1.5' could not be converted to an int"],
    ['n', 'x', "invalid number property 'n' on class 'CLASS': requires a float, the given value is 'x'"],
    ['b', 'x', "invalid boolean property 'b' on class 'CLASS': not a bool, but string"],
    [
      'd',
      '2024',
      "invalid date property 'd' on class 'CLASS': requires a string with a RFC3339 formatted date, but the given value is '2024'",
    ],
    [
      'd',
      '2024-02-30T03:04:05Z',
      "invalid date property 'd' on class 'CLASS': requires a string with a RFC3339 formatted date, but the given value is '2024-02-30T03:04:05Z'",
    ],
    [
      'd',
      '2024-02-20t03:04:05z',
      "invalid date property 'd' on class 'CLASS': requires a string with a RFC3339 formatted date, but the given value is '2024-02-20t03:04:05z'",
    ],
    [
      'u',
      'x',
      "invalid uuid property 'u' on class 'CLASS': requires a string of UUID format, but the given value is 'x'",
    ],
    ['bl', 'xx', "invalid blob property 'bl' on class 'CLASS': not a valid blob base64 string"],
    ['bl', '', "invalid blob property 'bl' on class 'CLASS': not a valid blob base64 string"],
    ['bh', 'zz', "invalid blobHash property 'bh' on class 'CLASS': not a valid blob base64 string"],
    [
      'g',
      {latitude: 1},
      "invalid geoCoordinates property 'g' on class 'CLASS': geoCoordinates is missing required field 'longitude'",
    ],
    [
      'g',
      {latitude: 'x', longitude: 1},
      "invalid geoCoordinates property 'g' on class 'CLASS': invalid latitude: must be json.Number or float, but got string",
    ],
    ['p', 5, "invalid phoneNumber property 'p' on class 'CLASS': phoneNumber must be a map, but got: json.Number"],
    [
      'p',
      {defaultCountry: 'US'},
      "invalid phoneNumber property 'p' on class 'CLASS': phoneNumber is missing required field 'input'",
    ],
    [
      'p',
      {input: '1'},
      "invalid phoneNumber property 'p' on class 'CLASS': invalid phone number: the phone number supplied is not a number",
    ],
    ['ta', 'a', "invalid text array property 'ta' on class 'CLASS': not a text array, but string"],
    ['ia', [1.5], "invalid integer array property 'ia' on class 'CLASS': invalid integer array value: [1.5]"],
    ['o', 5, "invalid object property 'o' on class 'CLASS': object must be a map, but got: json.Number"],
    [
      'o',
      {x: 1.5},
      "invalid object property 'o' on class 'CLASS': property 'o.x': invalid integer property 'o.x' on class 'CLASS': the JSON number '1.5' could not be converted to an int",
    ],
    [
      'o',
      {oo: [{y: 'bad'}]},
      "invalid object property 'o' on class 'CLASS': property 'o.oo': invalid object[] property 'o.oo' on class 'CLASS': invalid object '0' in array: property 'o.oo.y': invalid date property 'o.oo.y' on class 'CLASS': requires a string with a RFC3339 formatted date, but the given value is 'bad'",
    ],
    [
      'a-b',
      1,
      "auto-schema: update collection: 'a-b' is not a valid property name. Property names in Weaviate are restricted to valid GraphQL names, which must be “/[_A-Za-z][_0-9A-Za-z]{0,230}/”",
    ],
    ['id', 'x', "auto-schema: update collection: 'id' is a reserved property name"],
    [
      'mixed',
      [1, 'x'],
      "property 'mixed' on class 'CLASS': element [1]: mismatched data type - 'number' expected, got 'text'",
    ],
  ])('%s refuses %j', async (property, value, message) => {
    const {refusal} = await overRest({[property]: value})
    expect(refusal).toBe(`invalid object: ${ofClass(message)}`)
  })
})

describe('values over gRPC', () => {
  it('takes and gives every type', async () => {
    const doubles = bytesOf(new Float64Array([-0, 5e-324, 1e308]))
    const {fields, properties} = await overGrpc({
      booleanArrayProperties: [{propName: 'ba', values: [true, false]}],
      intArrayProperties: [{propName: 'ia', values: [9_223_372_036_854_775_807n, 9_007_199_254_740_993n]}],
      nonRefProperties: {
        b: true,
        bh: 'AAAA',
        bl: 'AAAA',
        d: '2024-01-02T03:04:05.120Z',
        g: {latitude: 1.1, longitude: 2.2},
        i: -(2 ** 63),
        n: 1e308,
        t: 'text',
        u: '00000000-0000-0000-0000-00000000ABCD',
      },
      numberArrayProperties: [{propName: 'na', valuesBytes: doubles}],
      objectArrayProperties: [],
      objectProperties: [
        {propName: 'p', value: {nonRefProperties: {defaultCountry: 'nl', input: '020 1234567'}}},
        {
          propName: 'o',
          value: {
            emptyListProps: ['xa'],
            nonRefProperties: {tt: '', x: null},
            objectArrayProperties: [{propName: 'oo', values: [{nonRefProperties: {y: '2024-01-02T03:04:05Z'}}, {}]}],
          },
        },
      ],
      textArrayProperties: [
        {propName: 'ta', values: ['', 'a']},
        {propName: 'da', values: ['2024-01-02T03:04:05.50Z']},
        {propName: 'ua', values: ['00000000-0000-0000-0000-00000000ABCD']},
      ],
    })
    expect(properties).toMatchObject({
      b: true,
      ba: [true, false],
      bl: 'AAAA',
      d: '2024-01-02T03:04:05.12Z',
      da: ['2024-01-02T03:04:05.5Z'],
      g: {latitude: 1.1, longitude: 2.2},
      i: -(2 ** 63),
      ia: [2 ** 63, 9_007_199_254_740_992],
      n: 1e308,
      na: [-0, 5e-324, 1e308],
      o: {oo: [{y: '2024-01-02T03:04:05Z'}, {}], tt: '', x: null, xa: []},
      p: {defaultCountry: 'NL', input: '020 1234567'},
      t: 'text',
      ta: ['', 'a'],
      u: '00000000-0000-0000-0000-00000000abcd',
      ua: ['00000000-0000-0000-0000-00000000abcd'],
    })
    expect(fields.b).toEqual({$case: 'boolValue', value: true})
    expect(fields.bh).toMatchObject({$case: 'blobValue'})
    expect(fields.bl).toEqual({$case: 'blobValue', value: 'AAAA'})
    expect(fields.d).toEqual({$case: 'dateValue', value: '2024-01-02T03:04:05.12Z'})
    expect(fields.g).toEqual({$case: 'geoValue', value: {latitude: Math.fround(1.1), longitude: Math.fround(2.2)}})
    expect(fields.i).toEqual({$case: 'intValue', value: -(2n ** 63n)})
    expect(fields.n).toEqual({$case: 'numberValue', value: 1e308})
    expect(fields.t).toEqual({$case: 'textValue', value: 'text'})
    expect(fields.u).toEqual({$case: 'uuidValue', value: '00000000-0000-0000-0000-00000000abcd'})
    expect(fields.p.value).toMatchObject({countryCode: 31n, defaultCountry: 'NL', input: '020 1234567', valid: true})
    const list = (field: string) => fields[field].value.kind as {$case: string; value: {values: any}}
    expect(list('ba')).toEqual({$case: 'boolValues', value: {values: [true, false]}})
    expect(list('da')).toEqual({$case: 'dateValues', value: {values: ['2024-01-02T03:04:05.5Z']}})
    expect(list('ta')).toEqual({$case: 'textValues', value: {values: ['', 'a']}})
    expect(list('ua')).toEqual({$case: 'uuidValues', value: {values: ['00000000-0000-0000-0000-00000000abcd']}})
    expect([...new Uint8Array(list('na').value.values as Uint8Array)]).toEqual([...doubles])
    // 2^63 does not fit into an int64.
    const ints = toInts(list('ia').value.values as Uint8Array)
    expect([...ints]).toEqual([-(2n ** 63n), 9_007_199_254_740_992n])
    const members = fields.o.value.fields as Map<string, {kind: any}>
    expect(keysOf(members).toSorted()).toEqual(['oo', 'tt', 'x', 'xa'])
    expect(members.get('x')!.kind).toEqual({$case: 'nullValue', value: 0})
    expect(members.get('xa')!.kind.value.kind.value.values).toHaveLength(0)
    const inner = members.get('oo')!.kind.value.kind.value.values as Array<{fields: Map<string, unknown>}>
    expect(inner.map((each) => keysOf(each.fields))).toEqual([['y'], []])
  })

  it('tells empty arrays, empty objects and missing properties apart', async () => {
    const {fields, properties} = await overGrpc({
      emptyListProps: ['ta', 'na', 'ba', 'da', 'ia', 'ua'],
      nonRefProperties: {t: null},
      objectProperties: [{propName: 'o', value: {}}],
    })
    expect(properties).toEqual({ba: [], da: [], ia: [], na: [], o: {}, ta: [], ua: []})
    expect(fields.t).toEqual({$case: 'nullValue', value: 0})
    expect(fields.bl).toEqual({$case: 'nullValue', value: 0})
    expect(fields.ta.value.kind).toEqual({$case: 'textValues', value: {values: []}})
    expect(fields.o.value.fields.size).toBe(0)
  })

  it.each<[unknown, string]>([
    [
      {nonRefProperties: {i: 1.5}},
      "invalid integer property 'i' on class 'CLASS': requires an integer, the given value is '1.5'",
    ],
    [
      {nonRefProperties: {i: 2 ** 63}},
      "invalid integer property 'i' on class 'CLASS': requires an integer, the given value is '9.223372036854776e+18'",
    ],
    [
      {nonRefProperties: {n: NaN}},
      "invalid number property 'n' on class 'CLASS': requires a float, the given value is 'NaN'",
    ],
    [
      {nonRefProperties: {n: Infinity}},
      "invalid number property 'n' on class 'CLASS': requires a float, the given value is 'Infinity'",
    ],
    [{nonRefProperties: {t: 5}}, "invalid text property 't' on class 'CLASS': not a string, but float64"],
  ])('refuses %j', async (properties, message) => {
    expect((await overGrpc(properties as Record<string, unknown>)).refusal).toBe(withName(message, 'CLASS', name))
  })

  it('refuses numbers that are none in an array', async () => {
    const valuesBytes = bytesOf(new Float64Array([NaN]))
    const {refusal} = await overGrpc({numberArrayProperties: [{propName: 'na', valuesBytes}]})
    expect(refusal).toMatch(/^marshal object [0-9a-f-]{36} to binary: json: unsupported value: NaN$/)
  })

  it('refuses coordinates that no float32 holds', async () => {
    const {refusal} = await overRest('{"g":{"latitude":-1e39,"longitude":1}}')
    expect(refusal).toMatch(/marshal object [0-9a-f-]{36} to binary: json: unsupported value: -Inf$/)
  })
})

describe('names that JavaScript has of its own', () => {
  const names = ['__proto__', 'constructor', 'toString']
  it.each(['REST', 'gRPC'])('are properties like any other, over %s', async (transport) => {
    const odd = await create(`Odd${transport}`, {
      properties: [
        ...names.map((property) => ({dataType: ['text'], name: property})),
        {dataType: ['object'], name: 'o', nestedProperties: names.map((each) => ({dataType: ['text'], name: each}))},
      ],
    })
    const json = '{"__proto__":"a","constructor":"b","o":{"__proto__":"c"}}'
    const members = (entries: Record<string, string>) => ({
      nonRefProperties: Object.fromEntries(Object.entries(entries)),
    })
    if (transport === 'REST') {
      const body = `{"class":"${odd}","id":"${uuid(1)}","properties":${json}}`
      expect((await target.rest('POST', '/objects', body)).status).toBe(200)
    } else {
      const properties = {
        ...members({['__proto__']: 'a', constructor: 'b'}),
        objectProperties: [{propName: 'o', value: members({['__proto__']: 'c'})}],
      }
      const {errors} = await target.grpc('batchObjects', {objects: [{collection: odd, properties, uuid: uuid(1)}]})
      expect(errors).toEqual([])
    }

    expect((await target.rest('GET', `/objects/${odd}/${uuid(1)}`)).text).toContain(`"properties":${json}`)
    const reply = await target.grpc('search', {
      collection: odd,
      limit: 1,
      properties: {nonRefProperties: names, objectProperties: [{primitiveProperties: names, propName: 'o'}]},
      uses123Api: true,
      uses125Api: true,
      uses127Api: true,
    })
    const fields = reply.results[0].properties.nonRefProps.fields as Map<string, {kind: {value: any}}>
    expect(names.map((each) => fields.get(each)!.kind.value as unknown)).toEqual(['a', 'b', 0])
    expect(keysOf(fields.get('o')!.kind.value.fields as Map<string, unknown>)).toEqual(['__proto__'])
  })
})

describe('auto-schema', () => {
  it('adds unknown properties, by the shape of their values', async () => {
    const auto = await create('Auto', {
      properties: [{dataType: ['object'], name: 'o', nestedProperties: [{dataType: ['int'], name: 'x'}]}],
    })
    const properties = {
      bools: [true],
      date: '2024-01-02T03:04:05Z',
      dates: ['2024-01-02T03:04:05Z'],
      empty: [],
      geo: {latitude: 1, longitude: 2},
      list: [{q: 1}, {w: 'x'}],
      nested: {a: {b: [1]}},
      nothing: null,
      num: 1,
      o: {z: 'new'},
      phone: {defaultCountry: 'DE', input: '030 1234567'},
      text: 'x',
      texts: ['x', '2024-01-02T03:04:05Z'],
      uuid: uuid(1),
    }
    const {status} = await target.rest('POST', '/objects', {class: auto, id: uuid(1), properties})
    expect(status).toBe(200)
    const schema = await target.rest('GET', `/schema/${auto}`)
    const typesOf = (list: any[]): unknown =>
      Object.fromEntries(
        list.map((property) => [
          property.name,
          property.nestedProperties
            ? [property.dataType[0], typesOf(property.nestedProperties as any[])]
            : property.dataType[0],
        ]),
      )
    expect(typesOf(schema.json.properties as any[])).toEqual({
      bools: 'boolean[]',
      date: 'date',
      dates: 'date[]',
      empty: 'text[]',
      geo: 'geoCoordinates',
      list: ['object[]', {q: 'number', w: 'text'}],
      nested: ['object', {a: ['object', {b: 'number[]'}]}],
      nothing: 'text',
      num: 'number',
      o: ['object', {x: 'int', z: 'text'}],
      phone: 'phoneNumber',
      text: 'text',
      texts: 'text[]',
      uuid: 'uuid',
    })
    const added = schema.json.properties.find((property: {name: string}) => property.name === 'num')
    expect(added.description).toMatch(
      /^This property was generated by Weaviate's auto-schema feature on \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/,
    )
  })

  it('creates unknown collections', async () => {
    const auto = (await create('Template')).replace('Template', 'AutoClass')
    const {errors} = await target.grpc('batchObjects', {
      objects: [{collection: auto, properties: {nonRefProperties: {t: 'x'}}, uuid: uuid(1), vectorBytes: floats(1)}],
    })
    expect(errors).toEqual([])
    const {json} = await target.rest('GET', `/schema/${auto}`)
    await target.rest('DELETE', `/schema/${auto}`)
    expect(json).toMatchObject({properties: [{dataType: ['text'], name: 't'}], vectorizer: 'none'})
  })
})
