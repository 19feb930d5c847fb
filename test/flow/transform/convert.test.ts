/** Values that follow the type of their property: with all that they say, or refused. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import type {JsonValue, WeaviateObject} from '../../../src/model/object.js'

import {keptDate} from '../../../src/flow/transform/kept.js'
import {convert} from '../../../src/flow/transform/properties.js'

const ID = '00000000-0000-4000-8000-000000000001'

/** What becomes of a value; undefined: it is refused. */
function followed(value: JsonValue, from: string, to: string): JsonValue | undefined {
  const transform = convert('it', to)
  const schema = {class: 'Any', properties: [{dataType: [from], name: 'it'}]}
  transform.schema?.(schema)
  try {
    const [changed] = (transform.page?.([{id: ID, properties: {it: value}}], schema) ?? []) as WeaviateObject[]
    return changed?.properties.it
  } catch (error) {
    expect(error).toMatchObject({code: 'INVALID_INPUT', details: {id: ID, property: 'it', type: to}})
    return undefined
  }
}

describe('a text', () => {
  it.each([
    ['number', '0.10', 0.1],
    ['number', '1200e-2', 12],
    ['number', '12345678901234567890.123', undefined],
    ['number', '9007199254740993', undefined],
    ['number', '1e-400', undefined],
    ['int', '-0', 0],
    ['int', '007', 7],
    ['int', '9007199254740993', undefined],
    ['date', '2024-02-29T00:00:00.10Z', '2024-02-29T00:00:00.1Z'],
    ['date', '2023-02-30T00:00:00Z', undefined],
    ['date', '2023-02-20T24:00:00Z', undefined],
    ['date', '2023-02-20T23:00:00.1234567891Z', undefined],
    ['uuid', ID.toUpperCase(), ID],
  ])('becomes a %s where it says no more than that: %s', (type, text, expected) => {
    expect(followed(text, 'text', type)).toBe(expected)
  })

  it('that a number is written as becomes that number again', () => {
    fc.assert(
      fc.property(fc.double({noDefaultInfinity: true, noNaN: true}), (number) => {
        expect(followed(followed(number, 'number', 'text') ?? '', 'text', 'number')).toBe(number)
      }),
    )
  })
})

it.each([
  [2 ** 62, 'int', '4611686018427387904'],
  [-0, 'int', '0'],
  [-0, 'number', '-0'],
  [1e21, 'number', '1e+21'],
])('%d becomes a text of all of its digits', (value, type, expected) => {
  expect(followed(value, type, 'text')).toBe(expected)
})

it('a number that is minus zero becomes the int that there is', () => {
  expect(followed(-0, 'number', 'int')).toBe(0)
})

it('a date is one of the calendar', () => {
  fc.assert(
    fc.property(fc.date({max: new Date('9999-12-31'), min: new Date('0001-01-01'), noInvalidDate: true}), (date) => {
      expect(Date.parse(keptDate(date.toISOString()) ?? '')).toBe(date.getTime())
    }),
  )
  expect(
    ['1900-02-29', '2000-02-29', '2023-04-31', '2023-13-01', '2023-00-01'].map((day) => keptDate(`${day}T00:00:00Z`)),
  ).toEqual([undefined, '2000-02-29T00:00:00Z', undefined, undefined, undefined])
})
