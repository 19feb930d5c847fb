/** Every tenant, its objects and its state; and states are as they were, whatever stops a run. */
import {beforeAll, describe, expect, it} from 'vitest'

import type {TenantStatus} from '../../src/model/tenant.js'

import {DataOpsError} from '../../src/model/errors.js'
import {IS_PLAIN, IS_PLAIN_FOLDER, overwriteAt, textAt} from '../support/test-place.js'
import {dumpDifferences, FORMATS, isMissing, managersOn, MAX, NIL, renamed, tailId, useBench} from './support.js'

const bench = useBench()
const TENANTS = ['active', 'Also-active_0', 'inactive', 'idle', 'empty', 'emptyInactive']
const INACTIVE = ['inactive', 'idle', 'emptyInactive']
const OBJECTS_A_TENANT = 4
let name: string

beforeAll(() => {
  name = bench.name('Shared')
})

async function states(collection: string): Promise<Record<string, TenantStatus>> {
  const tenants = await bench.connection.listTenants(collection)
  return Object.fromEntries(tenants.map((tenant): [string, TenantStatus] => [tenant.name, tenant.status]))
}

async function setAll(collection: string, names: readonly string[], status: TenantStatus): Promise<void> {
  await bench.connection.setTenantStatus(
    collection,
    names.map((tenant) => ({name: tenant, status})),
  )
}

/** The same UUIDs in four tenants, with other content in each and references among them; two tenants without objects. */
async function fill(collection: string): Promise<Map<string, unknown>> {
  const {rest} = bench
  await bench.connection.deleteCollection(collection)
  await rest.send('POST', '/schema', {
    class: collection,
    multiTenancyConfig: {autoTenantActivation: false, autoTenantCreation: false, enabled: true},
    properties: [
      {dataType: ['text'], name: 'title'},
      {dataType: [collection], name: 'self'},
    ],
    vectorIndexType: 'flat',
    vectorizer: 'none',
  })
  await rest.send(
    'POST',
    `/schema/${collection}/tenants`,
    TENANTS.map((tenant) => ({name: tenant})),
  )
  for (const [index, tenant] of TENANTS.slice(0, 4).entries()) {
    await rest.write(
      [NIL, tailId(1), tailId(2), MAX].map((id) =>
        JSON.stringify({class: collection, id, properties: {title: `${tenant} ${id}`}, tenant, vector: [index, 0.1]}),
      ),
    )
    await rest.refer([
      {from: `${collection}/${NIL}/self`, tenant, to: `${collection}/${MAX}`},
      {from: `${collection}/${NIL}/self`, tenant, to: `${collection}/${tailId(1 + (index % 2))}`},
    ])
  }

  const dump = await rest.dump(collection, TENANTS)
  await setAll(collection, INACTIVE, 'COLD')
  return dump
}

async function dumpAll(collection: string, tenants: readonly string[] = TENANTS): Promise<Map<string, unknown>> {
  const inactive = (await bench.connection.listTenants(collection)).filter(({status}) => status !== 'HOT')
  await setAll(
    collection,
    inactive.map((tenant) => tenant.name),
    'HOT',
  )
  const dump = await bench.rest.dump(collection, tenants)
  await bench.connection.setTenantStatus(collection, inactive)
  return dump
}

