import type {WeaviateObject} from '../model/object.js'

/** Vectors are views of any alignment; a copy at the start of this one can be read as numbers. */
let memory = new ArrayBuffer(16_384)

/** The eight bits of a float32's exponent. All of them are set in infinities and NaNs, and in nothing else. */
const EXPONENT = 0x7f_80_00_00
/** The exponent's lowest bit: added to all of them it carries into the sign. */
const EXPONENT_STEP = 0x00_80_00_00

/** Whether every component of a float32 vector (little-endian, as the platforms that run this are) is a finite number. */
export function isFiniteVector(bytes: Uint8Array): boolean {
  const components = bytes.length >> 2
  if (bytes.length > memory.byteLength) memory = new ArrayBuffer(bytes.length * 2)
  new Uint8Array(memory).set(bytes)
  const words = new Int32Array(memory, 0, components)
  // No branch a component.
  let carried = 0
  for (let index = 0; index < components; index++) carried |= (words[index]! & EXPONENT) + EXPONENT_STEP
  return carried >= 0
}

/** Whether all vectors of an object are finite. */
export function hasFiniteVectors(object: WeaviateObject): boolean {
  if (object.vector && !isFiniteVector(object.vector)) return false
  if (object.vectors) for (const {bytes} of object.vectors.values()) if (!isFiniteVector(bytes)) return false
  return true
}

/** Whether an object has any vector at all. */
export function hasVector(object: WeaviateObject): boolean {
  return (object.vector?.length ?? 0) > 0 || (object.vectors?.size ?? 0) > 0
}
