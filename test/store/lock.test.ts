import {type ChildProcess, spawn} from 'node:child_process'
import {createHash} from 'node:crypto'
import {once} from 'node:events'
import {mkdtemp, readdir, readFile, rm, stat, utimes, writeFile} from 'node:fs/promises'
import {hostname, tmpdir} from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'

import {DataOpsError} from '../../src/model/errors.js'
import {LocalStore} from '../../src/store/local/store.js'
import {StoreLock} from '../../src/store/lock.js'

const WORKER = fileURLToPath(new URL('lock-worker.ts', import.meta.url))
const children: ChildProcess[] = []

/** A process that takes the lock, says so, and holds it until it is killed. */
async function holder(folder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', WORKER, folder], {stdio: ['ignore', 'pipe', 'inherit']})
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

describe('StoreLock', () => {
  let folder: string
  let store: LocalStore

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'data-ops-lock-'))
    store = new LocalStore(folder)
  })

  afterEach(async () => {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) await kill(child)
    children.length = 0
    await rm(folder, {recursive: true})
  })

  it('is held by one at a time, and leaves nothing behind', async () => {
    const first = await StoreLock.acquire(store, 'lock')
    expect(await StoreLock.tryAcquire(store, 'lock')).toBeUndefined()
    await first.check()
    await first.release()
    const second = await StoreLock.tryAcquire(store, 'lock')
    expect(second).toBeDefined()
    await second?.release()
    expect(await readdir(folder)).toEqual([])
  })

  it('lets only one in at any moment', async () => {
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      const lock = await StoreLock.acquire(store, 'lock')
      most = Math.max(most, ++inside)
      await lock.check()
      inside--
      await lock.release()
    }

    await Promise.all(Array.from({length: 10}, work))
    expect(most).toBe(1)
  })

  it('waits no longer than told, then names the owner', async () => {
    const lock = await StoreLock.acquire(store, 'lock')
    const started = performance.now()
    const error: unknown = await StoreLock.acquire(store, 'lock', {waitMs: 200}).catch((error_: unknown) => error_)
    expect(performance.now() - started).toBeLessThan(5000)
    expect(error).toBeInstanceOf(DataOpsError)
    expect(error).toMatchObject({code: 'STORAGE', details: {host: hostname(), pid: process.pid}, retryable: true})
    await lock.release()
  })

  it('is not taken from a live process, and is from a killed one, by one of many', async () => {
    const child = await holder(folder)
    expect(await StoreLock.tryAcquire(store, 'lock')).toBeUndefined()
    // Its last sign of life does not count while it runs.
    await utimes(path.join(folder, 'lock'), 0, 0)
    expect(await StoreLock.tryAcquire(store, 'lock')).toBeUndefined()
    await kill(child)
    const locks = await Promise.all(Array.from({length: 8}, async () => StoreLock.tryAcquire(store, 'lock')))
    const won = locks.filter((lock) => lock !== undefined)
    expect(won).toHaveLength(1)
    await won[0]?.check()
    await won[0]?.release()
    expect(await readdir(folder)).toEqual([])
  })

  it('is taken over even when the one that was taking it over was killed as well', async () => {
    const child = await holder(folder)
    await kill(child)
    const stale = await readFile(path.join(folder, 'lock'), 'utf8')
    const claim = `lock.${createHash('sha256').update(stale).digest('hex').slice(0, 8)}`
    await writeFile(path.join(folder, claim), stale)
    const lock = await StoreLock.tryAcquire(store, 'lock')
    expect(lock).toBeDefined()
    await lock?.release()
    expect(await readdir(folder)).toEqual([])
  })

  it('goes by the last sign of life where the owner cannot be asked', async () => {
    const now = Date.now() / 1000
    const owners = {
      'another host': JSON.stringify({host: 'elsewhere', machine: 'elsewhere x y', pid: 1, time: 'then'}),
      'no owner at all': '',
      'no JSON': '{"host":',
      'wrong types': '{"host":1,"machine":{},"pid":"x"}',
    }
    for (const [title, text] of Object.entries(owners)) {
      const file = path.join(folder, 'lock')
      await writeFile(file, text)
      expect(await StoreLock.tryAcquire(store, 'lock'), title).toBeUndefined()
      await utimes(file, now - 31, now - 31)
      const lock = await StoreLock.tryAcquire(store, 'lock')
      expect(lock, title).toBeDefined()
      await lock?.release()
      // A clock that went back by more than that.
      await writeFile(file, text)
      await utimes(file, now + 3600, now + 3600)
      const other = await StoreLock.tryAcquire(store, 'lock')
      expect(other, title).toBeDefined()
      await other?.release()
    }

    expect(await readdir(folder)).toEqual([])
  })

  it.skipIf(process.platform !== 'linux')(
    'takes a process with a used number for another (Linux says when it started)',
    async () => {
      const lock = await StoreLock.acquire(store, 'lock')
      const owner = JSON.parse(await readFile(path.join(folder, 'lock'), 'utf8')) as {started?: string}
      await lock.release()
      expect(owner.started).toMatch(/^\d+$/)
      await writeFile(path.join(folder, 'lock'), JSON.stringify({...owner, started: '1'}))
      const next = await StoreLock.tryAcquire(store, 'lock')
      expect(next).toBeDefined()
      await next?.release()
    },
  )

  it('shows every few seconds that it is held', async () => {
    vi.useFakeTimers({toFake: ['setInterval', 'clearInterval']})
    try {
      const lock = await StoreLock.acquire(store, 'lock')
      const file = path.join(folder, 'lock')
      await utimes(file, 0, 0)
      vi.advanceTimersByTime(5000)
      await vi.waitFor(async () => {
        expect((await stat(file)).mtimeMs).toBeGreaterThan(Date.now() - 10_000)
      })
      await lock.check()
      await lock.release()
      expect(await readdir(folder)).toEqual([])
    } finally {
      vi.useRealTimers()
    }
  })

  it('tells an owner that lost it, and does not remove the lock of the next', async () => {
    const lock = await StoreLock.acquire(store, 'lock')
    await writeFile(path.join(folder, 'lock'), '{"host":"elsewhere"}')
    await expect(lock.check()).rejects.toMatchObject({code: 'STORAGE'})
    await lock.release()
    expect(await readdir(folder)).toEqual(['lock'])
  })
})