describe.each(FORMATS)('$title', (format) => {
  it.skipIf(isMissing(format))('every tenant comes back, as it was', async () => {
    const before = await fill(name)
    const [schema, status] = [await bench.rest.schema(name), await states(name)]
    const backup = await bench.backups.backupCollection(name, {compress: format.compress, format: format.format})
    expect(backup).toMatchObject({objectCount: 4 * OBJECTS_A_TENANT, tenants: {count: TENANTS.length, skipped: []}})
    expect(await states(name)).toEqual(status)
    expect((await bench.verifier.verifyBackup(backup.path)).problems).toEqual([])
    expect(await bench.verifier.verifyCollection(name, backup.path)).toMatchObject({equal: true})
    expect(await states(name)).toEqual(status)

    await bench.connection.deleteCollection(name)
    const restored = await bench.restores.restoreCollection(backup.path, {verify: true})
    expect(restored).toMatchObject({rejected: 0, restored: 16, tenants: 6, verification: {equal: true}})
    expect(await bench.rest.schema(name)).toEqual(schema)
    expect(await states(name)).toEqual(status)
    expect(dumpDifferences(await dumpAll(name), before)).toEqual([])

    // A subset, under another name: nothing else is created.
    const copy = bench.name('SharedCopy')
    await bench.restores.restoreCollection(backup.path, {name: copy, tenants: ['idle', 'active'], verify: true})
    expect(await states(copy)).toEqual({active: 'HOT', idle: 'COLD'})
    const wanted = new Map([...before].filter(([key]) => /^(?:active|idle)\//.test(key)))
    expect(dumpDifferences(await dumpAll(copy, ['active', 'idle']), renamed(wanted, name, copy))).toEqual([])
    await bench.connection.deleteCollection(copy)
  })
})

it('backs up a subset, and says of the others that they are not in it', async () => {
  const before = await fill(name)
  const status = await states(name)
  await expect(bench.backups.backupCollection(name, {tenants: ['nobody']})).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  })
  const backup = await bench.backups.backupCollection(name, {tenants: ['inactive', 'Also-active_0']})
  expect(backup).toMatchObject({objectCount: 2 * OBJECTS_A_TENANT, tenants: {count: 2}})
  expect(await states(name)).toEqual(status)
  expect((await bench.verifier.verifyBackup(backup.path)).problems).toEqual([])
  const comparison = await bench.verifier.verifyCollection(name, backup.path)
  expect(comparison).toMatchObject({counts: {backup: 8, live: 8}, equal: true})
  expect(comparison.tenantsLeftOut?.map((tenant) => tenant.name).sort()).toEqual([
    'active',
    'empty',
    'emptyInactive',
    'idle',
  ])

  await bench.connection.deleteCollection(name)
  await expect(bench.restores.restoreCollection(backup.path, {tenants: ['active']})).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  })
  await bench.restores.restoreCollection(backup.path, {verify: true})
  expect(await states(name)).toEqual({'Also-active_0': 'HOT', inactive: 'COLD'})
  const wanted = new Map([...before].filter(([key]) => /^(?:inactive|Also-active_0)\//.test(key)))
  expect(dumpDifferences(await dumpAll(name, ['inactive', 'Also-active_0']), wanted)).toEqual([])
})

