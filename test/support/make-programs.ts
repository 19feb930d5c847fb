/** Before all tests: puts each program that tests start into one piece with all of src and most packages, once for all of them: so it starts sooner. */
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

/** Packages that no program here loads, or that are no JavaScript alone. */
const LEFT_OUT = [
  '@aws-sdk/*',
  '@azure/*',
  '@duckdb/*',
  '@google-cloud/*',
  'esbuild',
  'google-libphonenumber',
  'vitest',
  'weaviate-client',
]

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
    // What some packages call has no such name in modules.
    banner: {js: "import {createRequire as requireOf} from 'node:module'; const require = requireOf(import.meta.url);"},
    bundle: true,
    entryPoints: PROGRAMS,
    external: LEFT_OUT,
    format: 'esm',
    logLevel: 'error',
    outdir: folder,
    outExtension: {'.js': '.mjs'},
    platform: 'node',
    splitting: true,
    target: 'node22',
  })
  provide('programs', folder)
  return async () => rm(folder, {force: true, recursive: true})
}
