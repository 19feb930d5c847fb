import type {Store} from '../../src/store/store.js'

import {DataOpsError} from '../../src/model/errors.js'
import {overlay} from '../../src/model/overlay.js'

export interface SleepyOptions {
  /** The first writer that is to complete makes it fall asleep. */
  atComplete?: boolean
  /** The first such put does. */
  atPut?: (key: string) => boolean
  /** It dies once that put is done. */
  dies?: boolean
}

/** A store as a process sees it that falls asleep at one call, with everything else that it does, until it is woken. */
export function sleepyStore(
  place: Store,
  {atComplete = false, atPut = () => false, dies = false}: SleepyOptions,
): {asleep: Promise<void>; store: Store; wake: () => void} {
  const asleep = Promise.withResolvers<void>()
  const awake = Promise.withResolvers<void>()
  let isAsleep = false
  let isDead = false
  const fall = (): void => {
    isAsleep = true
    asleep.resolve()
  }

  const sleepy = async <T>(call: () => Promise<T>): Promise<T> => {
    if (isAsleep) await awake.promise
    if (isDead) throw new DataOpsError('STORAGE', 'It is dead.', {details: {reason: 'unreachable'}})
    return call()
  }

  const store = overlay(place, {
    async createWriter(key: string) {
      const writer = await place.createWriter(key)
      return overlay(writer, {
        async complete(as?: string) {
          if (!atComplete) return writer.complete(as)
          // The lease is asked for before, and so cannot be in between.
          fall()
          return sleepy(async () => writer.complete(as))
        },
      })
    },
    list: async (folder: string) => sleepy(async () => place.list(folder)),
    openRead: async (key: string) => sleepy(async () => place.openRead(key)),
    async put(...put: Parameters<Store['put']>) {
      const isIt = atPut(put[0])
      if (isIt) fall()
      return sleepy(async () => {
        const tag = await place.put(...put)
        isDead ||= dies && isIt
        return tag
      })
    },
    stat: async (...stat: Parameters<Store['stat']>) => sleepy(async () => place.stat(...stat)),
  })
  return {asleep: asleep.promise, store, wake: awake.resolve}
}
