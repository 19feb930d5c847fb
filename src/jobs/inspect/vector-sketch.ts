/** What a report says of one vector of the objects, and a sample of it for the map. */
import type {JsonObject, WeaviateObject} from '../../model/object.js'

import {viewOf} from '../../codec/bytes.js'
import {NumberSketch, type NumberSummary, Reservoir} from './sketch.js'

export interface VectorReport {
  /** Objects that have it. */
  count: number
  /** Every length that was there. */
  dimensions: number[]
  /** '' for the unnamed one. */
  name: string
  /** Vectors with a NaN or an infinity. */
  nonFinite: number
  /** Of each vector, and of each row of multi vectors. */
  norms?: NumberSummary
}

/** An object of the sample. */
export interface MapPoint {
  properties: JsonObject
  tenant?: string
  vector: Float32Array
}

/** Points of the map at most, and bytes that their vectors may take. */
const POINTS = 1200
const POINT_BYTES = 32 * 1024 * 1024
/** Bytes of a component: as it is sampled, and as it is projected. */
const COMPONENT_BYTES = 12

export class VectorSketch {
  #count = 0
  readonly #dimensions = new Set<number>()
  #nonFinite = 0
  readonly #norms = new NumberSketch()
  #points = new Reservoir<MapPoint>(0)

  constructor(
    readonly name: string,
    /** What is kept of an object's properties beside its vector. */
    private readonly keep: (properties: JsonObject) => JsonObject,
  ) {}

  /** `dims` of each of the vectors that `bytes` holds one behind the other; of several the first is mapped. */
  add(bytes: Uint8Array, dims: number, object: WeaviateObject): void {
    this.#count++
    const isFirst = this.#dimensions.size === 0
    this.#dimensions.add(dims)
    if (dims === 0) return
    if (isFirst) this.#points = new Reservoir(Math.min(POINTS, Math.floor(POINT_BYTES / (dims * COMPONENT_BYTES))))
    const view = viewOf(bytes)
    const rows = bytes.byteLength / (dims * 4)
    let isFinite = true
    for (let row = 0; row < rows; row++) {
      const squares = squaresOf(view, row * dims, dims)
      if (Number.isFinite(squares)) this.#norms.add(Math.sqrt(squares))
      else isFinite = false
    }

    if (!isFinite) this.#nonFinite++
    const [expected] = this.#dimensions
    if (!isFinite || rows < 1 || dims !== expected) return
    this.#points.add(() => ({
      properties: this.keep(object.properties),
      ...(object.tenant !== undefined && {tenant: object.tenant}),
      vector: Float32Array.from({length: dims}, (_, at) => view.getFloat32(at * 4, true)),
    }))
  }

  /** Objects that have it. */
  get count(): number {
    return this.#count
  }

  /** The most components that one had. */
  get longest(): number {
    return Math.max(0, ...this.#dimensions)
  }

  get points(): readonly MapPoint[] {
    return this.#points.items
  }

  report(): VectorReport {
    const norms = this.#norms.summary
    return {
      count: this.#count,
      dimensions: [...this.#dimensions].sort((a, b) => a - b),
      name: this.name,
      nonFinite: this.#nonFinite,
      ...(norms && {norms}),
    }
  }
}

function squaresOf(view: DataView, from: number, dims: number): number {
  let squares = 0
  for (let at = from; at < from + dims; at++) {
    const component = view.getFloat32(at * 4, true)
    squares += component * component
  }

  return squares
}
