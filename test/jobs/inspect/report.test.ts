import {describe, expect, it} from 'vitest'

import type {Archive} from '../../../src/archive/reader.js'
import type {JsonObject} from '../../../src/model/object.js'

import {project} from '../../../src/jobs/inspect/pca.js'
import {PropertySketch} from '../../../src/jobs/inspect/property-sketch.js'
import {reportOn} from '../../../src/jobs/inspect/report.js'
import {DistinctCounter, NumberSketch, randomNumbers, Reservoir} from '../../../src/jobs/inspect/sketch.js'
import {vectorMap} from '../../../src/jobs/inspect/vector-map.js'
import {VectorSketch} from '../../../src/jobs/inspect/vector-sketch.js'
import {float32Bytes} from '../../support/documents.js'
import {objectId} from '../../support/object-id.js'

describe('sketches', () => {
  it('count few different values exactly, and many within 5 %', () => {
    const few = new DistinctCounter()
    for (let at = 0; at < 20_000; at++) few.add(`value ${at % 8191}`)
    expect(few.count).toEqual({estimated: false, value: 8191})
    for (const wanted of [10_000, 50_000]) {
      const many = new DistinctCounter()
      for (let at = 0; at < wanted * 2; at++) many.add(`value ${at % wanted}`)
      expect(many.count.estimated).toBe(true)
      expect(Math.abs(many.count.value / wanted - 1)).toBeLessThan(0.05)
    }
  })

  it('know range and mean of all numbers, and how they lie', () => {
    const sketch = new NumberSketch()
    for (let at = 0; at < 50_000; at++) sketch.add(at % 100)
    sketch.add(NaN)
    const {count, histogram, max, mean, min} = sketch.summary!
    expect({count, max, min}).toEqual({count: 50_000, max: 99, min: 0})
    expect(mean).toBeCloseTo(49.5, 6)
    expect(histogram).toHaveLength(20)
    expect(histogram.reduce((sum, {share}) => sum + share, 0)).toBeCloseTo(1, 6)
    for (const {share} of histogram) expect(share).toBeCloseTo(0.05, 1)
    expect(new NumberSketch().summary).toBeUndefined()
  })

  it('take numbers as large as there are', () => {
    const sketch = new NumberSketch()
    for (const value of [Number.MAX_VALUE, -Number.MAX_VALUE, 0]) sketch.add(value)
    const {histogram, mean} = sketch.summary!
    expect(mean).toBeCloseTo(0, 6)
    expect(histogram.map(({share}) => share).filter((share) => share > 0)).toEqual([1 / 3, 1 / 3, 1 / 3])
    expect(histogram.every(({from, to}) => Number.isFinite(from) && Number.isFinite(to))).toBe(true)
  })

  it('take a fair sample', () => {
    const sums = Array.from({length: 200}, (_, seed) => {
      const reservoir = new Reservoir<number>(10, seed)
      for (let at = 0; at < 1000; at++) reservoir.add(() => at)
      return reservoir.items.reduce((sum, item) => sum + item, 0) / 10
    })
    expect(sums.reduce((sum, each) => sum + each, 0) / sums.length).toBeCloseTo(499.5, -1.5)
  })

  it('project vectors onto the plane in which they differ', () => {
    const random = randomNumbers(3)
    const component = (at: number, axis: number): number =>
      axis === 3 ? (at % 2) * 10 : axis === 9 ? (at % 5) * 2 : random() * 0.1
    const vectors = Array.from({length: 200}, (_, at) =>
      Float32Array.from({length: 16}, (_unused, axis) => component(at, axis)),
    )
    const {points, shown} = project(vectors)
    expect(shown).toBeGreaterThan(0.99)
    const sides = points.map(([x]) => Math.sign(x))
    expect(new Set(sides.filter((_, at) => at % 2 === 0)).size).toBe(1)
    expect(sides[0]).not.toBe(sides[1])
    const same = project(vectors.map(() => new Float32Array(4)))
    expect(same).toEqual({points: vectors.map(() => [0, 0]), shown: 0})
  })
})

