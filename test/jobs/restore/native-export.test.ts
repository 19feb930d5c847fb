/** Exports that the server has made, restored as they are. */
import {readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {Warning} from '../../../src/model/progress.js'

import {DataOpsError, RestoreManager, Verifier} from '../../../src/index.js'
import {overlay} from '../../../src/model/overlay.js'
import {openStore} from '../../../src/store/open.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {copyExport, EXPORTED_CLASSES} from '../../support/native-export.js'
import {writeSealedBackup} from '../../support/sealed-backup.js'

const NAMES = ['Exp', 'ExpEmpty', 'ExpMT', 'ExpTarget']

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let folder: string
let schemas: string

beforeAll(async () => {
  server = await startTestServer()
})

afterAll(async () => server.close())

beforeEach(async () => {
  directory = await temporaryDirectory()
  folder = await copyExport(directory.path)
  schemas = path.join(directory.path, 'schema.json')
  await writeFile(schemas, JSON.stringify({classes: Object.values(EXPORTED_CLASSES)}))
})

afterEach(async () => {
  for (const {class: name} of await server.connection.listCollections()) await server.connection.deleteCollection(name)
  await directory.remove()
})

function manager(): RestoreManager {
  return new RestoreManager(server.connection, {directory: path.join(directory.path, 'backups')})
}

async function change(file: string, changed: (text: string) => string): Promise<void> {
  const name = path.join(folder, file)
  await writeFile(name, changed(await readFile(name, 'utf8')))
}

async function collections(): Promise<string[]> {
  return (await server.connection.listCollections()).map(({class: name}) => name).sort()
}

describe('an export', () => {
  it('is restored with all of its collections, references and tenants, and equals it', async () => {
    const {collections: restored, failed} = await manager().restoreCollections([folder], {
      schemaFrom: [schemas],
      verify: true,
    })
    expect(failed).toBeUndefined()
    const counts = restored.map((one) => [one.collection, [one.restored, one.verification?.equal]])
    expect(Object.fromEntries(counts)).toEqual({
      Exp: [3, true],
      ExpEmpty: [0, true],
      ExpMT: [2, true],
      ExpTarget: [1, true],
    })
    expect(restored.find(({collection}) => collection === 'Exp')?.references).toBe(1)
    expect(await server.connection.listTenants('ExpMT')).toEqual(
      ['cold_1', 'empty', 'hot'].map((name) => ({name, status: 'HOT'})),
    )
    const [object] = await server.connection.getObjects({
      collection: planCollection((await server.connection.getCollection('Exp'))!),
      ids: ['22222222-2222-4222-8222-222222222222'],
    })
    expect(object?.properties).toMatchObject({
      dateProp: '2026-01-15T12:00:00.123456789+02:00',
      intProp: 9_007_199_254_740_992,
      numberProp: -0,
      ref: [{beacon: 'weaviate://localhost/ExpTarget/11111111-1111-4111-8111-111111111111'}],
      textProp: 'héllo \u{0} 😀 <&>',
    })
    expect(Object.is(object?.properties.numberProp, -0)).toBe(true)
    expect(object?.vectors?.get('col')).toMatchObject({dims: 2, kind: 'multi'})
    // Nothing is left beside it.
    expect(await readdir(directory.path)).toEqual(['nightly', 'schema.json'])
  })

  it('takes states of tenants, and the schema, from a live collection, and is merged into what is there', async () => {
    const {connection} = server
    await connection.createCollection({...EXPORTED_CLASSES.ExpMT, class: 'Model'})
    await connection.createTenants('Model', [
      {name: 'cold_1', status: 'COLD'},
      {name: 'other', status: 'HOT'},
    ])
    const restored = await manager().restoreCollection(`${folder}#ExpMT`, {
      name: 'Copy',
      schemaFrom: ['Model'],
      verify: true,
    })
    expect(restored).toMatchObject({collection: 'Copy', restored: 2, tenants: 3, verification: {equal: true}})
    expect(await connection.listTenants('Copy')).toEqual([
      {name: 'cold_1', status: 'COLD'},
      {name: 'empty', status: 'HOT'},
      {name: 'hot', status: 'HOT'},
    ])

    const merged = await manager().restoreCollection(`${folder}#ExpMT`, {merge: true, name: 'Copy', tenants: ['hot']})
    expect(merged).toMatchObject({restored: 1, tenants: 1})
    await expect(manager().restoreCollection(`${folder}#ExpMT`, {merge: true, name: 'Absent'})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      hint: expect.stringContaining('schemaFrom') as string,
    })
  })

  describe('with schemas from a pattern of backups', () => {
    let place: string

    beforeEach(async () => {
      place = path.join(directory.path, 'backups')
      for (const collection of ['ExpMT', 'ExpTarget'] as const)
        await writeSealedBackup(place, {collection, schema: EXPORTED_CLASSES[collection]})
    })

    const later = new Date('2024-03-01T10:30:00Z')

    it('says which newer ones were passed over, of its collection alone', async () => {
      await writeSealedBackup(place, {collection: 'Other'})
      for (const collection of ['ExpMT', 'Other']) {
        await writeSealedBackup(place, {
          collection,
          seal(seal) {
            seal.complete = false
          },
          startedAt: later,
        })
      }

      const {warnings} = await manager().restoreCollection(`${folder}#ExpMT`, {schemaFrom: ['*']})
      expect(warnings.filter(({code}) => code === 'older-taken')).toMatchObject([
        {details: {path: path.join(place, 'ExpMT_2024-03-01_103000.json'), reason: 'lacks objects'}},
      ])
      const told: Warning[] = []
      await new Verifier({connection: server.connection, directory: place}).verifyCollection(
        'ExpMT',
        `${folder}#ExpMT`,
        {
          onWarning(warning) {
            told.push(warning)
          },
          schemaFrom: ['Exp*'],
        },
      )
      expect(told).toMatchObject([{code: 'older-taken'}])
    })

    it('says which could not be looked at, where that may be the one, and what its restore lacks then', async () => {
      const below = openStore(place)
      const unseen = 'ExpMT_2024-02-01_103000.json'
      const store = overlay(below, {
        async openRead(key: string) {
          if (key === unseen) throw new DataOpsError('STORAGE', 'It cannot be read now.')
          return below.openRead(key)
        },
      })
      const denied = new RestoreManager(server.connection, {store})
      const restored = await denied.restoreCollection(`${folder}#ExpMT`, {schemaFrom: ['Exp*', schemas]})
      expect(restored.restored).toBe(2)
      expect(restored.warnings[0]).toMatchObject({code: 'backup-not-read', details: {path: path.join(place, unseen)}})
      await server.connection.deleteCollection('ExpMT')
      await expect(denied.restoreCollection(`${folder}#ExpMT`, {schemaFrom: ['Exp*']})).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        details: {leftOut: [{path: path.join(place, unseen)}]},
        hint: expect.stringContaining(`${unseen} could not be looked at`) as string,
      })
      await expect(denied.restoreCollection(`${folder}#ExpMT`, {schemaFrom: ['ExpM*']})).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        details: {unread: [path.join(place, unseen)]},
        hint: expect.stringContaining('could not be looked at') as string,
      })
      expect(await collections()).toEqual([])
      // Of a collection that nobody restores it says nothing.
      const {warnings} = await denied.restoreCollection(`${folder}#ExpTarget`, {schemaFrom: ['Exp*']})
      expect(warnings.map(({code}) => code)).not.toContain('backup-not-read')
    })
  })

  it('does not say which tenants were inactive: that is told where nothing else does', async () => {
    const {warnings} = await manager().restoreCollection(`${folder}#ExpMT`, {schemaFrom: [schemas]})
    expect(warnings.map(({code}) => code)).toContain('tenant-states-unknown')
  })

  it('without a tenant says so: its objects are not restored', async () => {
    const frozen = (text: string): string =>
      text.replaceAll(/("skipReason": ?)"no data"/g, '$1"tenant status is FROZEN"').replaceAll('eNo1uMcTPstn', 'eNo1')
    for (const file of ['export_metadata.json', 'node_probe_status.json']) await change(file, frozen)
    const {tenants, warnings} = await manager().restoreCollection(`${folder}#ExpMT`, {schemaFrom: [schemas]})
    expect(tenants).toBe(2)
    expect(warnings).toContainEqual(
      expect.objectContaining({
        code: 'tenants-not-in-backup',
        details: expect.objectContaining({
          count: 1,
          tenants: [{name: 'empty', reason: 'tenant status is FROZEN'}],
        }) as object,
      }),
    )
    expect((await server.connection.listTenants('ExpMT')).map(({name}) => name).toSorted()).toEqual(['cold_1', 'hot'])
  })

  it('that is no SUCCESS, lacks objects or has a damaged page is refused, and nothing is made', async () => {
    const restore = async () => manager().restoreCollections([folder], {schemaFrom: [schemas]})
    await change('export_metadata.json', (text) => text.replace('"status": "SUCCESS"', '"status": "CANCELED"'))
    await expect(restore()).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringContaining('CANCELED') as string,
    })
    folder = await copyExport(directory.path)
    const more = (text: string) => text.replaceAll(/"objectsExported":( ?)3/g, '"objectsExported":$14')
    await change('export_metadata.json', more)
    await change('node_probe_status.json', more)
    await expect(restore()).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringContaining('have 3 objects, and 4 were exported') as string,
    })
    folder = await copyExport(directory.path)
    const file = path.join(folder, 'ExpMT_hot_0000.parquet')
    const bytes = await readFile(file)
    // In the body of the page with the properties.
    bytes[730]! ^= 1
    await writeFile(file, bytes)
    await expect(restore()).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringContaining('CRC') as string,
    })
    expect(await collections()).toEqual([])
  })

  it('that was interrupted is not gone on with by another schema', async () => {
    const stop = new AbortController()
    const options = {batchSize: 1, concurrency: 1, schemaFrom: [schemas]}
    const begun = manager().restoreCollection(`${folder}#Exp`, {
      ...options,
      missingTarget: 'create',
      onProgress({completed, stage}) {
        if (stage === 'restore' && completed > 0) stop.abort()
      },
      signal: stop.signal,
    })
    await expect(begun).rejects.toMatchObject({code: 'INTERRUPTED'})
    const {Exp} = EXPORTED_CLASSES
    const properties = Exp.properties!.map((property) =>
      property.name === 'intProp' ? {...property, dataType: ['number']} : property,
    )
    const other = path.join(directory.path, 'other.json')
    await writeFile(other, JSON.stringify({...Exp, properties}))
    await expect(manager().restoreCollection(`${folder}#Exp`, {...options, schemaFrom: [other]})).rejects.toMatchObject(
      {code: 'CHECKPOINT'},
    )
    expect(await manager().restoreCollection(`${folder}#Exp`, {...options, verify: true})).toMatchObject({
      verification: {equal: true},
    })
  })

  it('needs one collection where one is restored, and a schema that fits', async () => {
    await expect(manager().restoreCollection(folder, {schemaFrom: [schemas]})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    })
    await expect(manager().restoreCollection(`${folder}#Nope`, {schemaFrom: [schemas]})).rejects.toMatchObject({
      code: 'NOT_A_BACKUP',
      hint: expect.stringContaining('ExpTarget') as string,
    })
    await expect(
      manager().restoreCollections([folder], {collections: ['ExpT*'], schemaFrom: [schemas]}),
    ).resolves.toMatchObject({collections: [{collection: 'ExpTarget', restored: 1}]})
    await writeFile(schemas, JSON.stringify({...EXPORTED_CLASSES.ExpMT, multiTenancyConfig: {enabled: false}}))
    await expect(manager().restoreCollection(`${folder}#ExpMT`, {schemaFrom: [schemas]})).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
    })
    expect(await collections()).toEqual(['ExpTarget'])
    expect(NAMES).toHaveLength(4)
  })
})
