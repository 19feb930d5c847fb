/** Backups asked in SQL, of every format, from a folder, from S3, and encrypted. */
import {existsSync} from 'node:fs'
import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it, vi} from 'vitest'

import {newIdentity} from '../../src/codec/age/header.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {root} from '../support/root.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'
import {fill, filler, objectId} from './fill.js'
import {cli, type CliRun, start, temporaryFolder} from './run-cli.js'

const isThere = await import('@duckdb/node-api').then(() => true).catch(() => false)
if (!isThere) console.warn('SKIPPED: queries of backups, since @duckdb/node-api is not installed')

let server: EmbeddedWeaviate
let s3: S3Server
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let me: {identity: string; recipient: string}

const file = (name: string): string => path.join(folder.path, name)
const amended = path.join(root, 'test/fixtures/backups/CorpusParquet_2026-11-27_022312')

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  s3 = await startS3()
  folder = await temporaryFolder()
  me = await newIdentity()
  await mkdir(file('tmp'))
  await writeFile(file('me.txt'), me.identity)
  await fill(filler(server.url), 'Book', 30)
  await filler(server.url).request('POST', 'schema', {
    class: 'Odd',
    properties: [{dataType: ['text'], name: 'text'}],
    vectorizer: 'none',
  })
  const text = 'a "quote", a comma\nand a \u{7} second line'
  await filler(server.url).request('POST', 'objects', {class: 'Odd', id: objectId(1), properties: {text}})
})
afterAll(async () => {
  await server.close()
  await s3.close()
  await folder.remove()
})

/** Whatever was copied is gone once the command has ended. */
async function run(argv: readonly string[], place = file('backups')): Promise<CliRun> {
  const servers = {WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url}
  const done = await cli([...argv, '-o', place], {...s3.env, ...servers, TMPDIR: file('tmp')})
  expect(await readdir(file('tmp'))).toEqual([])
  return done
}

async function backup(collection: string, flags: readonly string[], place?: string): Promise<string> {
  const done = await run(['col', 'backup', collection, '--json', ...flags], place)
  expect(done, done.stdout + done.stderr).toMatchObject({code: 0})
  return (done.json() as {path: string}).path
}

async function ask(reference: string, sql: string, ...flags: string[]): Promise<CliRun> {
  return run(['backup', 'query', reference, sql, ...flags])
}

const COUNTED = [{far: 87, least: [0, 1, 2, 3, 4, 5, 6, 7], n: 30, ranks: 435}]
const COUNT = `select count(*) as n, sum(rank) as ranks, min(vector) as least, sum((rank > 27)::int * rank)::int + 30 as far from`

