import {createRequire} from 'node:module'

import type {JsonObject} from '../model/object.js'

import {Refusal} from './refusal.js'

const LIBRARY = 'google-libphonenumber'

/** Of the library, which has no types of its own. */
interface PhoneNumber {
  getCountryCode: () => number
  getNationalNumber: () => number
}

interface Library {
  PhoneNumberFormat: {INTERNATIONAL: number; NATIONAL: number}
  PhoneNumberUtil: {
    getInstance: () => {
      format: (number: PhoneNumber, format: number) => string
      isValidNumber: (number: PhoneNumber) => boolean
      parse: (text: string, region: string) => PhoneNumber
    }
  }
}

const INVALID = 'invalid phone number: '
const NO_COUNTRY =
  `${INVALID}invalid or missing defaultCountry - this field is optional if the specified number is in the ` +
  'international format, but required if the number is in national format, use ISO 3166-1 alpha-2'

/**
 * A phone number in the form that the server gives back. The real one reads it with Google's library, and so does this one,
 * where it is installed.
 * @throws Refusal 422.
 */
export function parsePhoneNumber(input: string, defaultCountry: string): JsonObject {
  const {PhoneNumberFormat, PhoneNumberUtil} = library()
  const util = PhoneNumberUtil.getInstance()
  const country = defaultCountry.toUpperCase()
  const number = refusing(() => util.parse(input, country))
  const national = number.getNationalNumber()
  const isValid = util.isValidNumber(number)
  return {
    countryCode: number.getCountryCode(),
    ...(country !== '' && {defaultCountry: country}),
    input,
    internationalFormatted: util.format(number, PhoneNumberFormat.INTERNATIONAL),
    ...(national !== 0 && {national}),
    nationalFormatted: util.format(number, PhoneNumberFormat.NATIONAL),
    ...(isValid && {valid: isValid}),
  }
}

/** What the library does not take, in the real server's words. */
function refusing<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    const {message} = error as Error
    throw new Refusal(
      message === 'Invalid country calling code' ? NO_COUNTRY : `${INVALID}${REASONS[message] ?? message}`,
    )
  }
}

const NOT_A_NUMBER = 'the phone number supplied is not a number'
const REASONS: Record<string, string> = {
  'Phone number too short after IDD':
    'phone number had an IDD, but after this was not long enough to be a viable phone number',
  'The string supplied did not seem to be a phone number': NOT_A_NUMBER,
  'The string supplied is too long to be a phone number': 'the string supplied is too long to be a phone number',
  'The string supplied is too short to be a phone number': 'the string supplied is too short to be a phone number',
}

let loaded: Library | undefined

/** Loaded by the first phone number. */
function library(): Library {
  try {
    loaded ??= createRequire(import.meta.url)(LIBRARY) as Library
    return loaded
  } catch {
    throw new Refusal(`the embedded server reads phone numbers with ${LIBRARY}, which is not installed`)
  }
}
