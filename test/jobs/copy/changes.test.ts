/** Copies that change objects, whose source changes too, or lacks some. */
import {afterEach, beforeEach, expect, it} from 'vitest'

import type {Connection} from '../../../src/weaviate/connection.js'

import {limit, sample, transformObjects, where} from '../../../src/flow/transform/index.js'
import {CopyManager} from '../../../src/index.js'
import {SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {connect} from '../../../src/weaviate/connect.js'
import {restDump, writeAll} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const servers = embeddedServers()
const NAME = 'ChangedCopy'
const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`

let at: {connection: Connection; url: string}

beforeEach(async () => {
  SAVE_EVERY.ms = 0
  at = await servers.start()
})

afterEach(() => {
  SAVE_EVERY.ms = 500
})

const copies = (): CopyManager => new CopyManager(at.connection, at.connection, {directory: servers.directory})

async function fill(tenants?: readonly string[]): Promise<void> {
  const {connection} = at
  await connection.createCollection({
    class: NAME,
    ...(tenants && {multiTenancyConfig: {enabled: true}}),
    properties: [{dataType: ['text'], name: 'title'}],
    vectorizer: 'none',
  })
  await connection.createTenants(
    NAME,
    (tenants ?? []).map((name) => ({name, status: 'HOT' as const})),
  )
  for (const tenant of tenants ?? [undefined]) {
    const objects = Array.from({length: 12}, (_, index) => ({
      id: idOf(index),
      properties: {title: `text ${index}`},
      ...(tenant !== undefined && {tenant}),
    }))
    await writeAll(connection, NAME, objects)
  }
}

it.each([
  ['the first', limit],
  ['a sample', sample],
])('%s of a source whose objects went meanwhile are not gone on with as others than they were', async (_, choose) => {
  await fill()
  const options = {batchSize: 1, concurrency: 1, name: 'ChosenCopy'}
  const stop = new AbortController()
  const interrupted = copies().copyCollection(NAME, {
    ...options,
    onProgress({completed, stage}) {
      if (stage === 'restore' && completed >= 3) stop.abort()
    },
    signal: stop.signal,
    transforms: [choose(5)],
  })
  await expect(interrupted).rejects.toMatchObject({code: 'INTERRUPTED'})
  const written = [...(await restDump(at.url, 'ChosenCopy')).keys()]
  expect(written.length).toBeGreaterThan(0)
  const reply = await fetch(`${at.url}/v1/objects/${NAME}/${written[0] ?? ''}`, {method: 'DELETE'})
  expect(reply.status).toBe(204)
  // It would be one more than were asked for.
  await expect(copies().copyCollection(NAME, {...options, transforms: [choose(5)]})).rejects.toMatchObject({
    code: 'CHECKPOINT',
  })
  await at.connection.deleteCollection('ChosenCopy')
  const anew = await copies().copyCollection(NAME, {...options, restart: true, transforms: [choose(5)], verify: true})
  expect(anew).toMatchObject({restored: 5, verification: {equal: true}})
})

it('an offloaded tenant that is left out is told of in the result, and is refused where it was to be renamed', async () => {
  await fill(['away', 'here'])
  await at.connection.setTenantStatus(NAME, [{name: 'away', status: 'FROZEN'}])
  const left = await copies().copyCollection(NAME, {name: 'LeftCopy', verify: true})
  expect(left).toMatchObject({
    restored: 12,
    tenantsLeftOut: [{name: 'away', reason: 'offloaded'}],
    warnings: [{code: 'tenant-skipped', details: {name: 'away', reason: 'offloaded'}}],
  })
  const renamed = {name: 'RenamedCopy', tenants: ['away=back', 'here']}
  await expect(copies().copyCollection(NAME, renamed)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: `Tenant "away" of "${NAME}" is offloaded, and was to be copied under another name.`,
  })
  expect(await at.connection.getCollection('RenamedCopy')).toBeUndefined()
  const all = await copies().copyCollection(NAME, {...renamed, includeOffloaded: true, verify: true})
  expect(all).toMatchObject({restored: 24, verification: {equal: true}})
  expect((await at.connection.listTenants('RenamedCopy')).map(({name}) => name).toSorted()).toEqual(['back', 'here'])
})

it.each([
  {transport: 'grpc', verify: true},
  {transport: 'grpc', verify: false},
  {transport: 'rest', verify: true},
  {transport: 'rest', verify: false},
] as const)(
  'what the source got meanwhile is named, as its values are not copied, over $transport (verify: $verify)',
  async ({transport, verify}) => {
    await fill()
    let isAdded = false
    const {url} = at
    await using connections = new AsyncDisposableStack()
    const connection =
      transport === 'grpc'
        ? at.connection
        : connections.adopt(await connect({transport, url}), async (open) => open.close())
    const writesMore = async (): Promise<void> => {
      await fetch(`${url}/v1/schema/${NAME}/properties`, {
        body: JSON.stringify({dataType: ['text'], name: 'extra'}),
        headers: {'content-type': 'application/json'},
        method: 'POST',
      })
      await fetch(`${url}/v1/objects/${NAME}/${idOf(11)}`, {
        body: JSON.stringify({class: NAME, id: idOf(11), properties: {extra: 'more', title: 'text 11'}}),
        headers: {'content-type': 'application/json'},
        method: 'PUT',
      })
    }

    const source = new Proxy(connection, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member, target)
        if (typeof value !== 'function') return value
        if (member !== 'readPage') return (value as () => unknown).bind(target)
        return async (request: Parameters<Connection['readPage']>[0]) => {
          if (request.include === 'objects' && !isAdded) {
            isAdded = true
            await writesMore()
          }

          return connection.readPage(request)
        }
      },
    })
    const copied = await new CopyManager(source, connection, {directory: servers.directory}).copyCollection(NAME, {
      batchSize: 4,
      name: 'GrownCopy',
      verify,
    })
    expect(isAdded).toBe(true)
    expect((await restDump(url, NAME)).get(idOf(11))).toMatchObject({properties: {extra: 'more'}})
    expect(copied).toMatchObject({
      rejected: 0,
      restored: 12,
      warnings: [{code: 'source-changed', details: {newMembers: ['the property extra']}}],
    })
  },
)

const REFERRING = 'ReferringCopy'
const TARGET = 'MergedCopy'

/** A copy into what has the last object already; of the source's objects the first six are chosen, each refers to itself. */
async function fillBoth(): Promise<void> {
  const {connection} = at
  for (const name of [REFERRING, TARGET]) {
    const properties = [
      {dataType: ['text'], name: 'title'},
      {dataType: [name], name: 'self'},
    ]
    await connection.createCollection({class: name, properties, vectorizer: 'none'})
  }

  const objects = Array.from({length: 12}, (_, index) => ({
    id: idOf(index),
    properties: {
      self: [{beacon: `weaviate://localhost/${REFERRING}/${idOf(index)}`}],
      title: index < 6 ? 'chosen' : 'other',
    },
  }))
  await writeAll(connection, REFERRING, objects)
  await writeAll(connection, TARGET, [{id: idOf(11), properties: {title: 'theirs'}}])
}

