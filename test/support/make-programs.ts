/** Before all tests: puts each program that tests start into one piece with all of src, once for all of them. */
import type {TestProject} from 'vitest/node'

import {build} from 'esbuild'
import {rm} from 'node:fs/promises'
import path from 'node:path'

import {root} from './root.js'

/** By the names that `programFile` knows them by. */
const PROGRAMS = {
  hostile: 'test/fault/hostile-worker.ts',
  killed: 'test/fault/worker.ts',
  lease: 'test/store/lease-worker.ts',
  register: 'test/catalog/register-worker.ts',
  server: 'test/testing/serve-script.ts',
  /** Of jobs with several workers. */
  thread: 'src/worker.ts',
}

export type Program = keyof typeof PROGRAMS

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder that they are in. */
    programs: string
  }
}

export default async function makePrograms({provide}: Pick<TestProject, 'provide'>): Promise<() => Promise<void>> {
  // Inside the project, where the packages that they import are found; another run of tests has its own.
  const folder = path.join(root, '.tmp', `programs-${process.pid}`)
  await build({
    absWorkingDir: root,
    bundle: true,
    entryPoints: PROGRAMS,
    format: 'esm',
    logLevel: 'error',
    outdir: folder,
    outExtension: {'.js': '.mjs'},
    packages: 'external',
    platform: 'node',
    splitting: true,
    target: 'node22',
  })
  provide('programs', folder)
  return async () => rm(folder, {force: true, recursive: true})
}
