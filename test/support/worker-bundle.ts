/** Threads of jobs that tests run from the sources: their file in one piece, made once for each test file, starts several times faster. */
import {build} from 'esbuild'
import {rm} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll} from 'vitest'

import {ENTRY} from '../../src/jobs/workers/thread.js'
import {root} from './root.js'

/** Called where tests are declared. `plant`: JavaScript that each thread runs once it has started. */
export function bundledWorker(plant = ''): {readonly file: string} {
  // Inside the project, where the packages that it imports are found.
  const file = path.join(root, '.tmp', `worker-${process.pid}.mjs`)
  beforeAll(async () => {
    await build({
      bundle: true,
      entryPoints: [path.join(root, 'src', 'worker.ts')],
      footer: {js: plant},
      format: 'esm',
      logLevel: 'error',
      outfile: file,
      packages: 'external',
      platform: 'node',
      target: 'node22',
    })
    ENTRY.file = file
  })
  afterAll(async () => {
    delete ENTRY.file
    await rm(file, {force: true})
  })
  return {file}
}

/** To be planted: a thread dies at its fourth call of the pass that the environment names. */
export const DIES_IN_PASS = `
let asked = 0
port.on('message', (message) => {
  if (message.payload?.what === process.env.TEST_DIES_IN && ++asked === 4) throw new Error('planted')
})
`
