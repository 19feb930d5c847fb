import {describe, expect, test} from 'vitest'

import {withActiveTenants} from '../../../src/flow/tenants/activation.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {type TenantStatus, type WeaviateTenant} from '../../../src/model/tenant.js'

/** Keeps the states of tenants, and every change that was asked for. */
class Tenants {
  readonly calls: Array<{hasSignal: boolean; names: string[]; status: Set<TenantStatus>}> = []
  readonly states: Map<string, TenantStatus>
  /** Fails the call with this number, from 1. */
  failAt = new Set<number>()

  constructor(readonly list: WeaviateTenant[]) {
    this.states = new Map(list.map(({name, status}) => [name, status]))
  }

  async listTenants(): Promise<WeaviateTenant[]> {
    return Array.from(this.states, ([name, status]) => ({name, status}))
  }

  async setTenantStatus(_: string, changes: readonly WeaviateTenant[], signal?: AbortSignal): Promise<void> {
    this.calls.push({
      hasSignal: signal !== undefined,
      names: changes.map(({name}) => name),
      status: new Set(changes.map(({status}) => status)),
    })
    if (this.failAt.has(this.calls.length)) throw new DataOpsError('SERVER_UNAVAILABLE', 'No.')
    const gone = changes.find(({name}) => !this.states.has(name))
    if (gone) throw new DataOpsError('SERVER_REFUSED', `shard not found: ${gone.name}`)
    for (const {name, status} of changes) this.states.set(name, status)
  }
}

function tenants(count: number, status: TenantStatus): WeaviateTenant[] {
  return Array.from({length: count}, (_, index) => ({name: `${status}-${index}`, status}))
}

describe('withActiveTenants', () => {
  test('leaves no tenant active for one that somebody else has removed, or offloaded, meanwhile', async () => {
    const list = tenants(4, 'COLD')
    const server = new Tenants(list)
    await withActiveTenants(server, {className: 'Docs', tenants: list}, async () => {
      server.states.delete('COLD-1')
      server.states.set('COLD-2', 'FROZEN')
    })
    expect([...server.states]).toEqual([
      ['COLD-0', 'COLD'],
      ['COLD-2', 'FROZEN'],
      ['COLD-3', 'COLD'],
    ])
  })

  test('reads active tenants as they are, the others in groups that are put back', async () => {
    const list = [...tenants(3, 'HOT'), ...tenants(210, 'COLD'), ...tenants(1, 'FROZEN')]
    const server = new Tenants(list)
    const groups: number[] = []
    await withActiveTenants(
      server,
      {className: 'Docs', signal: new AbortController().signal, tenants: list},
      async (group) => {
        groups.push(group.length)
        for (const {name} of group) expect(server.states.get(name)).toBe('HOT')
        let active = 0
        for (const status of server.states.values()) if (status === 'HOT') active++
        expect(active).toBeLessThanOrEqual(103)
      },
    )
    expect(groups).toEqual([3, 100, 100, 11])
    expect([...server.states]).toEqual(list.map(({name, status}) => [name, status]))
    expect(server.calls.map(({hasSignal}) => hasSignal)).toEqual([true, false, true, false, true, false])
  })

  test('puts back after a failure of the work, and reports that', async () => {
    const list = tenants(150, 'COLD')
    const server = new Tenants(list)
    const failure = new Error('work')
    await expect(
      withActiveTenants(server, {className: 'Docs', tenants: list}, async () => {
        throw failure
      }),
    ).rejects.toBe(failure)
    expect(new Set(server.states.values())).toEqual(new Set(['COLD']))
    expect(server.calls).toHaveLength(2)
  })

  test('puts back after a signal, and begins no further group', async () => {
    const list = tenants(150, 'COLD')
    const server = new Tenants(list)
    const controller = new AbortController()
    await expect(
      withActiveTenants(server, {className: 'Docs', signal: controller.signal, tenants: list}, async () => {
        controller.abort()
      }),
    ).rejects.toMatchObject({code: 'INTERRUPTED'})
    expect(new Set(server.states.values())).toEqual(new Set(['COLD']))
    expect(server.calls).toHaveLength(2)
  })

  test('puts back what a failed activation may have activated', async () => {
    const list = tenants(2, 'COLD')
    const server = new Tenants(list)
    server.failAt = new Set([1])
    await expect(
      withActiveTenants(server, {className: 'Docs', tenants: list}, async () => undefined),
    ).rejects.toMatchObject({
      message: 'No.',
    })
    expect(server.calls.map(({status}) => [...status])).toEqual([['HOT'], ['COLD']])
  })

  test('names the tenants that could not be put back, beside the first failure', async () => {
    const list = tenants(2, 'COLD')
    const server = new Tenants(list)
    server.failAt = new Set([2])
    await expect(
      withActiveTenants(server, {className: 'Docs', tenants: list}, async () => {
        throw new DataOpsError('STORAGE', 'The disk is full.')
      }),
    ).rejects.toMatchObject({code: 'STORAGE', details: {tenants: list}, message: /^The disk is full\. 2 tenants/})
  })

  test('asks only for states that can be asked for', async () => {
    const list = [
      {name: 'a', status: 'FREEZING' as const},
      {name: 'b', status: 'UNFREEZING' as const},
    ]
    const server = new Tenants(list)
    await withActiveTenants(server, {className: 'Docs', tenants: list}, async () => undefined)
    expect([...server.states]).toEqual([
      ['a', 'FROZEN'],
      ['b', 'HOT'],
    ])
  })
})