describe('inactive tenants are inactive again', () => {
  // A document is continued in a folder alone.
  it.skipIf(!IS_PLAIN_FOLDER)('after an abort of the backup, and the resumed one is whole', async () => {
    const before = await fill(name)
    const status = await states(name)
    const controller = new AbortController()
    const seen = new Set<string>()
    const aborted = bench.backups.backupCollection(name, {
      batchSize: 1,
      concurrency: 1,
      onProgress({completed, stage}) {
        seen.add(stage)
        // The first two tenants are active: what follows them was activated.
        if (completed > 2 * OBJECTS_A_TENANT + 1) controller.abort()
      },
      signal: controller.signal,
    })
    await expect(aborted).rejects.toMatchObject({code: 'INTERRUPTED'})
    expect(await states(name)).toEqual(status)
    const backup = await bench.backups.backupCollection(name, {resume: true})
    expect(backup.resumed).toBeGreaterThan(2 * OBJECTS_A_TENANT)
    expect(backup.objectCount).toBe(4 * OBJECTS_A_TENANT)
    expect(await states(name)).toEqual(status)
    await bench.connection.deleteCollection(name)
    await bench.restores.restoreCollection(backup.path, {verify: true})
    expect(dumpDifferences(await dumpAll(name), before)).toEqual([])
  })

  it('after a failure of the backup, of a comparison, and of a clear', async () => {
    await fill(name)
    const status = await states(name)
    const whole = await bench.backups.backupCollection(name)
    const failing = (after: number) => {
      let calls = 0
      return (): void => {
        if (++calls > after) throw new Error('the listener fails')
      }
    }

    await expect(
      bench.backups.backupCollection(name, {batchSize: 1, concurrency: 1, onProgress: failing(9)}),
    ).rejects.toThrow()
    expect(await states(name)).toEqual(status)
    await expect(
      bench.verifier.verifyCollection(name, whole.path, {concurrency: 1, onProgress: failing(4)}),
    ).rejects.toThrow()
    expect(await states(name)).toEqual(status)
    const controller = new AbortController()
    await expect(
      bench.clears.clearCollection(name, {
        onProgress({completed}) {
          if (completed > 2 * OBJECTS_A_TENANT) controller.abort()
        },
        signal: controller.signal,
      }),
    ).rejects.toMatchObject({code: 'INTERRUPTED'})
    expect(await states(name)).toEqual(status)
    expect(await bench.clears.clearCollection(name)).toMatchObject({remaining: 0})
    expect(await states(name)).toEqual(status)
    expect((await dumpAll(name)).size).toBe(0)
  })

  it('in the target of a merge, which keeps its own states', async () => {
    const before = await fill(name)
    const backup = await bench.backups.backupCollection(name)
    // Those of the target are the other way around now.
    await setAll(name, INACTIVE, 'HOT')
    await setAll(name, ['active', 'empty'], 'COLD')
    const status = await states(name)
    await bench.restores.restoreCollection(backup.path, {merge: true, verify: true})
    expect(await states(name)).toEqual(status)
    expect(dumpDifferences(await dumpAll(name), before)).toEqual([])

    const controller = new AbortController()
    const aborted = bench.restores.restoreCollection(backup.path, {
      batchSize: 1,
      concurrency: 1,
      merge: true,
      onProgress({completed, stage}) {
        if (stage === 'restore' && completed > 5) controller.abort()
      },
      signal: controller.signal,
    })
    await expect(aborted).rejects.toMatchObject({code: 'INTERRUPTED'})
    expect(await states(name)).toEqual(status)
    expect(await bench.restores.restoreCollection(backup.path, {merge: true, verify: true})).toMatchObject({
      verification: {equal: true},
    })
    expect(await states(name)).toEqual(status)
    expect(dumpDifferences(await dumpAll(name), before)).toEqual([])
  })

  it.skipIf(!IS_PLAIN)('after objects that were refused are tried again', async () => {
    await fill(name)
    const status = await states(name)
    const backup = await bench.backups.backupCollection(name)
    const file = `${bench.directory}/one.rejected.jsonl`
    const object = {id: tailId(7), class: name, tenant: 'inactive', properties: {title: 'again'}}
    const line = `{"reason":"none","pass":"objects","object":${JSON.stringify(object)}}`
    await overwriteAt(file, `${line}\n`)
    expect(await bench.restores.restoreCollection(backup.path, {merge: true, retryRejected: file})).toMatchObject({
      restored: 1,
    })
    expect(await states(name)).toEqual(status)
    expect((await dumpAll(name)).has(`inactive/${tailId(7)}`)).toBe(true)
  })
})

