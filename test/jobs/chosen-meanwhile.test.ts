/** So many objects are asked for, and others come between the look that chooses them and their reading. */
import {beforeEach, expect, it} from 'vitest'

import {limit, sample, type Transform} from '../../src/flow/transform/index.js'
import {BackupManager, CopyManager, Verifier} from '../../src/index.js'
import {type Connection} from '../../src/weaviate/connection.js'
import {restDump, writeAll} from '../support/collections.js'
import {embeddedServers} from '../support/embedded-servers.js'

const NAME = 'ChosenMeanwhile'
const servers = embeddedServers()
const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`

let at: {connection: Connection; url: string}

beforeEach(async () => {
  at = await servers.start()
})

const range = (from: number, step: number, tenant?: string) =>
  Array.from({length: 12}, (_, index) => ({
    id: idOf(from + index * step),
    properties: {title: `text ${index}`},
    ...(tenant !== undefined && {tenant}),
  }))

async function fill(tenants: readonly string[]): Promise<void> {
  const {connection} = at
  await connection.createCollection({
    class: NAME,
    ...(tenants.length > 0 && {multiTenancyConfig: {enabled: true}}),
    properties: [{dataType: ['text'], name: 'title'}],
    vectorizer: 'none',
  })
  await connection.createTenants(
    NAME,
    tenants.map((name) => ({name, status: 'HOT' as const})),
  )
  for (const tenant of tenants.length > 0 ? tenants : [undefined])
    await writeAll(connection, NAME, range(1000, 10, tenant))
}

/** Before the first page of whole objects is read, some come before, between and after those that were looked at. */
function withArrivals(tenants: readonly string[]): Connection {
  let arrived: Promise<void> | undefined
  const arrive = async (): Promise<void> => {
    for (const tenant of tenants.length > 0 ? tenants : [undefined])
      await writeAll(at.connection, NAME, range(987, 15, tenant))
  }

  return new Proxy(at.connection, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target)
      if (typeof value !== 'function') return value
      if (member !== 'readPage') return (value as () => unknown).bind(target)
      return async (request: Parameters<Connection['readPage']>[0]) => {
        if (request.include === 'objects') await (arrived ??= arrive())
        return target.readPage(request)
      }
    },
  })
}

const CHOICES: Array<[string, () => Transform]> = [
  ['the first', () => limit(7)],
  ['the first, of fewer than that', () => limit(40)],
  ['a sample', () => sample(7, 'seed')],
  ['a sample, of fewer than that', () => sample(40, 'seed')],
]

it.each(CHOICES.flatMap(([name, make]) => [[], ['a', 'b']].map((tenants) => ({make, name, tenants}))))(
  'a backup has $name, and none beside them: tenants $tenants',
  async ({make, tenants}) => {
    await fill(tenants)
    const {directory} = servers
    const looked = await new BackupManager(at.connection, {directory}).backupCollection(NAME, {transforms: [make()]})
    expect(looked.objectCount).toBe(Math.min(make().record.objects as number, 12 * Math.max(1, tenants.length)))
    const manager = new BackupManager(withArrivals(tenants), {directory})
    const backup = await manager.backupCollection(NAME, {batchSize: 3, concurrency: 2, transforms: [make()]})
    expect(await at.connection.count(NAME, tenants[0])).toBeGreaterThan(12)
    expect(backup).toMatchObject({digest: looked.digest, objectCount: looked.objectCount})
    expect(await new Verifier({directory}).verifyBackup(backup.path)).toMatchObject({problems: []})
  },
)

it.each(CHOICES)('a copy has %s, and none beside them', async (_, make) => {
  await fill([])
  const manager = new CopyManager(withArrivals([]), at.connection, {directory: servers.directory})
  const transforms = [make()]
  const copied = await manager.copyCollection(NAME, {batchSize: 3, name: 'ChosenCopy', transforms, verify: true})
  const most = Math.min(make().record.objects as number, 12)
  expect(copied).toMatchObject({restored: most, verification: {equal: true}})
  expect((await restDump(at.url, 'ChosenCopy')).size).toBe(most)
})
