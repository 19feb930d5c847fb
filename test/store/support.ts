import {randomUUID} from 'node:crypto'

import type {Patience} from '../../src/store/objects/calls.js'
import type {ObjectClient} from '../../src/store/objects/client.js'
import type {StoreUnderTest} from './suite.js'

import {ObjectStore} from '../../src/store/objects/store.js'

export type CloudUnderTest = StoreUnderTest & {prefix: string; store: ObjectStore; url: string}

/** A prefix of its own in what lies at `root` (`s3://bucket`). */
export function cloudPlace(
  root: string,
  connect: () => Promise<ObjectClient>,
  {isUnsafe, patience}: {isUnsafe?: boolean; patience?: Patience} = {},
): CloudUnderTest {
  const prefix = `suite-${randomUUID()}/`
  const url = `${root}/${prefix.slice(0, -1)}`
  const open = (): ObjectStore => new ObjectStore({connect, isUnsafe, patience, prefix, url})
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
