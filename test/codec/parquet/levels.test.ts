import fc from 'fast-check'
import {expect, it} from 'vitest'

import {ByteBuffer} from '../../../src/codec/byte-buffer.js'
import {toHex} from '../../../src/codec/bytes.js'
import {bitWidth, RunReader, RunWriter} from '../../../src/codec/parquet/levels.js'

function encode(runs: ReadonlyArray<readonly [value: number, count: number]>, bits: number): Uint8Array {
  const buffer = new ByteBuffer(16)
  const writer = new RunWriter(buffer, bits)
  for (const [value, count] of runs) writer.run(value, count)
  writer.finish()
  return buffer.contents()
}

function decode(bytes: Uint8Array, bits: number, total: number): number[] {
  const reader = new RunReader(bytes, 0, bits)
  const values: number[] = []
  while (values.length < total) {
    if (reader.count === 0) reader.advance()
    const count = Math.min(reader.count, total - values.length)
    for (let index = 0; index < count; index++) values.push(reader.value)
    reader.count -= count
  }

  return values
}

it('round trips runs of any length', () => {
  fc.assert(
    fc.property(
      fc
        .integer({max: 8, min: 1})
        .chain((bits) =>
          fc.tuple(
            fc.constant(bits),
            fc.array(
              fc.tuple(fc.nat(2 ** bits - 1), fc.oneof(fc.integer({max: 20, min: 1}), fc.constantFrom(1535, 5000))),
            ),
          ),
        ),
      ([bits, runs]) => {
        const values = runs.flatMap(([value, count]) => Array.from({length: count}, () => value))
        expect(decode(encode(runs, bits), bits, values.length)).toEqual(values)
      },
    ),
  )
})

it('writes what the specification says', () => {
  // 100 ones in one run; 0 … 7 packed in three bits each, as in the specification's example.
  expect(toHex(encode([[1, 100]], 1))).toBe('c80101')
  expect(
    toHex(
      encode(
        [0, 1, 2, 3, 4, 5, 6, 7].map((value) => [value, 1]),
        3,
      ),
    ),
  ).toBe('0388c6fa')
  // A vector: what is left of its first eight levels is packed, the rest is a run.
  expect(
    toHex(
      encode(
        [
          [0, 1],
          [1, 1535],
        ],
        1,
      ),
    ),
  ).toBe('03fef01701')
})

it('reads indices of up to 32 bits, and stops where the bytes do', () => {
  expect(decode(Uint8Array.of(4, 0xff, 0xff, 0xff, 0xff), 32, 2)).toEqual([0xff_ff_ff_ff, 0xff_ff_ff_ff])
  expect(decode(new Uint8Array(0), 0, 3)).toEqual([0, 0, 0])
  for (const bytes of [[], [2], [3], [0x80], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80]]) {
    expect(() => decode(Uint8Array.from(bytes), 1, 1)).toThrow(RangeError)
  }

  expect(() => new RunReader(new Uint8Array(0), 0, 33)).toThrow(RangeError)
})

it('knows the bits of a level', () => {
  expect([0, 1, 2, 3, 4, 5].map((max) => bitWidth(max))).toEqual([0, 1, 2, 2, 3, 3])
})