async function chooseTheLast(): Promise<void> {
  const properties = {self: [{beacon: `weaviate://localhost/${REFERRING}/${idOf(11)}`}], title: 'chosen'}
  const reply = await fetch(`${at.url}/v1/objects/${REFERRING}/${idOf(11)}`, {
    body: JSON.stringify({class: REFERRING, id: idOf(11), properties}),
    headers: {'content-type': 'application/json'},
    method: 'PUT',
  })
  expect(reply.status).toBe(200)
}

it.each(['fail', 'skip'] as const)(
  'what comes to be chosen after the target was looked through writes over nothing there (%s), and is told of',
  async (onConflict) => {
    await fillBoth()
    const options = {
      batchSize: 1,
      concurrency: 1,
      merge: true,
      name: TARGET,
      onConflict,
      transforms: [where('title == "chosen"')],
    }
    const stop = new AbortController()
    const interrupted = copies().copyCollection(REFERRING, {
      ...options,
      onProgress({completed, stage}) {
        if (stage === 'restore' && completed >= 2) stop.abort()
      },
      signal: stop.signal,
    })
    await expect(interrupted).rejects.toMatchObject({code: 'INTERRUPTED'})
    await chooseTheLast()
    const copied = await copies().copyCollection(REFERRING, options)
    expect(copied.restored + copied.resumed).toBe(6)
    expect(copied).toMatchObject({skipped: 0, warnings: [{code: 'came-later', details: {objects: 1}}]})
    const there = await restDump(at.url, TARGET)
    expect(there.size).toBe(7)
    expect(there.get(idOf(11))).toMatchObject({properties: {title: 'theirs'}})
    expect(there.get(idOf(11))).not.toHaveProperty('properties.self')
  },
)

it('what comes to be chosen after objects were written is written whole: its references go to no other object of its id', async () => {
  await fillBoth()
  let isChosen = false
  const source = new Proxy(at.connection, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target)
      if (typeof value !== 'function') return value
      if (member !== 'readPage') return (value as () => unknown).bind(target)
      return async (request: Parameters<Connection['readPage']>[0]) => {
        const written = (await restDump(at.url, TARGET)).size
        if (!isChosen && written === 7) {
          isChosen = true
          await chooseTheLast()
        }

        return target.readPage(request)
      }
    },
  })
  const copied = await new CopyManager(source, at.connection, {directory: servers.directory}).copyCollection(
    REFERRING,
    {merge: true, name: TARGET, transforms: [where('title == "chosen"')]},
  )
  expect(isChosen).toBe(true)
  expect(copied).toMatchObject({references: 7, rejected: 0, warnings: []})
  expect((await restDump(at.url, TARGET)).get(idOf(11))).toMatchObject({properties: {self: [{}], title: 'chosen'}})
})

