import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import type {NamedVector, WeaviateObject} from '../../../src/model/object.js'

import {readJsonDocument} from '../../../src/codec/json/document.js'
import {JsonLinesEncoder} from '../../../src/codec/json/lines.js'
import {VectorMemory} from '../../../src/codec/json/vector-memory.js'
import {nodePlatform} from '../../../src/platform/node.js'
import {comparable} from '../../support/arbitraries.js'
import {floats} from '../part-sample.js'

const MIB = 1024 * 1024

describe('VectorMemory', () => {
  it('never gives memory twice before its page is released', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.integer({max: MIB + 8, min: 0}), {maxLength: 6}), {maxLength: 6}), (pages) => {
        const memory = new VectorMemory()
        const held: Array<[bytes: Uint8Array, mark: number]> = []
        const releases: Array<() => void> = []
        let mark = 0
        for (const [index, lengths] of pages.entries()) {
          for (const length of lengths) {
            const bytes = memory.take(length)
            expect(bytes.length).toBe(length)
            expect(bytes.byteOffset % 4).toBe(0)
            bytes.fill(++mark % 256)
            if (index % 2 === 0) held.push([bytes, mark % 256])
          }

          const release = memory.endPage()
          if (index % 2 === 1) releases.push(release)
          // Twice is as good as once.
          for (const each of releases) each()
        }

        for (const [bytes, value] of held) expect(bytes.every((byte) => byte === value)).toBe(true)
      }),
      {numRuns: 30},
    )
  })

  it('is used again', () => {
    const memory = new VectorMemory()
    const {buffer} = memory.take(100)
    memory.endPage()()
    expect(memory.take(50).buffer).toBe(buffer)
  })
})

describe('pages of a document whose memory is used again', () => {
  const objects = Array.from({length: 300}, (_, index): WeaviateObject => {
    const vectors = new Map<string, NamedVector>([
      ['multi', {bytes: floats(index, 1, 2, 3, 4, 5), dims: 3, kind: 'multi'}],
      ['named', {bytes: floats(-index, 0.5), kind: 'single'}],
    ])
    return {
      id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      properties: {index},
      vector: floats(index, index / 7, -index),
      vectors,
    }
  })
  const text =
    `{"metadata":{},"schema":{"class":"Book"},"objects":[\n` +
    `${Buffer.from(new JsonLinesEncoder('Book').encode(objects)).toString()}\n],"object_count":300,\n"seal":{}}`

  async function* chunks() {
    for (let at = 0; at < text.length; at += 1000) yield Buffer.from(text.slice(at, at + 1000))
  }

  it.each([300, 2000, 20_000])(
    'are what was written, released at once or kept (%d bytes a page)',
    async (pageBytes) => {
      const seen: unknown[] = []
      const kept: Array<[objects: WeaviateObject[], firstRow: number]> = []
      let pages = 0
      for await (const part of readJsonDocument(chunks(), {pageBytes, platform: nodePlatform, reusesMemory: true})) {
        if (part.kind !== 'rows') continue
        const {firstRow, objects: some, release} = part.page
        seen.push(...some.map((object) => comparable(structuredClone(object))))
        if (pages++ % 3 === 0) kept.push([some, firstRow])
        else release!()
      }

      expect(pages).toBeGreaterThan(2)
      expect(seen).toEqual(objects.map((object) => comparable(object)))
      for (const [some, firstRow] of kept) {
        const expected = objects.slice(firstRow, firstRow + some.length)
        expect(some.map((object) => comparable(object))).toEqual(expected.map((object) => comparable(object)))
      }
    },
  )
})
