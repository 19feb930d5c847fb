/** What the threads of jobs were asked. */
import {readFile, rm} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll} from 'vitest'

import {temporaryDirectory} from './collections.js'
import {bundledWorker} from './worker-bundle.js'

/**
 * Called where tests are declared. Returns what gives all such calls since the last time, sorted: `rows 3`. `plant`: as of `bundledWorker`;
 * what was asked is its `call`, and its `payload`.
 */
export function listenToThreads(calls: readonly string[], plant = ''): () => Promise<string[]> {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>
  bundledWorker(String.raw`
import {appendFileSync} from 'node:fs'
port.on('message', ({call, payload}) => {
  if (${JSON.stringify(calls)}.includes(call)) appendFileSync(process.env.TEST_ASKED, call + ' ' + payload + '\n')
  ${plant}
})
`)
  beforeAll(async () => {
    directory = await temporaryDirectory()
    process.env.TEST_ASKED = path.join(directory.path, 'asked')
  })
  afterAll(async () => {
    delete process.env.TEST_ASKED
    await directory.remove()
  })
  return async () => {
    const asked = path.join(directory.path, 'asked')
    const lines = await readFile(asked, 'utf8').catch(() => '')
    await rm(asked, {force: true})
    return lines
      .split('\n')
      .filter((line) => line !== '')
      .sort()
  }
}
