import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import {hasFiniteVectors, hasVector, isFiniteVector} from '../../src/codec/vectors.js'

/** A view that starts at an odd address, as those on received messages do. */
function unaligned(components: number[]): Uint8Array {
  const bytes = new Uint8Array(components.length * 4 + 1)
  const view = new DataView(bytes.buffer, 1)
  for (const [index, component] of components.entries()) view.setFloat32(index * 4, component, true)
  return bytes.subarray(1)
}

describe('isFiniteVector', () => {
  it('agrees with Number.isFinite on every component', () => {
    fc.assert(
      fc.property(fc.array(fc.float(), {maxLength: 64}), (components) => {
        const floats = components.map((component) => Math.fround(component))
        expect(isFiniteVector(unaligned(floats))).toBe(floats.every((component) => Number.isFinite(component)))
      }),
    )
  })

  it.each([NaN, Infinity, -Infinity])('finds %s in the last of many components', (component) => {
    const components = Array.from({length: 10_000}, (_, index) => (index % 2 === 0 ? 3.4e38 : -1e-45))
    expect(isFiniteVector(unaligned(components))).toBe(true)
    expect(isFiniteVector(unaligned([...components, component]))).toBe(false)
    // What an earlier vector left behind does not count.
    expect(isFiniteVector(unaligned([0, -0]))).toBe(true)
  })
})

describe('objects', () => {
  const good = unaligned([1, 2])
  const bad = unaligned([1, NaN])

  it('have vectors of any kind, or none', () => {
    expect(hasVector({id: '', properties: {}})).toBe(false)
    expect(hasVector({id: '', properties: {}, vector: new Uint8Array()})).toBe(false)
    expect(hasVector({id: '', properties: {}, vector: good})).toBe(true)
    expect(hasVector({id: '', properties: {}, vectors: new Map([['a', {bytes: good, kind: 'single'}]])})).toBe(true)
  })

  it('are finite when all their vectors are', () => {
    expect(hasFiniteVectors({id: '', properties: {}})).toBe(true)
    expect(hasFiniteVectors({id: '', properties: {}, vector: bad})).toBe(false)
    const vectors = new Map([
      ['a', {bytes: good, kind: 'single' as const}],
      ['b', {bytes: bad, dims: 2, kind: 'multi' as const}],
    ])
    expect(hasFiniteVectors({id: '', properties: {}, vector: good, vectors})).toBe(false)
  })
})
