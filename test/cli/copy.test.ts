/** `col copy` and `col diff` between two servers, each with a key of its own. */
import {readdir} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout} from 'node:timers/promises'
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from './fill.js'
import {cli, type CliRun, start, temporaryFolder} from './run-cli.js'

const KEYS = {a: 'key-of-the-first', b: 'key-of-the-second'}

let a: EmbeddedWeaviate
let b: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let latency = 0

beforeAll(async () => {
  a = await startEmbeddedWeaviate({
    apiKeys: [KEYS.a],
    async onRequest() {
      if (latency > 0) await setTimeout(latency)
    },
  })
  b = await startEmbeddedWeaviate({apiKeys: [KEYS.b]})
  await fill(filler(a.url, KEYS.a), 'Book', 300)
  folder = await temporaryFolder()
})

afterEach(async () => {
  latency = 0
  await filler(b.url, KEYS.b).request('DELETE', 'schema/Book')
})

afterAll(async () => {
  await a.close()
  await b.close()
  await folder.remove()
})

const from = (): Record<string, string> => ({
  WEAVIATE_API_KEY: KEYS.a,
  WEAVIATE_GRPC_URL: a.grpcUrl ?? '',
  WEAVIATE_URL: a.url,
})
const both = (): Record<string, string> => ({
  ...from(),
  ELYSIACTL_TO_API_KEY: KEYS.b,
  ELYSIACTL_TO_GRPC_URL: b.grpcUrl ?? '',
  ELYSIACTL_TO_URL: b.url,
})
const copy = async (argv: readonly string[], env = both()): Promise<CliRun> =>
  cli(['col', 'copy', ...argv, '-o', path.join(folder.path, 'places'), '--json'], env)

