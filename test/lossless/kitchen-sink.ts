/** Two collections that refer to each other in a circle and hold, between them, all that Weaviate can hold. */
import {Buffer} from 'node:buffer'

import type {Capabilities} from '../../src/weaviate/capabilities.js'

import {MAX, NIL, type Rest, tailId} from './support.js'

const SCALARS = ['text', 'int', 'number', 'boolean', 'date', 'uuid', 'blob']
const ARRAYS = ['text[]', 'int[]', 'number[]', 'boolean[]', 'date[]', 'uuid[]']

interface Property {
  [setting: string]: unknown
  dataType: string[]
  name: string
  nestedProperties?: Property[]
}

const leaves = (): Property[] =>
  [...SCALARS, ...ARRAYS].map((type) => ({dataType: [type], name: type.replace('[]', 's')}))

function nestedTo(depth: number): Property[] {
  if (depth === 0) return leaves()
  return [
    ...leaves(),
    {dataType: ['object'], name: 'object', nestedProperties: nestedTo(depth - 1)},
    {dataType: ['object[]'], name: 'objects', nestedProperties: nestedTo(depth - 1)},
  ]
}

/** Properties as text members, `int` 9223372036854775807 and all: no JavaScript number in between. */
const CASES: Record<string, string> = {
  empty: '{}',
  emptyValues:
    '{"text":"","texts":[],"ints":[],"numbers":[],"booleans":[],"dates":[],"uuids":[],"object":{},"objects":[]}',
  emptyNested:
    '{"texts":["",""],"object":{"text":"","texts":[],"object":{"object":{}},"objects":[]},"objects":[{},{"ints":[]},{"object":{}}]}',
  nulls:
    '{"text":null,"object":{"text":null,"int":1,"texts":null,"object":{"text":null}},"objects":[{"text":null},{"object":null,"int":2}]}',
  intExtremes:
    '{"int":9223372036854775807,"ints":[9223372036854775807,-9223372036854775808,9007199254740993,9007199254740992,4503599627370497000,-1,0]}',
  intLeast: '{"int":-9223372036854775808,"object":{"int":-9223372036854775808,"ints":[-9223372036854775808]}}',
  intBeyond: '{"int":9007199254740993,"object":{"int":9223372036854775807,"object":{"int":4503599627370497000}}}',
  numbers:
    '{"number":1e308,"numbers":[5e-324,-5e-324,1.7976931348623157e308,-0.0,0,0.1,1e21,1e-7,9007199254740993,3.0],"object":{"number":5e-324,"numbers":[-0.0]}}',
  negativeZero: '{"number":-0.0,"int":0}',
  booleans: '{"boolean":false,"booleans":[true,false,true],"object":{"boolean":false,"booleans":[false]}}',
  dates:
    '{"date":"2024-02-29T23:59:59.123456789+05:45","dates":["0001-01-01T00:00:00Z","9999-12-31T23:59:59.999999999Z","1969-12-31T23:59:59.5-12:00","2024-01-01T00:00:00.1Z","2024-01-01T00:00:00+00:00"],"object":{"date":"2020-01-01T12:00:00.000000001-03:30","dates":["0001-01-01T00:00:00Z"]}}',
  uuids: `{"uuid":"${NIL}","uuids":["${MAX}","${NIL}"],"object":{"uuid":"${MAX}","uuids":["${tailId(1)}"]}}`,
  geo: '{"geo":{"latitude":52.3932696,"longitude":-4.8374263}}',
  geoSmall: '{"geo":{"latitude":9.5367431640625e-7,"longitude":-180}}',
  geoZero: '{"geo":{"latitude":0,"longitude":0}}',
  phone: '{"phone":{"input":"+49 171 1234567"}}',
  phoneNational: '{"phone":{"input":"020 1234567","defaultCountry":"nl"}}',
  phoneZero: '{"phone":{"input":"+39 00"}}',
  unicode: JSON.stringify({
    text: 'NUL \0 astral 😀𝔘𐍈 combining e\u{301} ZWJ 👩‍👩‍👧 rtl שלום مرحبا \u{202E} quotes "\\ / \u{2028}\u{2029} \u{FEFF} \u{7F}\u{80} <>& \u{FFFE}\u{FFFF}',
    texts: ['\0', '\u{FEFF}', ',', '\n\r\t', '{"beacon":"weaviate://localhost/x"}', '\u{10FFFF}'],
    object: {text: '\u{0}\u{1F}', texts: ['ſ', 'ﬁ', '']},
  }),
  longText: JSON.stringify({text: `${'long 😀\0'.repeat(8750)}|`}),
  // In what the blob says there is nothing to compress.
  blobs: JSON.stringify({blob: 'AA==', object: {blob: 'aGVsbG8='}, objects: [{blob: '/+8='}]}),
  lookalikes: '{"geoLike":{"latitude":1.5,"longitude":2},"refLike":[{"beacon":"weaviate://localhost/Nothing/1"}]}',
  deep: JSON.stringify({
    object: {
      text: '1',
      object: {
        text: '2',
        object: {text: '3', ints: [1, 2], dates: ['2024-01-01T00:00:00.000000001Z']},
        objects: [{numbers: [0.5]}, {}],
      },
      objects: [{objects: [{text: 'in two lists'}, {boolean: false}]}, {object: {uuid: MAX}}],
    },
    objects: [{object: {objects: [{text: 'x'}]}}, {objects: [{}, {}]}],
  }),
  names:
    '{"case":"lower","cAsE_":"mixed","vector":"a property","tenant":"another","_exceptions":"and this","toString":"x","constructor":"y"}',
}

