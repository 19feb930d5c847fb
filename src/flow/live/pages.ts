/** A collection page by page, in no order, with inactive tenants active while they are read. */
import type {WeaviateObject} from '../../model/object.js'
import type {WeaviateTenant} from '../../model/tenant.js'

import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {objectsOf, type ParallelReaderOptions, slicesOfTenants} from '../parallel-reader.js'
import {inactiveNow} from '../tenants/activation.js'
import {ActiveTenants, type HeldNote} from '../tenants/active-tenants.js'

export interface LivePagesOptions extends Omit<ParallelReaderOptions, 'slices'> {
  note?: HeldNote
  /** undefined in collections without: those that are read as they are, and groups that are activated for it. */
  tenants?: {activate: readonly WeaviateTenant[][]; active: readonly WeaviateTenant[]}
}

export async function* livePages(options: LivePagesOptions): AsyncGenerator<WeaviateObject[], void, undefined> {
  const {connection, note, plan, signal, tenants} = options
  if (!tenants) {
    yield* objectsOf({...options, slices: [{...WHOLE_RANGE}]})
    return
  }

  if (tenants.active.length > 0) yield* objectsOf({...options, slices: slicesOfTenants(tenants.active)})
  for (const group of tenants.activate) {
    const engine = new ActiveTenants(connection, {note})
    engine.admit(plan.className, inactiveNow(group))
    const wanted = group.map(({name}) => ({collection: plan.className, name}))
    try {
      const release = await engine.hold(wanted, signal)
      try {
        yield* objectsOf({...options, slices: slicesOfTenants(group)})
      } finally {
        release()
      }
    } finally {
      await engine.putBack()
    }
  }
}
