import {BinaryReader, WireType} from '@bufbuild/protobuf/wire'
import {status} from '@grpc/grpc-js'

import {Refusal} from '../refusal.js'

/** A decoded request, and what it is refused for. */
export interface Checked<Q> {
  problem: Refusal | undefined
  request: Q
}

/** The fields of a message that the embedded server answers; true, or those of the message in it. */
interface Known {
  [field: number]: Known | true
}

function known(...fields: number[]): Known {
  return Object.fromEntries(fields.map((field) => [field, true as const]))
}

/** Listing, filtering and sorting; of the metadata all but profiles. */
export const SEARCH: Known = {
  ...known(1, 10, 11, 20, 30, 31, 33, 34, 40, 100, 101, 102),
  21: known(1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
}

/** All but groups and what is searched for. */
export const AGGREGATE: Known = known(1, 10, 20, 21, 30, 32, 40)

/** Decodes a request, and refuses what it asks for beyond `fields` (vectors, ranking, grouping), which would else be ignored. */
export function checked<Q>(name: string, fields: Known, decode: (bytes: Buffer) => Q): (bytes: Buffer) => Checked<Q> {
  return (bytes) => ({problem: unknownField(name, fields, bytes), request: decode(bytes)})
}

function unknownField(name: string, fields: Known, bytes: Uint8Array): Refusal | undefined {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    const inner = fields[field]
    if (!inner)
      return new Refusal(
        `the embedded server lists, filters and aggregates; it does not know field ${field} of ${name}`,
        501,
        status.UNIMPLEMENTED,
      )
    if (inner === true || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType)
      continue
    }

    const problem = unknownField(`what is in ${name}`, inner, reader.bytes())
    if (problem) return problem
  }

  return undefined
}
