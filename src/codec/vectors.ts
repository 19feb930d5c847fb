import type {WeaviateObject} from '../model/object.js'

/** Vectors are views of any alignment; a copy at the start of this one can be read as numbers. */
let memory = new ArrayBuffer(16_384)

/** Whether every component of a float32 vector (little-endian, as the platforms that run this are) is a finite number. */
export function isFiniteVector(bytes: Uint8Array): boolean {
  const components = bytes.length >> 2
  if (bytes.length > memory.byteLength) memory = new ArrayBuffer(bytes.length * 2)
  new Uint8Array(memory).set(bytes)
  const floats = new Float32Array(memory, 0, components)
  // A finite number times zero is zero; an infinity or NaN gives NaN, which stays in the sum. No branch a component.
  const zero = 0
  let sum = 0
  for (let index = 0; index < components; index++) sum += floats[index]! * zero
  return sum === 0
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
