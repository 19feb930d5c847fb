// The next version, from the changesets: CHANGELOG.md and package.json by changesets, then all that repeats the version. `--only-repeat` leaves the first step out.
import {spawnSync} from 'node:child_process'
import {readFileSync, writeFileSync} from 'node:fs'
import process from 'node:process'

function must(command, args) {
  const {status} = spawnSync(command, args, {shell: process.platform === 'win32', stdio: 'inherit'})
  if (status !== 0) process.exit(status ?? 1)
}

if (!process.argv.includes('--only-repeat')) must('npx', ['changeset', 'version'])
const {version} = JSON.parse(readFileSync('package.json', 'utf8'))
const file = 'src/model/version.ts'
const text = readFileSync(file, 'utf8')
const next = text.replace(/'[^']*'/, () => `'${version}'`)
if (!next.includes(`'${version}'`)) {
  console.error(`${file} has no version to replace`)
  process.exit(1)
}

writeFileSync(file, next)
must('npm', ['install', '--package-lock-only', '--ignore-scripts'])
must('npm', ['run', 'build'])
must('npm', ['run', 'manifest'])
must('npm', ['run', 'docs:cli'])
