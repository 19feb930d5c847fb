import type {WeaviateObject} from '../object.js'

/** Whether every component of a little-endian float32 vector is a finite number. Looks at bytes: a view may have any alignment. */
export function isFiniteVector(bytes: Uint8Array): boolean {
  for (let index = 3; index < bytes.length; index += 4) {
    // All exponent bits set: an infinity or no number.
    if ((bytes[index]! & 0x7f) === 0x7f && bytes[index - 1]! >= 0x80) return false
  }

  return true
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
