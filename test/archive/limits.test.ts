/** What the writer seals the reader takes, and what it would not take is not begun. */
import {createHash} from 'node:crypto'
import {readdir} from 'node:fs/promises'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import type {JsonValue} from '../../src/model/object.js'
import type {SchemaProperty, WeaviateClass} from '../../src/model/schema.js'

import {checkHead, sealedLine} from '../../src/archive/limits.js'
import {readManifest} from '../../src/archive/manifest.js'
import {openArchive} from '../../src/catalog/locate.js'
import {LocalStore} from '../../src/store/local/store.js'
import {makeBackup, makeObjects} from '../jobs/verify/backups.js'
import {temporaryDirectory} from '../support/collections.js'
import {writeSealedBackup} from '../support/sealed-backup.js'

let folder: Awaited<ReturnType<typeof temporaryDirectory>>

beforeEach(async () => {
  folder = await temporaryDirectory()
})

afterEach(async () => {
  await folder.remove()
})

function nestedSchema(levels: number): WeaviateClass {
  let property: SchemaProperty = {dataType: ['text'], name: 'leaf'}
  for (let level = 0; level < levels; level++) {
    property = {dataType: ['object'], name: 'inner', nestedProperties: [property]}
  }

  return {class: 'Docs', properties: [property], vectorIndexType: 'hnsw'}
}

function nestedValue(levels: number): JsonValue {
  let value: JsonValue = {leaf: 'a'}
  for (let level = 1; level < levels; level++) value = {inner: value}
  return value
}

describe.each([
  {compress: false, format: 'json'},
  {compress: true, format: 'json'},
  {compress: false, format: 'parquet'},
  {compress: false, format: 'arrow'},
] as const)('a schema of many levels ($format, compressed: $compress)', (kind) => {
  it.each([31, 100, 190])('comes back as it was: %d', async (levels) => {
    const schema = nestedSchema(levels)
    const objects = makeObjects(3).map((object) => ({...object, properties: {inner: nestedValue(levels)}}))
    const backup = await makeBackup(kind, schema, [objects], {directory: folder.path})
    const {archive} = await openArchive(backup, new LocalStore(folder.path))
    await archive.assertWhole()
    expect(archive.head.schema).toEqual(schema)
    const found: unknown[] = []
    for await (const page of archive.pages({check: true})) found.push(...page.objects.map(({properties}) => properties))
    expect(found).toEqual(objects.map(({properties}) => properties))
  })

  it('is refused before anything is written when it could not be read again', async () => {
    await expect(makeBackup(kind, nestedSchema(220), [makeObjects(1)], {directory: folder.path})).rejects.toMatchObject(
      {
        code: 'INVALID_INPUT',
        message: expect.stringContaining('nested too deeply') as string,
      },
    )
    expect(await readdir(folder.path)).toEqual([])
  })
})

// The whole way takes half a minute with these; the limits are one function for writer and reader.
const TENANTS = 700_000
const AMENDMENTS = 1_100_000
const digest = createHash('sha256').update('').digest('hex')

function tenantsOf(count: number): Array<{digest: string; name: string; object_count: number}> {
  return Array.from({length: count}, (_, index) => ({digest, name: `tenant-${index}`, object_count: 0}))
}

it(`takes ${TENANTS} tenants and ${AMENDMENTS} amendments, and not any number`, async () => {
  const {metadata, schema} = await writeSealedBackup(folder.path)
  const statuses = tenantsOf(TENANTS).map(({name}) => ({name, status: 'HOT' as const}))
  checkHead({metadata: {...metadata, tenants: statuses}, schema})
  const seal = (item: unknown, count: number): Uint8Array =>
    sealedLine({items: Array.from({length: count}, () => item)} as never, 'it').line
  seal(tenantsOf(TENANTS).at(-1), TENANTS)
  seal([null, '00000000-0000-4000-8000-000000000000', 123_456_789], AMENDMENTS)
  expect(() => seal(0, 24_000_001)).toThrow('would be too long')
  const long = {name: 't'.repeat(70 * 1024 * 1024), status: 'HOT' as const}
  expect(() => {
    checkHead({metadata: {...metadata, tenants: [long]}, schema})
  }).toThrow('cannot be backed up')
})

it('reads back thousands of tenants, and of amendments', async () => {
  const tenants = tenantsOf(20_000)
  const backup = await writeSealedBackup(folder.path, {
    metadata: {tenants: tenants.map(({name}) => ({name, status: 'HOT'}))},
    objects: 0,
    schema: {multiTenancyConfig: {enabled: true}},
    seal(seal) {
      seal.amendments = tenants.map(({name}) => [name, '00000000-0000-4000-8000-000000000001', 1])
    },
    tenants,
  })
  const {metadata, seal} = await readManifest(new LocalStore(folder.path), backup.name)
  expect(seal.tenants).toEqual(tenants)
  expect(seal.amendments).toHaveLength(20_000)
  expect(metadata.tenants).toHaveLength(20_000)
})
