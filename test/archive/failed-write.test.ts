import {describe, expect, it} from 'vitest'

import type {BackupHead} from '../../src/codec/document.js'
import type {Store} from '../../src/store/store.js'

import {readManifest} from '../../src/archive/manifest.js'
import {openArchiveWriter, openPartsWriter} from '../../src/archive/open-writer.js'
import {newIdentity} from '../../src/codec/age/header.js'
import {BackupManager, connect} from '../../src/index.js'
import {openStore} from '../../src/store/open.js'
import {startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from '../cli/fill.js'
import {temporaryFolder} from '../cli/run-cli.js'
import {memoryStore} from '../support/memory-store.js'

/** A store whose first long write cannot be completed, as of a service that is gone for a moment. */
function failingOnce(store: Store): Store {
  let left = 1
  return new Proxy(store, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target)
      if (member !== 'createWriter') return typeof value === 'function' ? (value.bind(target) as unknown) : value
      return async (key: string) => {
        const writer = await target.createWriter(key)
        return new Proxy(writer, {
          get(inner, name) {
            const method: unknown = Reflect.get(inner, name, inner)
            if (name === 'complete' && left-- > 0) {
              return async () => {
                throw new Error('gone for a moment')
              }
            }

            return typeof method === 'function' ? (method.bind(inner) as unknown) : method
          },
        })
      }
    },
  })
}

describe('a write that failed', () => {
  it.each(['parquet', 'arrow'] as const)(
    'is followed by no other, which would take it for finished: %s',
    async (format) => {
      const folder = await temporaryFolder()
      const server = await startEmbeddedWeaviate()
      const connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
      try {
        await fill(filler(server.url), 'Book', 3)
        const store = openStore(folder.path)
        const {path} = await new BackupManager(connection, {store}).backupCollection('Book', {format})
        const {metadata, schema} = await readManifest(store, path.slice(folder.path.length + 1))
        const writer = await openArchiveWriter({
          compress: false,
          format,
          head: {metadata, schema},
          name: 'Book_2026-01-02_000000',
          store: failingOnce(store),
        })
        const objects = [{id: '00000000-0000-4000-8000-000000000001', properties: {}}]
        await writer.write(objects)
        await expect(writer.flush()).rejects.toThrow('gone for a moment')
        await expect(writer.flush()).rejects.toThrow('gone for a moment')
        await expect(writer.write(objects)).rejects.toThrow('gone for a moment')
        await writer.close()
      } finally {
        await connection.close()
        await server.close()
        await folder.remove()
      }
    },
  )

  it.each([
    {format: 'parquet'},
    {format: 'arrow'},
    {encryption: true, format: 'parquet'},
    {encryption: true, format: 'arrow'},
  ] as const)('nor is a part that a worker writes for others: %o', async (options) => {
    const store = failingOnce(memoryStore())
    const {recipient} = await newIdentity()
    const writer = await openPartsWriter({
      compress: false,
      ...('encryption' in options && {encryption: {isHidden: false, recipient}}),
      format: options.format,
      head: {
        metadata: {
          columns: [
            {name: 'id', role: 'id'},
            {name: 'more', role: 'exceptions'},
          ],
        },
        schema: {class: 'Book'},
      } as unknown as BackupHead,
      name: 'Book_2026-01-02_000000',
      nextName: (extension) => `0001.${extension}`,
      store,
    })
    const objects = [{id: '00000000-0000-4000-8000-000000000001', properties: {}}]
    await writer.write(objects)
    await expect(writer.finish()).rejects.toThrow('gone for a moment')
    await expect(writer.finish()).rejects.toThrow('gone for a moment')
    await expect(writer.write(objects)).rejects.toThrow('gone for a moment')
    await writer.close()
    expect(await store.list('')).toEqual([])
  })
})
