/**
 * The commands of docs/guides run as they stand there, and do what the guide says. With WEAVIATE_BINARY on three nodes of that program, whose
 * vectorizer asks this file for vectors.
 */
import {once} from 'node:events'
import {readFile, writeFile} from 'node:fs/promises'
import {createServer, type Server} from 'node:http'
import {type AddressInfo} from 'node:net'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {startEmbeddedWeaviate} from '../../src/testing/index.js'
import {BINARY, startRealCluster} from '../fault/real-server.js'
import {fill, type Filler, filler} from './fill.js'
import {cli, type CliRun, root, temporaryFolder} from './run-cli.js'

const OBJECTS = 300
/** What is to become one shard, once. The embedded server has one node. */
const LARGE = {replicationConfig: {factor: BINARY ? 3 : 1}, shardingConfig: {desiredCount: 8}}

let server: {close: () => Promise<void>; grpcUrl?: string; url: string}
let weaviate: Filler
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let text: string

beforeAll(async () => {
  server = BINARY ? await realServer() : await startEmbeddedWeaviate({vectorize: ({rank}) => [Number(rank), 0, 0, 0]})
  weaviate = filler(server.url)
  folder = await temporaryFolder()
  text = await readFile(path.join(root, 'docs/guides/migrations.md'), 'utf8')
  await fill(weaviate, 'Article', OBJECTS, LARGE)
  await weaviate.request('POST', 'schema/Article/properties', {dataType: ['text'], name: 'author'})
  for (let index = 0; index < OBJECTS; index++) {
    const id = `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`
    await weaviate.request('PATCH', `objects/Article/${id}`, {class: 'Article', properties: {author: `a${index % 2}`}})
  }

  await fill(weaviate, 'CustomerA', 5)
  await fill(weaviate, 'CustomerB', 6)
  const [module] = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1]!)
  await writeFile(path.join(folder.path, 'shout.mjs'), module!)
})

afterAll(async () => {
  await server.close()
  await folder.remove()
})

/** With a vectorizer that makes the rank of an object its vector, from its title. */
async function realServer(): Promise<typeof server> {
  const inference = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
    })
    request.on('end', () => {
      if (request.method !== 'POST') {
        response.setHeader('content-type', 'application/json')
        response.end('{}')
        return
      }

      const asked = JSON.parse(Buffer.concat(chunks).toString()) as {text: string}
      const vector = [Number(/title (\d+)/i.exec(asked.text)?.[1]), 0, 0, 0]
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({dim: 4, text: asked.text, vector}))
    })
  })
  inference.listen(0, '127.0.0.1')
  await once(inference, 'listening')
  const {port} = inference.address() as AddressInfo
  const nodes = await startRealCluster({
    ENABLE_MODULES: 'text2vec-transformers',
    TRANSFORMERS_INFERENCE_API: `http://127.0.0.1:${port}`,
  })
  return {
    async close() {
      for (const node of nodes) await node.remove()
      await closed(inference)
    },
    grpcUrl: nodes[0].grpcUrl,
    url: nodes[0].url,
  }
}

async function closed(http: Server): Promise<void> {
  http.closeAllConnections()
  http.close()
  await once(http, 'close')
}

/** The commands of a section; the backups lie in a folder of the test's. */
function commandsOf(section: string): string[][] {
  const at = text.indexOf(section)
  expect(at).toBeGreaterThanOrEqual(0)
  const end = text.indexOf('\n## ', at + section.length)
  return [...text.slice(at, end === -1 ? undefined : end).matchAll(/^elysia-data-ops (.*)$/gm)].map((match) =>
    [...match[1]!.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!),
  )
}

async function run(argv: readonly string[], id = ''): Promise<CliRun> {
  const at = argv.indexOf('-o')
  const place = path.join(folder.path, at === -1 ? 'backups' : argv[at + 1]!)
  const rest = at === -1 ? argv : argv.filter((_, index) => index !== at && index !== at + 1)
  const words = rest.map((word) => {
    // The one that the program has.
    if (BINARY) word = word.replace('text2vec-contextionary', 'text2vec-transformers')
    return word === 'ID' ? id : word === 'shout.mjs' ? path.join(folder.path, word) : word
  })
  return cli([...words, '--json', '-o', place], {WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url})
}

async function runAll(section: string): Promise<Array<Record<string, unknown>>> {
  const results: Array<Record<string, unknown>> = []
  for (const argv of commandsOf(section)) {
    const done = await run(argv, results[0]?.id as string | undefined)
    expect(done, `${argv.join(' ')}: ${done.stderr}${done.stdout}`).toMatchObject({code: 0})
    results.push(done.json())
  }

  return results
}

async function objectsOf(name: string, tenant?: string): Promise<Array<Record<string, unknown>>> {
  const query = `objects?class=${name}&limit=1000&include=vector${tenant === undefined ? '' : `&tenant=${tenant}`}`
  const {objects} = (await weaviate.request('GET', query)) as {objects: Array<Record<string, unknown>>}
  return objects
}

