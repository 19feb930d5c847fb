import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, expect, vi} from 'vitest'

import {LocalStore} from '../../../src/store/local/store.js'
import {storeSuite} from '../suite.js'

const tried = vi.hoisted(() => ({links: 0}))

// exFAT and some network shares have no hard links; none of them can be mounted everywhere.
vi.mock('node:fs/promises', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  async link() {
    tried.links++
    throw Object.assign(new Error('EPERM: operation not permitted, link'), {code: 'EPERM'})
  },
}))

storeSuite('LocalStore on a file system without hard links', async () => {
  const prefix = path.join(tmpdir(), 'data-ops-store-')
  const directory = await mkdtemp(prefix)
  return {
    cleanUp: async () => rm(directory, {recursive: true}),
    reopen: () => new LocalStore(directory),
    store: new LocalStore(directory),
  }
})

afterAll(() => {
  expect(tried.links).toBeGreaterThan(10)
})
