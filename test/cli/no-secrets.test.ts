/** Addresses with a user and a password, right and mistyped, wherever one may be said: none is printed, whatever comes of it. */
import {rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'

import {cli, temporaryFolder} from './run-cli.js'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(async () => {
  await folder.remove()
})

// Port 1 refuses. The secrets are short ones too, which are not looked for in sentences.
const ADDRESSES: ReadonlyArray<[address: string, ...secrets: string[]]> = [
  ['http://user:p@ss@127.0.0.1:1', 'p@ss', 'ss@'],
  ['https://u:p%40q9@127.0.0.1:1/path', 'p%40q9', 'p@q9'],
  ['http:/me:sec-7@127.0.0.1:1', 'sec-7'],
  ['http:me:sec-7@127.0.0.1:1', 'sec-7'],
  ['http://tok-77en@127.0.0.1:1', 'tok-77en'],
  ['http://me:pa/ss,9@127.0.0.1:1', 'pa/ss,9', 'ss,9'],
  ['me:sec-7@127.0.0.1:1', 'sec-7'],
  ['grpcs://me:sec-7@127.0.0.1:1', 'sec-7'],
  ['s3://key7:sec/ret7@bucket/prefix', 'sec/ret7', 'ret7'],
  ['az://key7:sec7@account/container', 'sec7@', ':sec7'],
  ['ftp://me:sec-7@host/a', 'sec-7'],
]

const STATED: ReadonlyArray<[where: string, argv: (address: string) => string[], variable?: string]> = [
  ['--url', (address) => ['col', 'backup', 'Nothing', '--url', address]],
  ['--url=', (address) => ['doctor', `--url=${address}`]],
  ['--grpc-url', (address) => ['col', 'backup', 'Nothing', '--url', 'http://127.0.0.1:1', '--grpc-url', address]],
  ['--node', (address) => ['col', 'backup', 'Nothing', '--url', 'http://127.0.0.1:1', '--node', address]],
  ['--to-url', (address) => ['col', 'copy', 'Nothing', '--url', 'http://127.0.0.1:1', '--to-url', address]],
  ['-o', (address) => ['backup', 'list', '-o', address]],
  ['--to', (address) => ['backup', 'copy', 'latest', '--to', address]],
  [
    '--checkpoint-dir',
    (address) => ['col', 'copy', 'A', 'B', '--checkpoint-dir', address, '--url', 'http://127.0.0.1:1'],
  ],
  ['a reference', (address) => ['backup', 'show', address]],
  ['--against', (address) => ['col', 'verify', 'Nothing', '--against', address]],
  ['--schema-from', (address) => ['col', 'restore', 'x', '--schema-from', address]],
  ['a name', (address) => ['col', 'backup', address, '--url', 'http://127.0.0.1:1']],
  ['WEAVIATE_URL', () => ['col', 'backup', 'Nothing'], 'WEAVIATE_URL'],
  ['WEAVIATE_GRPC_URL', () => ['doctor'], 'WEAVIATE_GRPC_URL'],
  ['ELYSIACTL_NODES', () => ['col', 'backup', 'Nothing', '--url', 'http://127.0.0.1:1'], 'ELYSIACTL_NODES'],
  ['ELYSIACTL_BACKUPS', () => ['backup', 'list'], 'ELYSIACTL_BACKUPS'],
  ['ELYSIACTL_TO_URL', () => ['col', 'copy', 'A', '--url', 'http://127.0.0.1:1'], 'ELYSIACTL_TO_URL'],
]

it('nor for a folder that is called so', async () => {
  const place = `me:sec-7@${path.basename(folder.path)}`
  const {stdout} = await cli(['doctor', '-o', place], {WEAVIATE_URL: 'http://127.0.0.1:1'})
  await rm(place, {recursive: true})
  expect(stdout).toContain('Backups can be written to ***')
  expect(stdout).not.toContain('sec-7')
})

it.each(STATED)('%s', async (_, argv, variable) => {
  for (const [address, ...secrets] of ADDRESSES) {
    for (const more of [[], ['--json']]) {
      const env = {
        ELYSIACTL_BACKUPS: folder.path,
        WEAVIATE_URL: 'http://127.0.0.1:1',
        ...(variable && {[variable]: address}),
      }
      const {stderr, stdout} = await cli([...argv(address), ...more], env)
      for (const secret of secrets) expect(stdout + stderr, `${address} ${more.join(' ')}`).not.toContain(secret)
    }
  }
})

it.each([
  ['weaviate', 'endpoint'],
  ['weaviate', 'grpc_endpoint'],
  ['weaviate', 'nodes'],
  ['backups', 'location'],
])('%s.%s of a settings file', async (part, member) => {
  for (const [address, ...secrets] of ADDRESSES) {
    // A folder may be called so.
    if (member === 'location' && address.startsWith('me:')) continue
    const file = path.join(folder.path, 'settings.yaml')
    const value = JSON.stringify(member === 'nodes' ? [address] : address)
    await writeFile(file, `${part}:\n  ${member}: ${value}\n`)
    for (const argv of [
      ['col', 'backup', 'Nothing'],
      ['backup', 'list', '--json'],
      ['doctor', '--json'],
    ]) {
      const env = {
        ...(member !== 'endpoint' && {WEAVIATE_URL: 'http://127.0.0.1:1'}),
        ...(member !== 'location' && {ELYSIACTL_BACKUPS: folder.path}),
      }
      const {stderr, stdout} = await cli([...argv, '--config', file], env)
      for (const secret of secrets) expect(stdout + stderr, `${address} ${argv.join(' ')}`).not.toContain(secret)
    }
  }
})