describe('col copy', () => {
  it('copies to the second server, by the environment', async () => {
    const run = await copy(['Book', '--verify'])
    expect(run.code).toBe(0)
    expect(run.json()).toMatchObject({
      collection: 'Book',
      complete: true,
      restored: 300,
      source: {collection: 'Book', server: a.url},
      verification: {equal: true},
    })
    expect(await filler(b.url, KEYS.b).count('Book')).toBe(300)
  })

  it('copies to the second server, by flags, and says what it did in words', async () => {
    const flags = ['--to-url', b.url, '--to-grpc-url', b.grpcUrl ?? '', '--to-api-key', KEYS.b]
    const run = await cli(['col', 'copy', 'Book', ...flags, '-o', path.join(folder.path, 'places')], from())
    expect(run.code).toBe(0)
    expect(run.stdout).toMatch(/^Copied Book: 300 objects/)
    expect(run.stdout).toContain(`Book at ${a.url}`)
    expect(run.stdout + run.stderr).not.toContain(KEYS.b)
  })

  it('refuses the source itself, with exit code 2, and what needs an address, or one name for several', async () => {
    for (const [argv, env, message] of [
      [['Book'], from(), `The target is the source: the collection "Book" at ${a.url}.`],
      [['Book', 'Book', '--merge'], from(), `The target is the source: the collection "Book" at ${a.url}.`],
      [['Book', '--to-api-key', KEYS.b], from(), '--to-api-key is of a second server, of which there is no address.'],
      [['Book'], {...from(), ELYSIACTL_TO_TRANSPORT: 'grpc'}, 'ELYSIACTL_TO_TRANSPORT is of a second server'],
      [['Book'], {...both(), ELYSIACTL_TO_URL: 'ftp://x'}, 'ELYSIACTL_TO_URL gives an address that is not http'],
      [['Bo*', 'Other'], both(), 'TARGET needs a single source.'],
      [[], both(), 'SOURCE is missing.'],
    ] as Array<[string[], Record<string, string>, string]>) {
      const run = await copy(argv, env)
      expect(run.code, run.stdout).toBe(2)
      const {error} = run.json() as {error: {message: string}}
      expect(error.message).toContain(message)
    }

    expect(await readdir(path.join(folder.path, 'places')).catch(() => [])).toEqual([])
  })

  it('says of which server the credentials were refused, and who gave them', async () => {
    const wrong = await copy(['Book', '--to-api-key', 'wrong-key-of-nobody'])
    expect(wrong.code).toBe(6)
    const {error} = wrong.json() as {error: {details: {settings: unknown}; hint: string}}
    expect(error.details.settings).toMatchObject({apiKey: {from: '--to-api-key', value: '***'}, url: {value: b.url}})
    expect(error.hint).toContain('The credentials came from --to-api-key.')
    expect(wrong.stdout + wrong.stderr).not.toContain('wrong-key-of-nobody')
  })

  it('names the server of every failure, whichever of both it is, and never a secret', async () => {
    const closed = 'http://127.0.0.1:1'
    const readOnly = await startEmbeddedWeaviate({apiKeys: [KEYS.b], readOnlyApiKeys: ['key-that-reads']})
    const reading = {ELYSIACTL_TO_API_KEY: 'key-that-reads', ELYSIACTL_TO_GRPC_URL: readOnly.grpcUrl ?? ''}
    const wrong = 'wrong-key-of-nobody'
    try {
      for (const [env, which, message, hint] of [
        [{WEAVIATE_API_KEY: wrong}, 'source', `Source: Cannot connect to ${a.url}`, 'came from WEAVIATE_API_KEY'],
        [
          {ELYSIACTL_TO_API_KEY: wrong},
          'target',
          `Target: Cannot connect to ${b.url}`,
          'came from ELYSIACTL_TO_API_KEY',
        ],
        [
          {ELYSIACTL_TO_API_KEY: ''},
          'target',
          `Target: Cannot connect to ${b.url}`,
          'ELYSIACTL_TO_API_KEY or --to-api-key',
        ],
        [{WEAVIATE_URL: closed}, 'source', `Source: Cannot connect to ${closed}`, 'came from WEAVIATE_URL'],
        [{ELYSIACTL_TO_URL: closed}, 'target', `Target: Cannot connect to ${closed}`, 'came from ELYSIACTL_TO_URL'],
        // One address, two keys.
        [{ELYSIACTL_TO_URL: a.url}, 'target', `Target: Cannot connect to ${a.url}`, 'came from ELYSIACTL_TO_API_KEY'],
        [
          {...reading, ELYSIACTL_TO_URL: readOnly.url},
          'target',
          `Target (${readOnly.url}): Cannot create`,
          'came from ELYSIACTL_TO_API_KEY',
        ],
      ] as Array<[Record<string, string>, string, string, string]>) {
        const run = await copy(['Book'], {...both(), ...env})
        const {error} = run.json() as {error: {details: unknown; hint: string; message: string}}
        expect({...error, code: run.code}).toMatchObject({code: 6, details: {which}})
        expect(error.message).toContain(message)
        expect(error.hint).toContain(hint)
        expect(run.stdout + run.stderr).not.toMatch(/wrong-key-of-nobody|key-that-reads|key-of-the-/)
      }

      const differing = await cli(['col', 'diff', 'Book', '--json'], {...both(), ELYSIACTL_TO_API_KEY: wrong})
      expect(differing.code).toBe(6)
      expect(differing.json()).toMatchObject({
        error: {details: {which: 'second'}, message: expect.stringMatching(/^Second server: Cannot connect/) as string},
      })
    } finally {
      await readOnly.close()
    }
  })

  it('goes on after Ctrl-C with the command that it names', async () => {
    latency = 15
    const place = path.join(folder.path, 'interrupted')
    await filler(a.url, KEYS.a).request('POST', 'aliases', {alias: 'Shelf', class: 'Book'})
    const more = ['-o', place, '--batch-size', '10', '--concurrency', '1']
    // The alias need not be that collection's by then.
    const first = start(['col', 'copy', 'Shelf', ...more], both())
    while (
      (await filler(b.url, KEYS.b)
        .count('Book')
        .catch(() => 0)) < 60
    ) {
      await setTimeout(20)
    }

    first.kill('SIGINT')
    const stopped = await first.done
    expect(stopped.code).toBe(130)
    expect(stopped.stderr).toContain(`To continue: elysia-data-ops col copy Book -o ${place} --batch-size 10`)
    latency = 0
    await filler(a.url, KEYS.a).request('DELETE', 'aliases/Shelf')
    const run = await cli(['col', 'copy', 'Book', ...more, '--verify', '--json'], both())
    const {restored, resumed, verification} = run.json() as {restored: number; resumed: number; verification: unknown}
    expect({code: run.code, sum: restored + resumed, verification}).toMatchObject({
      code: 0,
      sum: 300,
      verification: {equal: true},
    })
    expect(resumed).toBeGreaterThanOrEqual(60)
  })
})

