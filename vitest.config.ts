import {defineConfig} from 'vitest/config'

export default defineConfig({
  test: {
    // @oclif/test captures stdout itself
    disableConsoleIntercept: true,
    include: ['test/**/*.test.ts'],
    // By default one core is left alone; most tests wait for servers and disks.
    maxWorkers: '100%',
    expect: {poll: {timeout: 60_000}},
    // For what hangs, not for what is slow: many tests run processes, and a busy machine gives them a tenth of a core.
    hookTimeout: 120_000,
    testTimeout: 120_000,
  },
})
