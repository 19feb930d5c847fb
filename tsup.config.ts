import {defineConfig} from 'tsup'

/** One ESM build: the SDK's doors and oclif's command and hook files share their chunks. */
export default defineConfig({
  clean: true,
  dts: {entry: {codec: 'src/codec/index.ts', index: 'src/index.ts', testing: 'src/testing/index.ts'}},
  entry: {
    codec: 'src/codec/index.ts',
    'commands/backup/extend': 'commands/backup/extend.ts',
    'commands/backup/get': 'commands/backup/get.ts',
    'commands/backup/head': 'commands/backup/head.ts',
    'commands/backup/list': 'commands/backup/list.ts',
    'commands/backup/prune': 'commands/backup/prune.ts',
    'commands/backup/rekey': 'commands/backup/rekey.ts',
    'commands/backup/remove': 'commands/backup/remove.ts',
    'commands/backup/report': 'commands/backup/report.ts',
    'commands/backup/show': 'commands/backup/show.ts',
    'commands/backup/verify': 'commands/backup/verify.ts',
    'commands/col/backup': 'commands/col/backup.ts',
    'commands/col/clear': 'commands/col/clear.ts',
    'commands/col/restore': 'commands/col/restore.ts',
    'commands/col/verify': 'commands/col/verify.ts',
    'commands/doctor': 'commands/doctor.ts',
    'debug-output': 'src/cli/debug-output.ts',
    'hooks/command-not-found': 'hooks/command-not-found.ts',
    'hooks/connection': 'hooks/connection.ts',
    index: 'src/index.ts',
    testing: 'src/testing/index.ts',
  },
  format: 'esm',
  platform: 'node',
  splitting: true,
  target: 'node22',
})
