/** Which permission each call of a cloud needs: an answer that denies it need not say so. */
import type {BeginOptions, Failure, LockClient, ObjectClient, PutOptions, Upload} from './client.js'

import {overlay} from '../../model/overlay.js'

/** In the words of a cloud, as its page in docs/clouds/ names them. */
export interface NeededPermissions {
  /** To ask whether a bucket has locks. */
  areOn: string
  list: string
  lock: string
  read: string
  remove: string
  /** Of what the service says: it knows best. */
  said?: (reason: string) => string | undefined
  write: string
  writeLocked: string
  /** Of what may be there already. */
  writeOver: string
}

/** The client, whose failures that are denials say what would allow it. */
export function namingPermissions(client: ObjectClient, needed: NeededPermissions): ObjectClient {
  const byError = new WeakMap<object, string>()
  const naming = async <T>(permission: string, work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      if (typeof error === 'object' && error !== null) byError.set(error, permission)
      throw error
    }
  }

  const writing = ({condition, lock}: PutOptions): string => {
    if (lock) return needed.writeLocked
    return condition && 'ifAbsent' in condition ? needed.write : needed.writeOver
  }

  const uploadOf = (upload: Upload, permission: string): Upload =>
    overlay(upload, {
      complete: async (...given: Parameters<Upload['complete']>) => naming(permission, upload.complete(...given)),
      part: async (...given: Parameters<Upload['part']>) => naming(permission, upload.part(...given)),
    })
  const {locks} = client
  return overlay(client, {
    async begin(...given: Parameters<ObjectClient['begin']>): Promise<Upload> {
      const [, options]: [string, BeginOptions, unknown] = given
      const permission = options.lock ? needed.writeLocked : needed.write
      return uploadOf(await naming(permission, client.begin(...given)), permission)
    },
    failure(error: unknown): Failure {
      const failure = client.failure(error)
      if (failure.kind !== 'denied') return failure
      const known = typeof error === 'object' && error !== null ? byError.get(error) : undefined
      const permission = needed.said?.(failure.reason) ?? known
      return {...failure, ...(permission !== undefined && {permission})}
    },
    get: async (...given: Parameters<ObjectClient['get']>) => naming(needed.read, client.get(...given)),
    head: async (...given: Parameters<ObjectClient['head']>) => naming(needed.read, client.head(...given)),
    list: async (...given: Parameters<ObjectClient['list']>) => naming(needed.list, client.list(...given)),
    locks: overlay(locks, {
      areOn: async (...given: Parameters<LockClient['areOn']>) => naming(needed.areOn, locks.areOn(...given)),
      lock: async (...given: Parameters<LockClient['lock']>) => naming(needed.lock, locks.lock(...given)),
      versions: async (...given: Parameters<LockClient['versions']>) => naming(needed.list, locks.versions(...given)),
    }),
    put: async (...given: Parameters<ObjectClient['put']>) => naming(writing(given[2]), client.put(...given)),
    remove: async (...given: Parameters<ObjectClient['remove']>) => naming(needed.remove, client.remove(...given)),
  })
}