export interface KitchenSink {
  friend: string
  /** Objects in the main collection. */
  objects: number
  sink: string
}

/** Which vectors the main collection has. Servers that cannot add named ones to an unnamed one make two kitchen sinks of it. */
export type Vectors = 'both' | 'named' | 'unnamed'

export function vectorsOfSinks({addedVectors}: Capabilities): Vectors[] {
  return addedVectors ? ['both'] : ['named', 'unnamed']
}

const UNNAMED = {
  vectorIndexConfig: {distance: 'dot', ef: 77, efConstruction: 99, maxConnections: 17},
  vectorIndexType: 'hnsw',
  vectorizer: 'none',
}

function namedVectors({multiVectors}: Capabilities): Record<string, unknown> {
  return {
    ...(multiVectors && {
      colbert: {
        vectorIndexConfig: {distance: 'dot', multivector: {enabled: true}},
        vectorIndexType: 'hnsw',
        vectorizer: {none: {}},
      },
    }),
    // Not the alphabet's order.
    b_named: {vectorIndexConfig: {distance: 'l2-squared'}, vectorIndexType: 'flat', vectorizer: {none: {}}},
    a_named: {vectorIndexType: 'hnsw', vectorizer: {none: {}}},
  }
}

export interface SinkOptions {
  capabilities: Capabilities
  friend: string
  sink: string
  vectors: Vectors
}

/** In two steps, as the server wants it: named vectors come to an unnamed one, references once both collections are there. */
export async function createKitchenSink(rest: Rest, options: SinkOptions): Promise<void> {
  const {capabilities, friend, sink, vectors} = options
  await rest.send('POST', '/schema', {
    class: friend,
    description: 'Refers back.',
    properties: [{dataType: ['text'], description: '', indexFilterable: false, name: 'name', tokenization: 'field'}],
    vectorIndexType: 'flat',
    vectorizer: 'none',
  })
  await rest.send('POST', '/schema', {
    class: sink,
    description: 'Everything, "quoted" and 😀.',
    invertedIndexConfig: {
      bm25: {b: 0.6, k1: 1.1},
      cleanupIntervalSeconds: 30,
      indexNullState: true,
      indexPropertyLength: true,
      indexTimestamps: true,
      stopwords: {additions: ['foo', 'bär'], preset: 'en', removals: ['the']},
    },
    properties: [
      ...leaves(),
      {dataType: ['geoCoordinates'], name: 'geo'},
      {dataType: ['phoneNumber'], name: 'phone'},
      {dataType: ['object'], description: 'Deep.', name: 'object', nestedProperties: nestedTo(2)},
      {dataType: ['object[]'], name: 'objects', nestedProperties: nestedTo(2)},
      {
        dataType: ['object'],
        name: 'geoLike',
        nestedProperties: [
          {dataType: ['number'], name: 'latitude'},
          {dataType: ['number'], name: 'longitude'},
        ],
      },
      {dataType: ['object[]'], name: 'refLike', nestedProperties: [{dataType: ['text'], name: 'beacon'}]},
      {dataType: ['text'], indexSearchable: true, name: 'case', tokenization: 'trigram'},
      {dataType: ['text'], indexFilterable: false, indexSearchable: false, name: 'cAsE_'},
      ...['vector', 'tenant', '_exceptions', 'toString', 'constructor'].map((name) => ({dataType: ['text'], name})),
      {dataType: [sink], description: 'Itself.', name: 'self'},
      {dataType: [friend], name: 'friend'},
      {dataType: [friend, sink], name: 'either'},
      {dataType: ['text'], name: 'afterReferences', tokenization: 'whitespace'},
    ],
    replicationConfig: {deletionStrategy: 'NoAutomatedResolution'},
    shardingConfig: {desiredCount: 2},
    ...(vectors === 'named' ? {vectorConfig: namedVectors(capabilities)} : UNNAMED),
  })
  if (vectors === 'both') {
    const schema = await rest.schema(sink)
    await rest.send('PUT', `/schema/${sink}`, {...schema, vectorConfig: namedVectors(capabilities)})
  }

  await rest.send('POST', `/schema/${friend}/properties`, {dataType: [sink], name: 'back'})
}

