/** Differences of two live collections, on one server or two, and of two backups. */
import {beforeEach, describe, expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {BackupManager, type Difference, Verifier} from '../../../src/index.js'
import {isUnknown} from '../../../src/jobs/verify/unknown.js'
import {type WeaviateObject} from '../../../src/model/object.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {type Connection} from '../../../src/weaviate/connection.js'
import {fillCollection} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const NAME = 'DiffTest'
const OBJECTS = 40
const servers = embeddedServers()
const options = {className: NAME, dims: 4, objects: OBJECTS}

let a: Connection
let b: Connection

beforeEach(async () => {
  a = (await servers.start()).connection
  b = (await servers.start()).connection
})

const verifier = (): Verifier => new Verifier({connection: a, directory: servers.directory})

/** Removes two objects, adds one, and changes a title and a vector. */
async function change(connection: Connection, name = NAME): Promise<Record<string, string>> {
  const made = makeObjects(options)
  const plan = planCollection((await connection.getCollection(name))!)
  const [gone, goneToo, titled, turned] = [made[3]!, made[5]!, made[7]!, made[9]!]
  await connection.deleteObjects({collection: name, ids: [gone.id, goneToo.id]})
  const more = {...made[0]!, id: 'ffffffff-ffff-4fff-8fff-ffffffffffff'}
  const written: WeaviateObject[] = [
    more,
    {...titled, properties: {...titled.properties, property0: 'Another'}},
    {...turned, vector: new Uint8Array(16).fill(1)},
  ]
  expect(await connection.writeObjects({collection: plan, objects: written})).toEqual([])
  return {gone: gone.id, goneToo: goneToo.id, more: more.id, titled: titled.id, turned: turned.id}
}

function expectChanges(difference: Difference, ids: Record<string, string>): void {
  expect(difference).toMatchObject({
    a: {objects: OBJECTS},
    b: {objects: OBJECTS - 1},
    counts: {different: 2, extra: 1, missing: 2},
    equal: false,
  })
  expect(Object.fromEntries(difference.differences.map(({id, members, state}) => [id, members ?? state]))).toEqual({
    [ids.gone!]: 'missing',
    [ids.goneToo!]: 'missing',
    [ids.more!]: 'extra',
    [ids.titled!]: ['property0'],
    [ids.turned!]: ['vector'],
  })
}

describe('two collections', () => {
  it('on two servers are equal, or differ by UUID and property', async () => {
    for (const connection of [a, b]) await fillCollection(connection, makeClass(options), makeObjects(options))
    const same = await verifier().diffCollections(NAME, NAME, {other: b})
    expect(same).toMatchObject({counts: {different: 0, extra: 0, missing: 0}, equal: true, schemaDifferences: []})
    expect(same.a.digest).toBe(same.b.digest)
    expect([same.a.server, same.b.server]).toEqual([a.describe, b.describe])
    const ids = await change(b)
    expectChanges(await verifier().diffCollections(NAME, NAME, {limit: Infinity, other: b}), ids)
    const {counts, differences} = await verifier().diffCollections(NAME, NAME, {limit: 2, other: b})
    expect({...counts, listed: differences.length}).toEqual({different: 2, extra: 1, listed: 2, missing: 2})
  })

  it('on one server under two names are compared whatever they are called', async () => {
    await fillCollection(a, makeClass(options), makeObjects(options))
    const other = {...makeClass(options), class: 'Other', properties: [...(makeClass(options).properties ?? [])]}
    await fillCollection(a, other, makeObjects(options))
    expect(await verifier().diffCollections(NAME, 'Other')).toMatchObject({equal: true})
    await a.updateCollection({class: 'Other', properties: [{dataType: ['text'], name: 'added'}]})
    for (const [first, second] of [
      [NAME, 'Other'],
      ['Other', NAME],
    ] as const) {
      const difference = await verifier().diffCollections(first, second)
      expect(difference).toMatchObject({counts: {different: 0, extra: 0, missing: 0}, equal: false})
      expect(difference.schemaDifferences.map(({path, severity}) => `${path} ${severity}`)).toEqual([
        'properties.added blocking',
      ])
    }
  })

  it('with tenants: inactive ones are woken and put back, offloaded ones are named, and never equal', async () => {
    const objects = makeObjects(options).map((object, index): WeaviateObject => ({
      ...object,
      tenant: ['cold', 'hot', 'off'][index % 3]!,
    }))
    for (const connection of [a, b]) {
      await connection.createCollection({...makeClass(options), multiTenancyConfig: {enabled: true}})
      await connection.createTenants(
        NAME,
        ['cold', 'hot', 'off'].map((name) => ({name, status: 'HOT' as const})),
      )
      const plan = planCollection((await connection.getCollection(NAME))!)
      expect(await connection.writeObjects({collection: plan, objects})).toEqual([])
      await connection.setTenantStatus(NAME, [{name: 'cold', status: 'COLD'}])
    }

    expect(await verifier().diffCollections(NAME, NAME, {other: b})).toMatchObject({a: {objects: OBJECTS}, equal: true})
    const plan = planCollection((await b.getCollection(NAME))!)
    await b.setTenantStatus(NAME, [{name: 'cold', status: 'HOT'}])
    const changed = {...objects[0]!, properties: {...objects[0]!.properties, property0: 'Another'}}
    expect(await b.writeObjects({collection: plan, objects: [changed]})).toEqual([])
    await b.setTenantStatus(NAME, [{name: 'cold', status: 'COLD'}])
    const {differences} = await verifier().diffCollections(NAME, NAME, {other: b})
    expect(differences).toEqual([{id: changed.id, members: ['property0'], state: 'different', tenant: 'cold'}])
    expect(await verifier().diffCollections(NAME, NAME, {other: b, tenants: ['hot']})).toMatchObject({equal: true})
    for (const connection of [a, b]) {
      await connection.setTenantStatus(NAME, [{name: 'off', status: 'FROZEN'}])
      const left = await verifier().diffCollections(NAME, NAME, {other: b, tenants: ['hot', 'off']})
      expect(left).toMatchObject({equal: false, tenantsLeftOut: [{name: 'off', reason: 'offloaded'}]})
      const states = (await connection.listTenants(NAME)).map(({name, status}) => `${name} ${status}`)
      expect(states.toSorted()).toEqual(['cold COLD', 'hot HOT', 'off FROZEN'])
    }

    const whole = {includeOffloaded: true, other: b, tenants: ['hot', 'off']}
    const onloaded = await verifier().diffCollections(NAME, NAME, whole)
    expect(onloaded).toMatchObject({counts: {different: 0, extra: 0, missing: 0}, equal: true})
  })
})

describe('two backups', () => {
  it.each(['json', 'parquet'] as const)('in json and %s are equal, or differ by UUID and property', async (format) => {
    await fillCollection(a, makeClass(options), makeObjects(options))
    const backups = new BackupManager(a, {directory: servers.directory})
    const first = await backups.backupCollection(NAME)
    const second = await backups.backupCollection(NAME, {format})
    expect(await verifier().diffBackups(first.id, second.path)).toMatchObject({
      a: {backupId: first.id, digest: first.digest},
      b: {backupId: second.id, digest: second.digest},
      equal: true,
    })
    const ids = await change(a)
    const third = await backups.backupCollection(NAME, {format})
    expectChanges(await verifier().diffBackups(first.id, third.id, {limit: Infinity}), ids)
  })

  it('of which one holds the schema only are not equal, and neither are those that lack a tenant', async () => {
    await fillCollection(a, makeClass({...options, objects: 0}), [])
    const backups = new BackupManager(a, {directory: servers.directory})
    const whole = await backups.backupCollection(NAME)
    const schema = await backups.backupCollection(NAME, {includeData: false})
    for (const [first, second] of [
      [whole, schema],
      [schema, whole],
    ] as const) {
      const difference = await verifier().diffBackups(first.id, second.id)
      expect(difference.notCompared).toEqual(['the objects: the backup holds the schema only'])
      expect(isUnknown(difference)).toBe(true)
    }

    const tenanted = {...makeClass(options), class: 'Tenanted', multiTenancyConfig: {enabled: true}}
    await a.createCollection(tenanted)
    await a.createTenants('Tenanted', [{name: 'off', status: 'HOT'}])
    await a.setTenantStatus('Tenanted', [{name: 'off', status: 'FROZEN'}])
    const [one, two] = [await backups.backupCollection('Tenanted'), await backups.backupCollection('Tenanted')]
    expect(await verifier().diffBackups(one.id, two.id)).toMatchObject({
      equal: false,
      tenantsLeftOut: [{name: 'off', reason: 'offloaded'}],
    })
  })

  it('of which one or both lack a tenant on purpose are not known to be equal, whichever comes first', async () => {
    const tenanted = {...makeClass(options), class: 'Chosen', multiTenancyConfig: {enabled: true}}
    await a.createCollection(tenanted)
    await a.createTenants(
      'Chosen',
      ['in', 'out'].map((name) => ({name, status: 'HOT'})),
    )
    const backups = new BackupManager(a, {directory: servers.directory})
    const whole = await backups.backupCollection('Chosen')
    const part = await backups.backupCollection('Chosen', {tenants: ['in']})
    const again = await backups.backupCollection('Chosen', {tenants: ['in']})
    for (const [first, second] of [
      [whole, part],
      [part, whole],
      [part, again],
    ] as const) {
      const difference = await verifier().diffBackups(first.id, second.id)
      expect(difference).toMatchObject({
        equal: false,
        notCompared: ['tenant out (not selected)'],
        tenantsLeftOut: [{name: 'out', reason: 'not selected'}],
      })
      expect(isUnknown(difference)).toBe(true)
      expect((await verifier().diffBackups(first.id, second.id, {tenants: ['in']})).equal).toBe(true)
      const asked = await verifier().diffBackups(first.id, second.id, {tenants: ['out']})
      expect(isUnknown(asked)).toBe(true)
    }
  })

  it('of which one is damaged is an error, not a difference', async () => {
    await fillCollection(a, makeClass(options), makeObjects(options))
    const backups = new BackupManager(a, {directory: servers.directory})
    const [one, two] = [await backups.backupCollection(NAME), await backups.backupCollection(NAME)]
    const {readFile, writeFile} = await import('node:fs/promises')
    const text = await readFile(two.path, 'utf8')
    await writeFile(two.path, text.replace('"property0":"', '"property0":"x'))
    for (const [first, second] of [
      [one, two],
      [two, one],
    ] as const) {
      await expect(verifier().diffBackups(first.path, second.path)).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
    }
  })
})
