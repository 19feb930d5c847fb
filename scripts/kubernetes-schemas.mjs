/* Checks deploy/kubernetes against the schemas of Kubernetes, version by version: kubernetes-validate carries them. Needs Python 3 and a network once. */
import {spawnSync} from 'node:child_process'
import {existsSync, readdirSync} from 'node:fs'
import path from 'node:path'
import process from 'node:process'

/** The versions in support, and the one that comes. */
const VERSIONS = ['1.34', '1.35', '1.36', '1.37']

const environment = path.join('.tmp', 'kubernetes-validate')
const validate = path.join(environment, 'bin', 'kubernetes-validate')
if (!existsSync(validate)) {
  must('python3', ['-m', 'venv', environment])
  must(path.join(environment, 'bin', 'pip'), ['install', '--quiet', 'kubernetes-validate'])
}

const folder = path.join('deploy', 'kubernetes')
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => path.join(folder, file))
for (const version of VERSIONS) must(validate, ['--strict', '-k', version, ...files])
console.log(`${files.length} files are as Kubernetes ${VERSIONS.join(', ')} has them.`)

function must(command, argv) {
  const {error, status} = spawnSync(command, argv, {stdio: 'inherit'})
  if (error) console.error(`${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}
