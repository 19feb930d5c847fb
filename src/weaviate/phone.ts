import {isJsonObject, type JsonValue} from '../model/object.js'

/** What was put in of a phone number; the server works out the rest, and refuses to be told it. */
export function phoneInput(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value
  const {defaultCountry, input} = value
  return {...(defaultCountry !== undefined && {defaultCountry}), ...(input !== undefined && {input})}
}