const chosenOnes = [where('title == "chosen"')]

/** Of the objects that the source has once all are written, the first is deleted, the second is no longer chosen, the third refers to nothing. */
async function loseSome(): Promise<void> {
  for (const [method, index, title] of [
    ['DELETE', 0, ''],
    ['PUT', 1, 'other'],
    ['PUT', 2, 'chosen'],
  ] as const) {
    const reply = await fetch(`${at.url}/v1/objects/${REFERRING}/${idOf(index)}`, {
      ...(method === 'PUT' && {body: JSON.stringify({class: REFERRING, id: idOf(index), properties: {title}})}),
      headers: {'content-type': 'application/json'},
      method,
    })
    expect(reply.ok).toBe(true)
  }
}

it.each([
  {how: 'without changes', lost: 1, sent: 9},
  {how: 'of a filter', lost: 2, sent: 3, transforms: chosenOnes},
  {how: 'of a filter, by two threads', lost: 2, sent: 3, transforms: chosenOnes, workers: 2},
  {how: 'without changes, interrupted in between', isInterrupted: true, lost: 1, sent: 9},
])('what the source loses before its references are read is told of: a copy $how', async ({lost, sent, ...how}) => {
  await fillBoth()
  const {isInterrupted = false, transforms, workers} = how
  const stop = new AbortController()
  let isDone = false
  const source = new Proxy(at.connection, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target)
      if (typeof value !== 'function') return value
      if (member !== 'readPage') return (value as () => unknown).bind(target)
      return async (request: Parameters<Connection['readPage']>[0]) => {
        const isWritten = (await at.connection.count('BereftCopy').catch(() => 0)) === (transforms ? 6 : 12)
        if (isWritten && !isDone) {
          isDone = true
          if (isInterrupted) stop.abort()
          await loseSome()
        }

        return target.readPage(request)
      }
    },
  })
  const options = {name: 'BereftCopy', ...(transforms && {transforms}), ...(workers && {workers})}
  const copy = async (signal?: AbortSignal): Promise<unknown> =>
    new CopyManager(source, at.connection, {directory: servers.directory}).copyCollection(REFERRING, {
      ...options,
      ...(signal && {signal}),
    })
  if (isInterrupted) await expect(copy(stop.signal)).rejects.toMatchObject({code: 'INTERRUPTED'})
  expect(await copy()).toMatchObject({
    references: sent,
    warnings: [{code: 'references-gone', details: {collection: 'BereftCopy', objects: lost}}],
  })
  expect(isDone).toBe(true)
})

it.each(['leave one out', 'give one another UUID'])(
  'functions that %s when they are asked again are what is told of, not a source that has lost nothing',
  async (how) => {
    await fillBoth()
    let asked = 0
    const byChance = transformObjects(
      {
        object(object) {
          // Looked through, and read to be written, is each of them once.
          if (object.id !== idOf(3) || ++asked <= 2) return object
          return how === 'leave one out' ? null : {...object, id: idOf(100 + asked)}
        },
      },
      {name: 'by chance'},
    )
    const copied = copies().copyCollection(REFERRING, {name: 'ChanceCopy', transforms: [byChance]})
    await expect(copied).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      hint: expect.stringContaining('chance') as string,
      message: expect.stringContaining('make something else of') as string,
    })
    expect(asked).toBe(3)
  },
)

it('functions that are asked again about what was changed meanwhile may answer otherwise', async () => {
  await fillBoth()
  let asked = 0
  const byTitle = transformObjects(
    {
      async object(object) {
        if (object.id === idOf(2) && ++asked === 2) await loseSome()
        return object.properties?.title === 'chosen' ? object : null
      },
    },
    {name: 'by title'},
  )
  const options = {batchSize: 1, concurrency: 1, name: 'BereftCopy', transforms: [byTitle]}
  const copied = await copies().copyCollection(REFERRING, options)
  expect(copied).toMatchObject({warnings: [{code: 'references-gone', details: {objects: 2}}]})
})

it('a filter that leaves nothing does not point an alias at it, in place of what its readers see', async () => {
  await fill()
  const options = {atomic: true, name: 'ShownCopy'}
  await copies().copyCollection(NAME, options)
  const before = await at.connection.listAliases()
  const collections = (await at.connection.listCollections()).map((schema) => schema.class)
  const emptied = copies().copyCollection(NAME, {...options, transforms: [where('title == "mistyped"')]})
  await expect(emptied).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: 'The changes leave none of the 12 objects of the source: nothing would be left of "ShownCopy".',
  })
  expect(await at.connection.listAliases()).toEqual(before)
  expect((await at.connection.listCollections()).map((schema) => schema.class)).toEqual(collections)
  // Where nobody sees anything yet, an empty one is what was asked for.
  const none = {atomic: true, name: 'NewlyShown', transforms: [where('title == "mistyped"')]}
  expect(await copies().copyCollection(NAME, none)).toMatchObject({aliases: ['NewlyShown'], restored: 0})
})
