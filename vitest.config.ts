import path from 'node:path'
import process from 'node:process'
import {configDefaults, defineConfig} from 'vitest/config'

// Packages and what is built are compiled once, not by each process that tests run in or start.
process.env.NODE_COMPILE_CACHE ??= path.join(import.meta.dirname, '.tmp', 'compile-cache')

/** They replace modules, or measure or change the process that they run in: each file has one of its own. */
export const ALONE = [
  'test/codec/parquet/hostile.test.ts',
  'test/codec/parquet/noted-source.test.ts',
  'test/flow/temporary-folder.test.ts',
  'test/jobs/restore/tenants.test.ts',
  'test/jobs/workers/thread.test.ts',
  'test/model/errors.test.ts',
  'test/store/gcs/early-end.test.ts',
  'test/store/local/local-without-links.test.ts',
  'test/store/local/store.test.ts',
  'test/store/s3/faults.test.ts',
  'test/weaviate/merged.test.ts',
  'test/weaviate/nodes.test.ts',
  'test/weaviate/same-server.test.ts',
]

const settings = {
  // @oclif/test captures stdout itself
  disableConsoleIntercept: true,
  expect: {poll: {timeout: 60_000}},
  // For what hangs, not for what is slow: many tests run processes, and a busy machine gives them a tenth of a core.
  hookTimeout: 120_000,
  testTimeout: 120_000,
}

export default defineConfig({
  test: {
    globalSetup: ['test/support/make-programs.ts', 'test/support/nothing-in-checkout.ts'],
    // By default one core is left alone; most tests wait for servers and disks.
    maxWorkers: '100%',
    projects: [
      {test: {...settings, include: ALONE, name: 'alone'}},
      {
        test: {
          ...settings,
          exclude: [...configDefaults.exclude, ...ALONE],
          include: ['test/**/*.test.ts'],
          // A process of its own for each file reads the same modules again: half a second to one of a core each.
          isolate: false,
          name: 'together',
          setupFiles: ['test/support/before-each-file.ts'],
        },
      },
    ],
  },
})
