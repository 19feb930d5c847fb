import {randomUUID} from 'node:crypto'

import type {Patience} from '../../../src/store/objects/calls.js'
import type {StoreUnderTest} from '../suite.js'

import {ObjectStore} from '../../../src/store/objects/store.js'
import {connectS3} from '../../../src/store/s3/client.js'

/** Fails fast. */
export const IMPATIENT: Patience = {attempts: 6, callMs: 400, callMsPerByte: 1 / 20_000, maxPauseMs: 20, pauseMs: 2}

/** A prefix of its own in a bucket that the environment leads to. */
export function s3Place(
  bucket: string,
  {isUnsafe, patience}: {isUnsafe?: boolean; patience?: Patience} = {},
): StoreUnderTest & {prefix: string; store: ObjectStore; url: string} {
  const prefix = `suite-${randomUUID()}/`
  const url = `s3://${bucket}/${prefix.slice(0, -1)}`
  const open = (): ObjectStore => new ObjectStore({connect: async () => connectS3(bucket), isUnsafe, patience, prefix, url})
  const store = open()
  return {
    async cleanUp() {
      for (const {name} of await store.list('')) await store.remove(name)
      await store.uploads.drop(async () => true)
    },
    prefix,
    reopen: open,
    store,
    url,
  }
}

/** Sets variables of this process; what it returns puts them back. */
export function withEnvironment(variables: Record<string, string>): () => void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, variables)
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = value
    }
  }
}
