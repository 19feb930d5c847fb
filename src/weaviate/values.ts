/** Single values where gRPC and REST write the same thing differently. Everything here gives what REST shows. */
import type {JsonObject} from '../model/object.js'
import type {PhoneNumber} from './proto/generated/weaviate.js'

const BEACON_PREFIX = 'weaviate://localhost/'

/** REST's shape, which leaves out what is empty. */
export function phoneToJson(phone: PhoneNumber): JsonObject {
  const json: JsonObject = {}
  if (phone.countryCode) json.countryCode = Number(phone.countryCode)
  if (phone.defaultCountry) json.defaultCountry = phone.defaultCountry
  if (phone.input) json.input = phone.input
  if (phone.internationalFormatted) json.internationalFormatted = phone.internationalFormatted
  if (phone.national) json.national = Number(phone.national)
  if (phone.nationalFormatted) json.nationalFormatted = phone.nationalFormatted
  if (phone.valid) json.valid = true
  return json
}

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

/** The nearest int64, saturating: 2^63 becomes 2^63 - 1, which the server reads as the float64 2^63 again. */
export function toInt64(value: number): bigint {
  if (value >= 2 ** 63) return INT64_MAX
  if (value <= -(2 ** 63)) return INT64_MIN
  return BigInt(value)
}

export interface BeaconTarget {
  /** undefined in the older form without a class. */
  collection?: string
  id: string
}

/** The parts of `weaviate://localhost/Class/id`, each as it stands; undefined when it is no such beacon. */
export function parseBeacon(beacon: string): BeaconTarget | undefined {
  if (!beacon.startsWith(BEACON_PREFIX)) return undefined
  const path = beacon.slice(BEACON_PREFIX.length)
  const slash = path.indexOf('/')
  return slash === -1 ? {id: path} : {collection: path.slice(0, slash), id: path.slice(slash + 1)}
}
