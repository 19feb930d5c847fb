/** What every store must do, whatever it keeps its bytes in. Run it on yours with `storeSuite`. */
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
  const writer = await store.createWriter(name)
  await writer.append([Buffer.from(text)])
  await writer.sync()
  expect(await writer.complete()).toBe(true)
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  // Array.fromAsync is not in the library of this target.

  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

/** Every way to touch a key. */
function attemptsOn(store: Store, key: string): Array<() => Promise<unknown>> {
  const {unfinished} = store
  return [
    async () => store.stat(key),
    async () => store.list(key),
    async () => store.openRead(key),
    async () => store.createWriter(key),
    async () => store.remove(key),
    async () => store.put(key, new Uint8Array()),
    async () => store.put(key, new Uint8Array(), {ifAbsent: true}),
    ...(unfinished
      ? [
          async () => unfinished.stat(key),
          async () => unfinished.openRead(key),
          async () => unfinished.resume(key, 0),
          async () => unfinished.remove(key),
        ]
      : []),
  ]
}

export function storeSuite(title: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${title} keeps the contract of a store`, () => {
    let place: StoreUnderTest
    let store: Store

    beforeEach(async () => {
      place = await open()
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

    it('finds and removes a file that is known to be one as any other', async () => {
      expect(await store.stat('d/a', 'file')).toBeUndefined()
      await store.remove('d/a', 'file')
      await store.put('d/a', Buffer.from('file'))
      expect(await store.stat('d/a', 'file')).toEqual(await store.stat('d/a'))
      await store.remove('d/a', 'file')
      expect(await store.stat('d/a', 'file')).toBeUndefined()
    })

    describe('put', () => {
      it('replaces a small object as a whole', async () => {
        const first = await store.put('a', Buffer.from('first, and longer'))
        const second = await store.put('a', Buffer.from('second'))
        expect(first).toEqual(expect.any(String))
        expect(second).not.toBe(first)
        expect(await readAll(place.reopen(), 'a')).toBe('second')
        expect(await store.stat('a')).toMatchObject({bytes: 6, kind: 'file', name: 'a', tag: second})
        const texts = Array.from({length: 10}, (_, index) => `${index}`.repeat(50_000))
        await Promise.all(texts.map(async (text) => store.put('a', Buffer.from(text))))
        expect(texts).toContain(await readAll(store, 'a'))
        expect((await store.list('')).map(({name}) => name)).toEqual(['a'])
      })

      it('with `ifAbsent` writes what is not there, and touches nothing that is', async () => {
        const tag = await store.put('d/a', Buffer.from('mine'), {ifAbsent: true})
        expect(tag).toEqual(expect.any(String))
        expect(await store.put('d/a', Buffer.from('other'), {ifAbsent: true})).toBeUndefined()
        expect(await readAll(place.reopen(), 'd/a')).toBe('mine')
        expect(await store.stat('d/a')).toMatchObject({bytes: 4, tag})
        expect((await store.list('d')).map(({name}) => name)).toEqual(['a'])
        await store.remove('d/a')
        expect(await store.put('d/a', Buffer.from('other'), {ifAbsent: true})).toEqual(expect.any(String))
      })

      it('with `ifAbsent` is won by exactly one of many at once', async () => {
        const stores = Array.from({length: 12}, () => place.reopen())
        for (const key of ['a', 'd/b', 'd/e/c']) {
          const tags = await Promise.all(
            stores.map(async (each, index) => each.put(key, Buffer.from(`by ${index}`), {ifAbsent: true})),
          )
          const won = tags.flatMap((tag, index) => (tag === undefined ? [] : [index]))
          expect(won).toHaveLength(1)
          expect(await readAll(store, key)).toBe(`by ${won[0]}`)
        }

        expect((await store.list('')).map(({name}) => name)).toEqual(['a', 'd'])
      })

      it('with `ifMatch` replaces what was seen, and neither another state nor nothing', async () => {
        const first = await store.put('a', Buffer.from('first'))
        const second = await store.put('a', Buffer.from('second'), {ifMatch: first!})
        expect(second).toEqual(expect.any(String))
        expect(await store.put('a', Buffer.from('third'), {ifMatch: first!})).toBeUndefined()
        expect(await readAll(place.reopen(), 'a')).toBe('second')
        await store.remove('a')
        expect(await store.put('a', Buffer.from('third'), {ifMatch: second!})).toBeUndefined()
        expect(await store.stat('a')).toBeUndefined()
        expect(await store.list('')).toEqual([])
      })

      it('takes an empty object', async () => {
        await store.put('a', new Uint8Array())
        expect(await readAll(store, 'a')).toBe('')
        expect(await store.stat('a')).toMatchObject({bytes: 0, kind: 'file'})
      })
    })

    describe('a writer', () => {
      it('shows what was appended once it is complete, not before', async () => {
        const writer = await store.createWriter('d/a')
        await writer.append([Buffer.from('one '), new Uint8Array(), Buffer.from('two ')])
        await writer.append([])
        await writer.append([Buffer.from('three')])
        expect(writer.bytes).toBe(13)
        await writer.sync()
        expect(await store.stat('d/a')).toBeUndefined()
        expect(await codeOf(place.reopen().openRead('d/a'))).toBe('NOT_A_BACKUP')
        expect((await store.list('d')).map(({name}) => name)).not.toContain('a')
        expect(await writer.complete()).toBe(true)
        expect(writer.bytes).toBe(13)
        expect(await readAll(place.reopen(), 'd/a')).toBe('one two three')
        expect(await store.list('d')).toMatchObject([{bytes: 13, kind: 'file', name: 'a'}])
        expect(await store.list('d/a')).toEqual([])
        await writer.close()
        await writer.close()
        expect(await readAll(place.reopen(), 'd/a')).toBe('one two three')
      })

      it('writes what is appended without waiting in the order of the calls', async () => {
        const writer = await store.createWriter('a')
        const sizes = [1, 5_000_000, 3, 1_000_000, 4_500_000, 0, 7]
        const appends = sizes.map(async (size, index) => writer.append([Buffer.alloc(size, 65 + index)]))
        await Promise.all(appends)
        await writer.complete()
        const expected = sizes.map((size, index) => Buffer.alloc(size, 65 + index))
        const text = await readAll(store, 'a')
        expect(Buffer.concat(expected).toString() === text).toBe(true)
      })

      it('has its own copy of what was appended', async () => {
        const writer = await store.createWriter('a')
        const bytes = Buffer.from('first')
        await writer.append([bytes])
        bytes.fill('x')
        await writer.append([Buffer.alloc(5_000_000)])
        await writer.complete()
        expect((await readAll(store, 'a')).slice(0, 5)).toBe('first')
      })

      it('takes thousands of small pieces in one append', async () => {
        const writer = await store.createWriter('a')
        const pieces = Array.from({length: 5000}, (_, index) => Buffer.alloc(1024, index % 251))
        await writer.append(pieces)
        await writer.complete()
        const reader = await store.openRead('a')
        expect(Buffer.concat(pieces).equals(await reader.read(0, reader.size))).toBe(true)
        await reader.close()
      })

      it('makes an empty object of nothing', async () => {
        const writer = await store.createWriter('a')
        expect(await writer.complete()).toBe(true)
        expect(await readAll(store, 'a')).toBe('')
      })

      it('does not take a key that is taken, and leaves what is there', async () => {
        const writer = await store.createWriter('a')
        await writer.append([Buffer.from('late')])
        await store.put('a', Buffer.from('first'))
        expect(await writer.complete()).toBe(false)
        expect(await readAll(store, 'a')).toBe('first')
        // Where the place can, it becomes visible elsewhere.
        const isElsewhere = await writer.complete('b')
        expect(await store.stat('b').then((entry) => entry?.bytes)).toBe(isElsewhere ? 4 : undefined)
        await writer.close()
        expect(await readAll(store, 'a')).toBe('first')
      })

      it('leaves nothing to be seen when it is given up', async () => {
        const writer = await store.createWriter('d/a')
        await writer.append([Buffer.alloc(6_000_000, 1)])
        await writer.close()
        expect(await store.stat('d/a')).toBeUndefined()
        expect(await codeOf(store.openRead('d/a'))).toBe('NOT_A_BACKUP')
        await store.unfinished?.remove('d/a')
        expect(await store.list('')).toEqual([])
        await writeAll(store, 'd/a', 'again')
        expect(await readAll(store, 'd/a')).toBe('again')
      })

      it('of many for keys of their own leaves each as it was written', async () => {
        await Promise.all(
          Array.from({length: 8}, async (_, index) => {
            await writeAll(place.reopen(), `d/${index}`, `${index}`.repeat(1000 * index))
          }),
        )
        expect((await store.list('d')).map(({bytes, name}) => [name, bytes])).toEqual(
          Array.from({length: 8}, (_, index) => [`${index}`, 1000 * index]),
        )
      })
    })

    describe('what another process left unfinished', () => {
      it('is read and continued, where the store has that', async () => {
        const writer = await store.createWriter('d/a')
        await writer.append([Buffer.from('safe, and not safe')])
        await writer.sync()
        const {unfinished} = place.reopen()
        if (!unfinished) return
        expect(await unfinished.stat('d/a')).toMatchObject({bytes: 18, kind: 'file'})
        const reader = await unfinished.openRead('d/a')
        expect(Buffer.from(await reader.read(0, 4)).toString()).toBe('safe')
        await reader.close()
        await writer.close()
        expect(await codeOf(store.createWriter('d/a'))).toBe('STORAGE')
        expect(await codeOf(unfinished.resume('d/a', 19))).toBe('BACKUP_DAMAGED')
        const again = await unfinished.resume('d/a', 6)
        expect(again.bytes).toBe(6)
        await again.append([Buffer.from('continued')])
        expect(again.bytes).toBe(15)
        expect(await again.complete()).toBe(true)
        expect(await readAll(store, 'd/a')).toBe('safe, continued')
        expect(await unfinished.stat('d/a')).toBeUndefined()
        expect(await codeOf(unfinished.resume('d/a', 0))).toBe('STORAGE')
        expect(await codeOf(unfinished.openRead('d/a'))).toBe('NOT_A_BACKUP')
      })

      it('is another one once it was removed: who wakes does not complete it', async () => {
        const {unfinished} = store
        if (!unfinished) return
        const sleeper = await store.createWriter('a')
        await sleeper.append([Buffer.from('of the one who slept')])
        await unfinished.remove('a')
        const writer = await place.reopen().createWriter('a')
        await writer.append([Buffer.from('mine')])
        await writer.sync()
        expect(await codeOf(sleeper.complete())).toBe('STORAGE')
        expect(await store.stat('a')).toBeUndefined()
        expect(await writer.complete()).toBe(true)
        expect(await readAll(store, 'a')).toBe('mine')
        await sleeper.close()
      })
    })

    describe('a reader', () => {
      it('reads ranges, and says when they are not there', async () => {
        await writeAll(store, 'a', '0123456789')
        const reader = await store.openRead('a')
        expect(reader.size).toBe(10)
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
        const writer = await store.createWriter('a')
        await writer.append([bytes])
        await writer.complete()
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
          // Each is looked at before the next is asked for.
          const passed: Buffer[] = []
          for await (const chunk of reader.stream(start, end, {isPassing: true})) passed.push(Buffer.from(chunk))
          expect(Buffer.concat(passed).equals(bytes.subarray(start, end))).toBe(true)
        }

        // Leaving early is no error, then or when the file is closed.
        const left = reader.stream()[Symbol.asyncIterator]()
        const first = await left.next()
        expect((first.value as Uint8Array | undefined)?.length).toBeGreaterThan(0)
        await left.return?.()
        await reader.close()
      })

      it('never mixes what it opened with what took its place', async () => {
        await store.put('a', Buffer.alloc(3_000_000, 'a'))
        const reader = await store.openRead('a')
        expect(Buffer.from(await reader.read(0, 3)).toString()).toBe('aaa')
        await place.reopen().put('a', Buffer.alloc(3_000_000, 'b'))
        const rest = await reader.read(3, 3_000_000).catch((error: unknown) => error)
        if (rest instanceof DataOpsError) expect(['BACKUP_DAMAGED', 'STORAGE']).toContain(rest.code)
        else expect(Buffer.alloc(2_999_997, 'a').equals(rest as Uint8Array)).toBe(true)
        await reader.close()
      })
    })

    it('lists what lies directly in a folder, by name', async () => {
      await writeAll(store, 'd/b', 'yy')
      await store.put('d/a', Buffer.from('x'))
      await store.put('d/e/f/g', Buffer.from('z'))
      await store.put('d.x', Buffer.from('beside'))
      const before = Date.now()
      expect(await store.list('d')).toMatchObject([
        {bytes: 1, kind: 'file', name: 'a'},
        {bytes: 2, kind: 'file', name: 'b'},
        {bytes: 0, kind: 'directory', name: 'e'},
      ])
      expect((await store.list('')).map(({kind, name}) => [name, kind])).toEqual([
        ['d', 'directory'],
        ['d.x', 'file'],
      ])
      expect(await store.stat('d')).toMatchObject({bytes: 0, kind: 'directory', name: 'd'})
      expect(await store.stat('d/e')).toMatchObject({kind: 'directory', name: 'e'})
      expect(await codeOf(store.openRead('d'))).not.toBe('no error')
      const [file] = await store.list('d')
      expect(Math.abs((file?.modified ?? 0) - before)).toBeLessThan(600_000)
    })

    it('removes objects, and folders with all in them; a folder goes with the last in it', async () => {
      for (const key of ['a', 'd/e/x', 'd/y', 'f/g/z']) await store.put(key, Buffer.from(key))
      await store.remove('a')
      await store.remove('d')
      expect((await store.list('')).map(({name}) => name)).toEqual(['f'])
      await store.remove('f/g/z')
      expect(await store.list('')).toEqual([])
      expect(await store.stat('f')).toBeUndefined()
    })

    it('refuses keys that leave it', async () => {
      const keys = ['..', '../a', 'a/../b', '/etc/passwd', './a', 'a//b', 'a/', 'a\0b', String.raw`..\a`, 'C:a']
      for (const key of keys) {
        for (const attempt of attemptsOn(store, key)) expect(await codeOf(attempt()), key).toBe('INVALID_INPUT')
      }

      expect(await store.list('')).toEqual([])
      await writeAll(store, 'a', 'still there')
      const onItself = [
        async () => store.remove(''),
        async () => store.openRead(''),
        async () => store.createWriter(''),
        async () => store.put('', new Uint8Array()),
      ]
      for (const attempt of onItself) expect(await codeOf(attempt())).toBe('INVALID_INPUT')
      expect(await readAll(store, 'a')).toBe('still there')
    })

    it('describes a key without touching anything', async () => {
      expect(store.describe('a/b')).toMatch(/a\/b$/)
      expect(await store.list('')).toEqual([])
    })
  })
}