const WIDE = 3072

export async function fillKitchenSink(rest: Rest, options: SinkOptions): Promise<KitchenSink> {
  const {capabilities, friend, sink} = options
  const hasNamed = options.vectors !== 'unnamed'
  const ids = ['00000000-0000-0000-0000-000000000001', NIL, MAX]
  const idOf = (index: number): string => ids[index] ?? tailId(index)
  const texts: string[] = []
  for (const [index, properties] of Object.values(CASES).entries()) {
    const vectors: string[] = []
    // Every combination of having and not having.
    if (hasNamed && index & 1) vectors.push('"a_named":[0.1,-0.2,3e-38,1e-45]')
    if (hasNamed && index & 2) vectors.push(`"b_named":[${index},0.3333333432674408]`)
    if (hasNamed && capabilities.multiVectors && index & 4) vectors.push('"colbert":[[0.1,0.2],[-0.3,0.25],[1,2]]')
    const unnamed = options.vectors !== 'named' && index & 8 ? `,"vector":${wideVector(index)}` : ''
    texts.push(
      `{"class":"${sink}","id":"${idOf(index)}","properties":${properties}${unnamed}${vectors.length > 0 ? `,"vectors":{${vectors.join(',')}}` : ''}}`,
    )
  }

  await rest.write(texts)
  const blob = Buffer.alloc(5 * 1024 * 1024)
  for (let at = 0; at < blob.length; at += 4) blob.writeUInt32LE(Math.imul(at + 1, 0x9e_37_79_b1) >>> 0, at)
  await rest.write([
    JSON.stringify({class: sink, id: tailId(0xb1_0b), properties: {blob: blob.toString('base64'), text: 'large'}}),
  ])
  const friends = Array.from({length: 3}, (_, index) => tailId(index))
  await rest.write(
    friends.map((id, index) =>
      JSON.stringify({
        class: friend,
        id,
        properties: {name: `friend ${index}`},
        ...(index > 0 && {vector: [index, 0.5]}),
      }),
    ),
  )
  const dangling = '99999999-9999-4999-8999-999999999999'
  const from = (index: number, property: string): string => `${sink}/${idOf(index)}/${property}`
  await rest.refer([
    // Itself, a circle of three, and an order that is not that of the ids.
    {from: from(3, 'self'), to: `${sink}/${idOf(3)}`},
    {from: from(4, 'self'), to: `${sink}/${idOf(6)}`},
    {from: from(4, 'self'), to: `${sink}/${idOf(5)}`},
    {from: from(4, 'self'), to: `${sink}/${MAX}`},
    {from: from(4, 'self'), to: `${sink}/${NIL}`},
    {from: from(5, 'self'), to: `${sink}/${idOf(4)}`},
    {from: from(6, 'self'), to: `${sink}/${idOf(5)}`},
    // Twice the same, and none that is there.
    {from: from(7, 'friend'), to: `${friend}/${friends[1]}`},
    {from: from(7, 'friend'), to: `${friend}/${friends[0]}`},
    {from: from(7, 'friend'), to: `${friend}/${friends[1]}`},
    {from: from(8, 'friend'), to: `${friend}/${dangling}`},
    {from: from(8, 'self'), to: `${sink}/${dangling}`},
    // Several targets, in turn.
    {from: from(1, 'either'), to: `${friend}/${friends[2]}`},
    {from: from(1, 'either'), to: `${sink}/${idOf(2)}`},
    {from: from(1, 'either'), to: `${friend}/${dangling}`},
    {from: from(1, 'either'), to: `${sink}/${NIL}`},
    // And back.
    {from: `${friend}/${friends[0]}/back`, to: `${sink}/${idOf(7)}`},
    {from: `${friend}/${friends[2]}/back`, to: `${sink}/${MAX}`},
    {from: `${friend}/${friends[2]}/back`, to: `${sink}/${NIL}`},
  ])
  return {friend, objects: texts.length + 1, sink}
}

/** float32 of all magnitudes, some on the edge between two decimals. */
function wideVector(seed: number): string {
  const components = Array.from({length: WIDE}, (_, index) => {
    const exponent = ((index * 7 + seed) % 70) - 35
    return Math.fround(Math.sin(index + seed) * 10 ** exponent)
  })
  components[0] = 1e-45
  components[1] = 3.4028234663852886e38
  components[2] = 1.1754943508222875e-38
  return JSON.stringify(components)
}
