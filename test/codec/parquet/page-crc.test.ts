/** Pages whose header has a CRC. */
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'

import type {Platform} from '../../../src/codec/codec.js'

import {parquetCodec} from '../../../src/codec/parquet/codec.js'
import {decodeFooter, decodePageHeader} from '../../../src/codec/parquet/internals.js'
import {portablePlatform} from '../../../src/codec/portable.js'
import {nodePlatform} from '../../../src/platform/node.js'

const bytes = new Uint8Array(readFileSync(new URL('../../fixtures/parquet/weaviate-export.parquet', import.meta.url)))
const schema = {class: 'PqExport', properties: [{dataType: ['PqExport'], name: 'ref'}]}

/** Where the bodies of pages lie. */
function bodies(): Array<{end: number; start: number}> {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const footer = decodeFooter(bytes, view.getUint32(bytes.length - 8, true))
  const found: Array<{end: number; start: number}> = []
  for (const {meta_data: meta} of footer.row_groups.flatMap(({columns}) => columns)) {
    const dictionary = Number(meta?.dictionary_page_offset ?? 0)
    let at = dictionary > 0 ? dictionary : Number(meta?.data_page_offset)
    const end = at + Number(meta?.total_compressed_size)
    while (at < end) {
      const {end: start, header} = decodePageHeader(bytes, at)
      expect(header.crc).toBeTypeOf('number')
      at = start + header.compressed_page_size
      found.push({end: at, start})
    }
  }

  return found
}

async function read(part: Uint8Array, platform: Platform): Promise<number> {
  const source = {read: async (start: number, end: number) => part.slice(start, end), size: part.length}
  const decoder = await parquetCodec.openDecoder(source, {platform, schema})
  let objects = 0
  for await (const page of decoder.read()) objects += page.objects.length
  return objects
}

describe('the CRC of a page', () => {
  it.each([
    ['node', nodePlatform],
    ['portable', portablePlatform],
  ])('holds in a file as Weaviate writes it (%s)', async (_, platform) => {
    expect(await read(bytes, platform)).toBe(4)
  })

  it('tells every changed byte of every page', async () => {
    const pages = bodies()
    expect(pages.length).toBeGreaterThanOrEqual(7)
    let changed = 0
    for (const {end, start} of pages) {
      for (let at = start; at < end; at++) {
        const part = bytes.slice()
        part[at]! ^= 1
        await expect(read(part, nodePlatform), `byte ${at}`).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
        changed++
      }
    }

    expect(changed).toBe(pages.reduce((sum, {end, start}) => sum + end - start, 0))
    expect(changed).toBeGreaterThan(500)
  })
})
