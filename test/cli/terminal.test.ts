import {PassThrough} from 'node:stream'
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, type Filler, filler} from './fill.js'
import {cli, type CliRun, temporaryFolder} from './run-cli.js'

let server: EmbeddedWeaviate
let weaviate: Filler
let folder: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  weaviate = filler(server.url)
  folder = await temporaryFolder()
  await fill(weaviate, 'Book', 40)
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

const {isTTY} = process.stderr
const stdin = Object.getOwnPropertyDescriptor(process, 'stdin')!
afterEach(() => {
  process.stderr.isTTY = isTTY
  Object.defineProperty(process, 'stdin', stdin)
})

/** Runs a command as if on a terminal, where a person types a line; undefined: Ctrl-D. */
async function typing(line: string | undefined, ...argv: string[]): Promise<CliRun> {
  const keyboard = Object.assign(new PassThrough(), {isTTY: true, setRawMode: () => keyboard})
  Object.defineProperty(process, 'stdin', {configurable: true, value: keyboard})
  process.stderr.isTTY = true
  if (line === undefined) keyboard.end()
  else keyboard.write(`${line}\n`)
  return cli([...argv, '-o', folder.path], {
    CI: '',
    TERM: 'xterm',
    WEAVIATE_GRPC_URL: server.grpcUrl!,
    WEAVIATE_URL: server.url,
  })
}

describe('on a terminal', () => {
  it('clears nothing when another name, or none, is typed', async () => {
    for (const answer of ['book', 'yes', '', undefined]) {
      const {code, stderr, stdout} = await typing(answer, 'col', 'clear', 'Book')
      expect(stderr).toContain('This deletes 40 objects of Book. Type the name to confirm: ')
      expect(stderr).toContain('Error: Clearing Book was not confirmed; nothing was changed.')
      expect({code, stdout}).toEqual({code: 2, stdout: ''})
      expect(await weaviate.count('Book')).toBe(40)
    }
  })

  it('refuses what must not be cleared before it asks', async () => {
    const {code, stderr} = await typing('Book', 'col', 'clear', 'Book', '--protected', 'B*')
    expect(code).toBe(2)
    expect(stderr).not.toContain('Type the name')
    expect(await weaviate.count('Book')).toBe(40)
  })

  it('shows live progress, asks for the name, and clears', async () => {
    const backup = await typing(undefined, 'col', 'backup', 'Book')
    expect(backup.stderr).toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] Backing up Book/u)
    expect(backup.stderr).toMatch(/✔ Backing up Book: 40 objects/)
    const {code, stdout} = await typing('Book', 'col', 'clear', 'Book')
    expect(stdout).toMatch(/^Cleared Book: 40 objects/)
    expect(code).toBe(0)
    expect(await weaviate.count('Book')).toBe(0)
  })

  it('removes a backup only on a yes', async () => {
    const list = async () =>
      (await cli(['backup', 'list', '--json', '-o', folder.path])).json().backups as Array<{id: string}>
    const [{id} = {id: ''}] = await list()
    expect(await typing('no', 'backup', 'remove', id)).toMatchObject({code: 2})
    expect(await list()).toHaveLength(1)
    expect(await typing('yes', 'backup', 'remove', id)).toMatchObject({code: 0})
    expect(await list()).toEqual([])
  })
})
