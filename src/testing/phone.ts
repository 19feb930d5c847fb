import type {JsonObject} from '../model/object.js'

import {Refusal} from './refusal.js'

/** Calling codes of the countries that tests use, with the digit that national numbers start with. */
const COUNTRIES: Record<string, {code: number; trunk: string}> = {
  AT: {code: 43, trunk: '0'},
  AU: {code: 61, trunk: '0'},
  BE: {code: 32, trunk: '0'},
  BR: {code: 55, trunk: '0'},
  CA: {code: 1, trunk: '1'},
  CH: {code: 41, trunk: '0'},
  CN: {code: 86, trunk: '0'},
  DE: {code: 49, trunk: '0'},
  DK: {code: 45, trunk: ''},
  ES: {code: 34, trunk: ''},
  FR: {code: 33, trunk: '0'},
  GB: {code: 44, trunk: '0'},
  IE: {code: 353, trunk: '0'},
  IN: {code: 91, trunk: '0'},
  IT: {code: 39, trunk: ''},
  JP: {code: 81, trunk: '0'},
  MX: {code: 52, trunk: ''},
  NL: {code: 31, trunk: '0'},
  NO: {code: 47, trunk: ''},
  NZ: {code: 64, trunk: '0'},
  PL: {code: 48, trunk: ''},
  PT: {code: 351, trunk: ''},
  SE: {code: 46, trunk: '0'},
  US: {code: 1, trunk: '1'},
}

const NO_COUNTRY =
  'invalid phone number: invalid or missing defaultCountry - this field is optional if the specified number is in the ' +
  'international format, but required if the number is in national format, use ISO 3166-1 alpha-2'

/**
 * A phone number in the form that the server gives back. `input` and `defaultCountry` are the real server's exactly; the
 * parsed members are plain (no grouping of digits, `valid` by length) for the countries known here.
 * @throws Refusal 422.
 */
export function parsePhoneNumber(input: string, defaultCountry: string): JsonObject {
  const country = defaultCountry.toUpperCase()
  const digits = input.replaceAll(/\D/g, '')
  if (digits.length < 2) throw new Refusal(422, 'invalid phone number: the phone number supplied is not a number')
  const isInternational = /^\s*\+/.test(input)
  const known = isInternational ? byCallingCode(digits) : COUNTRIES[country]
  if (!known) throw new Refusal(422, NO_COUNTRY)
  let national = isInternational ? digits.slice(String(known.code).length) : digits
  if (known.trunk !== '' && national.startsWith(known.trunk) && national.length > 3) national = national.slice(1)
  const isValid = national.length >= 7 && national.length <= 12
  return {
    countryCode: known.code,
    ...(country !== '' && {defaultCountry: country}),
    input,
    internationalFormatted: `+${known.code} ${national}`,
    national: Number(national),
    nationalFormatted: `${known.trunk === '0' ? '0' : ''}${national}`,
    ...(isValid && {valid: isValid}),
  }
}

function byCallingCode(digits: string): undefined | {code: number; trunk: string} {
  return Object.values(COUNTRIES)
    .toSorted((a, b) => b.code - a.code)
    .find(({code}) => digits.startsWith(String(code)))
}
