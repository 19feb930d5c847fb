import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {describe, expect, it} from 'vitest'

import type {WeaviateClass} from '../../../src/model/schema.js'

import {toHex} from '../../../src/codec/bytes.js'
import {type DocumentEnd, readDocumentHead, readJsonDocument} from '../../../src/codec/json/document.js'
import {type ReadDocumentOptions} from '../../../src/codec/json/options.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {approximateBytes, type WeaviateObject} from '../../../src/model/object.js'
import {nodePlatform} from '../../../src/platform/node.js'
import {arbitraryCollection, comparable} from '../../support/arbitraries.js'
import {float32Bytes, inChunks, writeDocument} from '../../support/documents.js'

const schema: WeaviateClass = {
  class: 'Thing',
  properties: [
    {dataType: ['text'], name: 'text'},
    {dataType: ['Thing'], name: 'ref'},
    {dataType: ['object'], name: 'o', nestedProperties: []},
  ],
}

function objectsOf(count: number): WeaviateObject[] {
  return Array.from({length: count}, (_, index) => ({
    id: `00000000-0000-0000-0000-${String(index).padStart(12, '0')}`,
    properties: {
      text: `object ${index}`,
      ...(index % 2 === 0 && {ref: [{beacon: `weaviate://localhost/Thing/${index}`}]}),
    },
    vector: float32Bytes(index, 0.1),
  }))
}

interface Read {
  end?: DocumentEnd
  kinds: string[]
  objects: WeaviateObject[]
  pages: Array<{bytes: number; firstRow: number; rows: number}>
  schema?: WeaviateClass
}

async function read(
  bytes: Uint8Array,
  options: Partial<ReadDocumentOptions> = {},
  chunkSizes?: readonly number[],
): Promise<Read> {
  const result: Read = {kinds: [], objects: [], pages: []}
  for await (const part of readJsonDocument(inChunks(bytes, chunkSizes), {platform: nodePlatform, ...options})) {
    result.kinds.push(part.kind)
    if (part.kind === 'head') result.schema = part.head.schema
    else if (part.kind === 'end') result.end = part.end
    else {
      const {firstRow, objects} = part.page
      result.objects.push(...objects)
      const size = objects.reduce((sum, object) => sum + approximateBytes(object), 0)
      result.pages.push({bytes: size, firstRow, rows: objects.length})
    }
  }

  return result
}

/** The same JSON in another form, negative zeros and all. */
function reformat(bytes: Uint8Array, change: (document: Record<string, unknown>) => unknown, indent?: number): Buffer {
  const marked = Buffer.from(bytes)
    .toString()
    .replaceAll(/([,:[])-0(?=[,\]}])/g, '$1"negative zero"')
  return Buffer.from(
    JSON.stringify(change(JSON.parse(marked) as Record<string, unknown>), undefined, indent).replaceAll(
      '"negative zero"',
      '-0',
    ),
  )
}