describe.skipIf(!isThere)('a backup is asked in SQL', () => {
  it.each([
    [['--format', 'parquet'], false],
    [['--format', 'arrow'], true],
    [['--format', 'json'], true],
    [['--format', 'json', '--compress'], true],
  ])('%s, by the name of the collection and as objects', async (flags, isCopied) => {
    const of = await backup('Book', flags)
    for (const table of ['Book', 'objects']) {
      const done = await ask(of, `${COUNT} ${table}`, '--json', '--progress', 'plain')
      expect(done, done.stdout + done.stderr).toMatchObject({code: 0})
      expect(done.json()).toMatchObject({path: of, rows: COUNTED})
      expect(done.stderr.includes('Copying')).toBe(isCopied)
    }
  })

  it('in a bucket, and encrypted, by a copy that is removed', async () => {
    const inBucket = await backup('Book', ['--format', 'parquet'], `s3://${BUCKET}/here`)
    expect((await ask(inBucket, `${COUNT} Book`, '--json')).json()).toMatchObject({rows: COUNTED})
    const encrypted = await backup('Book', ['--format', 'parquet', '--encrypt-to', me.recipient])
    const opened = await ask(encrypted, `${COUNT} Book`, '--json', '--identity', file('me.txt'))
    expect(opened.json()).toMatchObject({rows: COUNTED})
    expect(await ask(encrypted, 'select 1')).toMatchObject({code: 2})
  })

  it('without rows that are void', async () => {
    const {seal} = JSON.parse(await readFile(path.join(amended, 'metadata.json'), 'utf8')) as {
      seal: {amendments: unknown[]; object_count: number; statistics: {rows: number}}
    }
    expect(seal.statistics.rows).toBeGreaterThan(seal.object_count)
    const {rows} = (await ask(amended, 'select count(*) n, count(distinct id) ids from objects', '--json')).json()
    expect(rows).toEqual([{ids: seal.object_count, n: seal.object_count}])
  })

  it('as a table that ends, as CSV that does not, and as exact JSON', async () => {
    await backup('Book', ['--format', 'parquet'])
    const table = await ask('Book@latest', 'select rank, title from Book order by rank', '-n', '2')
    expect(table.stdout).toBe('rank  title\n   0  Title 0\n   1  Title 1\n')
    expect(table.stderr).toContain('The first 2 rows; all of them with --format csv or --json.')
    const whole = await ask('Book@latest', 'select rank, title from Book order by rank', '-n', '30')
    expect(whole.stdout.split('\n')).toHaveLength(32)
    expect(whole.stderr).not.toContain('The first')
    const csv = await ask('Book@latest', 'select rank, vector from Book order by rank', '--format', 'csv', '-n', '2')
    expect(csv.stdout.split('\n')).toHaveLength(32)
    expect(csv.stdout).toContain('\n17,"[1.7,2.7,3.7,4.7,5.7,6.7,7.7,8.7]"\n')
    const sql = `select 9007199254740993 as big, 1::bigint as a, 2 as a, null as "no", 'NaN'::double as nan where true`
    const {rows} = (await ask('Book@latest', sql, '--json')).json()
    expect(rows).toEqual([{a: 1, 'a:1': 2, big: '9007199254740993', nan: 'NaN', no: null}])
    expect((await ask('Book@latest', 'from Book where false')).stdout).toBe('No rows.\n')
  })

  it('with the plan of a query', async () => {
    const of = await backup('Book', ['--format', 'parquet'])
    for (const how of ['explain', 'EXPLAIN ANALYZE', 'explain (format json)', 'explain (analyze, format json)']) {
      expect(await ask(of, `${how} select count(*) from Book`)).toMatchObject({code: 0})
    }
  })

  it('with values that cannot steer a terminal, nor break CSV', async () => {
    const of = await backup('Odd', ['--format', 'parquet'])
    const csv = await ask(of, `select text, '' as empty, null as nothing from Odd`, '--format', 'csv')
    expect(csv.stdout).toBe('text,empty,nothing\n"a ""quote"", a comma\nand a \u{7} second line","",\n')
    expect((await ask(of, 'select text from Odd')).stdout).toBe(
      String.raw`text${'\n'}a "quote", a comma and a \x07 second line${'\n'}`,
    )
  })
})

