import type {Store} from '../../src/store/store.js'

import {DataOpsError} from '../../src/model/errors.js'
import {type AtCall, storeOfCalls} from './store-of-calls.js'

/**
 * What happens at a call: it and all that follow fail, undone (`dies`, which is dying after the call before, too); it alone fails undone
 * (`fails`); or it alone is done, and seems to fail (`lost`); or it alone, or it and all that follow, may not be done (`denied`, `denied-all`).
 */
export type Death = 'denied' | 'denied-all' | 'dies' | 'fails' | 'lost'

export interface DyingStore {
  /** So far. */
  calls: string[]
  store: Store
}

/** A store as a process sees it that dies, or meets one failure, at its n-th call, from 1. Folders are removed one object after another. */
export function dyingStore(store: Store, death?: Death, at = Infinity): DyingStore {
  const calls: string[] = []
  const call: AtCall = async (what, work) => {
    calls.push(what)
    const number = calls.length
    const failure = new DataOpsError('STORAGE', `Call ${number} ${death}: ${what}.`, {
      details: death?.startsWith('denied') ? {reason: 'denied'} : {},
    })
    const isFor = death === 'dies' || death === 'denied-all'
    if (isFor ? number >= at : (death === 'fails' || death === 'denied') && number === at) throw failure
    const result = await work()
    if (death !== 'lost' || number !== at) return result
    // Nobody has it to close.
    await (result as undefined | {close?: () => Promise<void>})?.close?.()
    throw failure
  }

  return {calls, store: storeOfCalls(store, call)}
}
