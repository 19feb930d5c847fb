import type {FileHandle} from 'node:fs/promises'

import {describe, expect, it} from 'vitest'

import {LocalWriter} from '../../../src/store/local/writer.js'

/** A file that writes what it is given nowhere, and says what it was asked. */
function fakeFile(datasync: () => Promise<void>) {
  const calls: string[] = []
  const handle = {
    async close() {
      calls.push('close')
    },
    async datasync() {
      calls.push('datasync')
      await datasync()
    },
    async sync() {
      calls.push('sync')
    },
    async writev(chunks: Uint8Array[]) {
      calls.push('write')
      return {bytesWritten: chunks.reduce((sum, {length}) => sum + length, 0)}
    },
  }
  const publish = async (): Promise<boolean> => {
    calls.push('publish')
    return true
  }

  return {calls, file: {handle: handle as unknown as FileHandle, publish, where: '/backups/a'}}
}

const CHUNK = new Uint8Array(32 * 1024 * 1024)

describe('LocalWriter', () => {
  it('tells the disk to begin long before it waits for it, once at a time, and waits for that before it closes', async () => {
    const {promise, resolve} = Promise.withResolvers<void>()
    const {calls, file} = fakeFile(async () => promise)
    const writer = new LocalWriter(file, 0)
    for (let count = 0; count < 5; count++) await writer.append([CHUNK])
    expect(calls).toEqual(['write', 'write', 'datasync', 'write', 'write', 'write'])
    const completed = writer.complete()
    resolve()
    expect(await completed).toBe(true)
    expect(calls.slice(6)).toEqual(['sync', 'publish', 'close'])
    expect(writer.bytes).toBe(5 * CHUNK.length)
  })

  it('completes nothing that the disk could not keep: it says so once, to whoever asked first', async () => {
    const {calls, file} = fakeFile(async () => {
      throw Object.assign(new Error('EIO: i/o error'), {code: 'EIO'})
    })
    const writer = new LocalWriter(file, 0)
    await writer.append([CHUNK])
    await writer.append([CHUNK])
    await expect(writer.complete()).rejects.toMatchObject({code: 'STORAGE', details: {code: 'EIO'}})
    await expect(writer.append([CHUNK])).rejects.toMatchObject({code: 'STORAGE'})
    await writer.close()
    expect(calls).toEqual(['write', 'write', 'datasync', 'close'])
  })
})