describe('col diff and backup diff', () => {
  const diff = async (argv: readonly string[]): Promise<CliRun> => cli(['col', 'diff', ...argv], both())

  it('end with 0 where all is equal, and with 4 and what differs where not', async () => {
    expect((await copy(['Book'])).code).toBe(0)
    const same = await diff(['Book'])
    expect(same.code).toBe(0)
    expect(same.stdout).toContain(`Book at ${b.url} equals Book at ${a.url}: 300 objects\n  digest  `)
    const second = filler(b.url, KEYS.b)
    await second.request('DELETE', 'objects/Book/00000000-0000-4000-8000-000000000003')
    await second.request('PATCH', 'objects/Book/00000000-0000-4000-8000-000000000004', {
      class: 'Book',
      properties: {title: 'Another'},
    })
    const json = await diff(['Book', 'Book', '--json'])
    expect(json.code).toBe(4)
    expect(json.json()).toMatchObject({
      a: {collection: 'Book', server: a.url},
      counts: {different: 1, extra: 0, missing: 1},
      differences: [{state: 'missing'}, {members: ['title'], state: 'different'}],
      equal: false,
    })
    const words = await diff(['Book', 'Book'])
    expect(words.code).toBe(4)
    expect(words.stdout).toContain('different 00000000-0000-4000-8000-000000000004: title')
  })

  it('compare a collection with none but another: alone, without a second server, it is refused', async () => {
    const alone = await cli(['col', 'diff', 'Book'], from())
    expect(alone).toMatchObject({code: 2, stderr: expect.stringContaining('--to-url') as string})
    const itself = await cli(['col', 'diff', 'Book', 'Book'], from())
    expect(itself).toMatchObject({code: 0, stderr: expect.stringContaining('is compared with itself') as string})
  })

  it('compare backups, and end with 5 or 2 where one of both is not there', async () => {
    const place = path.join(folder.path, 'backups')
    const of = ['col', 'backup', 'Book', '-o', place, '--json']
    const [one, two] = [await cli(of, from()), await cli([...of, '--limit', '299'], from())]
    const id = (run: CliRun): string => (run.json() as {id: string}).id
    const run = await cli(['backup', 'diff', id(one), id(two), '-o', place, '--json'])
    expect(run.code).toBe(4)
    expect(run.json()).toMatchObject({counts: {different: 0, extra: 0, missing: 1}})
    const itself = await cli(['backup', 'diff', id(one), id(one), '-o', place])
    expect(itself).toMatchObject({code: 0, stderr: expect.stringContaining('is compared with itself') as string})
    expect(run.stderr).not.toContain('itself')
    const bare = await cli([...of, '--schema-only'], from())
    const unknown = await cli(['backup', 'diff', id(one), id(bare), '-o', place])
    expect(unknown).toMatchObject({code: 3, stdout: expect.stringContaining('is not known to equal') as string})
    expect(unknown.stdout).toContain('NOT compared: the objects')
    expect((await cli(['backup', 'diff', id(one), 'ffffff', '-o', place])).code).toBe(2)
    expect((await diff(['Book'])).code).toBe(5)
  })
})
