import fc from 'fast-check'
import {describe, expect, test} from 'vitest'

import type {WeaviateTenant} from '../../../src/model/tenant.js'

import {ActiveTenants, type TenantOfCollection} from '../../../src/flow/tenants/active-tenants.js'
import {MOST_ACTIVE_TENANTS} from '../../../src/flow/tenants/room.js'
import {DataOpsError} from '../../../src/model/errors.js'

interface Call {
  collection: string
  hasSignal: boolean
  names: string[]
  status: string
}

/** A server that takes its time, and does half of what it then says has failed. */
class Server {
  readonly calls: Call[] = []
  /** The most tenants that were active at a time. */
  most = 0
  /** Calls that fail, by number, from 1. */
  readonly failing: ReadonlySet<number>
  readonly #active = new Set<string>()
  #isChanging = false

  constructor(active: readonly TenantOfCollection[] = [], failing: readonly number[] = []) {
    for (const tenant of active) this.#active.add(key(tenant))
    this.most = this.#active.size
    this.failing = new Set(failing)
  }

  get active(): string[] {
    return [...this.#active].sort()
  }

  isActive(tenant: TenantOfCollection): boolean {
    return this.#active.has(key(tenant))
  }

  async listTenants(collection: string, names: readonly string[] = []): Promise<WeaviateTenant[]> {
    return names.map((name) => ({name, status: this.isActive({collection, name}) ? 'HOT' : 'COLD'}))
  }

  async setTenantStatus(collection: string, changes: readonly WeaviateTenant[], signal?: AbortSignal): Promise<void> {
    expect(this.#isChanging).toBe(false)
    expect(new Set(changes.map(({status}) => status)).size).toBe(1)
    this.#isChanging = true
    const {status} = changes[0]!
    this.calls.push({collection, hasSignal: signal !== undefined, names: changes.map(({name}) => name), status})
    const isFailing = this.failing.has(this.calls.length)
    for (const {name} of isFailing ? changes.slice(0, changes.length >> 1) : changes) {
      await tick()
      if (status === 'HOT') this.#active.add(key({collection, name}))
      else this.#active.delete(key({collection, name}))
      this.most = Math.max(this.most, this.#active.size)
    }

    this.#isChanging = false
    if (isFailing) throw new DataOpsError('SERVER_UNAVAILABLE', 'Not now.')
  }
}

const key = ({collection, name}: TenantOfCollection): string => `${collection}/${name}`
const tick = async (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

function tenants(count: number, first = 0): TenantOfCollection[] {
  return Array.from({length: count}, (_, index) => ({collection: 'A', name: `t${first + index}`}))
}

function makeActive(server: Server, all: readonly TenantOfCollection[], options?: {limit?: number}): ActiveTenants {
  const active = new ActiveTenants(server, options)
  for (const tenant of all) active.admit(tenant.collection, [{isActive: server.isActive(tenant), name: tenant.name}])
  return active
}

const universe = ['A', 'B'].flatMap((collection) =>
  Array.from({length: 7}, (_, index) => ({collection, name: `t${index}`})),
)
const aHold = fc.record({
  tenants: fc.subarray(universe, {minLength: 1}),
  ticks: fc.nat(5),
})

describe('whatever is held by whom', () => {
  test('is active all the time, within the limit, and put back in the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          failing: fc.oneof(fc.constant([]), fc.array(fc.integer({max: 12, min: 1}), {maxLength: 4})),
          holds: fc.array(aHold, {maxLength: 12, minLength: 1}),
          limit: fc.integer({max: 8, min: 1}),
          left: fc.subarray(universe, {maxLength: 4}),
          workers: fc.integer({max: 5, min: 1}),
        }),
        async ({failing, holds, left, limit, workers}) => {
          const server = new Server(left, failing)
          const active = makeActive(server, universe, {limit})
          const queue = [...holds]
          const failures: unknown[] = []
          const work = async (): Promise<void> => {
            for (let next = queue.shift(); next; next = queue.shift()) {
              const wanted = next.tenants
              try {
                const release = await active.hold(wanted)
                for (let index = 0; index <= next.ticks; index++) {
                  expect(wanted.filter((tenant) => !server.isActive(tenant))).toEqual([])
                  await tick()
                }

                release()
              } catch (error) {
                if (!(error instanceof DataOpsError)) throw error
                failures.push(error)
              }
            }
          }

          await Promise.all(Array.from({length: workers}, work))
          expect(failures.length).toBeLessThanOrEqual(failing.length)
          const largest = Math.max(...holds.map((hold) => hold.tenants.length))
          expect(server.most).toBeLessThanOrEqual(Math.max(limit, largest, left.length))
          // Each failure that is left keeps one call from it.
          for (let tries = 0; tries <= failing.length && active.open.length > 0; tries++)
            await active.putBack().catch(() => undefined)
          expect(active.open).toEqual([])
          expect(server.active).toEqual([])
        },
      ),
      {numRuns: 300},
    )
  })
})

