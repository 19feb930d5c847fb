/** Two servers that keep backups of one name in one place. */
import {afterEach, beforeEach, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from './fill.js'
import {cli, type CliRun, temporaryFolder} from './run-cli.js'

let large: EmbeddedWeaviate
let small: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>

beforeEach(async () => {
  large = await startEmbeddedWeaviate()
  small = await startEmbeddedWeaviate()
  await fill(filler(large.url), 'Book', 15)
  await fill(filler(small.url), 'Book', 2)
  folder = await temporaryFolder()
})

afterEach(async () => {
  await large.close()
  await small.close()
  await folder.remove()
})

async function run(words: string, on?: EmbeddedWeaviate, code = 0): Promise<CliRun> {
  const env = on && {WEAVIATE_GRPC_URL: on.grpcUrl!, WEAVIATE_URL: on.url}
  const done = await cli([...words.split(' '), '-o', folder.path], env)
  expect(done.code, `${words}: ${done.stdout}${done.stderr}`).toBe(code)
  return done
}

interface Entry {
  id: string
  objectCount: number
  path: string
  server: string
}

async function list(): Promise<Entry[]> {
  return (await run('backup list Book --json')).json().backups as Entry[]
}

const countsOf = (entries: Entry[]): number[] => entries.map(({objectCount}) => objectCount)
const refOf = ({url}: EmbeddedWeaviate): string => `Book@latest@${new URL(url).host}`

it('prune keeps the last of each; what a name stands for is said, and never another server is changed for it', async () => {
  for (const server of [large, large, small, small]) await run('col backup Book', server)
  const all = await list()
  expect(countsOf(all)).toEqual([2, 2, 15, 15])
  expect(all.map(({server}) => server.split(' on ', 1)[0])).toEqual([small.url, small.url, large.url, large.url])

  // Pruning.
  const pruned = (await run('backup prune --keep-last 1 --json')).json()
  expect(pruned).toMatchObject({groupBy: 'server,collection'})
  expect(countsOf(pruned.removed as Entry[])).toEqual([2, 15])
  const [ofSmall, ofLarge] = await list()
  expect(countsOf(await list())).toEqual([2, 15])
  const plan = await run('backup prune --keep-last 1 --dry-run')
  expect(plan.stdout).toContain('Counted each by itself; --group-by collection counts those of one name together:')
  expect(plan.stdout).toContain(`  Book of ${ofLarge!.server}: would keep 1, remove 0\n`)
  const together = (await run('backup prune --keep-last 1 --dry-run --group-by collection --json')).json()
  expect(countsOf(together.removed as Entry[])).toEqual([15])
  expect((await run('backup list')).stdout).toContain(ofLarge!.server)
  expect((await run(`backup show ${ofLarge!.id}`)).stdout).toContain(ofLarge!.server)

  // Restoring by name.
  const restored = await run('col restore Book@latest --name Copy --json', large)
  expect(restored.json()).toMatchObject({backupId: ofSmall!.id, restored: 2})
  expect(restored.stderr.replaceAll(/\s+/g, ' ')).toContain(
    `${ofSmall!.path} is taken, of ${ofSmall!.server}; there are backups of ${ofLarge!.server} too. Name the one that is meant: ${refOf(small)}`,
  )
  const named = await run(`col restore ${refOf(large)} --name Copy2 --json`, large)
  expect(named.json()).toMatchObject({backupId: ofLarge!.id, restored: 15})
  expect(named.stderr).not.toContain('is taken')
  const verified = await run(`col verify Book --against Book@latest --json`, large, 4)
  expect(verified.stderr.replaceAll(/\s+/g, ' ')).toContain(`of ${ofSmall!.server}`)
  await run(`col verify Book --against ${refOf(large)}`, large)
  const {json} = await run(`backup diff ${refOf(large)} ${refOf(small)} --json`, undefined, 4)
  expect(json()).toMatchObject({equal: false})

  // What changes something for good.
  const refused = await run('backup remove Book@latest --force --json', undefined, 2)
  expect(refused.json().error).toMatchObject({
    code: 'INVALID_INPUT',
    message: `Nothing is removed: ${ofSmall!.path} is of ${ofSmall!.server}, and there are backups of ${ofLarge!.server} too.`,
  })
  await run('col restore Book@latest --replace', large, 2)
  const paths = `${ofLarge!.path} ${ofSmall!.path}`
  await run(`col restore ${paths} --replace`, large, 2)
  const both = [ofLarge!.server, ofSmall!.server].toSorted().join(' and ')
  expect((await run(`backup verify ${paths}`)).stderr.replaceAll(/\s+/g, ' ')).toContain(`They are of ${both}.`)
  expect(countsOf(await list())).toEqual([2, 15])

  // A clear counts on a backup of its own alone.
  const cleared = (await run('col clear Book --backup-first --force --json', large)).json()
  expect(cleared).toMatchObject({backup: {objectCount: 15}, deleted: 15, remaining: 0})
  expect(countsOf(await list())).toEqual([15, 2, 15])
  await run(`backup remove ${refOf(small)} --force`)
  expect(countsOf(await list())).toEqual([15, 15])
})
