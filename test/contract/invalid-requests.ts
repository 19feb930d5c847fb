import {uuid} from './target.js'

export interface InvalidRequest {
  body: unknown
  method: string
  path: string
}

/** The classes that requests are about: one with objects, one with tenants, one that is not there, and one that is made. */
export interface Names {
  fresh: string
  missing: string
  plain: string
  tenants: string
}

export type Pick = <T>(choices: readonly T[]) => T

/** A linear congruential generator: its state stays below 2^31. */
export function pickFrom(seed: number): Pick {
  let state = seed
  return (choices) => {
    state = (state * 48_271 + 11) % 2_147_483_647
    return choices[Math.floor((state / 2_147_483_647) * choices.length)]!
  }
}

const TYPES = {
  b: 'boolean',
  bl: 'blob',
  d: 'date',
  ds: 'date[]',
  g: 'geoCoordinates',
  i: 'int',
  is: 'int[]',
  n: 'number',
  ns: 'number[]',
  t: 'text',
  ts: 'text[]',
  u: 'uuid',
}

export const PLAIN = {
  properties: Object.entries(TYPES).map(([name, type]) => ({dataType: [type], name})),
  vectorizer: 'none',
}
export const TENANTS = {...PLAIN, multiTenancyConfig: {enabled: true}}

const VALUES = [
  1,
  1.5,
  -1,
  'x',
  '',
  true,
  null,
  [],
  ['a', 1],
  {},
  {a: 1},
  [1, 2],
  ['x'],
  [true],
  '1',
  [[1]],
  [null],
  '2020-01-01',
  '2020-13-01T00:00:00Z',
  '2020-01-01T00:00:00Z',
  {latitude: 91, longitude: 0},
  {latitude: '1', longitude: 2},
  {latitude: 1},
] as const

/** A member that is there in one of `of` cases. */
function sometimes<T>(pick: Pick, [name, of]: [string, number], values: readonly T[]): Record<string, T> {
  const isThere = pick(Array.from({length: of}, (_, index) => index)) === 0
  const value = pick(values)
  return isThere ? {[name]: value} : {}
}

function property(pick: Pick): Record<string, unknown> {
  return {
    dataType: pick<unknown>([
      ['text'],
      ['int'],
      ['text', 'int'],
      [],
      ['Nope'],
      ['text[]'],
      ['object'],
      ['uuid'],
      'text',
    ]),
    name: pick(['p', 'q', 'a b', 'id', '_id', 'P', '1a', 'p-q', 'p'.repeat(232), '_additional']),
    ...sometimes(pick, ['tokenization', 4], ['word', 'field', 'nope', '']),
    ...sometimes(pick, ['indexSearchable', 6], [true, false]),
    ...sometimes(pick, ['indexRangeFilters', 6], [true, false]),
    ...sometimes<unknown>(pick, ['nestedProperties', 6], [[], [{dataType: ['int'], name: 'a'}]]),
    ...sometimes<unknown>(pick, ['description', 8], ['d', '', 5]),
    ...sometimes(pick, ['textAnalyzer', 8], [{asciiFold: true}, {stopwordPreset: 'en'}, {stopwordPreset: 'nope'}, {}]),
  }
}

function schema(pick: Pick, {fresh, plain}: Names): InvalidRequest {
  const body = {
    class: pick([fresh, fresh, fresh, plain, 'a b', '', '1a']),
    ...sometimes<unknown>(pick, ['vectorizer', 4], ['none', 'nope', '', 5]),
    ...sometimes(pick, ['vectorIndexType', 4], ['hnsw', 'flat', 'nope', '']),
    ...sometimes<unknown>(
      pick,
      ['vectorIndexConfig', 4],
      [
        {distance: 'nope'},
        {maxConnections: 1},
        {efConstruction: 1},
        {bq: {enabled: true}},
        {bq: {enabled: true}, pq: {enabled: true}},
        {x: 1},
      ],
    ),
    ...sometimes<unknown>(
      pick,
      ['multiTenancyConfig', 5],
      [{enabled: true}, {enabled: 'x'}, {autoTenantCreation: true, enabled: false}],
    ),
    ...sometimes<unknown>(
      pick,
      ['replicationConfig', 5],
      [{factor: 0}, {factor: 2}, {deletionStrategy: 'nope'}, {factor: 'x'}],
    ),
    ...sometimes(pick, ['shardingConfig', 6], [{desiredCount: 2}, {desiredCount: -1}]),
    ...sometimes<unknown>(
      pick,
      ['invertedIndexConfig', 4],
      [
        {bm25: {b: 2, k1: 1}},
        {bm25: {b: 0.5, k1: -1}},
        {cleanupIntervalSeconds: -1},
        {stopwords: {preset: 'nope'}},
        {stopwords: {additions: ['']}},
        {stopwordPresets: {a: []}},
      ],
    ),
    properties: [property(pick)],
  }
  return {body, method: 'POST', path: '/schema'}
}

