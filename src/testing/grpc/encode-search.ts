import {BinaryWriter, WireType} from '@bufbuild/protobuf/wire'
import {Buffer} from 'node:buffer'

import type {StoredObject} from '../store.js'

import {MetadataResult, PropertiesResult, SearchReply} from '../../weaviate/proto/generated/weaviate.js'
import {encodeOldProperties} from './old-values.js'
import {metadataResult, propertiesResult, type ReplyContext, type Selection} from './reply.js'

/** Field numbers of the messages that are put together here. */
const RESULTS = 2
const RESULT = {metadata: 2, properties: 1}
/** `vector`, deprecated, is `repeated float`: packed, it is the same bytes as `vector_bytes`. */
const METADATA = {vector: 2, vectorBytes: 19}

/** The encoded SearchReply. Vectors are copied once, into it, and stand there twice, as the real server has it. */
export function encodeSearch(
  page: readonly StoredObject[],
  selection: Selection,
  {context, seconds}: {context: ReplyContext; seconds: () => number},
): Uint8Array {
  const chunks: Uint8Array[] = []
  for (const object of page) {
    const {vectorBytes, ...rest} = metadataResult(object, selection.metadata)
    const metadata: Uint8Array[] = [MetadataResult.encode(MetadataResult.create(rest)).finish()]
    if (vectorBytes.byteLength > 0)
      for (const field of [METADATA.vector, METADATA.vectorBytes]) metadata.push(...delimited(field, [vectorBytes]))
    const properties: Uint8Array[] = [encodeProperties(propertiesResult(object, selection, context), context)]
    const result = [...delimited(RESULT.properties, properties), ...delimited(RESULT.metadata, metadata)]
    chunks.push(...delimited(RESULTS, result))
  }

  chunks.push(SearchReply.encode({results: [], took: seconds()}).finish())
  return Buffer.concat(chunks)
}

function encodeProperties(result: PropertiesResult, {isOld}: ReplyContext): Uint8Array {
  return isOld ? encodeOldProperties(result) : PropertiesResult.encode(result).finish()
}

/** A length-delimited field: tag, length, and the bytes it is made of. */
function delimited(field: number, parts: readonly Uint8Array[]): Uint8Array[] {
  let length = 0
  for (const part of parts) length += part.byteLength
  return [new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish(), ...parts]
}