describe('references', () => {
  /** A and B refer to each other and to what is not there, in two tenants, of which one is inactive. */
  it('in a circle of collections, to a collection without tenants, and dangling ones', {timeout: 900_000}, async () => {
    const {connection, rest} = bench
    const [a, b, plain] = [bench.name('TenantsA'), bench.name('TenantsB'), bench.name('TenantsPlain')]
    const shared = {multiTenancyConfig: {enabled: true}, vectorizer: 'none'}
    await rest.send('POST', '/schema', {class: plain, vectorizer: 'none'})
    for (const one of [a, b]) {
      await rest.send('POST', '/schema', {...shared, class: one, properties: [{dataType: ['text'], name: 'title'}]})
      await rest.send('POST', `/schema/${one}/tenants`, [{name: 'one'}, {name: 'two'}])
    }

    await rest.send('POST', `/schema/${a}/properties`, {dataType: [b, a, plain], name: 'to'})
    await rest.send('POST', `/schema/${b}/properties`, {dataType: [a], name: 'to'})
    const text = (one: string, index: number, tenant?: string): string =>
      JSON.stringify({
        class: one,
        id: tailId(index),
        ...(tenant !== undefined && {properties: {title: `${index}`}, tenant}),
      })
    await rest.write([text(plain, 1), text(plain, 2)])
    for (const tenant of ['one', 'two']) {
      await rest.write([a, b].flatMap((one) => [1, 2, 3].map((index) => text(one, index, tenant))))
      await rest.refer([
        {from: `${a}/${tailId(1)}/to`, tenant, to: `${b}/${tailId(3)}`},
        {from: `${a}/${tailId(1)}/to`, tenant, to: `${plain}/${tailId(2)}`},
        {from: `${a}/${tailId(1)}/to`, tenant, to: `${a}/${tailId(1)}`},
        {from: `${a}/${tailId(1)}/to`, tenant, to: `${b}/${tailId(2)}`},
        {from: `${a}/${tailId(2)}/to`, tenant, to: `${b}/${tailId(3)}`},
        {from: `${a}/${tailId(2)}/to`, tenant, to: `${a}/${tailId(3)}`},
        {from: `${b}/${tailId(2)}/to`, tenant, to: `${a}/${tailId(3)}`},
        {from: `${b}/${tailId(2)}/to`, tenant, to: `${a}/${tailId(1)}`},
      ])
      // What is deleted leaves references to it.
      await rest.send('DELETE', `/objects/${b}/${tailId(3)}?tenant=${tenant}`)
      await rest.send('DELETE', `/objects/${a}/${tailId(3)}?tenant=${tenant}`)
    }

    await rest.send('DELETE', `/objects/${plain}/${tailId(2)}`)
    const before = [await rest.dump(a, ['one', 'two']), await rest.dump(b, ['one', 'two']), await rest.dump(plain)]
    for (const one of [a, b]) await setAll(one, ['two'], 'COLD')
    const {backups} = await bench.backups.backupCollections([a, b, plain])
    for (const one of [a, b, plain]) await connection.deleteCollection(one)
    const {collections} = await bench.restores.restoreCollections(
      backups.map((backup) => backup.path),
      {verify: true},
    )
    expect(collections.map(({rejected, verification}) => ({equal: verification?.equal, rejected}))).toEqual(
      [1, 2, 3].map(() => ({equal: true, rejected: 0})),
    )
    for (const one of [a, b]) expect(await states(one)).toEqual({one: 'HOT', two: 'COLD'})
    expect(dumpDifferences(await dumpAll(a, ['one', 'two']), before[0]!)).toEqual([])
    expect(dumpDifferences(await dumpAll(b, ['one', 'two']), before[1]!)).toEqual([])
    expect(dumpDifferences(await rest.dump(plain), before[2]!)).toEqual([])
  })
})

describe('placeholders of dangling references', () => {
  it('do not outlive a run that could not delete them', async () => {
    const before = await fill(name)
    await setAll(name, INACTIVE, 'HOT')
    for (const tenant of TENANTS.slice(0, 4))
      await bench.rest.send('DELETE', `/objects/${name}/${MAX}?tenant=${tenant}`)
    for (const key of before.keys()) if (key.endsWith(`/${MAX}`)) before.delete(key)
    const backup = await bench.backups.backupCollection(name)
    await bench.connection.deleteCollection(name)
    const failing = managersOn(
      {
        ...bench.connection,
        async deleteObjects() {
          throw new DataOpsError('SERVER_REFUSED', 'Nothing is deleted today.')
        },
      },
      bench.directory,
      bench.keys,
    )
    await expect(failing.restores.restoreCollection(backup.path)).rejects.toMatchObject({
      message: /Nothing is deleted today/,
    })
    expect((await bench.rest.dump(name, TENANTS)).size).toBeGreaterThan(before.size)
    expect(await bench.restores.restoreCollection(backup.path, {verify: true})).toMatchObject({
      rejected: 0,
      verification: {equal: true},
    })
    expect(dumpDifferences(await bench.rest.dump(name, TENANTS), before)).toEqual([])
  })
})

