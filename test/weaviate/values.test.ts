import {expect, test} from 'vitest'

import {parseBeacon, phoneToJson, toInt64} from '../../src/weaviate/values.js'

test('toInt64 saturates', () => {
  expect(toInt64(2 ** 63)).toBe(2n ** 63n - 1n)
  expect(toInt64(-(2 ** 63))).toBe(-(2n ** 63n))
  expect(toInt64(1e300)).toBe(2n ** 63n - 1n)
  expect(toInt64(-1e300)).toBe(-(2n ** 63n))
  expect(toInt64(-0)).toBe(0n)
  expect(toInt64(4_503_599_627_370_497 * 2 ** 10)).toBe(4_503_599_627_370_497n * 1024n)
})

test('phoneToJson leaves out what is empty, as REST does', () => {
  const phone = {
    countryCode: 49n,
    defaultCountry: '',
    input: '+49 171 1234567',
    internationalFormatted: '+49 171 1234567',
    national: 1_711_234_567n,
    nationalFormatted: '0171 1234567',
    valid: false,
  }
  expect(phoneToJson(phone)).toEqual({
    countryCode: 49,
    input: '+49 171 1234567',
    internationalFormatted: '+49 171 1234567',
    national: 1_711_234_567,
    nationalFormatted: '0171 1234567',
  })
  expect(phoneToJson({...phone, defaultCountry: 'DE', valid: true})).toMatchObject({defaultCountry: 'DE', valid: true})
})

test.each([
  ['weaviate://localhost/Article/0-1', {collection: 'Article', id: '0-1'}],
  ['weaviate://localhost/0-1', {id: '0-1'}],
  ['weaviate://elsewhere/Article/0-1', undefined],
  ['', undefined],
])('parseBeacon(%j)', (beacon, target) => {
  expect(parseBeacon(beacon)).toEqual(target)
})
