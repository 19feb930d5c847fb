/** Flags, files and variables that encrypt backups and open them. */
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'

import {newIdentity} from '../../src/codec/age/header.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from './fill.js'
import {cli, type CliRun, temporaryFolder} from './run-cli.js'

const OBJECTS = 20

let server: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let me: {identity: string; recipient: string}
let other: {identity: string; recipient: string}

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  folder = await temporaryFolder()
  ;[me, other] = await Promise.all([newIdentity(), newIdentity()])
  await writeFile(file('me.txt'), `# mine\n${me.identity}\n`)
  await writeFile(file('other.txt'), `${other.identity}\n`)
  await writeFile(file('to.txt'), `# who may read it\n${me.recipient}\n`)
  await fill(filler(server.url), 'Book', OBJECTS)
})
afterAll(async () => {
  await folder.remove()
  await server.close()
})

const file = (name: string): string => path.join(folder.path, name)

async function on(place: string, argv: readonly string[], env: Record<string, string> = {}): Promise<CliRun> {
  const run = await cli([...argv, '-o', file(place)], {
    WEAVIATE_GRPC_URL: server.grpcUrl!,
    WEAVIATE_URL: server.url,
    ...env,
  })
  for (const {identity} of [me, other]) expect(run.stdout + run.stderr).not.toContain(identity)
  return run
}

async function taken(place: string, flags: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const run = await on(place, ['col', 'backup', 'Book', ...flags, '--json'], env)
  expect(run, run.stderr + run.stdout).toMatchObject({code: 0})
  expect(run.json()).toMatchObject({encrypted: true, objectCount: OBJECTS})
  return (run.json() as {id: string}).id
}

it.each([
  ['--encrypt-to', () => ['--encrypt-to', me.recipient]],
  ['--recipients-file', () => ['--recipients-file', file('to.txt')]],
] as const)(
  '%s: the identity opens it, by flag and variable; without and with another nothing does',
  async (name, flags) => {
    const place = name.slice(2)
    const id = await taken(place, flags())
    expect((await on(place, ['backup', 'list'])).stdout).toContain('(encrypted)')
    for (const opening of [[], ['--identity', file('other.txt')]]) {
      for (const command of [
        ['backup', 'verify'],
        ['backup', 'show'],
        ['col', 'restore'],
      ]) {
        const run = await on(place, [...command, id, ...opening])
        expect(run, run.stderr + run.stdout).toMatchObject({code: 2})
      }
    }

    const verified = await on(place, ['backup', 'verify', id, '--identity', file('me.txt')])
    expect(verified, verified.stderr).toMatchObject({code: 0})
    expect(await on(place, ['backup', 'verify', id], {ELYSIACTL_IDENTITY: file('me.txt')})).toMatchObject({code: 0})
    // Without a server, nothing that is wrong with the settings of one matters.
    const quick = await on(place, ['backup', 'verify', id, '--quick'], {WEAVIATE_URL: 'ftp://x'})
    expect(quick, quick.stderr).toMatchObject({code: 0})
    const to = ['--identity', file('me.txt'), '--encrypt-to', other.recipient]
    expect(await on(place, ['backup', 'rekey', 'Book@latest', ...to])).toMatchObject({code: 0})
    expect(await on(place, ['backup', 'verify', id, '--identity', file('me.txt')])).toMatchObject({code: 2})
    expect(await on(place, ['backup', 'verify', id, '--identity', file('other.txt')])).toMatchObject({code: 0})
  },
)

it('a passphrase of the environment encrypts and opens', async () => {
  const env = {ELYSIACTL_PASSPHRASE: 'correct horse'}
  const id = await taken('passphrase', [], env)
  expect(await on('passphrase', ['backup', 'show', id])).toMatchObject({code: 2})
  const shown = await on('passphrase', ['backup', 'show', id], env)
  expect(shown, shown.stderr).toMatchObject({code: 0})
  expect(shown.stdout).not.toContain('correct horse')
})

it('--hide-names hides the name of the collection from who has no key', async () => {
  const id = await taken('hidden', ['--encrypt-to', me.recipient, '--hide-names'])
  const listed = await on('hidden', ['backup', 'list'])
  expect(listed.stdout).toContain('(hidden)')
  const ofBook = await on('hidden', ['backup', 'list', 'Book'])
  expect(ofBook.stderr).toContain('1 more backup hides what of, and may be of Book')
  expect((await on('hidden', ['backup', 'list', 'Book', '--identity', file('me.txt')])).stderr).not.toContain('hides')
  expect(listed.stdout).not.toContain('Book')
  const known = await on('hidden', ['backup', 'list', '--identity', file('me.txt')])
  expect(known.stdout).toContain(id.slice(0, 8))
  expect(known.stdout).toContain('Book')
})

it('an identity in the place of a recipient is refused and not repeated; so is what makes no sense', async () => {
  for (const flags of [
    ['--encrypt-to', me.identity],
    ['--encrypt-to', 'age1nonsense'],
    ['--hide-names'],
    ['--recipients-file', file('absent.txt')],
    ['--identity', me.identity],
  ]) {
    const run = await on('refused', ['col', 'backup', 'Book', ...flags])
    expect(run, flags[0]! + run.stdout).toMatchObject({code: 2})
  }

  // Nothing was written, not even the folder.
  expect((await on('refused', ['backup', 'list'])).stderr).toContain('There is no folder')
})