describe('offloaded tenants', () => {
  // A real server needs the module offload-s3 and a bucket.
  it.skipIf(process.env.WEAVIATE_URL !== undefined)(
    'are left out loudly, or onloaded, read and offloaded again',
    async () => {
      const before = await fill(name)
      await setAll(name, ['idle', 'active'], 'FROZEN')
      const status = await states(name)
      const warned: string[] = []
      const partly = await bench.backups.backupCollection(name, {
        onWarning({code, details}) {
          if (code === 'tenant-skipped') warned.push(details?.name as string)
        },
      })
      expect(warned.sort()).toEqual(['active', 'idle'])
      expect(partly.tenants?.skipped.map((tenant) => tenant.name).sort()).toEqual(['active', 'idle'])
      expect(partly.objectCount).toBe(2 * OBJECTS_A_TENANT)
      expect((await bench.verifier.verifyBackup(partly.path)).warnings.join(' ')).toContain('"idle" is not in it')
      expect(await states(name)).toEqual(status)

      const whole = await bench.backups.backupCollection(name, {includeOffloaded: true})
      expect(whole.objectCount).toBe(4 * OBJECTS_A_TENANT)
      expect(await states(name)).toEqual(status)
      // A clear whose backup would lack them does not happen.
      await expect(bench.clears.clearCollection(name, {backupFirst: true})).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      })

      const comparison = await bench.verifier.verifyCollection(name, whole.path)
      expect(comparison.equal).toBe(false)
      expect(comparison.tenantsLeftOut?.map((tenant) => tenant.name).sort()).toEqual(['active', 'idle'])
      expect(await bench.verifier.verifyCollection(name, whole.path, {includeOffloaded: true})).toMatchObject({
        equal: true,
      })
      expect(await states(name)).toEqual(status)

      await bench.connection.deleteCollection(name)
      await bench.restores.restoreCollection(whole.path, {verify: true})
      expect(await states(name)).toEqual(status)
      expect(dumpDifferences(await dumpAll(name), before)).toEqual([])
      expect(await states(name)).toEqual(status)
    },
  )
})

// 10,000 take a real server a minute or two: WEAVIATE_TENANTS=10000.
const MANY = Number(process.env.WEAVIATE_TENANTS ?? 1000)

it(`keeps ${MANY} tenants`, {timeout: 600_000}, async () => {
  const many = bench.name('Many')
  const {rest} = bench
  await rest.send('POST', '/schema', {
    class: many,
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: ['text'], name: 'title'}],
    vectorIndexType: 'flat',
    vectorizer: 'none',
  })
  const names = Array.from({length: MANY}, (_, index) => `tenant-${index}`)
  await bench.connection.createTenants(
    many,
    names.map((tenant) => ({name: tenant, status: 'HOT'})),
  )
  // The same UUID in 500 of them: each with objects costs a server ten open files, and 20,000 are a usual limit.
  const objects = names.filter((_, index) => index % Math.ceil(MANY / 500) === 0)
  for (let start = 0; start < objects.length; start += 500) {
    await rest.write(
      objects
        .slice(start, start + 500)
        .map((tenant) => JSON.stringify({class: many, id: NIL, properties: {title: tenant}, tenant, vector: [1, 2]})),
    )
  }

  await setAll(
    many,
    names.filter((_, index) => index % 10 === 0),
    'COLD',
  )
  const status = await states(many)
  const backup = await bench.backups.backupCollection(many, {format: 'parquet'})
  expect(backup).toMatchObject({objectCount: objects.length, tenants: {count: MANY, skipped: []}})
  expect(await states(many)).toEqual(status)
  await bench.connection.deleteCollection(many)
  const restored = await bench.restores.restoreCollection(backup.path, {verify: true})
  expect(restored).toMatchObject({
    restored: objects.length,
    tenants: MANY,
    verification: {equal: true, liveDigest: backup.digest},
  })
  expect(await states(many)).toEqual(status)
  if (!IS_PLAIN) return
  const metadata = JSON.parse(await textAt(`${backup.path}/metadata.json`)) as {seal: {tenants: unknown[]}}
  expect(metadata.seal.tenants).toHaveLength(MANY)
})
