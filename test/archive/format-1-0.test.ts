/** Backups of format 1.0, written by the release before 1.1 (commit 2836868): each is read, verified and restored as then. */
import {cp, readdir} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {readManifest} from '../../src/archive/manifest.js'
import {BackupCatalog, RestoreManager, Verifier} from '../../src/index.js'
import {LocalStore} from '../../src/store/local/store.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../support/collections.js'

const FIXTURES = path.resolve(import.meta.dirname, '../fixtures/backups')
const names = (await readdir(FIXTURES)).filter((name) => name.startsWith('Corpus')).sort()

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
  await cp(FIXTURES, directory.path, {recursive: true})
})

afterAll(async () => {
  for (const name of names) await server.connection.deleteCollection(name.split('_', 1)[0]!)
  await server.close()
  await directory.remove()
})

describe('backups of format 1.0', () => {
  it('are there in each format, with tenants and with amendments', () => {
    expect(names.map((name) => name.replace(/_2026-11-27_\d{6}/, '')).toSorted()).toEqual([
      'CorpusArrow',
      'CorpusArrowTenants',
      'CorpusJson.json',
      'CorpusJsonTenants.json',
      'CorpusJsongz.json.gz',
      'CorpusJsongzTenants.json.gz',
      'CorpusParquet',
      'CorpusParquetTenants',
    ])
  })

  it('are listed, as whole', async () => {
    const listed = await new BackupCatalog(directory.path).list()
    expect(listed.map(({complete, status}) => [complete, status])).toEqual(names.map(() => [undefined, 'sealed']))
  })

  it.each(names)('%s is read, verified and restored', async (name) => {
    const file = path.join(directory.path, name)
    const isTenants = name.includes('Tenants')
    const {metadata, seal} = await readManifest(new LocalStore(directory.path), name)
    expect(metadata).toMatchObject({version: '1.0'})
    expect(metadata.requires).toBeUndefined()
    expect([seal.complete, seal.guarantee, seal.counted]).toEqual([undefined, undefined, undefined])
    expect(seal.amendments).toHaveLength(isTenants ? 0 : 2)
    expect(seal.object_count).toBe(isTenants ? 10 : 12)

    const verified = await new Verifier({directory: directory.path}).verifyBackup(file)
    expect(verified.problems).toEqual([])
    expect(verified.objectCount).toBe(seal.object_count)

    const restored = await new RestoreManager(server.connection, {directory: directory.path}).restoreCollection(file, {
      verify: true,
    })
    expect(restored.restored).toBe(seal.object_count)
    expect(restored.verification).toMatchObject({equal: true, liveDigest: seal.digest})
    if (!isTenants) return
    const tenants = await server.connection.listTenants(metadata.collection)
    expect(new Map(tenants.map((tenant) => [tenant.name, tenant.status]))).toEqual(
      new Map([
        ['cold', 'COLD'],
        ['empty', 'HOT'],
        ['hot', 'HOT'],
      ]),
    )
  })
})
