import {describe, expect, it} from 'vitest'

import {ByteBuffer} from '../../src/codec/byte-buffer.js'
import {JsonLinesEncoder} from '../../src/codec/json/lines.js'

const LONG = 6_000_000
const LARGE = 18_000_000

describe('long text in a buffer', () => {
  it.each([
    ['of one byte a unit', 'x'.repeat(LONG)],
    ['of two', 'é'.repeat(LONG)],
    ['of three, after one', `x${'…'.repeat(LONG)}`],
    ['of four, after one', `x${'🙂'.repeat(LONG / 2)}`],
    ['that ends with what takes more', `${'x'.repeat(LONG)}🙂`],
    ['with a lone surrogate at its end', `${'x'.repeat(LONG)}é\u{D83D}`],
  ])('%s is there as UTF-8, and what follows it', (_, text) => {
    const out = new ByteBuffer(1)
    out.text('before ')
    out.text(text)
    out.text(' after')
    expect(Buffer.compare(out.contents(), Buffer.from(`before ${text} after`))).toBe(0)
  })

  it('takes no room for bytes that it does not have', () => {
    const out = new ByteBuffer(1 << 20)
    out.text('x'.repeat(LONG))
    out.text('"}')
    expect(out.bytes.length).toBeLessThan(LONG * 1.1)
  })

  it('of many pieces takes a quarter more than it has', () => {
    const out = new ByteBuffer()
    for (let piece = 0; piece < 100; piece++) out.text('x'.repeat(410_000))
    expect(out.length).toBe(41_000_000)
    expect(out.bytes.length).toBeLessThan(41_000_000 * 1.3)
  })
})

it('the encoder of lines keeps no room for a large object once it is encoded', () => {
  const encoder = new JsonLinesEncoder('C')
  const object = {id: '00000000-0000-4000-8000-000000000000', properties: {scan: 'x'.repeat(LARGE)}}
  const lines = encoder.encode([object])
  const text = Buffer.from(lines).toString()
  expect(JSON.parse(text)).toMatchObject(object)
  // Its memory is that of the lines, not of a copy beside them.
  expect(lines.buffer.byteLength).toBeLessThan(LARGE * 1.1)
  encoder.encode([{...object, properties: {scan: 'y'}}])
  expect(Buffer.from(lines).toString()).toBe(text)
})
