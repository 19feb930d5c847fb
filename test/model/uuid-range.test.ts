import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {describe, expect, it} from 'vitest'

import {
  MAX_UUID,
  NIL_UUID,
  numberToUuid,
  rangeSize,
  splitRange,
  uuidToNumber,
  WHOLE_RANGE,
  writeUuid,
} from '../../src/model/uuid-range.js'

const arbitraryNumber = fc.bigInt({max: 2n ** 128n - 1n, min: 0n})

describe('UUIDs as numbers', () => {
  it('round trip, and text sorts like the numbers', () => {
    fc.assert(
      fc.property(arbitraryNumber, arbitraryNumber, (a, b) => {
        expect(uuidToNumber(numberToUuid(a))).toBe(a)
        expect(numberToUuid(a) < numberToUuid(b)).toBe(a < b)
      }),
    )
    expect(numberToUuid(0n)).toBe(NIL_UUID)
    fc.assert(
      fc.property(arbitraryNumber, fc.boolean(), (number, isUpper) => {
        const bytes = new Uint8Array(18)
        const uuid = numberToUuid(number)
        writeUuid(isUpper ? uuid.toUpperCase() : uuid, bytes, 1)
        expect(Buffer.from(bytes).toString('hex')).toBe(`00${uuid.replaceAll('-', '')}00`)
      }),
    )
    expect(numberToUuid(2n ** 128n - 1n)).toBe(MAX_UUID)
  })
})

describe('splitRange', () => {
  it('gives ranges that follow one another and cover the whole', () => {
    fc.assert(
      fc.property(
        fc.option(arbitraryNumber, {nil: undefined}),
        arbitraryNumber,
        fc.integer({max: 9, min: 1}),
        (from, to, parts) => {
          fc.pre(from === undefined || from < to)
          const range = {after: from === undefined ? undefined : numberToUuid(from), until: numberToUuid(to)}
          const ranges = splitRange(range, parts)
          expect(ranges[0]!.after).toBe(range.after)
          expect(ranges.at(-1)!.until).toBe(range.until)
          let total = 0n
          for (const [index, part] of ranges.entries()) {
            if (index > 0) expect(part.after).toBe(ranges[index - 1]!.until)
            expect(rangeSize(part)).toBeGreaterThan(0n)
            total += rangeSize(part)
          }

          expect(total).toBe(rangeSize(range))
        },
      ),
    )
  })

  it('counts the nil UUID in', () => {
    expect(rangeSize(WHOLE_RANGE)).toBe(2n ** 128n)
    expect(splitRange({until: NIL_UUID}, 4)).toEqual([{after: undefined, until: NIL_UUID}])
  })
})
