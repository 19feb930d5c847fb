/** What a dry run foretells of a creation, and what a restore says of settings that the server has not kept. */
import {readdir} from 'node:fs/promises'
import {describe, expect, it} from 'vitest'

import type {WeaviateClass} from '../../../src/model/schema.js'

import {BackupManager, type Connection, RestoreManager, type RestoreOptions} from '../../../src/index.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const servers = embeddedServers()
const NAME = 'Foretold'

const plain = (more: Partial<WeaviateClass> = {}): WeaviateClass => ({
  class: NAME,
  properties: [{dataType: ['text'], name: 'title'}],
  vectorIndexType: 'flat',
  vectorizer: 'none',
  ...more,
})

/** A backup whose schema is said to be another one. */
async function backupOf(schema: WeaviateClass, shown: Partial<WeaviateClass> = {}): Promise<string> {
  const {connection} = await servers.start()
  await connection.createCollection(schema)
  const source: Connection = {
    ...connection,
    async getCollection(name) {
      const found = await connection.getCollection(name)
      return found && {...found, ...shown}
    },
  }
  return (await new BackupManager(source, {directory: servers.directory}).backupCollection(schema.class)).path
}

async function foretell(backup: string, version?: string, options: RestoreOptions = {}) {
  const {connection} = await servers.start(version === undefined ? {} : {version})
  const manager = new RestoreManager(connection, {directory: servers.directory})
  try {
    return await manager.restoreCollection(backup, {...options, dryRun: true})
  } finally {
    expect(await connection.listCollections()).toEqual([])
    expect((await readdir(servers.directory)).filter((name) => name.endsWith('.checkpoint'))).toEqual([])
  }
}

const textOf = (pattern: RegExp): string => expect.stringMatching(pattern) as string

describe('a dry run names what the server would refuse', () => {
  it.each<[string, {shown: Partial<WeaviateClass>; version?: string}, RegExp, RegExp]>([
    [
      'more replicas than nodes',
      {shown: {replicationConfig: {factor: 3}}},
      /3 replicas are more than its 1 nodes/,
      /replicationConfig\.factor': 1/,
    ],
    [
      'a module that is not there',
      {shown: {vectorizer: 'text2vec-nosuch'}},
      /it has no module text2vec-nosuch/,
      /'vectorizer': 'none'/,
    ],
    [
      'the module of a named vector',
      {
        shown: {
          vectorConfig: {made: {vectorIndexType: 'flat', vectorizer: {'text2vec-nosuch': {}}}},
          vectorIndexType: undefined,
          vectorizer: undefined,
        },
      },
      /it has no module text2vec-nosuch/,
      /'vectorConfig\.made\.vectorizer': 'none'/,
    ],
    [
      'an index that came later',
      {shown: {vectorIndexType: 'hfresh'}, version: '1.35.0'},
      /no vectorIndexType hfresh \(since 1\.36\.0\)/,
      /version 1\.36\.0 or later/,
    ],
  ])('%s', async (_, {shown, version}, message, hint) => {
    const backup = await backupOf(plain(), shown)
    await expect(foretell(backup, version)).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      hint: textOf(hint),
      message: textOf(message),
    })
  })

  it('all of it at once, and nothing once it is changed', async () => {
    const backup = await backupOf(plain(), {replicationConfig: {factor: 3}, vectorizer: 'text2vec-nosuch'})
    await expect(foretell(backup)).rejects.toMatchObject({
      details: {refused: [{}, {}].map(() => expect.any(String) as string)},
    })
    const overrides = {'replicationConfig.factor': 1, vectorizer: 'none'}
    expect((await foretell(backup, undefined, {overrides})).warnings).toEqual([])
  })
})

