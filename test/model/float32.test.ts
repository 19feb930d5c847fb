import fc from 'fast-check'
import {describe, expect, test} from 'vitest'

import {shortestFloat32} from '../../src/model/float32.js'

function fromBits(bits: number): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setUint32(0, bits)
  return view.getFloat32(0)
}

function digitsOf(value: number): number {
  return value.toExponential().split('e', 1)[0]!.replaceAll(/[-.]/g, '').length
}

describe('shortestFloat32', () => {
  // Bits, and what Go's encoding/json makes of the float32 (printed with Go 1.25).
  test.each([
    [0x42_51_91_77, 52.392056],
    [0x3d_cc_cc_cd, 0.1],
    [0x80_00_00_01, -1e-45],
    [0x7f_7f_ff_ff, 3.4028235e38],
    // powers of two, where the float32s below lie denser
    [260_046_848, 1.2621775e-29],
    [1_795_162_112, 1.5474251e26],
    [964_689_920, 0.00024414063],
    // halfway between two decimals: the even one
    [3_389_877_113, -2_317_022.2],
    [1_213_228_424, 213_398.12],
  ])('%i as Go prints it', (bits, printed) => {
    expect(shortestFloat32(fromBits(bits))).toBe(printed)
  })

  test('rounds back to the same float32, and no shorter decimal does', () => {
    fc.assert(
      fc.property(fc.integer({max: 0xff_ff_ff_ff, min: 0}), (bits) => {
        const value = fromBits(bits)
        const shortest = shortestFloat32(value)
        expect(Math.fround(shortest)).toBe(value)
        if (!Number.isFinite(value) || value === 0) return
        for (let digits = 1; digits < digitsOf(shortest); digits++) {
          const shorter = Number(value.toExponential(digits - 1))
          expect(Math.fround(shorter)).not.toBe(value)
        }
      }),
      {numRuns: 2000},
    )
  })

  test.each([0, -0, Infinity, -Infinity, NaN])('leaves %d alone', (value) => {
    expect(shortestFloat32(value)).toBe(value)
  })
})
