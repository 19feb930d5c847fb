import {BinaryWriter} from '@bufbuild/protobuf/wire'

import {type ListValue, type Properties, PropertiesResult, Value} from '../../weaviate/proto/generated/weaviate.js'
import {doublesOf} from '../values.js'

/** Fields that the generated messages no longer know: texts, and lists of any values. */
const STRING_VALUE = 2
const LIST_VALUES = 1
/** Fields that hold such values. */
const FIELDS = 1
const OBJECT_VALUE = 4
const LIST_VALUE = 5
const RESULT = {nonRefProps: 11, refProps: 2}
const REFERENCES = {properties: 1, propName: 2}

/** A result as a server before 1.25 tells it. */
export function encodeOldProperties(result: PropertiesResult): Uint8Array {
  const {nonRefProps, refProps, refPropsRequested: _, ...rest} = result
  const writer = new BinaryWriter()
  PropertiesResult.encode(PropertiesResult.create(rest), writer)
  if (nonRefProps) writer.uint32(delimited(RESULT.nonRefProps)).bytes(properties(nonRefProps))
  for (const {properties: targets, propName} of refProps) {
    const references = new BinaryWriter()
    for (const target of targets) references.uint32(delimited(REFERENCES.properties)).bytes(encodeOldProperties(target))
    references.uint32(delimited(REFERENCES.propName)).string(propName)
    writer.uint32(delimited(RESULT.refProps)).bytes(references.finish())
  }

  return writer.finish()
}

function delimited(field: number): number {
  return (field << 3) | 2
}

function properties({fields}: Properties): Uint8Array {
  const writer = new BinaryWriter()
  for (const [name, value] of fields) {
    const entry = new BinaryWriter().uint32(delimited(1)).string(name).uint32(delimited(2)).bytes(encodeValue(value))
    writer.uint32(delimited(FIELDS)).bytes(entry.finish())
  }

  return writer.finish()
}

function encodeValue(value: Value): Uint8Array {
  const {kind} = value
  const writer = new BinaryWriter()
  if (kind?.$case === 'textValue') return writer.uint32(delimited(STRING_VALUE)).string(kind.value).finish()
  if (kind?.$case === 'objectValue')
    return writer.uint32(delimited(OBJECT_VALUE)).bytes(properties(kind.value)).finish()
  if (kind?.$case !== 'listValue') return Value.encode(value).finish()
  const list = new BinaryWriter()
  for (const item of itemsOf(kind.value)) list.uint32(delimited(LIST_VALUES)).bytes(encodeValue({kind: item}))
  return writer.uint32(delimited(LIST_VALUE)).bytes(list.finish()).finish()
}

type Kind = NonNullable<Value['kind']>

/** The values of a list, each for itself: of `textValues` each is a `textValue`. */
function itemsOf({kind}: ListValue): Kind[] {
  if (!kind) return []
  const told = valuesOf(kind).map((value): unknown => ({$case: kind.$case.slice(0, -1), value}))
  return told as Kind[]
}

function valuesOf(kind: NonNullable<ListValue['kind']>): unknown[] {
  if (kind.$case === 'numberValues') return [...doublesOf(kind.value.values)]
  if (kind.$case !== 'intValues') return [...kind.value.values]
  const {buffer} = new Uint8Array(kind.value.values)
  return [...new BigInt64Array(buffer)]
}
