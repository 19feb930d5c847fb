/** Text of a part that is not UTF-8, wherever it stands: an error, and never a text with U+FFFD in it that a digest would take for what was there. */
import {Buffer} from 'node:buffer'
import {describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../src/model/object.js'

import {arrowCodec} from '../../src/codec/arrow/codec.js'
import {parquetCodec} from '../../src/codec/parquet/codec.js'
import {decodePart, encodePart} from './part-sample.js'

const MARK = 'Zebra-Mark'
const schema = {
  class: 'NotUtf8',
  multiTenancyConfig: {enabled: true},
  properties: [
    ...['text', 'text[]', 'object', 'blob'].map((type) => ({dataType: [type], name: `p_${type.replace('[]', 's')}`})),
    {dataType: ['NotUtf8'], name: 'ref'},
  ],
}
const withMark = (properties: WeaviateObject['properties'], tenant = 'eu'): WeaviateObject => ({
  id: '00000000-0000-4000-8000-000000000001',
  properties,
  tenant,
  vectors: new Map(),
})

describe.each([
  ['parquet', parquetCodec],
  ['arrow', arrowCodec],
])('%s', (_, codec) => {
  it.each([
    ['a text', withMark({p_text: MARK})],
    ['a list of texts', withMark({p_texts: ['a', MARK]})],
    ['an object', withMark({p_object: {a: MARK}})],
    ['a name within an object', withMark({p_object: {[MARK]: 1}})],
    ['a reference', withMark({ref: [{beacon: `weaviate://localhost/NotUtf8/${MARK}`}]})],
    ['what has no column', withMark({unknown: MARK})],
    ['a tenant', withMark({}, MARK)],
  ])('%s that is not UTF-8 is an error', async (__, object) => {
    const bytes = await encodePart(codec, schema, [object], {compress: false})
    const [read] = await decodePart(codec, bytes, {schema})
    expect(JSON.stringify([read!.properties, read!.tenant])).toContain(MARK)
    const changed = Buffer.from(bytes)
    let count = 0
    for (let at = changed.indexOf(MARK); at !== -1; at = changed.indexOf(MARK, at + 1), count++) changed[at + 5] = 0xff
    expect(count).toBeGreaterThan(0)
    await expect(decodePart(codec, changed, {schema})).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
  })
})
