/** What every store must do, whatever it keeps its bytes in. Run it on yours with `describeStore`. */
import {Buffer} from 'node:buffer'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import type {Store} from '../../src/store/store.js'

import {DataOpsError} from '../../src/model/errors.js'

export interface StoreUnderTest {
  cleanUp: () => Promise<void>
  /** Another view of the same place, as another process has it. */
  reopen: () => Store
  /** Empty, and not created yet where a store can be absent. */
  store: Store
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return error instanceof DataOpsError ? error.code : `no DataOpsError but ${String(error)}`
  }

  return 'no error'
}

export async function readAll(store: Store, name: string): Promise<string> {
  const reader = await store.openRead(name)
  try {
    return Buffer.from(await reader.read(0, reader.size)).toString()
  } finally {
    await reader.close()
  }
}

export async function writeAll(store: Store, name: string, text: string): Promise<void> {
  const writer = await store.openWrite(name, {create: true})
  await writer.append([Buffer.from(text)])
  await writer.sync()
  await writer.close()
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  // Array.fromAsync is not in the library of this target.

  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

/** Every way to touch a name. */
function attemptsOn(store: Store, name: string): Array<() => Promise<unknown>> {
  return [
    async () => store.stat(name),
    async () => store.list(name),
    async () => store.openRead(name),
    async () => store.openWrite(name, {create: true}),
    async () => store.openWrite(name, {resumeAt: 0}),
    async () => store.createDirectory(name),
    async () => store.remove(name),
    async () => store.rename(name, 'x'),
    async () => store.writeAtomic(name, new Uint8Array()),
  ]
}

export function describeStore(title: string, create: () => Promise<StoreUnderTest>): void {
  describe(`${title} keeps the contract of a store`, () => {
    let place: StoreUnderTest
    let store: Store

    beforeEach(async () => {
      place = await create()
      store = place.store
    })

    afterEach(async () => {
      await place.cleanUp()
    })

    it('has nothing before the first write', async () => {
      expect(await store.list('')).toEqual([])
      expect(await store.list('none')).toEqual([])
      expect(await store.stat('a')).toBeUndefined()
      expect(await store.stat('a/b')).toBeUndefined()
      expect(await codeOf(store.openRead('a'))).toBe('NOT_A_BACKUP')
      await store.remove('a')
      await store.remove('a/b')
    })

    it('reads back what was appended', async () => {
      const writer = await store.openWrite('a', {create: true})
      await writer.append([Buffer.from('one '), new Uint8Array(), Buffer.from('two ')])
      await writer.append([])
      await writer.append([Buffer.from('three')])
      expect(writer.bytes).toBe(13)
      await writer.sync()
      expect(await readAll(place.reopen(), 'a')).toBe('one two three')
      await writer.close()
      await writer.close()
      expect(await store.stat('a')).toMatchObject({bytes: 13, kind: 'file', name: 'a'})
    })

    it('writes what is appended without waiting in the order of the calls, and what is closed without sync', async () => {
      const writer = await store.openWrite('a', {create: true})
      const sizes = [1, 5_000_000, 3, 1_000_000, 4_500_000, 0, 7]
      const appends = sizes.map(async (size, index) => writer.append([Buffer.alloc(size, 65 + index)]))
      await Promise.all(appends)
      await writer.close()
      const expected = sizes.map((size, index) => Buffer.alloc(size, 65 + index))
      const text = await readAll(store, 'a')
      expect(Buffer.concat(expected).toString() === text).toBe(true)
    })

    it('has its own copy of what was appended', async () => {
      const writer = await store.openWrite('a', {create: true})
      const bytes = Buffer.from('first')
      await writer.append([bytes])
      bytes.fill('x')
      await writer.append([Buffer.alloc(5_000_000)])
      await writer.close()
      expect((await readAll(store, 'a')).slice(0, 5)).toBe('first')
    })

    it('takes thousands of small pieces in one append', async () => {
      const writer = await store.openWrite('a', {create: true})
      const pieces = Array.from({length: 5000}, (_, index) => Buffer.alloc(1024, index % 251))
      await writer.append(pieces)
      await writer.close()
      const reader = await store.openRead('a')
      expect(Buffer.concat(pieces).equals(await reader.read(0, reader.size))).toBe(true)
      await reader.close()
    })

    it('creates a file once only', async () => {
      await writeAll(store, 'a', 'first')
      expect(await codeOf(store.openWrite('a', {create: true}))).toBe('STORAGE')
      expect(await readAll(store, 'a')).toBe('first')
      const tries = await Promise.allSettled(
        Array.from({length: 8}, async () => {
          const writer = await store.openWrite('b', {create: true})
          await writer.close()
        }),
      )
      expect(tries.filter(({status}) => status === 'fulfilled')).toHaveLength(1)
    })

    it('cuts a file where it is continued', async () => {
      await writeAll(store, 'a', 'safe, and not safe')
      const writer = await store.openWrite('a', {resumeAt: 6})
      expect(writer.bytes).toBe(6)
      await writer.append([Buffer.from('continued')])
      expect(writer.bytes).toBe(15)
      await writer.close()
      expect(await readAll(store, 'a')).toBe('safe, continued')
      expect(await codeOf(store.openWrite('a', {resumeAt: 16}))).toBe('BACKUP_DAMAGED')
      expect(await codeOf(store.openWrite('none', {resumeAt: 0}))).toBe('STORAGE')
      expect(await readAll(store, 'a')).toBe('safe, continued')
    })

    it('reads ranges, and says when they are not there', async () => {
      await writeAll(store, 'a', '0123456789')
      const reader = await store.openRead('a')
      expect(Buffer.from(await reader.read(3, 6)).toString()).toBe('345')
      expect(await reader.read(10, 10)).toHaveLength(0)
      const ranges: Array<[number, number]> = [
        [0, 11],
        [11, 12],
        [-1, 3],
        [5, 4],
        [0, Number.MAX_SAFE_INTEGER],
        [NaN, 3],
      ]
      for (const [start, end] of ranges) expect(await codeOf(reader.read(start, end))).toBe('BACKUP_DAMAGED')
      await reader.close()
      await reader.close()
    })

    it('streams in chunks of 1 MiB at most', async () => {
      const bytes = Buffer.alloc(2_500_000, 'abcdefg')
      const writer = await store.openWrite('a', {create: true})
      await writer.append([bytes])
      await writer.close()
      const reader = await store.openRead('a')
      for (const [start, end] of [
        [0, undefined],
        [1_000_001, 2_400_000],
        [5, 5],
        [2_500_000, undefined],
      ] as const) {
        const chunks = await collect(reader.stream(start, end))
        expect(Math.max(0, ...chunks.map(({length}) => length))).toBeLessThanOrEqual(1024 * 1024)
        expect(Buffer.concat(chunks).equals(bytes.subarray(start, end))).toBe(true)
      }

      // Leaving early is no error, then or when the file is closed.
      const left = reader.stream()[Symbol.asyncIterator]()
      const first = await left.next()
      expect(first.value).toHaveLength(1024 * 1024)
      await left.return?.()
      await reader.close()
    })

    it('creates folders once only, and needs them', async () => {
      expect(await codeOf(store.openWrite('d/a', {create: true}))).toBe('STORAGE')
      expect(await store.createDirectory('d')).toBe(true)
      expect(await store.createDirectory('d')).toBe(false)
      await writeAll(store, 'd/a', 'x')
      await store.writeAtomic('d/b', Buffer.from('yy'))
      expect(await store.list('d')).toMatchObject([
        {bytes: 1, kind: 'file', name: 'a'},
        {bytes: 2, kind: 'file', name: 'b'},
      ])
      expect(await store.list('')).toMatchObject([{bytes: 0, kind: 'directory', name: 'd'}])
      expect(await store.createDirectory('d/a')).toBe(false)
      expect(await codeOf(store.openRead('d'))).toBe('STORAGE')
    })

    it('renames without replacing, files and folders', async () => {
      await writeAll(store, 'a', 'a')
      await writeAll(store, 'b', 'b')
      expect(await store.rename('a', 'b')).toBe(false)
      expect(await store.rename('a', 'a')).toBe(false)
      expect(await readAll(store, 'b')).toBe('b')
      expect(await store.rename('a', 'c')).toBe(true)
      expect(await readAll(store, 'c')).toBe('a')
      expect(await store.stat('a')).toBeUndefined()

      await store.createDirectory('d')
      await writeAll(store, 'd/x', 'x')
      await store.createDirectory('empty')
      expect(await store.rename('d', 'empty')).toBe(false)
      expect(await store.rename('d', 'b')).toBe(false)
      expect(await store.rename('b', 'empty')).toBe(false)
      expect(await store.rename('d', 'e')).toBe(true)
      expect(await readAll(store, 'e/x')).toBe('x')
      expect(await store.stat('d')).toBeUndefined()
      expect(await store.rename('e/x', 'moved')).toBe(true)
      expect(await codeOf(store.rename('none', 'z'))).toBe('STORAGE')
    })

    it('lets one of many win a name', async () => {
      const names = Array.from({length: 8}, (_, index) => `from-${index}`)
      for (const name of names) await writeAll(store, name, name)
      const won = await Promise.all(names.map(async (name) => store.rename(name, 'to')))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect(await readAll(store, 'to')).toBe(names[won.indexOf(true)])
      expect(await store.list('')).toHaveLength(8)
    })

    it('replaces a small file as a whole', async () => {
      await store.writeAtomic('a', Buffer.from('first, and longer'))
      await store.writeAtomic('a', Buffer.from('second'))
      expect(await readAll(store, 'a')).toBe('second')
      const texts = Array.from({length: 10}, (_, index) => `${index}`.repeat(50_000))
      await Promise.all(texts.map(async (text) => store.writeAtomic('a', Buffer.from(text))))
      expect(texts).toContain(await readAll(store, 'a'))
      expect((await store.list('')).map(({name}) => name)).toEqual(['a'])
    })

    it('removes files, and folders with all in them', async () => {
      await writeAll(store, 'a', 'a')
      await store.createDirectory('d')
      await store.createDirectory('d/e')
      await writeAll(store, 'd/e/x', 'x')
      await store.remove('a')
      await store.remove('d')
      expect(await store.list('')).toEqual([])
    })

    it('refuses names that leave it', async () => {
      const names = ['..', '../a', 'a/../b', '/etc/passwd', './a', 'a//b', 'a/', 'a\0b', String.raw`..\a`, 'C:a']
      for (const name of names) {
        for (const attempt of attemptsOn(store, name)) expect(await codeOf(attempt()), name).toBe('INVALID_INPUT')
      }

      expect(await store.list('')).toEqual([])
      await writeAll(store, 'a', 'still there')
      const onItself = [
        async () => store.remove(''),
        async () => store.rename('', 'x'),
        async () => store.openRead(''),
        async () => store.writeAtomic('', new Uint8Array()),
      ]
      for (const attempt of onItself) expect(await codeOf(attempt())).toBe('INVALID_INPUT')
      expect(await readAll(store, 'a')).toBe('still there')
    })

    it('describes a name without touching anything', async () => {
      expect(store.describe('a/b')).toMatch(/a\/b$/)
      expect(await store.list('')).toEqual([])
    })
  })
}