describe('a dry run says what no server shows', () => {
  const cases: Array<[string, Partial<WeaviateClass>, RegExp]> = [
    [
      'dynamic',
      {vectorIndexConfig: {}, vectorIndexType: 'dynamic'},
      /vectorIndexType dynamic.*'vectorIndexType': 'hnsw'/,
    ],
    [
      'a tokenizer',
      {properties: [{dataType: ['text'], name: 'title', tokenization: 'gse'}]},
      /the tokenization gse.*'properties\.title\.tokenization': 'word'/,
    ],
    [
      'a time to live',
      {objectTtlConfig: {defaultTtl: 60, deleteOn: '_creationTimeUnix', enabled: true}},
      /objectTtlConfig.*OBJECTS_TTL_DELETE_SCHEDULE/,
    ],
  ]

  it.each(cases)('%s', async (_, shown, message) => {
    const backup = await backupOf(plain(), shown)
    const {warnings} = await foretell(backup)
    expect(warnings.filter(({code}) => code === 'may-be-refused')).toEqual([
      expect.objectContaining({message: textOf(message)}) as unknown,
    ])
  })

  it('unless another collection has it', async () => {
    const shown = {properties: [{dataType: ['text'], name: 'title', tokenization: 'gse'}]}
    const backup = await backupOf(plain(), shown)
    const {connection} = await servers.start()
    const other = {...plain(shown), class: 'Other'}
    const proven: Connection = {...connection, listCollections: async () => [other]}
    const {warnings} = await new RestoreManager(proven, {directory: servers.directory}).restoreCollection(backup, {
      dryRun: true,
    })
    expect(warnings).toEqual([])
  })

  it('of an older server: that it is one, and what would be lost', async () => {
    const ttl = {objectTtlConfig: {defaultTtl: 60, deleteOn: '_creationTimeUnix', enabled: true}}
    const {warnings} = await foretell(await backupOf(plain(), ttl), '1.33.0')
    expect(warnings.map(({code}) => code)).toEqual(expect.arrayContaining(['older-server', 'would-be-lost']))
    expect(warnings.find(({code}) => code === 'older-server')).toMatchObject({
      details: {backup: '1.39.0', server: '1.33.0'},
    })
    expect((await foretell(await backupOf(plain()), '1.39.4')).warnings).toEqual([])
  })
})

describe('changes for several backups', () => {
  it('are made where they fit, and said where they do not', async () => {
    const one = await backupOf(plain({class: 'ForetoldOne'}))
    const two = await backupOf(plain({class: 'ForetoldTwo', properties: [{dataType: ['text'], name: 'other'}]}))
    const {connection} = await servers.start()
    const manager = new RestoreManager(connection, {directory: servers.directory})
    const overrides = {'invertedIndexConfig.bm25.b': 0.5, 'properties.title.tokenization': 'field'}
    const {collections} = await manager.restoreCollections([one, two], {overrides})
    expect(collections.map(({collection, warnings}) => [collection, warnings.map(({code}) => code)])).toEqual([
      ['ForetoldOne', []],
      ['ForetoldTwo', ['overrides-left-out']],
    ])
    expect(await connection.getCollection('ForetoldOne')).toMatchObject({
      invertedIndexConfig: {bm25: {b: 0.5}},
      properties: [{name: 'title', tokenization: 'field'}],
    })
    expect(await connection.getCollection('ForetoldTwo')).toMatchObject({
      invertedIndexConfig: {bm25: {b: 0.5}},
      properties: [{name: 'other', tokenization: 'word'}],
    })
  })

  it('that fit none are refused, before anything is made', async () => {
    const backups = [await backupOf(plain({class: 'ForetoldOne'})), await backupOf(plain({class: 'ForetoldTwo'}))]
    const {connection} = await servers.start()
    const manager = new RestoreManager(connection, {directory: servers.directory})
    for (const path of ['properties.nope.tokenization', 'vectorConfig.nope.vectorizer']) {
      await expect(manager.restoreCollections(backups, {overrides: {[path]: 'none'}})).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: `The schema has no place for "${path}".`,
      })
    }

    expect(await connection.listCollections()).toEqual([])
  })
})

it('settings that are absent on one side and off or default on the other are one line, and what is lost stands first', async () => {
  const shown = {
    invertedIndexConfig: {bm25: {b: 0.5, k1: 1.2}, usingBlockMaxWAND: false},
    vectorIndexConfig: {bq: {enabled: false, rescoreLimit: -1}, distance: 'cosine', filterStrategy: 'sweeping'},
  }
  const backup = await backupOf(plain({vectorIndexType: 'hnsw'}), shown)
  const {connection} = await servers.start()
  const older: Connection = {
    ...connection,
    async getCollection(name) {
      const found = await connection.getCollection(name)
      if (!found) return undefined
      return {
        ...found,
        invertedIndexConfig: {bm25: {b: 0.75}, later: 'default'},
        vectorIndexConfig: {distance: 'cosine'},
      }
    },
  }
  const {warnings} = await new RestoreManager(older, {directory: servers.directory}).restoreCollection(backup)
  expect(warnings.map(({code, message}) => [code, message])).toEqual([
    ['schema-changed', 'The server does not keep invertedIndexConfig.bm25.k1: the backup has 1.2.'],
    ['schema-changed', 'The server keeps invertedIndexConfig.bm25.b as 0.75; the backup has 0.5.'],
    [
      'schema-defaults',
      textOf(/^4 settings of "Foretold" are absent on one side and switched off, or the default, on the other: /),
    ],
  ])
})
