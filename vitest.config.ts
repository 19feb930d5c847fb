import {defineConfig} from 'vitest/config'

export default defineConfig({
  test: {
    // @oclif/test captures stdout itself
    disableConsoleIntercept: true,
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
  },
})
