/** Copies that are begun anew, and what those of before have left. */
import {afterEach, beforeEach, expect, it} from 'vitest'

import type {CopyOptions} from '../../../src/jobs/copy/options.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {CopyManager} from '../../../src/index.js'
import {SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {fillCollection} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const NAME = 'BegunCopy'
const servers = embeddedServers()
const made = {className: NAME, dims: 4, objects: 30}
let connection: Connection

beforeEach(async () => {
  SAVE_EVERY.ms = 0
  connection = (await servers.start()).connection
  await fillCollection(connection, makeClass(made), makeObjects(made))
})

afterEach(() => {
  SAVE_EVERY.ms = 500
})

const copies = (at = connection): CopyManager => new CopyManager(at, at, {directory: servers.directory})
const options: CopyOptions = {atomic: true, batchSize: 5, concurrency: 1, name: 'Shown'}

/** Names of what is there beside the source. */
async function others(): Promise<string[]> {
  return (await connection.listCollections()).map((schema) => schema.class).filter((name) => name !== NAME)
}

/** What one has left that was stopped half way. */
async function halfFilled(how = options): Promise<string> {
  const stop = new AbortController()
  const interrupted = copies().copyCollection(NAME, {
    ...how,
    onProgress({completed, stage}) {
      if (stage === 'restore' && completed >= 10) stop.abort()
    },
    signal: stop.signal,
  })
  await expect(interrupted).rejects.toMatchObject({code: 'INTERRUPTED'})
  const [left = '', ...more] = await others()
  expect(left).toMatch(how.atomic ? /^Shown_[0-9a-f]{8}$/ : /^Shown$/)
  expect(more).toEqual([])
  return left
}

it('an atomic one that is begun anew removes the half-filled collection of the run before', async () => {
  const left = await halfFilled()
  const copied = await copies().copyCollection(NAME, {...options, restart: true})
  expect(copied).toMatchObject({aliases: ['Shown'], restored: 30, warnings: []})
  expect(copied.collection).not.toBe(left)
  expect(await others()).toEqual([copied.collection])
})

it('also where the new one is not atomic, and where it is a dry run nothing is removed', async () => {
  const left = await halfFilled()
  await copies().copyCollection(NAME, {...options, dryRun: true, restart: true})
  expect(await others()).toEqual([left])
  await copies().copyCollection(NAME, {...options, atomic: false, restart: true})
  expect(await others()).toEqual(['Shown'])
})

it('one that was stopped is not taken for another where it is tried with or without `atomic`, and goes on afterwards', async () => {
  const left = await halfFilled()
  await expect(copies().copyCollection(NAME, {...options, atomic: false})).rejects.toMatchObject({
    code: 'CHECKPOINT',
    message: 'This copy was begun, and not ended, with `atomic`.',
  })
  expect(await others()).toEqual([left])
  const copied = await copies().copyCollection(NAME, options)
  expect(copied).toMatchObject({collection: left, restored: 30 - copied.resumed})
  expect(copied.resumed).toBeGreaterThanOrEqual(10)
})

it('also where it was begun without', async () => {
  const plain = {...options, atomic: false}
  expect(await halfFilled(plain)).toBe('Shown')
  await expect(copies().copyCollection(NAME, options)).rejects.toMatchObject({
    code: 'CHECKPOINT',
    message: 'This copy was begun, and not ended, without `atomic`.',
  })
  const copied = await copies().copyCollection(NAME, plain)
  expect(copied).toMatchObject({collection: 'Shown', restored: 30 - copied.resumed})
  expect(copied.resumed).toBeGreaterThanOrEqual(10)
})

it('names it where somebody else may have made it', async () => {
  const left = await halfFilled()
  await connection.deleteCollection(left)
  await connection.createCollection({...makeClass(made), class: left})
  const copied = await copies().copyCollection(NAME, {...options, restart: true})
  expect(copied.warnings).toMatchObject([{code: 'collection-left', details: {collection: left}}])
  expect((await others()).toSorted()).toEqual([copied.collection, left].toSorted())
})

it('names it where nothing tells it from another of its name', async () => {
  const unknown: Connection = {...connection, identify: async () => undefined}
  const left = await halfFilled()
  const copied = await copies(unknown).copyCollection(NAME, {...options, restart: true})
  expect(copied.warnings).toMatchObject([{code: 'collection-left', details: {collection: left}}])
})

it('leaves what readers see to the alias', async () => {
  const left = await halfFilled()
  await connection.createAlias('Shown', left)
  const copied = await copies().copyCollection(NAME, {...options, restart: true})
  expect(copied.warnings).toMatchObject([{code: 'alias-switched', details: {previous: left}}])
  expect((await others()).toSorted()).toEqual([copied.collection, left].toSorted())
})

it('what does not fit its target is said of a source', async () => {
  await connection.createCollection({
    class: 'Narrow',
    properties: (makeClass(made).properties ?? []).map((property) => ({dataType: ['blob'], name: property.name})),
    vectorizer: 'none',
  })
  await expect(copies().copyCollection(NAME, {merge: true, name: 'Narrow'})).rejects.toMatchObject({
    code: 'SCHEMA_MISMATCH',
    message: expect.stringMatching(
      /^The source does not fit "Narrow": .*: source \["\w+"\], collection \["blob"\]/,
    ) as string,
  })
})
