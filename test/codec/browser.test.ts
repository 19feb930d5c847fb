import {build} from 'esbuild'
import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {fileURLToPath} from 'node:url'
import vm from 'node:vm'
import {beforeAll, describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../src/model/object.js'
import type {WeaviateClass} from '../../src/model/schema.js'

import * as portableCodec from '../../src/codec/index.js'
import {portablePlatform} from '../../src/codec/portable.js'
import {DataOpsError} from '../../src/model/errors.js'
import {nodePlatform} from '../../src/platform/node.js'
import {arbitraryCollection, comparable} from '../support/arbitraries.js'
import {firstOf, float32Bytes, writeDocument} from '../support/documents.js'

const schema: WeaviateClass = {class: 'Thing', properties: [{dataType: ['text'], name: 'text'}]}

function objectsOf(count: number): WeaviateObject[] {
  return Array.from({length: count}, (_, index) => ({
    id: `00000000-0000-0000-0000-${String(index).padStart(12, '0')}`,
    properties: {text: `object ${index} é漢😀`},
    vector: float32Bytes(index, 0.1, -0),
  }))
}

async function readAll(
  codec: typeof portableCodec,
  bytes: portableCodec.BackupBytes,
  options?: portableCodec.ReadBackupOptions,
) {
  const document = await codec.readBackupDocument(bytes, options)
  const objects: WeaviateObject[] = []
  for await (const batch of document.objects) objects.push(...batch)
  return {metadata: document.metadata, objects, schema: document.schema, seal: await document.seal()}
}

describe('@elysia/data-ops/codec in a browser', () => {
  let codec: typeof portableCodec
  let imports: string[]
  let source: string

  beforeAll(async () => {
    const {metafile, outputFiles} = await build({
      bundle: true,
      entryPoints: [fileURLToPath(new URL('../../src/codec/index.ts', import.meta.url))],
      format: 'iife',
      globalName: 'codec',
      metafile: true,
      platform: 'browser',
      target: 'es2022',
      write: false,
    })
    imports = Object.values(metafile.inputs).flatMap((input) => input.imports.map(({path}) => path))
    source = outputFiles[0]!.text
    // What a browser has, as far as it is used, and nothing of Node.
    const {Blob, TextDecoder, TextEncoder, Uint8Array} = globalThis
    const context = vm.createContext({Blob, TextDecoder, TextEncoder, Uint8Array})
    vm.runInContext(source, context, {filename: 'codec.js'})
    codec = (context as {codec: typeof portableCodec}).codec
  })

  it('imports nothing of Node', () => {
    expect(imports.length).toBeGreaterThan(10)
    expect(imports.filter((path) => path.startsWith('node:'))).toEqual([])
    expect(source).not.toMatch(/\brequire\(|from\s*"node:|\bimport\("node:/)
  })

  it('reads what Node wrote, in every form that the bytes may come in', async () => {
    for (const isCompressed of [false, true]) {
      const bytes = new Uint8Array(await writeDocument(schema, objectsOf(20), nodePlatform, {compress: isCompressed}))
      const forms: Array<() => portableCodec.BackupBytes> = [
        () => bytes,
        () => new Blob([bytes]),
        () => new Blob([bytes]).stream(),
        async function* () {
          for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100)
        },
      ]
      for (const form of forms) {
        const {metadata, objects, schema: schemaRead, seal} = await readAll(codec, form(), {pageBytes: 500})
        expect(metadata.collection).toBe('Thing')
        expect(JSON.stringify(schemaRead)).toBe(JSON.stringify(schema))
        expect(objects.map((object) => JSON.stringify(comparable(object)))).toEqual(
          objectsOf(20).map((object) => JSON.stringify(comparable(object))),
        )
        const sum = new codec.DigestSum()
        const digester = codec.createDigester(schemaRead, codec.portablePlatform)
        for (const object of objects) sum.add(digester.hash(object))
        expect(sum.hex()).toBe(seal!.digest)
      }
    }
  })

  it('writes what Node reads', async () => {
    for (const isCompressed of [false, true]) {
      const bytes = await writeDocument(schema, objectsOf(20), codec.portablePlatform, {compress: isCompressed})
      const {objects} = await readAll(portableCodec, bytes, {platform: nodePlatform})
      expect(objects).toEqual(objectsOf(20))
    }
  })
})

describe('readBackupDocument', () => {
  const codec = portableCodec

  it('reads on one platform what the other wrote', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryCollection(),
        fc.boolean(),
        fc.boolean(),
        async ({objects, schema: any}, isCompressed, isNode) => {
          const [writer, reader] = isNode ? [nodePlatform, portablePlatform] : [portablePlatform, nodePlatform]
          const bytes = await writeDocument(any, objects, writer, {compress: isCompressed})
          const read = await readAll(codec, bytes, {platform: reader})
          expect(read.schema).toEqual(any)
          expect(read.objects.map((object) => comparable(object))).toEqual(objects.map((object) => comparable(object)))
          expect(read.seal!.object_count).toBe(objects.length)
        },
      ),
      {numRuns: 40},
    )
  })

  it('leaves out rows that the seal voids', async () => {
    const [first, second, third] = objectsOf(3) as [WeaviateObject, WeaviateObject, WeaviateObject]
    const newer = {...first, properties: {text: 'newer'}}
    for (const isCompressed of [false, true]) {
      const bytes = await writeDocument(schema, [first, second, third, newer], nodePlatform, {
        amendments: [
          [null, first.id, 3],
          [null, third.id, 4],
        ],
        compress: isCompressed,
      })
      expect((await readAll(codec, bytes)).objects).toEqual([second, newer])
      const stream = new Blob([new Uint8Array(bytes)]).stream()
      await expect(readAll(codec, stream)).rejects.toMatchObject({code: 'INVALID_INPUT'})
    }
  })

  it('gives the seal without the objects, and not when they were left', async () => {
    const bytes = await writeDocument(schema, objectsOf(50), nodePlatform)
    const document = await codec.readBackupDocument(bytes, {pageBytes: 500})
    expect((await document.seal())!.object_count).toBe(50)
    const left = await codec.readBackupDocument(bytes, {pageBytes: 500})
    expect((await firstOf(left.objects))!.length).toBeGreaterThan(0)
    await expect(left.seal()).rejects.toMatchObject({code: 'INVALID_INPUT'})
  })

  it('finds any change, whole or streamed, and reads it only when told to', async () => {
    const bytes = Buffer.from(await writeDocument(schema, objectsOf(3), nodePlatform))
    const changed = Buffer.from(bytes.toString().replace('object 1', 'object X'))
    const expected = objectsOf(3).map((object, index) =>
      index === 1 ? {...object, properties: {text: 'object X é漢😀'}} : object,
    )
    const pretty = Buffer.from(
      JSON.stringify(JSON.parse(changed.toString()), null, 2).replaceAll(/\b0(?=\s*\])/g, '-0'),
    )
    const {metadata, ...rest} = JSON.parse(changed.toString()) as {metadata: unknown}
    const reordered = Buffer.from(JSON.stringify({...rest, metadata}).replaceAll(',0]', ',-0]'))
    const unsealed = changed.subarray(0, -1)
    for (const bad of [changed, pretty, reordered, unsealed]) {
      const data = new Uint8Array(bad)
      await expect(readAll(codec, data)).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
      const read = await readAll(codec, data, {acceptChanged: true})
      expect(read.objects).toEqual(expected)
      expect(read.seal!.object_count).toBe(3)
    }

    for (const bad of [changed, pretty, unsealed]) {
      const stream = () => new Blob([new Uint8Array(bad)]).stream()
      await expect(readAll(codec, stream())).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
      expect((await readAll(codec, stream(), {acceptChanged: true})).objects).toEqual(expected)
    }
  })

  it('finds a flipped bit at every byte', async () => {
    for (const isCompressed of [false, true]) {
      const bytes = await writeDocument(schema, objectsOf(2), nodePlatform, {compress: isCompressed})
      for (let at = 0; at < bytes.length; at++) {
        const flipped = new Uint8Array(bytes)
        flipped[at]! ^= 1 << (at % 8)
        let objects: undefined | WeaviateObject[]
        try {
          objects = (await readAll(codec, flipped, {platform: nodePlatform})).objects
        } catch (error) {
          expect(error).toBeInstanceOf(DataOpsError)
        }

        // Gzip headers hold nothing; `seal.compressed` covers them for whoever has the file.
        expect(objects === undefined || isCompressed, `byte ${at}`).toBe(true)
        expect(objects ?? objectsOf(2)).toEqual(objectsOf(2))
      }
    }
  })

  it('refuses other bytes', async () => {
    for (const text of ['', '{', 'hello', '\u{1F}']) {
      await expect(readAll(codec, Buffer.from(text)), text).rejects.toMatchObject({
        code: 'BACKUP_DAMAGED',
      })
    }
  })
})