describe.skipIf(!isThere)('nothing but reading, and nothing but the backup', () => {
  it.each([
    ['drop view Book', 'A backup is only read'],
    ['create table a (x int)', 'A backup is only read'],
    ['set threads = 1', 'A backup is only read'],
    ["attach 'other.db'", 'A backup is only read'],
    ['install httpfs', 'A backup is only read'],
    ["copy Book to 'FILE' (format parquet)", /A backup is only read|Permission Error/],
    ["explain analyze copy Book to 'FILE' (format parquet, use_tmp_file false)", 'A backup is only read'],
    ["explain (analyze) copy Book to 'FILE' (format csv, use_tmp_file false)", 'A backup is only read'],
    ["/* */ explain analyze copy Book to 'FILE' (format csv, use_tmp_file false)", 'A backup is only read'],
    ['explain analyze create table a as select 1', 'A backup is only read'],
    ["copy Book to '/tmp/out.csv'", /A backup is only read|Permission Error/],
    ["select * from read_text('/etc/passwd')", 'Permission Error'],
    ["select * from '/etc/passwd'", 'does not exist'],
    ["select * from read_parquet('http://127.0.0.1:9/x')", 'The query fails'],
    ["select * from glob('/*')", 'Permission Error'],
    ['select 1; select 2', 'These are 2 statements, and one is needed.'],
    [' ', 'There is no statement, and one is needed.'],
    ['selec', 'syntax error at or near "selec"'],
    ['select nope from Book', 'Referenced column "nope" not found'],
    ["select 'x'::int from Book", 'Could not convert'],
  ])('%s: refused with exit code 2, and the columns', async (sql, reason) => {
    const of = existsSync(file('only')) ? 'latest' : await backup('Book', ['--format', 'parquet'], file('only'))
    const place = path.dirname(of === 'latest' ? path.join(file('only'), 'x') : of)
    const part = path.join(
      place,
      (await readdir(place)).find((name) => name.startsWith('Book_'))!,
      'objects.parquet',
    )
    const before = await readFile(part)
    const done = await run(['backup', 'query', 'latest', sql.replace('FILE', () => part)], place)
    expect(done).toMatchObject({code: 2, stdout: ''})
    expect(done.stderr).toMatch(reason)
    expect(done.stderr).toContain('The table is Book, or objects, with columns id, title, rank;')
    expect(before.equals(await readFile(part))).toBe(true)
    expect(existsSync('/tmp/out.csv')).toBe(false)
  })

  it('a damaged part is damage, not a wrong query', async () => {
    const of = await backup('Book', ['--format', 'parquet'], file('damaged'))
    const part = path.join(of, 'objects.parquet')
    const bytes = await readFile(part)
    await writeFile(part, bytes.fill(0, bytes.length - 200))
    for (const flags of [[], ['--verify']]) {
      const done = await ask(of, 'select count(*) from Book', ...flags)
      expect(done).toMatchObject({code: 4, stdout: ''})
    }
  })
})

it.skipIf(!isThere)('a copy in the clear that a kill -9 left goes with the next command, and no sooner', async () => {
  const encrypted = await backup('Book', ['--format', 'parquet', '--encrypt-to', me.recipient])
  const env = {TMPDIR: file('tmp')}
  const endless = 'with recursive t(n) as (select 1 union all select n + 1 from t where n < 1e12) select max(n) from t'
  const query = start(['backup', 'query', encrypted, endless, '--identity', file('me.txt')], env)
  const clear = await vi.waitFor(
    async () => {
      const [copy] = await readdir(file('tmp'), {recursive: true}).then((all) =>
        all.filter((each) => each.endsWith('.parquet')),
      )
      const bytes = await readFile(path.join(file('tmp'), copy!))
      expect(bytes.subarray(-4).toString()).toBe('PAR1')
      return path.join(file('tmp'), copy!)
    },
    {interval: 20, timeout: 20_000},
  )
  expect(await cli(['backup', 'list', '-o', file('backups')], env)).toMatchObject({code: 0})
  expect(existsSync(clear)).toBe(true)
  query.kill('SIGKILL')
  await query.done
  expect(existsSync(clear)).toBe(true)
  expect(await cli(['backup', 'list', '-o', file('backups')], env)).toMatchObject({code: 0})
  expect(await readdir(file('tmp'))).toEqual([])
})

it('says how DuckDB is installed where it is not', async () => {
  const hook = `import {registerHooks} from 'node:module'
    registerHooks({resolve(name, context, next) {
      if (name !== '@duckdb/node-api') return next(name, context)
      throw Object.assign(new Error("Cannot find package '" + name + "'"), {code: 'ERR_MODULE_NOT_FOUND'})
    }})`
  const env = {NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}`}
  const done = await start(['backup', 'query', amended, 'select 1'], env).done
  expect(done).toMatchObject({code: 2, stdout: ''})
  expect(done.stderr).toContain('Queries need the package @duckdb/node-api, which is not installed.')
  expect(done.stderr).toMatch(/Install it: npm install --prefix \S+ @duckdb\/node-api/)
})
