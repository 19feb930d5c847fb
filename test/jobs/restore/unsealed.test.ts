/** Backups that were reformatted, edited or exchanged: everything that is there is restored, or it is an error; never less in silence. */
import {createHash} from 'node:crypto'
import {cp, readdir, readFile, rename, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {gunzipSync, gzipSync} from 'node:zlib'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {partName} from '../../../src/archive/names.js'
import {BackupCatalog} from '../../../src/catalog/catalog.js'
import {openArchive} from '../../../src/catalog/locate.js'
import {type Amendment, type BackupSeal, documentTail, sealLine} from '../../../src/codec/document.js'
import {RestoreManager} from '../../../src/jobs/restore/manager.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {connect} from '../../../src/weaviate/connect.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {makeBackup, makeObject, makeObjects, SCHEMA, TENANT_SCHEMA, uuid} from '../verify/backups.js'

let server: TestServer
let connection: Connection
let folder: Awaited<ReturnType<typeof temporaryDirectory>>
let restores: RestoreManager

beforeAll(async () => {
  server = await startTestServer()
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
})

afterAll(async () => {
  await connection.close()
  await server.close()
})

beforeEach(async () => {
  folder = await temporaryDirectory()
  restores = new RestoreManager(connection, {directory: folder.path})
})

afterEach(async () => {
  await connection.deleteCollection('Docs')
  await folder.remove()
})

const PARTS = [
  {compress: false, format: 'parquet'},
  {compress: true, format: 'parquet'},
  {compress: false, format: 'arrow'},
] as const
const ALL = [{compress: false, format: 'json'}, {compress: true, format: 'json'}, ...PARTS] as const

/** 50 objects; in three parts where there are parts. */
async function fifty(kind: (typeof ALL)[number]): Promise<string> {
  const objects = makeObjects(50)
  return makeBackup(kind, SCHEMA, [objects.slice(0, 20), objects.slice(20, 40), objects.slice(40)], {
    directory: folder.path,
  })
}

/** A document, as far as it is changed here. */
interface Json {
  metadata: {backup_id: string; options: {include_data: boolean}; tenants?: unknown}
  object_count: number
  objects: unknown[]
  schema: unknown
  seal?: BackupSeal
}

/** Rewrites the document as `jq` would, after changing it. */
async function reformat(
  backup: string,
  change: (document: Json) => Partial<Json> | void = () => {},
  mark = '',
): Promise<void> {
  const isGzip = backup.endsWith('.gz')
  const file = /\.json(?:\.gz)?$/.test(backup) ? backup : path.join(backup, 'metadata.json')
  const bytes = await readFile(file)
  const document = JSON.parse(String(isGzip ? gunzipSync(bytes) : bytes)) as Json
  const text = mark + JSON.stringify(change(document) ?? document, null, 2) + '\n'
  await writeFile(file, isGzip ? gzipSync(text) : text)
}

async function failure(backup: string, options = {}): Promise<Error> {
  const outcome: unknown = await restores
    .restoreCollection(backup, {acceptChanged: true, ...options})
    .catch((error: unknown) => error)
  expect(outcome).toMatchObject({code: 'BACKUP_DAMAGED'})
  return outcome as Error
}

const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map((item) => sorted(item))
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, member]) => [name, sorted(member)]),
        )
      : value

const withoutSeal = ({metadata, object_count, objects, schema}: Json): Json => ({
  metadata,
  schema,
  objects,
  object_count,
})

describe.each(ALL)('a reformatted backup ($format, compressed: $compress)', (kind) => {
  it.each([
    ['as jq does', (document: Json) => document, ''],
    ['with a byte order mark', (document: Json) => document, '\u{FEFF}'],
    ['without its seal', withoutSeal, ''],
  ] as const)('is restored whole and compared: %s', async (_, change, mark) => {
    const backup = await fifty(kind)
    await reformat(backup, change, mark)
    await expect(restores.restoreCollection(backup)).rejects.toMatchObject({
      code: 'NOT_A_BACKUP',
      hint: expect.stringContaining('acceptChanged: true') as string,
    })
    expect(await restores.restoreCollection(backup, {acceptChanged: true, dryRun: true})).toMatchObject({expected: 50})
    const result = await restores.restoreCollection(backup, {acceptChanged: true, verify: true})
    expect(result).toMatchObject({rejected: 0, restored: 50})
    expect(result.verification).toMatchObject({counts: {backup: 50, live: 50}, equal: true})
    expect(await connection.count('Docs')).toBe(50)
  })
})

