/** Threads of jobs that tests run from the sources: their file in one piece. */
import {rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {pathToFileURL} from 'node:url'
import {afterAll, beforeAll} from 'vitest'

import {ENTRY} from '../../src/jobs/workers/thread.js'
import {programFile} from './programs.js'
import {root} from './root.js'

/** Called where tests are declared. `plant`: JavaScript that each thread runs once it has started; the other side is its `port`. */
export function bundledWorker(plant = ''): {readonly file: string} {
  const thread = programFile('thread')
  const file = plant === '' ? thread : path.join(root, '.tmp', `worker-${process.pid}.mjs`)
  beforeAll(async () => {
    ENTRY.file = file
    if (plant === '') return
    const imports = [
      `import ${JSON.stringify(pathToFileURL(thread).href)}`,
      "import {parentPort as port} from 'node:worker_threads'",
    ]
    await writeFile(file, [...imports, plant].join('\n'))
  })
  afterAll(async () => {
    delete ENTRY.file
    if (plant !== '') await rm(file, {force: true})
  })
  return {file}
}

/** To be planted: a thread dies at its fourth call of the pass that the environment names. */
export const DIES_IN_PASS = `
let asked = 0
port.on('message', (message) => {
  const {TEST_DIES_IN: pass} = process.env
  if (pass !== undefined && message.payload?.what === pass && ++asked === 4) throw new Error('planted')
})
`
