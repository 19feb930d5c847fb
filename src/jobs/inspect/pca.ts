/** Vectors in two dimensions. */
import {randomNumbers} from './sketch.js'

const ROUNDS = 30

export interface Projection {
  points: Array<[x: number, y: number]>
  /** Share (0 to 1) of the whole variance that two dimensions show. */
  shown: number
}

/** Coordinates along the two directions in which the vectors differ most. All vectors have one length. */
export function project(vectors: readonly Float32Array[]): Projection {
  const dims = vectors[0]?.length ?? 0
  if (vectors.length < 2 || dims === 0) return {points: vectors.map(() => [0, 0]), shown: 0}
  const centred = withoutMean(vectors, dims)
  let variance = 0
  for (const vector of centred) variance += dot(vector, vector)
  const first = direction(centred, dims, [])
  const second = direction(centred, dims, [first])
  const points = centred.map((vector): [number, number] => [dot(vector, first), dot(vector, second)])
  let shown = 0
  for (const [x, y] of points) shown += x * x + y * y
  return {points, shown: variance === 0 ? 0 : Math.min(1, shown / variance)}
}

function withoutMean(vectors: readonly Float32Array[], dims: number): Float64Array[] {
  const mean = new Float64Array(dims)
  for (const vector of vectors) addScaled(mean, vector, 1 / vectors.length)
  return vectors.map((vector) => {
    const centred = Float64Array.from(vector)
    addScaled(centred, mean, -1)
    return centred
  })
}

/** The direction of most variance, by power iteration, at right angles to the others. */
function direction(vectors: readonly Float64Array[], dims: number, others: readonly Float64Array[]): Float64Array {
  const random = randomNumbers(others.length + 7)
  let current = unit(Float64Array.from({length: dims}, () => random() - 0.5))
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(dims)
    for (const vector of vectors) addScaled(next, vector, dot(vector, current))
    for (const other of others) addScaled(next, other, -dot(next, other))
    current = unit(next)
  }

  return current
}

type Numbers = Float32Array | Float64Array

function addScaled(target: Float64Array, vector: Numbers, scale: number): void {
  for (let at = 0; at < target.length; at++) target[at] = (target[at] ?? 0) + (vector[at] ?? 0) * scale
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += (a[at] ?? 0) * (b[at] ?? 0)
  return sum
}

function unit(vector: Float64Array): Float64Array {
  const length = Math.sqrt(dot(vector, vector))
  return length === 0 ? vector : vector.map((value) => value / length)
}
