import {BinaryReader} from '@bufbuild/protobuf/wire'
import {status} from '@grpc/grpc-js'

import {Refusal} from '../refusal.js'

/** Top-level fields of a SearchRequest that the embedded server answers: listing and filtering. */
const KNOWN = new Set([1, 10, 11, 20, 21, 30, 31, 33, 34, 40, 100, 101, 102])

/** A refusal when a search asks for more than a listing (vectors, ranking, grouping), which would else be ignored. */
export function refuseUnknownFields(bytes: Uint8Array): Refusal | undefined {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (!KNOWN.has(field))
      return new Refusal(
        501,
        `the embedded server lists and filters; it does not know field ${field} of SearchRequest`,
        status.UNIMPLEMENTED,
      )
    reader.skip(wireType)
  }

  return undefined
}
