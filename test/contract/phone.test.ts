import {beforeAll, expect, it} from 'vitest'

import {messageOf, useTarget} from './target.js'

const {create, target} = useTarget()
let name = ''

beforeAll(async () => {
  name = await create('Phones', {properties: [{dataType: ['phoneNumber'], name: 'p'}]})
})

/** What is kept of a number: its international and national form, the number itself, and whether it is valid. */
async function kept(input: string, defaultCountry?: string): Promise<unknown> {
  const answer = await target.rest('POST', '/objects', {class: name, properties: {p: {defaultCountry, input}}})
  if (answer.status !== 200) return messageOf(answer).replace(/^.*: invalid phone number: /, '')
  const {p} = (answer.json as {properties: {p: Record<string, unknown>}}).properties
  expect(p.input).toBe(input)
  return [p.internationalFormatted, p.nationalFormatted, p.national, p.valid]
}

it('formats phone numbers as their country does', async () => {
  expect(await kept('0161 2345000', 'gb')).toEqual(['+44 161 234 5000', '0161 234 5000', 1_612_345_000, true])
  expect(await kept('213 373 4253', 'US')).toEqual(['+1 213-373-4253', '(213) 373-4253', 2_133_734_253, true])
  expect(await kept('+39 06 12345678')).toEqual(['+39 06 1234 5678', '06 1234 5678', 612_345_678, true])
  expect(await kept('0049 171 1234567 ext. 5', 'DE')).toEqual([
    '+49 171 1234567 ext. 5',
    '0171 1234567 ext. 5',
    1_711_234_567,
    true,
  ])
  expect(await kept('1-800-FLOWERS', 'US')).toEqual(['+1 800-356-9377', '(800) 356-9377', 8_003_569_377, true])
  expect(await kept('12', 'DE')).toEqual(['+49 12', '12', 12, undefined])
})

it('refuses what is no number, or of no country', async () => {
  const noCountry =
    'invalid or missing defaultCountry - this field is optional if the specified number is in the international format, but required if the number is in national format, use ISO 3166-1 alpha-2'
  expect(await kept('hello', 'DE')).toBe('the phone number supplied is not a number')
  expect(await kept('+44')).toBe('the phone number supplied is not a number')
  expect(await kept('0171 1234567')).toBe(noCountry)
  expect(await kept('0171 1234567', 'ZZ')).toBe(noCountry)
  expect(await kept('+999123456')).toBe(noCountry)
})