describe('the document reader', () => {
  it('brings arbitrary collections back, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryCollection(),
        fc.array(fc.integer({max: 300, min: 1}), {maxLength: 4, minLength: 1}),
        fc.integer({max: 2000, min: 1}),
        fc.nat(9),
        async ({objects, schema: any}, chunkSizes, pageBytes, fromRow) => {
          const bytes = await writeDocument(any, objects, nodePlatform)
          const hash = {document: nodePlatform.createSha256(), objects: nodePlatform.createSha256()}
          const {
            end,
            kinds,
            objects: found,
            pages,
            schema: schemaRead,
          } = await read(bytes, {fromRow, hash, pageBytes}, chunkSizes)
          expect(kinds[0]).toBe('head')
          expect(kinds.at(-1)).toBe('end')
          expect(schemaRead).toEqual(any)
          expect(found.map((object) => comparable(object))).toEqual(
            objects.slice(fromRow).map((object) => comparable(object)),
          )
          let row = fromRow
          for (const page of pages) {
            expect(page.firstRow).toBe(row)
            expect(page.rows === 1 || page.bytes <= pageBytes).toBe(true)
            row += page.rows
          }

          expect(end).toMatchObject({
            canonical: true,
            checksumHolds: true,
            objectCount: objects.length,
            rows: objects.length,
          })
          expect(end!.seal!.document).toEqual({bytes: end!.documentBytes, sha256: toHex(hash.document.digest())})
          expect(end!.seal!.parts[0]).toMatchObject({bytes: end!.objectsBytes, sha256: toHex(hash.objects.digest())})
        },
      ),
      {numRuns: 100},
    )
  })

  it('reads documents that were reformatted, and says so', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryCollection({maxObjects: 4}).filter(({objects}) => !JSON.stringify(objects).includes('-0')),
        fc.shuffledSubarray(['metadata', 'schema', 'objects', 'object_count', 'seal'], {minLength: 5}),
        fc.constantFrom(undefined, 2),
        fc.array(fc.integer({max: 99, min: 1}), {maxLength: 3, minLength: 1}),
        async ({objects, schema: any}, order, indent, chunkSizes) => {
          const sealed = await writeDocument(any, objects, nodePlatform)
          const bytes = reformat(
            sealed,
            (document) => Object.fromEntries(order.map((name) => [name, document[name]])),
            indent,
          )
          const {end, objects: found, schema: schemaRead} = await read(bytes, {}, chunkSizes)
          expect(schemaRead).toEqual(any)
          expect(found.map((object) => comparable(object))).toEqual(objects.map((object) => comparable(object)))
          expect(end).toMatchObject({
            canonical: false,
            checksumHolds: false,
            objectCount: objects.length,
            rows: objects.length,
          })
          expect(end!.seal!.object_count).toBe(objects.length)
          const head = await readDocumentHead(inChunks(bytes, chunkSizes), {platform: nodePlatform})
          expect(head.schema).toEqual(any)
        },
      ),
      {numRuns: 60},
    )
  })

  it('takes a byte order mark and Windows line ends for what they are: a changed document', async () => {
    const text = Buffer.from(await writeDocument(schema, objectsOf(3), nodePlatform)).toString()
    for (const changed of [`\u{FEFF}${text}`, text.replaceAll('\n', '\r\n')]) {
      const {end, objects} = await read(Buffer.from(changed), {}, [5])
      expect(objects).toEqual(objectsOf(3))
      expect(end!.canonical).toBe(false)
    }
  })

  it('reads the head without the rest', async () => {
    const bytes = await writeDocument(schema, objectsOf(1000), nodePlatform)
    let pulled = 0
    let isClosed = false
    async function* source() {
      try {
        for await (const chunk of inChunks(bytes, [1000])) {
          pulled += chunk.length
          yield chunk
        }
      } finally {
        isClosed = true
      }
    }

    const head = await readDocumentHead(source(), {platform: nodePlatform})
    expect(head.metadata.collection).toBe('Thing')
    expect(pulled).toBeLessThan(5000)
    expect(isClosed).toBe(true)
  })

  it('gives references and ids alone', async () => {
    const bytes = await writeDocument(schema, objectsOf(4), nodePlatform)
    const pretty = reformat(bytes, (document) => document, 1)
    for (const document of [bytes, pretty]) {
      const references = await read(document, {columns: 'references', fromRow: 1})
      expect(references.objects).toEqual(
        objectsOf(4)
          .slice(1)
          .map(({id, properties: {ref}}) => ({id, properties: ref === undefined ? {} : {ref}})),
      )
      expect(references.pages[0]!.firstRow).toBe(1)
      expect((await read(document, {columns: 'ids'})).objects).toEqual(
        objectsOf(4).map(({id}) => ({id, properties: {}})),
      )
    }
  })

  it('passes over the lines before the first row without reading them', async () => {
    const text = Buffer.from(await writeDocument(schema, objectsOf(3), nodePlatform)).toString()
    const broken = Buffer.from(text.replace('"object 0"', '"object 0'))
    await expect(read(broken)).rejects.toMatchObject({code: 'BACKUP_DAMAGED', details: {line: 2}})
    const {end, objects} = await read(broken, {fromRow: 1})
    expect(objects).toHaveLength(2)
    expect(end!.rows).toBe(3)
  })

  it('reads a seal that was tampered with, and says that it does not hold', async () => {
    const text = Buffer.from(await writeDocument(schema, objectsOf(2), nodePlatform)).toString()
    const {end} = await read(Buffer.from(text.replace('"finished":"2024', '"finished":"2025')))
    expect(end).toMatchObject({canonical: true, checksumHolds: false})
    expect(end!.seal!.finished).toMatch(/^2025/)
  })

  it('names the line that is damaged', async () => {
    const lines = Buffer.from(await writeDocument(schema, objectsOf(3), nodePlatform))
      .toString()
      .split('\n')
    const change = (index: number, edit: (line: string) => string) =>
      Buffer.from(lines.map((line, at) => (at === index ? edit(line) : line)).join('\n'))
    const cases: Array<[number, Uint8Array]> = [
      [1, change(0, (line) => line.replace('"class":"Thing"', '"class":Thing'))],
      [3, change(2, (line) => line.replace('"id":"', '"id":"x'))],
      [3, change(1, (line) => line.slice(0, -1))],
      [5, change(3, (line) => `${line},`)],
      [5, change(4, (line) => line.replace(':3', ':three'))],
      [6, change(5, (line) => line.slice(0, -1))],
      [6, change(5, (line) => `${line}\n`)],
      [6, change(5, (line) => `${line}\n{}`)],
    ]
    for (const [line, bytes] of cases) {
      await expect(read(bytes), `line ${line}`).rejects.toMatchObject({code: 'BACKUP_DAMAGED', details: {line}})
    }
  })

  it('says of bytes that are no backup that they are none', async () => {
    const texts = [
      '',
      ' ',
      '[]',
      'hello',
      '{}',
      '{"a":1}',
      '{"objects":[]}',
      '{"metadata":1,"schema":{"class":"A"},"objects":[]}',
      '\0\0',
      '{"metadata":{},"schema":{},"objects":[\n],',
    ]
    for (const text of texts) {
      await expect(read(Buffer.from(text)), text).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
    }

    await expect(
      readDocumentHead(inChunks(Buffer.from('{"objects":[]}')), {platform: nodePlatform}),
    ).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
  })

  it('ends in a typed error wherever it is cut, in either form', async () => {
    const bytes = await writeDocument(schema, objectsOf(2), nodePlatform)
    // Without its last line end the document is whole, but not what was sealed.
    expect((await read(bytes.subarray(0, -1))).end).toMatchObject({checksumHolds: false})
    for (const document of [bytes.subarray(0, -1), reformat(bytes, (any) => any, 1)]) {
      for (let end = 0; end < document.length; end++) {
        await expect(read(document.subarray(0, end)), `cut at ${end}`).rejects.toBeInstanceOf(DataOpsError)
      }
    }
  })

  it('survives any mutation with typed errors, in either form', async () => {
    const bytes = Buffer.from(await writeDocument(schema, objectsOf(2), nodePlatform))
    const pretty = reformat(bytes, (any) => any, 1)
    const edit = fc.tuple(fc.nat(5000), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[]:,\n '))))
    await fc.assert(
      fc.asyncProperty(fc.array(edit, {maxLength: 3, minLength: 1}), fc.boolean(), async (edits, isPretty) => {
        const mutated = Buffer.from(isPretty ? pretty : bytes)
        for (const [at, byte] of edits) mutated[at % mutated.length] = byte
        try {
          await read(mutated, {}, [64])
        } catch (error) {
          expect(error).toBeInstanceOf(DataOpsError)
        }
      }),
      {numRuns: 1500},
    )
  })

  it('refuses absurd lines and depths in bounded memory', async () => {
    const start = Buffer.from('{"metadata":{},"schema":{"class":"A"},"objects":[\n')
    const reordered = Buffer.from('{"objects":[')
    const endless = (first: Buffer, byte: string) =>
      (async function* () {
        yield first
        const filler = Buffer.alloc(1 << 16, byte)
        for (;;) yield filler
      })()
    for (const first of [start, reordered]) {
      for (const byte of ['x', '"', '[', '\\']) {
        const reading = (async () => {
          for await (const part of readJsonDocument(endless(first, byte), {
            lineBytes: 4 << 20,
            platform: nodePlatform,
          })) {
            expect(part.kind).toBe('head')
          }
        })()
        await expect(reading, byte).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
      }
    }
  })

  it('stops when asked to', async () => {
    const bytes = await writeDocument(schema, objectsOf(100), nodePlatform)
    const abort = new AbortController()
    const reading = (async () => {
      for await (const part of readJsonDocument(inChunks(bytes, [500]), {
        pageBytes: 500,
        platform: nodePlatform,
        signal: abort.signal,
      })) {
        if (part.kind === 'rows') abort.abort()
      }
    })()
    await expect(reading).rejects.toMatchObject({code: 'INTERRUPTED'})
  })

  it('hands on the errors of its source', async () => {
    async function* failing() {
      yield Buffer.from('{"metadata":{}')
      throw new DataOpsError('STORAGE', 'The disk is gone.')
    }

    await expect(readDocumentHead(failing(), {platform: nodePlatform})).rejects.toMatchObject({code: 'STORAGE'})
  })
})