describe.each(PARTS)('the parts of a reformatted backup ($format, compressed: $compress)', (kind) => {
  const part = (ordinal: number): string => partName(kind.format, ordinal)

  it('are found with sorted members, and those of its own list alone', async () => {
    const backup = await fifty(kind)
    await reformat(backup, (document) => sorted(document) as Json)
    // Another attempt at a range, which the list does not name.
    await cp(path.join(backup, part(2)), path.join(backup, `objects-00002-again.${kind.format}`))
    expect(await restores.restoreCollection(backup, {acceptChanged: true, verify: true})).toMatchObject({
      restored: 50,
      verification: {counts: {backup: 50, live: 50}, equal: true},
    })
  })

  it('are refused where a listed one is missing, or its rows are', async () => {
    const backup = await fifty(kind)
    await reformat(backup)
    await rename(path.join(backup, part(2)), path.join(backup, 'aside'))
    expect((await failure(backup)).message).toContain(`${part(2)} is missing`)
    await cp(path.join(backup, part(3)), path.join(backup, part(2)))
    expect((await failure(backup)).message).toContain(`${part(2)} has 10 rows where its document says 20`)
    await rename(path.join(backup, 'aside'), path.join(backup, part(2)))
    await reformat(backup, (document) => {
      document.seal?.parts.pop()
    })
    expect((await failure(backup)).message).toContain('its parts have 40 rows where its document says 50 objects')
    await reformat(backup, (document) => {
      Object.assign(document.seal ?? {}, {parts: 'three'})
    })
    expect((await failure(backup)).message).toContain('seal.parts is not a list')
    expect(await connection.getCollection('Docs')).toBeUndefined()
  })

  it('are refused by name where one is missing, all are, or two claim the same rows', async () => {
    const backup = await fifty(kind)
    await reformat(backup, withoutSeal)
    await cp(path.join(backup, part(2)), path.join(backup, `objects-00002-again.${kind.format}`))
    expect((await failure(backup)).message).toContain('claim the same rows')
    await rm(path.join(backup, `objects-00002-again.${kind.format}`))
    await cp(path.join(backup, part(2)), path.join(backup, `objects-00001.${kind.format}`))
    expect((await failure(backup)).message).toContain('claim the same rows')
    await rm(path.join(backup, `objects-00001.${kind.format}`))
    await rename(path.join(backup, part(3)), path.join(backup, 'third'))
    expect((await failure(backup)).message).toContain('40 rows where its document says 50 objects')
    await rename(path.join(backup, 'third'), path.join(backup, part(3)))
    await rm(path.join(backup, part(2)))
    expect((await failure(backup)).message).toContain(`${part(2)} is missing`)
    for (const name of await readdir(backup)) if (name.startsWith('objects')) await rm(path.join(backup, name))
    expect((await failure(backup)).message).toContain('its parts are missing')
    await reformat(backup, ({metadata, schema}) => ({metadata, schema}))
    expect((await failure(backup)).message).toContain('its parts are missing')
    expect(await connection.getCollection('Docs')).toBeUndefined()
  })

  it('hold objects although the metadata says none', async () => {
    const backup = await fifty(kind)
    await reformat(backup, (document) => {
      document.metadata.options.include_data = false
    })
    expect((await failure(backup)).message).toContain('says that it has no objects, and it has 50')
  })

  it('may have been edited under a seal that holds', async () => {
    const backup = await fifty(kind)
    const objects = makeObjects(20).map((object) => ({...object, properties: {...object.properties, title: 'new'}}))
    const other = await makeBackup(kind, SCHEMA, [objects], {directory: path.join(folder.path, 'other')})
    await cp(path.join(other, `objects.${kind.format}`), path.join(backup, part(1)))
    await expect(restores.restoreCollection(backup)).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
    expect(await restores.restoreCollection(backup, {acceptChanged: true, verify: true})).toMatchObject({
      restored: 50,
      verification: {counts: {backup: 50, live: 50}, equal: true},
    })
  })
})

describe.each(ALL)('tenants of a reformatted backup ($format, compressed: $compress)', (kind) => {
  it('are those of its objects where it does not name them; with others an object is refused in sight', async () => {
    const pages = [makeObjects(5, 'A'), makeObjects(3, 'B')]
    const tenants = ['A', 'B'].map((name) => ({name, status: 'HOT' as const}))
    const backup = await makeBackup(kind, TENANT_SCHEMA, pages, {directory: folder.path, tenants})
    await reformat(backup, (document) => {
      delete document.metadata.tenants
      delete document.seal
    })
    expect(await restores.restoreCollection(backup, {acceptChanged: true, verify: true})).toMatchObject({
      restored: 8,
      tenants: 2,
      verification: {counts: {backup: 8, live: 8}, equal: true},
    })
    await connection.deleteCollection('Docs')
    await reformat(backup, (document) => {
      document.metadata.tenants = [{name: 'A', status: 'HOT'}]
    })
    expect(await restores.restoreCollection(backup, {acceptChanged: true})).toMatchObject({rejected: 3, restored: 5})
  })
})

