import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {describe, expect, it} from 'vitest'

import {ByteBuffer} from '../../../src/codec/byte-buffer.js'
import {VectorTextReader, writeVectorText} from '../../../src/codec/json/float32-text.js'
import {bytesOf, float32Bytes} from '../../support/documents.js'

const out = new ByteBuffer()
const reader = new VectorTextReader()

function print(bytes: Uint8Array): string {
  out.clear()
  writeVectorText(bytes, out)
  return Buffer.from(out.contents()).toString()
}

function printBits(...patterns: number[]): string {
  return print(bytesOf(Uint32Array.from(patterns)))
}

function parse(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text)
  reader.clear()
  return reader.read(bytes, 0) === bytes.length ? reader.take() : undefined
}

/** The shortest decimal by trying: the least number of significant digits for which some decimal reads back. */
function shortestByTrying(value: number): number {
  const magnitude = Math.abs(value)
  for (let digits = 1; ; digits++) {
    const [mantissa, exponent] = magnitude.toExponential(digits - 1).split('e') as [string, string]
    const whole = Number(mantissa.replace('.', ''))
    for (const candidate of [whole, whole + 1, whole - 1]) {
      if (Math.fround(Number(`${candidate}e${Number(exponent) - digits + 1}`)) === magnitude) return digits
    }
  }
}

function significantDigits(text: string): number {
  const digits = text.replace(/^-/, '').replace(/e.*/, '').replace('.', '').replace(/^0+/, '')
  return digits.replace(/0+$/, '').length
}

/** Prints and reads all patterns of `from`, `from + stride`, …, through this reader and through JSON.parse. */
function sweep(from: number, stride: number, check: (bits: Uint32Array, text: string) => void) {
  const size = 1 << 14
  for (let start = from; start < 2 ** 32; start += stride * size) {
    const bits = new Uint32Array(Math.min(size, Math.ceil((2 ** 32 - start) / stride)))
    for (let index = 0; index < bits.length; index++) bits[index] = start + index * stride
    check(bits, print(bytesOf(bits)))
  }
}

describe('float32 text', () => {
  it('reads back to the same bits, over a stride of all patterns', () => {
    let count = 0
    sweep(0, 2053, (bits, text) => {
      count += bits.length
      const read = parse(text)
      if (!read || Buffer.compare(read, bytesOf(bits)) !== 0) expect.fail(`after ${bits[0]}`)
    })
    expect(count).toBe(Math.ceil(2 ** 32 / 2053))
  })

  it('reads back through JSON.parse and Math.fround', () => {
    sweep(3, 9973, (bits, text) => {
      const floats = new Float32Array(bits.buffer, bits.byteOffset, bits.length)
      for (const [index, number] of (JSON.parse(text) as unknown[]).entries()) {
        if (typeof number === 'string') expect(Number.isFinite(floats[index])).toBe(false)
        else if (!Object.is(Math.fround(number as number), floats[index]))
          expect.fail(`${bits[index]}: ${number as number}`)
      }
    })
  })

  it('is the shortest decimal there is', () => {
    const check = (value: number) => {
      const text = print(float32Bytes(value)).slice(1, -1)
      if (significantDigits(text) !== shortestByTrying(value)) expect.fail(`${value} printed as ${text}`)
    }

    sweep(7, 39_989, (bits) => {
      for (const value of new Float32Array(bits.buffer, bits.byteOffset, bits.length))
        if (Number.isFinite(value) && value !== 0) check(value)
    })
    for (let power = -149; power < 128; power++) check(2 ** power)
  })

  it('holds around powers of two and of ten', () => {
    const edges: number[] = []
    const buffer = new Uint32Array(1)
    const float = new Float32Array(buffer.buffer, buffer.byteOffset, 1)
    const around = (value: number) => {
      float[0] = value
      for (const sign of [0, 0x80_00_00_00]) {
        for (let step = -2; step <= 2; step++) edges.push((buffer[0]! + step + sign) >>> 0)
      }
    }

    for (let power = -149; power < 128; power++) around(2 ** power)
    for (let power = -45; power < 39; power++) around(Number(`1e${power}`))
    around(Infinity)
    const bytes = bytesOf(Uint32Array.from(edges))
    expect(Buffer.compare(parse(print(bytes))!, bytes)).toBe(0)
  })

  it('prints what people expect', () => {
    const floats = Float32Array.of(0, -0, 1, -1, 0.1, 0.5, 100, 123.456, 1e-6, 1e-7, 16_777_216, 3.4e38, 1e-45, -0.0125)
    expect(print(bytesOf(floats))).toBe('[0,-0,1,-1,0.1,0.5,100,123.456,0.000001,1e-7,16777216,3.4e+38,1e-45,-0.0125]')
    expect(print(new Uint8Array(0))).toBe('[]')
  })

  it('spells what is no number by its bits', () => {
    const text = printBits(0x7f_80_00_00, 0xff_80_00_00, 0x7f_c0_00_00, 0xff_80_00_01)
    expect(text).toBe('["Infinity","-Infinity","NaN:7fc00000","NaN:ff800001"]')
    expect(parse(text)).toEqual(bytesOf(Uint32Array.of(0x7f_80_00_00, 0xff_80_00_00, 0x7f_c0_00_00, 0xff_80_00_01)))
  })

  it('takes bytes at any address, in Buffers too', () => {
    for (let shift = 0; shift < 4; shift++) {
      const bytes = Buffer.alloc(12 + shift).subarray(shift)
      bytes.writeFloatLE(1.5, 0)
      bytes.writeFloatLE(-2.25, 4)
      expect(print(bytes)).toBe('[1.5,-2.25,0]')
    }

    expect(() => print(new Uint8Array(5))).toThrow(RangeError)
  })

  it('reads any JSON number as JSON.parse does', () => {
    const number = fc.oneof(
      fc.stringMatching(/^-?(0|[1-9]\d{0,24})(\.\d{1,30})?([Ee][+-]?\d{1,2})?$/),
      fc.double({noDefaultInfinity: true, noNaN: true}).map(String),
    )
    const space = fc.constantFrom('', ' ', '\n', '\t \r')
    fc.assert(
      fc.property(fc.array(fc.tuple(space, number, space)), space, (items, inside) => {
        const text = `[${items.length === 0 ? inside : items.map((parts) => parts.join('')).join(',')}]`
        const expected = Float32Array.from(JSON.parse(text) as number[])
        const read = parse(text)
        if (expected.every((value) => Number.isFinite(value))) expect(read).toEqual(bytesOf(expected))
        else expect(read).toBeUndefined()
      }),
    )
  })

  it.each([
    '[',
    '[1',
    '[1,',
    '[1,]',
    '[,1]',
    '[1 2]',
    '[01]',
    '[-]',
    '[+1]',
    '[.5]',
    '[1.]',
    '[1.e3]',
    '[1e]',
    '[1e+]',
    '[0x1]',
    '[null]',
    '[true]',
    '[NaN]',
    '[Infinity]',
    '["1"]',
    '["NaN"]',
    '["NaN:3f800000"]',
    '["NaN:7f800000"]',
    '["NaN:7FC00000"]',
    '["infinity"]',
    '["Infinity]',
    '[[1]]',
    '[{}]',
    '[1e39]',
    '[-1e999]',
    '[1]x',
    '[--1]',
    '[1_0]',
    '[\u{A0}1]',
  ])('refuses %s', (text) => {
    expect(parse(text)).toBeUndefined()
  })
})