function object(pick: Pick, {missing, plain, tenants}: Names): InvalidRequest {
  const body = {
    class: pick([plain, plain, tenants, missing, '']),
    id: pick([uuid(2), uuid(2), 'nope', '']),
    properties: {[pick([...Object.keys(TYPES), 'nope', 'a b'])]: pick<unknown>(VALUES)},
    tenant: pick(['', '', 'x', 'y']),
    ...sometimes<unknown>(pick, ['vector', 6], [[1, 2], [], ['a'], 'x', {}]),
  }
  const [method, path] = pick([
    ['POST', '/objects'],
    ['POST', '/objects/validate'],
    ['PUT', `/objects/${plain}/${uuid(2)}`],
    ['PATCH', `/objects/${plain}/${uuid(1)}`],
    ['PUT', `/objects/${missing}/nope`],
  ] as const)
  return {body, method, path}
}

function tenant(pick: Pick, {missing, plain, tenants}: Names): InvalidRequest {
  const one = {
    activityStatus: pick(['HOT', 'COLD', 'NOPE', 'FROZEN', 'FREEZING', '', 'hot']),
    name: pick(['', 'a b', 'x', 'z', 'x'.repeat(65), 'ä']),
  }
  const method = pick(['POST', 'PUT', 'DELETE'])
  const body = pick<unknown>([[one], [one], [one, {name: 'z'}], [], {}, null, ['z']])
  return {body, method, path: `/schema/${pick([tenants, tenants, plain, missing])}/tenants`}
}

function where(pick: Pick, depth = 0): Record<string, unknown> {
  if (depth < 2 && pick([0, 1, 2, 3]) === 0)
    return {
      operator: pick(['And', 'Or', 'Not']),
      ...sometimes<unknown>(pick, ['path', 8], [['i']]),
      operands: pick([0, 1, 1, 1, 1]) === 0 ? [] : [where(pick, depth + 1)],
    }
  return {
    operator: pick(['Equal', 'NotEqual', 'GreaterThan', 'IsNull', 'ContainsAny', 'WithinGeoRange', 'Nope']),
    path: pick([...Object.keys(TYPES).map((name) => [name]), ['nope'], [], ['i', 'j'], ['len(t)'], ['id'], ['_id']]),
    [pick(['valueInt', 'valueText', 'valueBoolean', 'valueDate', 'valueNumber', 'value'])]: pick<unknown>(VALUES),
  }
}

function deletion(pick: Pick, {missing, plain}: Names): InvalidRequest {
  const match = {class: pick([plain, plain, plain, missing]), where: where(pick)}
  return {body: {dryRun: true, match}, method: 'DELETE', path: '/batch/objects'}
}

function reference(pick: Pick, {missing, plain}: Names): InvalidRequest {
  const beacon = pick<unknown>([`weaviate://localhost/${plain}/${uuid(1)}`, 'nope', '', 5, undefined])
  const name = pick(['t', 'nope', 'i'])
  const path = `/objects/${pick([plain, missing])}/${pick([uuid(1), uuid(99), 'nope'])}/references/${name}`
  return {body: pick<unknown>([{beacon}, [{beacon}], {}, []]), method: pick(['POST', 'PUT', 'DELETE']), path}
}

const MAKERS = [schema, object, tenant, deletion, deletion, reference]

/** As many random requests, most of them invalid; the same for the same seed. */
export function invalidRequests(count: number, seed: number, names: Names): InvalidRequest[] {
  const pick = pickFrom(seed)
  return Array.from({length: count}, () => pick(MAKERS)(pick, names))
}