describe.each(ALL)('rows that are void ($format, compressed: $compress)', (kind) => {
  it('stay so in a reformatted backup, and rows that cannot be told apart are refused', async () => {
    const old = {...makeObject(1), properties: {title: 'old'}}
    const amendments: Amendment[] = [[null, uuid(1), 4]]
    const pages = [[old, ...makeObjects(4).slice(1)], [makeObject(1)]]
    const all = makeObjects(4)
    const whole = await makeBackup(kind, SCHEMA, [all], {directory: path.join(folder.path, 'whole')})
    const {archive} = await openArchive(whole, new LocalStore(folder.path))
    const backup = await makeBackup(kind, SCHEMA, pages, {
      directory: folder.path,
      seal: {amendments, digest: archive.seal!.digest, objectCount: 4},
    })
    await reformat(backup)
    expect(await restores.restoreCollection(backup, {acceptChanged: true, verify: true})).toMatchObject({
      restored: 4,
      verification: {backupDigest: archive.seal!.digest, counts: {backup: 4, live: 4}, equal: true},
    })
    if (kind.format !== 'json') return
    await connection.deleteCollection('Docs')
    await reformat(backup, (document) => {
      document.objects.splice(1, 1)
    })
    expect((await failure(backup)).message).toContain('voids rows by their number, of 5, and it has 4')
  })
})

/** Calls `exchange` once the hashes were checked: when a file is opened that was read to its end before. */
function exchanging(store: Store, exchange: () => Promise<void>): Store {
  let opened = 0
  return new Proxy(store, {
    get(target, member) {
      if (member !== 'openRead') {
        const value: unknown = Reflect.get(target, member)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      }

      return async (name: string) => {
        const isData = !name.endsWith('metadata.json') && !name.endsWith('schema.json') && name.startsWith('Docs_')
        // Documents: the list, the head and the seal, the hashes, the objects. Parts: the hashes, the objects.
        if (isData && ++opened > (name.includes('/') ? 1 : 3)) await exchange()
        return target.openRead(name)
      }
    },
  })
}

describe.each(ALL)('a file that is exchanged after its hash was checked ($format, compressed: $compress)', (kind) => {
  it.each(['exchanged', 'written over'])('is not restored: %s', async (how) => {
    const backup = await makeBackup(kind, SCHEMA, [makeObjects(20)], {directory: folder.path})
    const forged = await makeBackup(
      kind,
      SCHEMA,
      [makeObjects(20).map((object) => ({...object, properties: {...object.properties, score: 7}}))],
      {directory: path.join(folder.path, 'forged')},
    )
    const store = exchanging(new LocalStore(folder.path), async () => {
      const [from, to] =
        kind.format === 'json'
          ? [forged, backup]
          : [forged, backup].map((at) => path.join(at, `objects.${kind.format}`))
      if (how === 'exchanged') await rm(to!)
      await writeFile(to!, await readFile(from!))
    })
    const name = path.basename(backup)
    await expect(new RestoreManager(connection, {store}).restoreCollection(name)).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringMatching(/changed or exchanged|damaged/) as string,
    })
    // What was made for it is gone again: not one object was written.
    expect(await connection.getCollection('Docs')).toBeUndefined()
  })
})

describe('what the seal promises', () => {
  it('are rows: 19 lines under a seal of 20 are no backup', async () => {
    const backup = await makeBackup({compress: false, format: 'json'}, SCHEMA, [makeObjects(20)], {
      directory: folder.path,
    })
    const lines = (await readFile(backup, 'utf8')).split('\n')
    const {checksum: _, ...seal} = (JSON.parse(`{${lines.at(-2)}`) as {seal: BackupSeal}).seal
    const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
    const text = [...lines.slice(0, 5), ...lines.slice(6, -3)].join('\n') + '\n' + documentTail(20)
    seal.document = {bytes: Buffer.byteLength(text), sha256: sha256(text)}
    Object.assign(seal.parts[0] ?? {}, seal.document)
    seal.statistics.bytes = seal.document.bytes
    await writeFile(backup, text + sealLine(seal, sha256))
    await expect(restores.restoreCollection(backup)).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringContaining('19 rows where 20 should be') as string,
    })
  })

  it.each(ALL)('is the content: a digest of other objects ($format, compressed: $compress)', async (kind) => {
    const backup = await makeBackup(kind, SCHEMA, [makeObjects(20)], {
      directory: folder.path,
      seal: {digest: 'ab'.repeat(32)},
    })
    await expect(restores.restoreCollection(backup)).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringContaining('not those that were sealed') as string,
    })
  })
})

describe('a backup that is named by its id', () => {
  it('is the one that the catalog means, or it is an error', async () => {
    const kind = {compress: false, format: 'json'} as const
    const backup = await makeBackup(kind, SCHEMA, [makeObjects(20)], {directory: folder.path})
    const catalog = new BackupCatalog(folder.path)
    const {entries} = await catalog.reindex()
    const {id} = entries[0]!
    const other = await makeBackup(kind, SCHEMA, [makeObjects(20).map((object) => ({...object, properties: {}}))], {
      directory: path.join(folder.path, 'other'),
    })
    // Of the same id, other content.
    await cp(other, backup)
    await expect(restores.restoreCollection(id)).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringContaining('another content than the catalog says') as string,
    })
    expect(await connection.getCollection('Docs')).toBeUndefined()
    await reformat(other, (document) => {
      document.metadata.backup_id = '5f0c1e0a-6e0f-4d7e-8a43-0000000000ff'
    })
    await cp(other, backup)
    await expect(restores.restoreCollection(id, {acceptChanged: true})).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringContaining('0000000000ff, not') as string,
    })
  })
})
