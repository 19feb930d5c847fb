/** Looking into backups; what a command says while it works, and what to do next. */
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler, objectId} from './fill.js'
import {cli, type CliRun, temporaryFolder} from './run-cli.js'

let server: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let place: string

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  folder = await temporaryFolder()
  place = path.join(folder.path, 'backups')
  const weaviate = filler(server.url)
  await fill(weaviate, 'Book', 30)
  await weaviate.request('POST', 'schema', {
    class: 'Note',
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: ['text'], name: 'text'}],
    vectorizer: 'none',
  })
  await weaviate.request('POST', 'schema/Note/tenants', [{name: 'a'}, {name: 'b'}])
  for (const tenant of ['a', 'b']) {
    const properties = {text: `of ${tenant} ${'long '.repeat(100)}`}
    await weaviate.request('POST', 'objects', {class: 'Note', id: objectId(1), properties, tenant})
  }
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

async function on(argv: readonly string[], env: Record<string, string> = {}): Promise<CliRun> {
  return cli([...argv, '-o', place], {WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url, ...env})
}

/** The words of a suggested command, without the program. */
function suggested(stderr: string, what: string): string[] {
  const [, line = ''] = new RegExp(`^${what}: elysia-data-ops (.*)$`, 'm').exec(stderr) ?? []
  return line.split(' ').slice(0, -2)
}

describe('looking into a backup', () => {
  it.each(['json', 'parquet', 'arrow'])('shows first objects and one by its id, from %s', async (format) => {
    expect(await on(['col', 'backup', 'Book', 'Note', '--format', format])).toMatchObject({code: 0})
    const head = await on(['backup', 'head', 'Book@latest', '-n', '3', '--json'])
    const {objects} = head.json() as {objects: Array<Record<string, unknown>>}
    expect(objects).toHaveLength(3)
    const wanted = await on(['backup', 'get', 'Book@latest', objectId(17), '--json'])
    expect(wanted.json()).toMatchObject({
      object: {
        created: expect.stringMatching(/^\d{4}-/) as string,
        id: objectId(17),
        properties: {rank: 17, title: 'Title 17'},
        vector: [1.7, 2.7, 3.7, 4.7, 5.7, 6.7, 7.7, 8.7],
      },
    })
    const lines = (await on(['backup', 'get', 'Book@latest', objectId(17).toUpperCase()])).stdout
    expect(lines).toMatch(/^ {2}vector {2}\[1\.7, 2\.7, 3\.7, 4\.7, …\] 8 dimensions$/m)
    const all = await on(['backup', 'head', 'Book@latest', '-n', '100', '--json'])
    expect((all.json() as {objects: unknown[]}).objects).toHaveLength(30)
  })

  it('tells tenants apart, cuts what is long, and says what is not there', async () => {
    const both = await on(['backup', 'get', 'Note@latest', objectId(1), '--json'])
    expect(both).toMatchObject({code: 2})
    expect(both.json()).toMatchObject({error: {details: {tenants: ['a', 'b']}, hint: 'Name one with --tenant: a, b.'}})
    const cut = await on(['backup', 'get', 'Note@latest', objectId(1), '--tenant', 'b'])
    expect(cut.stdout).toMatch(/text {2}of b long .*…$/m)
    const whole = await on(['backup', 'head', 'Note@latest', '--tenant', 'b', '--full'])
    expect(whole.stdout).toContain('long '.repeat(99).trim())
    expect(whole.stdout).not.toContain('of a')
    const missing = await on(['backup', 'get', 'Book@latest', objectId(999)])
    expect(missing).toMatchObject({code: 1})
    expect(missing.stderr).toContain('See some that are: elysia-data-ops backup head Book@latest')
    expect(await on(['backup', 'get', 'Book@latest', 'x'])).toMatchObject({code: 2})
  })
})

describe('a command', () => {
  it('says what to do next, and that works', async () => {
    const backup = await on(['col', 'backup', 'Book'])
    expect(backup.stdout).toMatch(/^Backed up Book: 30 objects/)
    const verified = await on(suggested(backup.stderr, 'Check it'))
    expect(verified).toMatchObject({code: 0, stdout: expect.stringMatching(/is whole/) as string})
    const dry = await on(['col', 'restore', 'Book@latest', '--name', 'BookCopy', '--dry-run'])
    const restored = await on(suggested(dry.stderr, 'Restore it'))
    expect(restored).toMatchObject({code: 0, stdout: expect.stringMatching(/^Restored BookCopy: 30/) as string})
    const compared = await on(suggested(restored.stderr, 'Compare it'))
    expect(compared).toMatchObject({code: 0, stdout: expect.stringMatching(/^BookCopy equals backup/) as string})
    expect((await on(['col', 'backup', 'Book', '-q'])).stderr).toBe('')
  })

  it('says one line a collection when there are many', async () => {
    const backup = await on(['col', 'backup', 'Book', 'Note'])
    const lines = backup.stdout.trimEnd().split('\n')
    expect(lines.map((line) => line.replace(/,.*/, ''))).toEqual([
      'Backed up Book: 30 objects',
      'Backed up Note: 2 objects',
      '2 collections: 32 objects',
    ])
    const verified = await on(suggested(backup.stderr, 'Check them'))
    expect(verified).toMatchObject({code: 0})
    expect(verified.stdout.trimEnd().split('\n')).toHaveLength(2)
  })

  it('shows progress as JSON, a document a line', async () => {
    const {stderr} = await on(['col', 'backup', 'Book', '--progress', 'json'])
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const backup = lines.filter(({stage}) => stage === 'backup')
    expect(backup[0]).toMatchObject({collection: 'Book', kind: 'begin', total: 30})
    expect(backup.at(-1)).toMatchObject({completed: 30, kind: 'end', seconds: expect.any(Number) as number})
    for (const {at, kind} of lines) {
      expect(['begin', 'end', 'progress', 'text', 'warning']).toContain(kind)
      expect(at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    }
  })

  it('tells of its calls with DEBUG, without secrets', async () => {
    const env = {DEBUG: 'elysia:*', ELYSIACTL_HEADERS: 'X-Own: secret-4711'}
    const {stderr} = await on(['col', 'backup', 'Book', '--dry-run'], env)
    expect(stderr).toMatch(/elysia:rest read the schema of Book: ok \d+ B [\d.]+ ms/)
    expect(stderr).toMatch(/elysia:grpc .*Book.*: ok [\d.]+ ms/)
    expect(stderr).not.toContain('secret-4711')
  })
})

describe('doctor', () => {
  it('says what it looked at, and what is amiss with its mend', async () => {
    const good = await on(['doctor', '--json'])
    expect(good.json()).toMatchObject({healthy: true})
    expect(good.code).toBe(0)
    const lines = (await on(['doctor'])).stdout
    expect(lines).toMatch(/^✔ REST and gRPC are one server, as objects of "Book" show\.$/m)
    const bad = await on(['doctor', '--url', 'http://127.0.0.1:9'])
    expect(bad).toMatchObject({code: 6})
    expect(bad.stdout).toMatch(/^✘ Cannot connect to http:\/\/127\.0\.0\.1:9.*\n {4}Check that the server runs/)
    expect(bad.stdout).toMatch(/^✔ Backups can be written to /m)
  })
})
