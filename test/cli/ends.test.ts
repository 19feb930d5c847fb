/** How commands end when the terminal, the disk behind stdout, or the reader of stderr is gone; and what DEBUG may show. */
import {spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import {readdir, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from './fill.js'
import {root, start, temporaryFolder} from './run-cli.js'

const KEY = 'ends-key-5f1d77'
let server: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  server = await startEmbeddedWeaviate({apiKeys: [KEY]})
  folder = await temporaryFolder()
  await fill(filler(server.url, KEY), 'Book', 200)
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

function backup(directory: string): string[] {
  const output = path.join(folder.path, directory)
  return ['col', 'backup', 'Book', '--url', server.url, '--grpc-url', server.grpcUrl!, '--api-key', KEY, '-o', output]
}

/** Runs a shell line with the commands's words as "$@". */
async function shell(line: string, argv: readonly string[]): Promise<{code: number | null; stderr: string}> {
  const words = [process.execPath, path.join(root, 'bin', 'run.js'), ...argv]
  const child = spawn('bash', ['-c', line, 'bash', ...words], {stdio: ['ignore', 'ignore', 'pipe']})
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve) => {
    child.once('close', (code) => {
      resolve({code, stderr})
    })
  })
}

describe('code of others that ends the program, or waits for what never comes', () => {
  it.each([
    [
      'process.exit(0)',
      'export const object = () => process.exit(0)',
      1,
      /^Error: The program ended before the command/m,
    ],
    [
      'a module that never loads',
      'await new Promise(() => {}); export const object = (object) => object',
      2,
      /^Error: The transform .* cannot be loaded: it waits for what never comes\.$/m,
    ],
  ])('%s is no success', async (name, text, exitCode, message) => {
    const transform = path.join(folder.path, 'ends.mjs')
    await writeFile(transform, text)
    const directory = name.replaceAll(/\W/g, '')
    const argv = [...backup(directory), '--transform', transform]
    const ended = await start(argv).done
    expect(ended.code).toBe(exitCode)
    expect(ended.stderr).toMatch(message)
    const asJson = await start([...argv, '--json']).done
    expect(asJson.code).toBe(exitCode)
    expect(asJson.json()).toMatchObject({error: {exitCode}})
  })
})

describe.skipIf(process.platform === 'win32')('ends', () => {
  it('does the whole backup when whoever reads stderr has left', async () => {
    const {code} = await shell('"$@" 2> >(true)', backup('unread'))
    expect(code).toBe(0)
    const names = await readdir(path.join(folder.path, 'unread'))
    expect(names.filter((name) => name.endsWith('.json') && name.startsWith('Book_'))).toHaveLength(1)
  })

  it.skipIf(!existsSync('/dev/full')).each(['backup list -o .', '--help', 'backup list --help', '--version'])(
    'says in a sentence that the output of %s could not be written, and ends with 1',
    async (words) => {
      const argv = words.split(' ').map((word) => (word === '.' ? folder.path : word))
      const {code, stderr} = await shell('"$@" > /dev/full', argv)
      expect(code).toBe(1)
      expect(stderr).toBe(
        'Error: The output could not be written (ENOSPC).\nWhat the command did stands; send its output to where there is room.\n',
      )
    },
  )

  it('shows no secret with DEBUG=*', async () => {
    const [scheme, host] = server.url.split('//', 2)
    const argv = [
      ...backup('debug').map((word) => (word === server.url ? `${scheme}//me:pass-9c3e1a@${host}` : word)),
      '--json',
    ]
    const {stderr, stdout} = await start(argv, {DEBUG: '*', WEAVIATE_API_KEY: 'environment-key-7'}).done
    expect(stderr).toContain('oclif')
    expect(stderr).toContain('***')
    for (const secret of [KEY, 'pass-9c3e1a', 'environment-key-7']) expect(stderr + stdout).not.toContain(secret)
  })

  it('refuses a place of a kind that is not known before it asks a server', async () => {
    const argv = ['col', 'backup', 'Book', '--url', 'http://127.0.0.1:9', '-o', 'ftp://host/x', '--json']
    const {code, json} = await start(argv).done
    expect(code).toBe(2)
    expect(json()).toMatchObject({error: {code: 'INVALID_INPUT', details: {scheme: 'ftp'}}})
    expect(existsSync('ftp:')).toBe(false)
  })

  it('finds the place of the backups in the environment', async () => {
    const output = path.join(folder.path, 'elsewhere')
    const argv = backup('x').slice(0, -2)
    const {code} = await start(argv, {ELYSIACTL_BACKUPS: output}).done
    expect(code).toBe(0)
    const {stdout} = await start(['backup', 'list', '--json'], {ELYSIACTL_BACKUPS: `file://${output}`}).done
    expect(JSON.parse(stdout)).toMatchObject({backups: [{collection: 'Book', objectCount: 200}], directory: output})
  })

  it('says which command or collection is near', async () => {
    const command = await start(['col', 'restor', 'x']).done
    expect(command.code).toBe(2)
    expect(command.stderr).toContain('elysia-data-ops col restore?')
    const collection = await start([...backup('x').with(2, 'bok'), '--json']).done
    expect(collection.code).toBe(5)
    expect(collection.json()).toMatchObject({error: {details: {near: ['Book']}, hint: 'Did you mean Book?'}})
  })
})
