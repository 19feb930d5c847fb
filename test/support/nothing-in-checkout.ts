/** Around all tests: what is meant for a folder of its own must not land in the default one, below wherever the tests run. */
import {lstat} from 'node:fs/promises'
import path from 'node:path'

import {DEFAULT_DIRECTORY} from '../../src/jobs/options.js'
import {root} from './root.js'

export default async function nothingInCheckout(): Promise<() => Promise<void>> {
  const folder = path.join(root, DEFAULT_DIRECTORY)
  const changed = async (): Promise<number | undefined> => (await lstat(folder).catch(() => undefined))?.mtimeMs
  const before = await changed()
  return async () => {
    if ((await changed()) === before) return
    // An error here is printed, and does not end the run as failed.
    process.exitCode = 1
    throw new Error(`A test has written to ${folder}: each gives its managers, and commands, a folder of its own.`)
  }
}
