/**
 * The S3 of worker processes: the tests' own, or with TEST_PLACE (`s3://bucket/prefix`; endpoint and credentials as AWS's SDK finds
 * them) a real one, whose conditions have to hold when several ask at once.
 */
import {randomUUID} from 'node:crypto'

import type {Store} from '../../src/store/store.js'

import {openStore} from '../../src/store/open.js'
import {readAll} from '../../src/store/read-all.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'

const {TEST_PLACE} = process.env

export interface WorkersPlace {
  close: () => Promise<void>
  /** Of processes that use it. */
  env: Record<string, string>
  /** All in a folder, by their keys from the place on. */
  keys: (folder?: string) => Promise<string[]>
  /** The tests' own; undefined: a real one. */
  own?: S3Server
  store: Store
  /** Empty when there is no such object. */
  text: (key: string) => Promise<string>
  url: string
}

export async function openWorkersPlace(): Promise<WorkersPlace> {
  const own = TEST_PLACE === undefined ? await startS3() : undefined
  const url = `${TEST_PLACE ?? `s3://${BUCKET}`}/${randomUUID()}`
  const env = own?.env ?? {}
  Object.assign(process.env, env)
  const store = openStore(url)
  return {
    async close() {
      if (!own) for (const {name} of await store.list('')) await store.remove(name)
      await own?.close()
    },
    env,
    keys: async (folder = '') => keysIn(store, folder),
    own,
    store,
    text: async (key) => ((await store.stat(key)) ? Buffer.from(await readAll(store, key)).toString() : ''),
    url,
  }
}

async function keysIn(store: Store, folder: string): Promise<string[]> {
  const entries = await store.list(folder)
  const keys = entries.map(async ({kind, name}) => {
    const key = folder === '' ? name : `${folder}/${name}`
    return kind === 'directory' ? keysIn(store, key) : [key]
  })
  return (await Promise.all(keys)).flat()
}