describe('a tenant that is held while the lease is looked at', () => {
  const [one, other] = tenants(2) as [TenantOfCollection, TenantOfCollection]

  function gated(server: Server) {
    const gate = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const note = {
      async check() {
        asked.resolve()
        await gate.promise
      },
      async leave() {},
      async save() {},
    }
    const active = new ActiveTenants(server, {limit: 1, note})
    active.admit('A', [
      {isActive: true, name: one.name},
      {isActive: false, name: other.name},
    ])
    return {active, asked: asked.promise, open: gate.resolve}
  }

  test('stays active when all are put back', async () => {
    const server = new Server([one])
    const {active, asked, open} = gated(server)
    const putBack = active.putBack()
    await asked
    const release = await active.hold([one])
    open()
    await putBack
    expect(server.active).toEqual(['A/t0'])
    expect(server.calls).toEqual([])
    release()
    await active.putBack()
    expect(server.active).toEqual([])
  })

  test('stays active when another needs its room, which waits for it', async () => {
    const server = new Server([one])
    const {active, asked, open} = gated(server)
    const waiting = active.hold([other])
    await asked
    const release = await active.hold([one])
    open()
    for (let count = 0; count < 5; count++) await tick()
    expect(server.active).toEqual(['A/t0'])
    release()
    const releaseOther = await waiting
    expect(server.active).toEqual(['A/t1'])
    expect(server.most).toBe(1)
    releaseOther()
    await active.putBack()
    expect(server.active).toEqual([])
  })
})

describe('room', () => {
  test('is for two groups of a hundred; the least recently used make it, a group at a time', async () => {
    expect(MOST_ACTIVE_TENANTS).toBe(200)
    const server = new Server()
    const all = tenants(450)
    const active = makeActive(server, all)
    for (let start = 0; start < 200; start += 100) (await active.hold(all.slice(start, start + 100)))()
    // Used again: the last to go.
    ;(await active.hold(all.slice(0, 1)))()
    expect(server.calls).toHaveLength(2)
    ;(await active.hold(all.slice(200, 201)))()
    expect(server.calls.slice(2)).toMatchObject([
      {names: all.slice(1, 101).map(({name}) => name), status: 'COLD'},
      {names: ['t200'], status: 'HOT'},
    ])
    ;(await active.hold(all.slice(201, 299)))()
    expect(server.calls).toHaveLength(5)
    expect(server.active).toHaveLength(199)
    await active.putBack()
    expect(server.calls).toHaveLength(6)
    expect(server.active).toEqual([])
  })

  test('is waited for while others hold everything', async () => {
    const server = new Server()
    const active = makeActive(server, tenants(6), {limit: 4})
    const releases = [await active.hold(tenants(2)), await active.hold(tenants(2, 2))]
    let isHeld = false
    const waiting = active.hold(tenants(2, 4)).then((release) => {
      isHeld = true
      return release
    })
    for (let index = 0; index < 20; index++) await tick()
    expect(isHeld).toBe(false)
    // What is active can be held by others meanwhile.
    ;(await active.hold(tenants(1)))()
    releases[0]!()
    releases[0]!()
    const release = await waiting
    expect(server.active).toEqual(['A/t2', 'A/t3', 'A/t4', 'A/t5'])
    release()
    releases[1]!()
  })

  test('is made by what an earlier run has left active', async () => {
    const left = tenants(250)
    const server = new Server(left)
    const active = makeActive(server, [...left, ...tenants(10, 250)])
    ;(await active.hold(tenants(10, 250)))()
    expect(server.active).toHaveLength(160)
    expect(server.most).toBe(250)
    await active.putBack()
    expect(server.active).toEqual([])
  })

  test('is not taken by tenants that nobody has admitted', async () => {
    const server = new Server()
    const active = makeActive(server, tenants(2))
    ;(
      await active.hold([
        {collection: 'A', name: 'stays'},
        {collection: 'B', name: 't0'},
      ])
    )()
    expect(active.isAdmitted('B', 't0')).toBe(false)
    expect(server.calls).toEqual([])
  })
})

describe('a signal', () => {
  test('keeps tenants from being activated, and never from being put back', async () => {
    const server = new Server()
    const active = makeActive(server, tenants(3), {limit: 1})
    const controller = new AbortController()
    ;(await active.hold(tenants(1), controller.signal))()
    ;(await active.hold(tenants(1, 1), controller.signal))()
    controller.abort()
    await expect(active.hold(tenants(1, 2), controller.signal)).rejects.toMatchObject({code: 'INTERRUPTED'})
    await active.putBack()
    expect(server.calls.map(({hasSignal, status}) => [status, hasSignal])).toEqual([
      ['HOT', true],
      ['COLD', false],
      ['HOT', true],
      ['COLD', false],
    ])
    expect(server.active).toEqual([])
  })
})

describe('a failure', () => {
  test('of one collection does not keep others from being put back', async () => {
    const server = new Server([], [3])
    const both = [...tenants(2), {collection: 'B', name: 'b'}]
    const active = makeActive(server, both)
    ;(await active.hold(both))()
    await expect(active.putBack()).rejects.toMatchObject({message: 'Not now.'})
    expect(server.active).toEqual(['A/t1'])
    expect(active.open).toEqual(tenants(2))
    await active.putBack()
    expect(server.active).toEqual([])
  })

  test('of an activation leaves nothing held, and what was activated is put back', async () => {
    const server = new Server([], [1])
    const active = makeActive(server, tenants(4), {limit: 4})
    await expect(active.hold(tenants(4))).rejects.toMatchObject({message: 'Not now.'})
    expect(server.active).toHaveLength(2)
    // Half of them is active, and nobody knows which half.
    const release = await active.hold(tenants(4))
    expect(server.active).toHaveLength(4)
    await active.putBack()
    expect(server.active).toHaveLength(4)
    release()
    await active.putBack()
    expect(server.active).toEqual([])
  })
})
