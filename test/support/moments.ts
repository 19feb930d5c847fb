import type {Store} from '../../src/store/store.js'

import {storeOfCalls} from './store-of-calls.js'

/** A store at each call to which something else can be done first. `before`: gets the number of the call, from 1, and what it is. */
export function momentsOf(store: Store, before: (call: number, what: string) => Promise<void>): Store {
  let calls = 0
  return storeOfCalls(store, async (what, work) => {
    await before(++calls, what)
    return work()
  })
}
