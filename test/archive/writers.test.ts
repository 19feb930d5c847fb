/** Writers of one backup: however objects are cut into pages, and wherever it is interrupted, what is sealed is what was written. */
import fc from 'fast-check'
import {createHash} from 'node:crypto'
import {gunzipSync} from 'node:zlib'
import {describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../src/model/object.js'
import type {Store} from '../../src/store/store.js'

import {makeClass, makeObjects} from '../../bench/data.js'
import {ContentDigest} from '../../src/archive/content-digest.js'
import {sealedContent} from '../../src/archive/content.js'
import {partCodec} from '../../src/archive/formats.js'
import {checkHashes} from '../../src/archive/hashes.js'
import {readManifest} from '../../src/archive/manifest.js'
import {openArchiveWriter} from '../../src/archive/open-writer.js'
import {Archive} from '../../src/archive/reader.js'
import {type ArchivePosition, PartExtent, type SealSummary} from '../../src/archive/writer.js'
import {type BackupFormat} from '../../src/codec/codec.js'
import {type BackupHead} from '../../src/codec/document.js'
import {LocalStore} from '../../src/store/local/store.js'
import {comparable} from '../support/arbitraries.js'
import {temporaryDirectory} from '../support/collections.js'
import {memoryStore} from '../support/memory-store.js'

const OPTIONS = {className: 'Written', dims: 3, objects: 30}
const schema = makeClass(OPTIONS)
const all = makeObjects(OPTIONS)
function digestOf(objects: readonly WeaviateObject[]): string {
  const content = new ContentDigest(schema)
  for (const object of objects) content.add(object)
  return content.hex()
}

const SUMMARY: Omit<SealSummary, 'objectCount'> = {
  amendments: [],
  digest: digestOf(all),
  finished: '2026-01-01T00:01:00.000Z',
  statistics: {non_finite_vectors: 0, objects_without_vector: 0, references: 0},
}

async function headOf(format: BackupFormat, compress: boolean): Promise<BackupHead> {
  const columns = format === 'json' ? undefined : (await partCodec(format)).columns(schema)
  return {
    metadata: {
      backup_id: '00000000-0000-4000-8000-00000000000a',
      collection: 'Written',
      ...(columns && {columns}),
      options: {compress, format, include_data: true},
      run_id: '00000000-0000-4000-8000-00000000000b',
      timestamp: '2026-01-01T00:00:00.000Z',
      tool_version: '1.0.0',
      version: '1.1',
      weaviate_version: '1.37.0',
    },
    schema,
  }
}

const nameOf = (format: BackupFormat, compress: boolean): string =>
  `Written_2026-01-01_000000${format === 'json' ? (compress ? '.json.gz' : '.json') : ''}`

/** Writes pages of these sizes, each flushed or not; after `stopAfter` the writer is closed and another goes on. */
async function write(
  store: Store,
  {
    compress,
    format,
    pages,
    stopAfter,
  }: {compress: boolean; format: BackupFormat; pages: Array<{flush: boolean; size: number}>; stopAfter?: number},
): Promise<{extents: PartExtent; name: string}> {
  const name = nameOf(format, compress)
  const options = {compress, format, head: await headOf(format, compress), name, store}
  let writer = await openArchiveWriter(options)
  let position: ArchivePosition | undefined
  let at = 0
  let flushedAt = 0
  for (const [index, {flush, size}] of pages.entries()) {
    expect(await writer.write(all.slice(at, at + size))).toEqual([])
    at += size
    if (flush) {
      position = await writer.flush()
      flushedAt = at
      expect(position.rows).toBe(at)
    }

    if (index === stopAfter && position) {
      await writer.close()
      writer = await openArchiveWriter({...options, resumeAt: position})
      expect(writer.rows).toBe(flushedAt)
      at = flushedAt
    }
  }

  await writer.write(all.slice(at))
  const {name: published} = await writer.seal({...SUMMARY, objectCount: all.length})
  await writer.close()
  const extents = new PartExtent()
  extents.add(all)
  return {extents, name: published}
}

async function objectsOf(store: Store, name: string): Promise<{objects: WeaviateObject[]; rows: number[]}> {
  const objects: WeaviateObject[] = []
  const rows: number[] = []
  const manifest = await readManifest(store, name)
  for await (const page of new Archive(store, manifest, sealedContent(manifest)).pages({check: true})) {
    objects.push(...page.objects)
    rows.push(...page.rows)
  }

  return {objects, rows}
}

const formats: Array<[BackupFormat, boolean]> = [
  ['json', false],
  ['json', true],
  ['parquet', false],
  ['arrow', false],
]

/** All bytes of a file of the store. */
async function bytesOf(store: Store, key: string): Promise<Buffer> {
  const reader = await store.openRead(key)
  try {
    return Buffer.from(await reader.read(0, reader.size))
  } finally {
    await reader.close()
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** What the seal says of bytes and hashes, against the files as they lie there. */
async function expectSealedBytes(store: Store, name: string): Promise<void> {
  const {kind, seal} = await readManifest(store, name)
  if (kind === 'document') {
    const file = await bytesOf(store, name)
    expect(seal.statistics.bytes).toBe((seal.compressed ?? seal.document).bytes)
    expect(file.length).toBeGreaterThan(seal.statistics.bytes)
    if (seal.compressed) expect(sha256(file.subarray(0, seal.compressed.bytes))).toBe(seal.compressed.sha256)
    const text = seal.compressed ? gunzipSync(file) : file
    expect(sha256(text.subarray(0, seal.document.bytes))).toBe(seal.document.sha256)
    expect(seal.parts).toMatchObject([{...seal.document, file: null}])
    const {objects} = JSON.parse(text.toString()) as {objects: Array<{id: string}>}
    expect(objects.map(({id}) => id)).toEqual(all.map(({id}) => id))
    return
  }

  let bytes = (await bytesOf(store, `${name}/schema.json`)).length + seal.document.bytes
  for (const part of seal.parts) {
    const file = await bytesOf(store, `${name}/${part.file}`)
    expect({bytes: file.length, sha256: sha256(file)}).toEqual({bytes: part.bytes, sha256: part.sha256})
    bytes += file.length
  }

  expect(seal.statistics.bytes).toBe(bytes)
  expect(sha256(await bytesOf(store, `${name}/schema.json`))).toBe(seal.schema_sha256)
  const files = ['metadata.json', 'schema.json', ...seal.parts.map(({file}) => String(file))]
  expect(new Set((await store.list(name)).map((entry) => entry.name))).toEqual(new Set(files))
}

describe.each(formats)('%s, compressed: %s', (format, compress) => {
  it('however pages are cut and flushed, and wherever another writer goes on', async () => {
    const directory = await temporaryDirectory()
    try {
      let run = 0
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({flush: fc.boolean(), size: fc.nat(6)}), {maxLength: 5}),
          fc.nat(5),
          async (pages, stopAfter) => {
            // A document is continued in a folder only: nothing of it is to be seen elsewhere before it is whole.
            const store = format === 'json' ? new LocalStore(`${directory.path}/${++run}`) : memoryStore()
            const {extents, name} = await write(store, {compress, format, pages, stopAfter})
            const {objects, rows} = await objectsOf(store, name)
            expect(objects.map((object) => comparable(object))).toEqual(all.map((object) => comparable(object)))
            expect(rows).toEqual(all.map((_, index) => index))
            const {seal} = await readManifest(store, name)
            expect(seal.object_count).toBe(30)
            expect(seal.statistics.rows).toBe(30)
            const sealed = new PartExtent()
            for (const {first_id: firstId, last_id: lastId, rows: held} of seal.parts)
              sealed.take({firstId, lastId, rows: held})
            expect(sealed).toEqual(extents)
            await expectSealedBytes(store, name)
            expect(await checkHashes({manifest: await readManifest(store, name), store})).toEqual([])
          },
        ),
        {numRuns: 15},
      )
    } finally {
      await directory.remove()
    }
  })

  it('nothing is a backup before it is sealed', async () => {
    const store = memoryStore()
    const name = nameOf(format, compress)
    const writer = await openArchiveWriter({
      compress,
      format,
      head: await headOf(format, compress),
      name,
      store,
    })
    await writer.write(all)
    await writer.flush()
    await expect(readManifest(store, name)).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
    await writer.close()
    await expect(readManifest(store, name)).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
  })
})

it.each([
  {bytes: 17_275, compress: false, text: 'ff9e23cce9baa057928518a57dd78a2b58adf8ff83b901a92b9f61c3eecbf83a'},
  {bytes: 17_274, compress: true, text: 'e1f2d3b6ee20ed97d0e18318f7a7e40cc40983eab480daef61f7adb6d4df16ef'},
])('a document has the same bytes however it was cut: $compress', async ({bytes, compress, text}) => {
  for (const pages of [
    [],
    [{flush: false, size: 7}],
    [
      {flush: false, size: 1},
      {flush: false, size: 28},
    ],
  ]) {
    const store = memoryStore()
    const {name} = await write(store, {compress, format: 'json', pages})
    const {seal} = await readManifest(store, name)
    expect(seal.document).toEqual({bytes, sha256: text})
  }
})
