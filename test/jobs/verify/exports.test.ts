/** Exports that the server has made, checked without a server and beside a live collection. */
import {readFile, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {RestoreManager, Verifier} from '../../../src/index.js'
import {isUnknown} from '../../../src/jobs/verify/unknown.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {copyExport, EXPORTED_CLASSES} from '../../support/native-export.js'

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let folder: string

beforeAll(async () => {
  server = await startTestServer()
})

afterAll(async () => server.close())

beforeEach(async () => {
  directory = await temporaryDirectory()
  folder = await copyExport(directory.path)
})

afterEach(async () => {
  for (const name of ['Exp', 'ExpMT', 'ExpTarget']) await server.connection.deleteCollection(name)
  await directory.remove()
})

describe('an export', () => {
  it('is verified without a server: whole, or with a problem for each collection that is not', async () => {
    const verifier = new Verifier({directory: directory.path})
    expect(await verifier.verifyBackup(folder)).toMatchObject({
      id: 'probe-1795732706699',
      objectCount: 6,
      path: folder,
      problems: [],
      quick: false,
    })
    expect(await verifier.verifyBackup(`${folder}#ExpMT`, {quick: true})).toMatchObject({objectCount: 2, problems: []})
    for (const [name, at] of [
      ['ExpMT_hot_0000.parquet', 730],
      ['ExpTarget_P7hdLNQXmtZC_0000.parquet', 60],
    ] as const) {
      const file = path.join(folder, name)
      const bytes = await readFile(file)
      bytes[at]! ^= 1
      await writeFile(file, bytes)
    }

    const {problems} = await verifier.verifyBackup(folder)
    expect(problems.map(({file}) => path.basename(file))).toEqual([
      'ExpMT_hot_0000.parquet',
      'ExpTarget_P7hdLNQXmtZC_0000.parquet',
    ])
    await rm(path.join(folder, 'ExpMT_hot_0000.parquet'))
    expect(await verifier.verifyBackup(folder)).toMatchObject({
      problems: [{message: expect.stringContaining('ExpMT_hot_0000.parquet is missing') as string}],
    })
  })

  it('is no backup to be compared with another: that is said', async () => {
    await expect(
      new Verifier({directory: directory.path}).diffBackups(folder, `${folder}#ExpMT`),
    ).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: `${folder} is an export that the server has made: only backups are compared.`,
    })
  })

  it('is compared with the collection of its name', async () => {
    const {connection} = server
    const schemas = path.join(directory.path, 'schema.json')
    await writeFile(schemas, JSON.stringify(EXPORTED_CLASSES.ExpMT))
    const verifier = new Verifier({connection, directory: directory.path})
    await new RestoreManager(connection, {directory: directory.path}).restoreCollection(`${folder}#ExpMT`, {
      schemaFrom: [schemas],
    })
    const codes: string[] = []
    const compared = await verifier.verifyCollection('ExpMT', folder, {
      onWarning({code}) {
        codes.push(code)
      },
    })
    // That the objects are the same does not say that all is: an export holds no schema.
    expect(compared).toMatchObject({
      counts: {backup: 2, different: 0, extra: 0, live: 2, missing: 0},
      equal: false,
      notCompared: ['the schema: an export holds none'],
    })
    expect(isUnknown(compared)).toBe(true)
    expect(codes).toContain('schema-not-compared')

    codes.length = 0
    const equal = await verifier.verifyCollection('ExpMT', folder, {
      onWarning({code}) {
        codes.push(code)
      },
      schemaFrom: [schemas],
    })
    expect(equal).toMatchObject({counts: {backup: 2, live: 2}, equal: true})
    expect(equal).not.toHaveProperty('notCompared')
    expect(codes).toEqual([])
    const {properties, ...rest} = EXPORTED_CLASSES.ExpMT
    const more = [...(properties ?? []), {dataType: ['text'], name: 'more'}]
    await writeFile(schemas, JSON.stringify({...rest, properties: more}))
    const differs = await verifier.verifyCollection('ExpMT', folder, {schemaFrom: [schemas]})
    expect(differs).toMatchObject({counts: {different: 0, extra: 0, missing: 0}, equal: false})
    expect(differs.schemaDifferences).toContainEqual(
      expect.objectContaining({path: 'properties.more', severity: 'blocking'}),
    )
    await expect(verifier.verifyCollection('ExpMT', folder, {schemaFrom: ['nowhere']})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    })
    await writeFile(schemas, JSON.stringify([EXPORTED_CLASSES.Exp, EXPORTED_CLASSES.ExpTarget]))
    await expect(verifier.verifyCollection('ExpMT', folder, {schemaFrom: [schemas]})).rejects.toMatchObject({
      message: 'None of the schemas that were given is of "ExpMT".',
    })

    const collection = planCollection((await connection.getCollection('ExpMT'))!)
    const id = 'befaab6c-5b09-4acf-b7d8-3a13b6885491'
    await connection.writeObjects({collection, objects: [{id, properties: {t: 'other'}, tenant: 'hot'}]})
    expect(await verifier.verifyCollection('ExpMT', folder)).toMatchObject({
      differences: [{id, members: ['t', 'vector'], state: 'different', tenant: 'hot'}],
      equal: false,
    })
    await expect(verifier.verifyCollection('Absent', folder)).rejects.toMatchObject({code: 'COLLECTION_MISSING'})
  })
})