describe('a property', () => {
  const reportOf = (dataType: string, values: readonly unknown[]) => {
    const sketch = new PropertySketch({dataType: [dataType], name: 'p'})
    for (const value of values) sketch.add(value as never)
    return sketch.report(values.length)
  }

  it('has counts, what is missing, few values with how often, a range', () => {
    expect(reportOf('text', ['a', 'b', 'a', undefined, null, 'a'])).toMatchObject({
      distinct: {estimated: false, value: 2},
      missing: 2,
      numbers: {kind: 'length', max: 1, min: 1},
      present: 4,
      top: [
        {count: 3, value: 'a'},
        {count: 1, value: 'b'},
      ],
    })
    expect(
      reportOf(
        'int',
        Array.from({length: 40}, (_, at) => at),
      ),
    ).not.toHaveProperty('top')
    expect(reportOf('number[]', [[1, 5], [], [-3]])).toMatchObject({
      distinct: {value: 3},
      numbers: {kind: 'value', max: 5, min: -3},
      present: 3,
    })
    expect(reportOf('text[]', [['a', 'b'], []])).toMatchObject({numbers: {kind: 'length', max: 2, min: 0}})
    const dates = ['2024-02-01T00:00:00.123456789Z', '2023-01-01T01:00:00+01:00']
    expect(reportOf('date', dates)).toMatchObject({
      numbers: {kind: 'time', max: Date.UTC(2024, 1, 1, 0, 0, 0, 123), min: Date.UTC(2023, 0, 1)},
    })
    // All uuids are of one length.
    expect(reportOf('uuid', [objectId(1)])).not.toHaveProperty('numbers')
    expect(reportOf('Article', [[{beacon: 'weaviate://localhost/Article/1'}]])).toMatchObject({type: 'reference'})
  })

  it('shows long values cut, and none at all where two would look alike', () => {
    const long = `${'🙂'.repeat(60)}a`
    expect(reportOf('text', [long, 'x']).top).toEqual([
      {count: 1, value: `${'🙂'.repeat(39)}…`},
      {count: 1, value: 'x'},
    ])
    expect(reportOf('text', [long, `${long}b`])).not.toHaveProperty('top')
  })
})

describe('vectors', () => {
  const object = {id: objectId(1), properties: {}}

  it('have norms, of each row of multi vectors too; what is not finite is counted', () => {
    const sketch = new VectorSketch('', (properties) => properties)
    sketch.add(float32Bytes(3, 4, 0, 1), 2, object)
    sketch.add(float32Bytes(NaN, 1), 2, object)
    sketch.add(float32Bytes(1, 0, 0), 3, object)
    sketch.add(new Uint8Array(), 0, object)
    expect(sketch.report()).toMatchObject({
      count: 4,
      dimensions: [0, 2, 3],
      nonFinite: 1,
      norms: {count: 3, max: 5, min: 1},
    })
    // Of one length only, the first there was.
    expect(sketch.points).toHaveLength(1)
  })

  it('are coloured by values, by ranges of numbers, by tenants; by what was asked for first', () => {
    const points = Array.from({length: 60}, (_, at) => ({
      properties: {kind: `kind ${at % 3}`, rank: at, word: `word ${at}`, ...(at < 6 && {rare: 'x'})},
      tenant: `t${at % 2}`,
      vector: Float32Array.from([at, at % 7]),
    }))
    const reports = [
      ['rank', 'int'],
      ['word', 'text'],
      ['kind', 'text'],
    ].map(([name, type]) => {
      const sketch = new PropertySketch({dataType: [type!], name: name!})
      for (const {properties} of points) sketch.add((properties as JsonObject)[name!])
      return sketch.report(points.length)
    })
    const {colourings} = vectorMap('', points, reports)
    expect(colourings.map(({by}) => by)).toEqual(['tenant', 'kind', 'rank'])
    expect(colourings[1]).toMatchObject({categories: ['kind 0', 'kind 1', 'kind 2']})
    expect(colourings[1]!.of.slice(0, 4)).toEqual([0, 1, 2, 0])
    expect(colourings[2]!.categories).toEqual([
      '0 to below 12',
      '12 to below 24',
      '24 to below 36',
      '36 to below 48',
      '48 to 59',
    ])
    expect(colourings[2]!.of.filter((category) => category === 4)).toHaveLength(12)
    // Of more tenants than there are colours nearly all would look alike: last.
    const manyTenants = points.map((point, at) => ({...point, tenant: `t${at}`}))
    expect(vectorMap('', manyTenants, reports).colourings.map(({by}) => by)).toEqual(['kind', 'rank', 'tenant'])
    const asked = vectorMap('', points, reports, 'word').colourings[0]!
    expect(asked).toMatchObject({by: 'word'})
    expect(asked.categories).toHaveLength(8)
    expect(asked.categories.at(-1)).toBe('(others)')
    expect(asked.of.filter((category) => category === 7)).toHaveLength(53)
  })

  it('are mapped by the one that most objects have, of several the longest', async () => {
    const objects = Array.from({length: 4}, (_, at) => ({
      id: objectId(at),
      properties: {},
      vectors: new Map([
        ['short', {bytes: float32Bytes(at, 1), kind: 'single' as const}],
        ['long', {bytes: float32Bytes(at, 1, 2), kind: 'single' as const}],
        ...(at > 0 ? [['rare', {bytes: float32Bytes(at, 1, 2, 3), kind: 'single' as const}] as const] : []),
      ]),
    }))
    const archive = {
      async assertWhole() {},
      head: {schema: {class: 'A'}},
      objectCount: objects.length,
      async *pages() {
        yield {objects}
      },
    }
    expect(await reportOn(archive as unknown as Archive)).toMatchObject({map: {name: 'long'}, objects: 4})
  })
})
