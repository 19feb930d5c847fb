/** Uploads in parts that are smaller than real services take them. */
import {PART} from '../../src/store/objects/writer.js'
import {LIMITS} from './s3-routes.js'

/** Bytes of each part, at our side and at the S3 of the tests; what it returns puts both back. */
export function withPartsOf(bytes: number): () => void {
  const before = {least: LIMITS.minPart, part: PART.bytes}
  PART.bytes = bytes
  LIMITS.minPart = bytes
  return () => {
    PART.bytes = before.part
    LIMITS.minPart = before.least
  }
}
