import {transform} from 'esbuild'
import {readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {defineConfig} from 'tsup'

/** One ESM build: the SDK's doors and oclif's command and hook files share their chunks. */
export default defineConfig({
  clean: true,
  dts: {entry: {codec: 'src/codec/index.ts', index: 'src/index.ts', testing: 'src/testing/index.ts'}},
  entry: {
    codec: 'src/codec/index.ts',
    'commands/backup/copy': 'commands/backup/copy.ts',
    'commands/backup/extend': 'commands/backup/extend.ts',
    'commands/backup/diff': 'commands/backup/diff.ts',
    'commands/backup/get': 'commands/backup/get.ts',
    'commands/backup/head': 'commands/backup/head.ts',
    'commands/backup/list': 'commands/backup/list.ts',
    'commands/backup/prune': 'commands/backup/prune.ts',
    'commands/backup/query': 'commands/backup/query.ts',
    'commands/backup/rekey': 'commands/backup/rekey.ts',
    'commands/backup/remove': 'commands/backup/remove.ts',
    'commands/backup/report': 'commands/backup/report.ts',
    'commands/backup/show': 'commands/backup/show.ts',
    'commands/backup/verify': 'commands/backup/verify.ts',
    'commands/col/backup': 'commands/col/backup.ts',
    'commands/col/clear': 'commands/col/clear.ts',
    'commands/col/copy': 'commands/col/copy.ts',
    'commands/col/diff': 'commands/col/diff.ts',
    'commands/col/restore': 'commands/col/restore.ts',
    'commands/col/verify': 'commands/col/verify.ts',
    'commands/complete': 'commands/complete.ts',
    'commands/completion': 'commands/completion.ts',
    'commands/doctor': 'commands/doctor.ts',
    'commands/job/cancel': 'commands/job/cancel.ts',
    'commands/job/create/backup': 'commands/job/create/backup.ts',
    'commands/job/create/restore': 'commands/job/create/restore.ts',
    'commands/job/list': 'commands/job/list.ts',
    'commands/job/show': 'commands/job/show.ts',
    'commands/job/work': 'commands/job/work.ts',
    'debug-output': 'src/cli/debug-output.ts',
    'hooks/command-not-found': 'hooks/command-not-found.ts',
    'hooks/connection': 'hooks/connection.ts',
    index: 'src/index.ts',
    'node-version': 'src/cli/node-version.ts',
    streams: 'src/cli/streams.ts',
    testing: 'src/testing/index.ts',
    worker: 'src/worker.ts',
  },
  format: 'esm',
  onSuccess: minifyPage,
  platform: 'node',
  splitting: true,
  target: 'node22',
})

/** The chunk of a report's page is ECharts but for a few lines: minified it takes less than half of its room. */
async function minifyPage(): Promise<void> {
  const name = (await readdir('dist')).find((each) => /^page-\w+\.js$/.test(each))
  if (name === undefined) throw new Error('There is no chunk of the page of `backup report` in dist.')
  const file = path.join('dist', name)
  const {code} = await transform(await readFile(file, 'utf8'), {format: 'esm', minify: true, target: 'node22'})
  await writeFile(file, code)
}
