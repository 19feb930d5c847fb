// Writes the table of docs/reliability.md from what test/fault has shown. Without arguments the tests run first, as `npm run test:fault` does.
// usage: node scripts/reliability-table.mjs [FILE.jsonl …]   WEAVIATE_BINARY=… adds the real server
import {spawnSync} from 'node:child_process'
import {existsSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import {fileURLToPath} from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const page = path.join(root, 'docs', 'reliability.md')
const START = '<!-- table: scripts/reliability-table.mjs -->'
const END = '<!-- /table -->'

const findings = (process.argv.length > 2 ? process.argv.slice(2) : [runTests()])
  .flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'))
  .map((line) => JSON.parse(line))
  // What happens at an object storage has a table of its own, of its campaign.
  .filter(({fault}) => !/\bS3\b/.test(fault))
const text = readFileSync(page, 'utf8')
const [before] = text.split(START)
const [, after] = text.split(END)
writeFileSync(page, `${before}${START}\n\n${table(findings)}\n\n${END}${after}`)

function runTests() {
  const file = path.join(root, '.tmp', 'reliability', 'findings.jsonl')
  mkdirSync(path.dirname(file), {recursive: true})
  rmSync(file, {force: true})
  const {status} = spawnSync('npm', ['run', 'test:fault'], {
    cwd: root,
    env: {...process.env, FAULT_REPORT: file},
    shell: process.platform === 'win32',
    stdio: 'inherit',
  })
  if (status !== 0 || !existsSync(file)) process.exit(status === 0 || status === null ? 1 : status)
  return file
}

function table(rows) {
  const order = ['backup', 'restore', 'clear', 'verify']
  const servers = {embedded: 'embedded', none: '—', real: 'Weaviate 1.39'}
  const key = ({fault, job, server}) => `${order.indexOf(job)} ${server} ${fault}`
  const sorted = rows.toSorted((a, b) => key(a).localeCompare(key(b)))
  const sum = (member) => rows.reduce((total, row) => total + row[member], 0)
  const lines = sorted.map(
    ({fault, job, note = '', objectsLost, server, times, wronglyListed}) =>
      `| ${job} | ${fault} | ${servers[server]} | ${count(times)} | ${objectsLost} | ${wronglyListed} | ${note} |`,
  )
  return [
    '| job | fault | server | times | objects lost | wrongly listed as good | |',
    '| --- | --- | --- | ---: | ---: | ---: | --- |',
    ...lines,
    `| **all** | | | **${count(sum('times'))}** | **${sum('objectsLost')}** | **${sum('wronglyListed')}** | |`,
  ].join('\n')
}

function count(value) {
  return value.toLocaleString('en')
}