describe('docs/guides/migrations.md', () => {
  it('backs the collection up', async () => {
    expect(await runAll('# Six migrations')).toMatchObject([{objectCount: OBJECTS}])
  })

  it('renames a property', async () => {
    expect(await runAll('## Rename a property')).toMatchObject([{restored: OBJECTS, verification: {equal: true}}])
    const objects = await objectsOf('ArticleRenamed')
    expect(objects).toHaveLength(OBJECTS)
    expect(objects[7]!.properties).toEqual({author: 'a1', headline: 'Title 7', rank: 7})
  })

  it('moves the unnamed vector to a named one', async () => {
    expect(await runAll('## From the unnamed vector')).toMatchObject([{verification: {equal: true}}])
    const [first, second] = await Promise.all([objectsOf('Article'), objectsOf('ArticleNamed')])
    expect(second.map(({vectors}) => (vectors as {main: unknown}).main)).toEqual(first.map(({vector}) => vector))
  })

  it('lets another vectorizer make new vectors, when that is allowed', async () => {
    const [argv] = commandsOf('## Another vectorizer')
    const refused = await run(argv!.filter((word) => word !== '--allow-vectorization'))
    expect(refused).toMatchObject({code: 2})
    expect(refused.json()).toMatchObject({error: {message: expect.stringContaining(`${OBJECTS} objects`) as string}})
    expect(await runAll('## Another vectorizer')).toMatchObject([{rejected: 0, restored: OBJECTS}])
    expect((await objectsOf('ArticleAnew'))[9]!.vector).toEqual([9, 0, 0, 0])
  })

  it('makes tenants of collections, and of values', async () => {
    await runAll('## One collection a customer')
    expect(await objectsOf('Customers', 'a')).toHaveLength(5)
    expect(await objectsOf('Customers', 'b')).toHaveLength(6)
    expect(await objectsOf('ArticleByAuthor', 'a0')).toHaveLength(OBJECTS / 2)
    expect(await objectsOf('ArticleByAuthor', 'a1')).toHaveLength(OBJECTS / 2)
  })

  it('takes fewer shards', async () => {
    expect(await weaviate.request('GET', 'schema/Article')).toMatchObject(LARGE)
    expect(await runAll('## Fewer shards')).toMatchObject([{restored: OBJECTS, verification: {equal: true}}])
    expect(await weaviate.request('GET', 'schema/ArticleSmall')).toMatchObject({
      replicationConfig: {factor: 1},
      shardingConfig: {actualCount: 1, desiredCount: 1},
    })
    const bare = async (name: string): Promise<unknown[]> =>
      (await objectsOf(name)).map(({id, properties, vector}) => ({id, properties, vector}))
    expect(await bare('ArticleSmall')).toEqual(await bare('Article'))
  })

  it('takes a sample, which is a part', async () => {
    const [backup, restored] = await runAll('## A sample')
    expect(backup).toMatchObject({partial: true})
    const count = backup!.objectCount as number
    expect(count).toBeGreaterThan(5)
    expect(count).toBeLessThan(50)
    expect(restored).toMatchObject({restored: count, verification: {equal: true}})
    const objects = await objectsOf('ArticleSample')
    expect(objects.every(({properties}) => (properties as {rank: number}).rank >= 100)).toBe(true)
    const listed = await cli(['backup', 'list', '-o', path.join(folder.path, 'sample')])
    expect(listed.stdout).toContain('(part)')
    const latest = await run(['col', 'restore', 'Article@latest', '-o', 'sample', '--name', 'ArticlePart'])
    expect(latest.code).not.toBe(0)
  })

  it('runs a module', async () => {
    expect(await runAll('## Anything else')).toMatchObject([{verification: {equal: true}}])
    expect((await objectsOf('ArticleShouting'))[3]!.properties).toMatchObject({title: 'TITLE 3'})
  })
})

it('what a dry run tells is what a person would look for', async () => {
  const place = path.join(folder.path, 'backups')
  const env = {WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url}
  const flags = ['--name', 'Dry', '--dry-run', '--rename', 'title=headline', '--drop', 'author', '--limit', '3']
  const {code, stdout} = await cli(['col', 'restore', 'Article@latest', ...flags, '-o', place], env)
  expect(code).toBe(0)
  expect(stdout).toContain('Could restore Dry: 3 objects')
  expect(stdout).toContain(`${OBJECTS} objects become 3, by limit, drop, rename`)
  expect(stdout).toContain('LEFT BEHIND under their names: title, author')
  expect(stdout).toMatch(/before: .*"title":"Title 0".*\n {2}after: .*"headline":"Title 0"/)
})

it('wrong input is a usage error that says what is wrong', async () => {
  for (const [flags, message] of [
    [['--where', 'rank >'], 'cannot be understood'],
    [['--rename', 'title'], 'not of the form old=new'],
    [['--rename', 'title=rank'], 'has a property "rank" already'],
    [['--ids', '/nowhere'], 'cannot be read: it does not exist.'],
    [['--transform', path.join(folder.path, 'nothing.mjs')], 'cannot be loaded'],
    [['--sample', '0%'], 'is none'],
  ] as const) {
    const done = await run(['col', 'restore', 'Article@latest', '--name', 'Wrong', ...flags])
    expect(done, flags.join(' ')).toMatchObject({code: 2})
    expect((done.json().error as {message: string}).message).toContain(message)
  }
})
