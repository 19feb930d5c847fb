import path from 'node:path'
import process from 'node:process'
import {defineConfig} from 'vitest/config'

// Packages and what is built are compiled once, not by each process that tests run in or start.
process.env.NODE_COMPILE_CACHE ??= path.join(import.meta.dirname, '.tmp', 'compile-cache')

export default defineConfig({
  test: {
    // @oclif/test captures stdout itself
    disableConsoleIntercept: true,
    globalSetup: ['test/support/make-programs.ts'],
    include: ['test/**/*.test.ts'],
    // By default one core is left alone; most tests wait for servers and disks.
    maxWorkers: '100%',
    expect: {poll: {timeout: 60_000}},
    // For what hangs, not for what is slow: many tests run processes, and a busy machine gives them a tenth of a core.
    hookTimeout: 120_000,
    testTimeout: 120_000,
  },
})
