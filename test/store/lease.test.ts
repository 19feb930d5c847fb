import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {appendFile, mkdtemp, readdir, readFile, rm, utimes, writeFile} from 'node:fs/promises'
import {hostname, tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'

import {DataOpsError} from '../../src/model/errors.js'
import {overlay} from '../../src/model/overlay.js'
import {FileLeases} from '../../src/store/lease-files.js'
import {LEASE, Lease, LeaseObserver} from '../../src/store/lease.js'
import {LocalStore} from '../../src/store/local/store.js'
import {TOLD_AFTER, type Wait} from '../../src/store/waiting.js'
import {programFile} from '../support/programs.js'

const SETTINGS = {...LEASE}
const TOLD_AFTER_MS = TOLD_AFTER.ms
const children: ChildProcess[] = []

/** A process that takes the lease, says so, and holds it until it is killed. */
async function holder(
  folder: string,
  ms?: number,
): Promise<ChildProcess & {stdout: NonNullable<ChildProcess['stdout']>}> {
  const child = spawn(process.execPath, [programFile('lease'), folder, ...(ms ? [String(ms)] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

let folder: string
let store: LocalStore
let now: number
let observer: LeaseObserver

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'data-ops-lease-'))
  store = new LocalStore(folder)
  now = 1_000_000
  observer = new LeaseObserver(() => now)
})

afterEach(async () => {
  Object.assign(LEASE, SETTINGS)
  TOLD_AFTER.ms = TOLD_AFTER_MS
  for (const child of children) if (child.exitCode === null && child.signalCode === null) await kill(child)
  children.length = 0
  await rm(folder, {recursive: true})
})

describe('a lease', () => {
  it('is held by one at a time, and leaves nothing behind', async () => {
    const first = await Lease.acquire(store, 'lease')
    expect(await Lease.tryAcquire(store, 'lease')).toBeUndefined()
    await first.check()
    await first.release()
    const second = await Lease.tryAcquire(store, 'lease')
    expect(second).toMatchObject({generation: 1, isTakenOver: false})
    await second?.release()
    expect(await readdir(folder)).toEqual([])
  })

  it('lets only one in at any moment', async () => {
    let inside = 0
    let most = 0
    let turns = 0
    const work = async (): Promise<void> => {
      const lease = await Lease.acquire(store, 'lease')
      most = Math.max(most, ++inside)
      await lease.check()
      turns++
      inside--
      await lease.release()
    }

    await Promise.all(Array.from({length: 10}, work))
    expect({most, turns}).toEqual({most: 1, turns: 10})
    expect(await readdir(folder)).toEqual([])
  })

  it("that is being given back is nobody else's of this process, whose own would be removed with it", async () => {
    const reached = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const slow = overlay(store, {
      async remove(key: string) {
        reached.resolve()
        await gate.promise
        await store.remove(key)
      },
    })
    const first = await Lease.acquire(slow, 'lease')
    const releasing = first.release()
    await reached.promise
    expect(await Lease.tryAcquire(store, 'lease')).toBeUndefined()
    gate.resolve()
    await releasing
    const second = await Lease.tryAcquire(store, 'lease')
    await second?.check()
    expect(await readdir(folder)).toEqual(['lease.1'])
    await second?.release()
    expect(await readdir(folder)).toEqual([])
  })

  it('waits no longer than told, then names the holder', async () => {
    const lease = await Lease.acquire(store, 'lease')
    const error: unknown = await Lease.acquire(store, 'lease', {waitMs: 200}).catch((error_: unknown) => error_)
    expect(error).toBeInstanceOf(DataOpsError)
    expect(error).toMatchObject({code: 'STORAGE', details: {host: hostname(), pid: process.pid}, retryable: true})
    expect(await Lease.describe(store, 'lease')).toMatchObject({
      host: hostname(),
      pid: process.pid,
      since: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    })
    await lease.release()
    expect(await Lease.describe(store, 'lease')).toBeUndefined()
  })

  it('is not taken from a live process, and is from a killed one at once, by one of many', async () => {
    const child = await holder(folder)
    expect(await Lease.tryAcquire(store, 'lease')).toBeUndefined()
    // The times of files say nothing.
    await utimes(path.join(folder, 'lease.1'), 0, 0)
    expect(await Lease.tryAcquire(store, 'lease')).toBeUndefined()
    await kill(child)
    const leases = await Promise.all(Array.from({length: 8}, async () => Lease.tryAcquire(store, 'lease')))
    const won = leases.filter((lease) => lease !== undefined)
    expect(won).toHaveLength(1)
    expect(won[0]).toMatchObject({generation: 2, isTakenOver: false})
    await won[0]?.check()
    await won[0]?.release()
    expect(await readdir(folder)).toEqual([])
  })

  it('of a holder that cannot be asked is free when it did not change for its time on the observer’s clock', async () => {
    const holders = {
      'another host': JSON.stringify({host: 'elsewhere', machine: 'elsewhere x y', pid: 1, since: 'then'}),
      'another host, with a time of its own': JSON.stringify({machine: 'elsewhere x y', ms: 30_000, pid: 1}),
      'no holder at all': '',
      'no JSON': '{"host":',
      'wrong types': '{"host":1,"machine":{},"ms":"x","pid":"x"}',
    }
    for (const [title, text] of Object.entries(holders)) {
      const file = path.join(folder, 'lease.1')
      await writeFile(file, `${text}\n`)
      for (const age of [0, -86_400, 86_400]) {
        await utimes(file, Date.now() / 1000 + age, Date.now() / 1000 + age)
        expect(await Lease.tryAcquire(store, 'lease', {observer}), title).toBeUndefined()
      }

      now += 29_999
      expect(await Lease.tryAcquire(store, 'lease', {observer}), title).toBeUndefined()
      // Renewed: its time begins anew.
      await appendFile(file, '.')
      now += 29_999
      expect(await Lease.tryAcquire(store, 'lease', {observer}), title).toBeUndefined()
      now += 29_999
      expect(await Lease.tryAcquire(store, 'lease', {observer}), title).toBeUndefined()
      now += 2
      const lease = await Lease.tryAcquire(store, 'lease', {observer})
      expect(lease, title).toMatchObject({generation: 2, isTakenOver: true})
      await lease?.release()
      expect(await readdir(folder)).toEqual([])
    }
  })

  it('lasts as long as its holder says, and no more than an hour', async () => {
    await writeFile(path.join(folder, 'lease.1'), '{"ms":1000}\n')
    expect(await Lease.tryAcquire(store, 'lease', {observer})).toBeUndefined()
    now += 1001
    const lease = await Lease.tryAcquire(store, 'lease', {observer})
    expect(lease?.isTakenOver).toBe(true)
    await lease?.release()
    await writeFile(path.join(folder, 'lease.1'), '{"ms":1e300}\n')
    expect(await Lease.tryAcquire(store, 'lease', {observer})).toBeUndefined()
    now += 3_600_001
    await (await Lease.tryAcquire(store, 'lease', {observer}))!.release()
    expect(await readdir(folder)).toEqual([])
  })

  it('that a process left which stands still is taken over, and the holder hears of it when it wakes', async () => {
    const child = await holder(folder, 600)
    child.kill('SIGSTOP')
    const said = once(child.stdout, 'data')
    const next = await Lease.acquire(store, 'lease', {waitMs: 10_000})
    expect(next).toMatchObject({generation: 2, isTakenOver: true})
    child.kill('SIGCONT')
    expect(String((await said)[0])).toBe('lost\n')
    await next.check()
    expect(await readdir(folder)).toEqual(['lease.2'])
    await next.release()
  })

  it.skipIf(process.platform !== 'linux')(
    'takes a process with a used number for another (Linux says when it started)',
    async () => {
      const lease = await Lease.acquire(store, 'lease')
      const file = path.join(folder, 'lease.1')
      const text = JSON.parse((await readFile(file, 'utf8')).split('\n', 1)[0]!) as {started?: string}
      await lease.release()
      expect(text.started).toMatch(/^\d+$/)
      await writeFile(file, `${JSON.stringify({...text, started: '1'})}\n`)
      const next = await Lease.tryAcquire(store, 'lease')
      expect(next).toMatchObject({generation: 2, isTakenOver: false})
      await next?.release()
    },
  )

  it('is renewed every few seconds, for as long as it is held', async () => {
    vi.useFakeTimers({toFake: ['setInterval', 'clearInterval']})
    try {
      const lease = await Lease.acquire(store, 'lease')
      const [before] = await new FileLeases(store).read('lease')
      vi.advanceTimersByTime(5000)
      await vi.waitFor(async () => {
        const [after] = await new FileLeases(store).read('lease')
        expect(after!.tag).not.toBe(before!.tag)
        expect(after!.text).toBe(before!.text)
      }, 60_000)
      await lease.check()
      await lease.release()
      vi.advanceTimersByTime(60_000)
      await sleep(20)
      expect(await readdir(folder)).toEqual([])
    } finally {
      vi.useRealTimers()
    }
  })

  it('whose file could not be removed when it was given up is free for the same process at once', async () => {
    const lease = await Lease.acquire(store, 'lease')
    let isBroken = false
    const failing = overlay(store, {
      async openRead(key: string) {
        if (isBroken) throw new DataOpsError('STORAGE', 'no such disk')
        return store.openRead(key)
      },
    })
    await lease.release()
    const given = await Lease.acquire(failing, 'lease')
    isBroken = true
    // What was done under it is done.
    await given.release()
    expect(await readdir(folder)).toEqual(['lease.1'])
    const next = await Lease.tryAcquire(store, 'lease')
    expect(next).toMatchObject({generation: 2})
    await next!.release()
    expect(await readdir(folder)).toEqual([])
  })

  it('watches a holder that cannot be asked until it shows itself, or until its time has passed', async () => {
    Object.assign(LEASE, {ms: 300, renewMs: 50})
    const file = path.join(folder, 'lease.1')
    await writeFile(file, '{"ms":300}\n')
    const beats = setInterval(() => {
      void appendFile(file, '.')
    }, 50)
    expect(await Lease.watchAndAcquire(store, 'lease')).toBeUndefined()
    clearInterval(beats)
    await sleep(50)
    // A short wait is nobody's business.
    const waits: Wait[] = []
    TOLD_AFTER.ms = 100
    const onWait = (wait: Wait): void => {
      waits.push(wait)
    }

    const lease = await Lease.watchAndAcquire(store, 'lease', {onWait})
    expect(lease).toMatchObject({generation: 2, isTakenOver: true})
    expect(waits.length).toBeGreaterThan(0)
    for (const wait of waits) {
      expect(wait).toMatchObject({for: `another process, which holds ${path.join(folder, 'lease')}`, mostMs: 300})
      expect(wait.waitedMs).toBeGreaterThanOrEqual(100)
    }

    // A process of this machine that runs needs no watching.
    expect(await Lease.watchAndAcquire(store, 'lease')).toBeUndefined()
    await lease!.release()
  })
})

describe('the files of leases', () => {
  const seenBy = async (): ReturnType<FileLeases['read']> => new FileLeases(store).read('lease')

  it('let one of two through that saw the same expired one', async () => {
    await writeFile(path.join(folder, 'lease.7'), 'old\n')
    const seen = await seenBy()
    const places = Array.from({length: 6}, () => new FileLeases(store))
    const taken = await Promise.all(places.map(async (place, index) => place.take('lease', `new ${index}`, seen)))
    expect(taken.filter((record) => record !== undefined)).toMatchObject([{generation: 8}])
    expect(await readdir(folder)).toEqual(['lease.8'])
  })

  it('do not give it to one who slept over the whole turn of others', async () => {
    const place = new FileLeases(store)
    await writeFile(path.join(folder, 'lease.7'), 'old\n')
    const seen = await seenBy()
    // Meanwhile it was taken, released, and taken by a third.
    await place.release('lease', (await place.take('lease', 'second', seen))!)
    const third = await place.take('lease', 'third', [])
    expect(third).toMatchObject({generation: 1})
    expect(await place.take('lease', 'sleeper', seen)).toBeUndefined()
    expect(await place.holds('lease', third!)).toBe(true)
    expect(await readdir(folder)).toEqual(['lease.1'])
  })

  it('do not take it from one who renewed it meanwhile', async () => {
    const place = new FileLeases(store)
    const first = await place.take('lease', 'first', [])
    const seen = await seenBy()
    expect(await place.renew('lease', first!)).toBe(true)
    expect(await place.take('lease', 'second', seen)).toBeUndefined()
    expect(await place.holds('lease', first!)).toBe(true)
    const next = await place.take('lease', 'second', await seenBy())
    expect(next).toMatchObject({generation: 2})
    expect(await place.holds('lease', first!)).toBe(false)
    // Neither renewing nor releasing what is lost touches what is there.
    expect(await place.renew('lease', first!)).toBe(false)
    await place.release('lease', first!)
    expect(await place.holds('lease', next!)).toBe(true)
    expect(await readdir(folder)).toEqual(['lease.2'])
  })

  it('keep it for a holder while the file of one who died in taking it is there as well', async () => {
    const dead = JSON.stringify({machine: 'elsewhere', ms: 1000})
    await writeFile(path.join(folder, 'lease.6'), `${dead}\n`)
    const lease = await Lease.tryAcquire(store, 'lease', {observer})
    expect(lease).toBeUndefined()
    const alive = JSON.stringify({machine: 'elsewhere too', ms: 30_000})
    await writeFile(path.join(folder, 'lease.1'), `${alive}\n`)
    expect(await Lease.tryAcquire(store, 'lease', {observer})).toBeUndefined()
    now += 1001
    // The sixth has expired, the first has not.
    expect(await Lease.tryAcquire(store, 'lease', {observer})).toBeUndefined()
    now += 30_000
    const next = await Lease.tryAcquire(store, 'lease', {observer})
    expect(next).toMatchObject({generation: 7})
    expect(await readdir(folder)).toEqual(['lease.7'])
    await next!.release()
  })
})
