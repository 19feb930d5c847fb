import {defineConfig} from 'vitest/config'

export default defineConfig({
  test: {
    // @oclif/test captures stdout itself
    disableConsoleIntercept: true,
    include: ['test/**/*.test.ts'],
    // By default one core is left alone; most tests wait for servers and disks.
    maxWorkers: '100%',
    testTimeout: 30_000,
  },
})
