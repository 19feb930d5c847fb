import {describe, expect, it} from 'vitest'

import {messageOf, useTarget, uuid} from './target.js'

const {create, named, target} = useTarget()

type Schema = Record<string, Record<string, unknown>>

async function schemaOf(name: string): Promise<Schema> {
  return (await target.rest('GET', `/schema/${name}`)).json as Schema
}

/** Changes a class that is made with these settings. What was answered. */
async function changed(
  name: string,
  settings: Record<string, unknown>,
  change: (schema: Schema) => void,
): Promise<{schema: Schema; said: string; status: number}> {
  const full = await create(name, settings)
  const schema = await schemaOf(full)
  change(schema)
  const answer = await target.rest('PUT', `/schema/${full}`, schema)
  return {schema: await schemaOf(full), said: answer.status === 200 ? '' : messageOf(answer), status: answer.status}
}

describe('members of a body', () => {
  it('are taken in any case, as Go does, the last one of a name', async () => {
    const full = named('Cases')
    const vectors = {V: {VectorIndexConfig: {distance: 'dot'}, VECTORIZER: {none: {}}, vectorindextype: 'flat'}}
    const {status} = await target.rest('POST', '/schema', {
      CLASS: full,
      Description: 'one',
      description: 'two',
      MultiTenancyConfig: {autotenantcreation: true},
      multitenancyconfig: {ENABLED: true},
      PROPERTIES: [{IndexSearchable: false, NAME: 'a', datatype: ['text']}],
      VectorConfig: vectors,
    })
    expect(status).toBe(200)
    expect(await schemaOf(full)).toMatchObject({
      description: 'two',
      multiTenancyConfig: {autoTenantCreation: true, enabled: true},
      properties: [{dataType: ['text'], indexSearchable: false, name: 'a'}],
      vectorConfig: {V: {vectorIndexConfig: {distance: 'dot'}, vectorIndexType: 'flat'}},
    })
    expect((await schemaOf(full)).vectorConfig).not.toHaveProperty('v')

    const tenants = [{ActivityStatus: 'COLD', NAME: 't1'}, {Name: 't2'}]
    expect((await target.rest('POST', `/schema/${full}/tenants`, tenants)).status).toBe(200)
    expect((await target.rest('GET', `/schema/${full}/tenants`)).json).toEqual(
      expect.arrayContaining([expect.objectContaining({activityStatus: 'COLD', name: 't1'})]),
    )
    const object = {Class: full, ID: uuid(1), PROPERTIES: {a: 'x'}, Tenant: 't2', VECTORS: {V: [1, 2]}}
    expect((await target.rest('POST', '/objects', object)).json).toMatchObject({
      properties: {a: 'x'},
      tenant: 't2',
      vectors: {V: [1, 2]},
    })
    const where = {OPERATOR: 'Equal', PATH: ['a'], VALUETEXT: 'x'}
    const deleted = await target.rest('DELETE', '/batch/objects?tenant=t2', {MATCH: {Class: full, Where: where}})
    expect(deleted.json).toMatchObject({results: {matches: 1, successful: 1}})
  })
})

describe('quantizers', () => {
  it.each([
    ['bq', true],
    ['bq', false],
    ['rq', true],
    ['rq', false],
  ])('of a flat index stay as they are: %s %s', async (quantizer, isEnabled) => {
    const index = {vectorIndexConfig: {[quantizer]: {enabled: isEnabled}}, vectorIndexType: 'flat'}
    const {said, status} = await changed(`Flat${quantizer}${isEnabled}`, index, ({vectorIndexConfig}) => {
      vectorIndexConfig![quantizer] = {enabled: !isEnabled}
    })
    expect(status).toBe(422)
    expect(said).toContain(
      `validate vector index config: ${quantizer} is immutable: attempted change from "${isEnabled}" to "${!isEnabled}"`,
    )
  })

  it.each([
    ['flat', 'rq.bits'],
    ['hnsw', 'rq bits'],
  ])('keep their bits once they are enabled: %s', async (vectorIndexType, what) => {
    const index = {vectorIndexConfig: {rq: {enabled: true}}, vectorIndexType}
    const {said, status} = await changed(`Bits${vectorIndexType}`, index, ({vectorIndexConfig}) => {
      Object.assign(vectorIndexConfig!.rq as object, {bits: 1})
    })
    expect(status).toBe(422)
    expect(said).toContain(`validate vector index config: ${what} is immutable: attempted change from "8" to "1"`)
  })

  it('of an hnsw index get bits as they are enabled', async () => {
    const {schema, status} = await changed('NewBits', {}, ({vectorIndexConfig}) => {
      vectorIndexConfig!.rq = {bits: 1, enabled: true}
    })
    expect(status).toBe(200)
    expect(schema.vectorIndexConfig!.rq).toMatchObject({bits: 1, enabled: true})
  })

  it('of a named flat vector too', async () => {
    const a = {vectorIndexConfig: {bq: {enabled: true}}, vectorIndexType: 'flat', vectorizer: {none: {}}}
    const {said} = await changed('FlatNamed', {vectorConfig: {a}}, ({vectorConfig}) => {
      vectorConfig!.a = {...a, vectorIndexConfig: {bq: {enabled: false}}}
    })
    expect(said).toContain('invalid update for vector "a": bq is immutable')
  })

  it('of an hnsw index are switched', async () => {
    const index = {vectorIndexConfig: {bq: {enabled: true}}}
    const {schema, status} = await changed('Hnsw', index, ({vectorIndexConfig}) => {
      Object.assign(vectorIndexConfig!, {bq: {enabled: false}, sq: {enabled: true}})
    })
    expect(status).toBe(200)
    expect(schema.vectorIndexConfig).toMatchObject({bq: {enabled: false}, sq: {enabled: true}})
  })
})

describe('replication', () => {
  it('keeps the settings that it knows, and drops them when they are not given', async () => {
    const replicationConfig = {asyncConfig: {hashtreeHeight: 20, maxWorkers: 3}, asyncEnabled: true}
    const name = await create('Async', {replicationConfig})
    const schema = await schemaOf(name)
    expect(schema.replicationConfig).toEqual({
      asyncConfig: {hashtreeHeight: 20},
      asyncEnabled: false,
      deletionStrategy: 'TimeBasedResolution',
      factor: 1,
    })
    delete schema.replicationConfig!.asyncConfig
    delete schema.replicationConfig!.deletionStrategy
    expect((await target.rest('PUT', `/schema/${name}`, schema)).status).toBe(200)
    // What is not given is not kept.
    expect((await schemaOf(name)).replicationConfig).toEqual({asyncEnabled: false, factor: 1})
  })

  it('is not raised for shards that are there', async () => {
    const raise = ({replicationConfig}: Schema): void => {
      replicationConfig!.factor = 2
    }

    const {said} = await changed('Factor', {}, raise)
    expect(said).toMatch(/not enough replicas in shard "\w+" to increase replication factor to 2/)
    const {status} = await changed('FactorOfNone', {multiTenancyConfig: {enabled: true}}, raise)
    expect(status).toBe(200)
  })
})

describe('stop words of a class', () => {
  const my = {stopwordPresets: {my: ['a']}}
  const property = {dataType: ['text'], name: 't', textAnalyzer: {stopwordPreset: 'my'}}
  const drop = ({invertedIndexConfig}: Schema): void => {
    delete invertedIndexConfig!.stopwordPresets
  }

  it('stay while a property names them', async () => {
    const {said} = await changed('Preset', {invertedIndexConfig: my, properties: [property]}, drop)
    expect(said).toContain('cannot remove preset "my" because it is still used by property "t"')
    const outer = {dataType: ['object'], name: 'o', nestedProperties: [property]}
    const nested = await changed('PresetNested', {invertedIndexConfig: my, properties: [outer]}, drop)
    expect(nested.said).toContain('still used by property "o.t"')
    expect((await changed('PresetFree', {invertedIndexConfig: my}, drop)).status).toBe(200)
  })

  it.each<[object, string]>([
    [{properties: [property]}, `property 't': unknown stopword preset "my"`],
    [{properties: [{...property, dataType: ['int']}]}, 'processing options are only allowed for text'],
    [
      {invertedIndexConfig: my, properties: [{...property, tokenization: 'field'}]},
      'stopwordPreset is only supported with tokenization "word", got "field"',
    ],
    [{invertedIndexConfig: {stopwordPresets: {my: []}}}, 'preset "my" must have at least one word'],
    [{invertedIndexConfig: {...my, stopwords: {preset: 'my'}}}, `stopwordPreset 'my' does not exist`],
  ])('are refused: %j', async (settings, said) => {
    const answer = await target.rest('POST', '/schema', {class: named('Refused'), ...settings})
    expect(answer.status).toBe(422)
    expect(messageOf(answer)).toContain(said)
  })
})

const ttl = {defaultTtl: 100, deleteOn: '_creationTimeUnix', enabled: true}

describe('the time that objects live', () => {
  it('is refused where it cannot be, as by a server that deletes nothing', async (context) => {
    const probe = await target.rest('POST', '/schema', {class: named('TtlProbe'), objectTtlConfig: ttl})
    // The real server wants to be started with OBJECTS_TTL_DELETE_SCHEDULE.
    if (probe.text.includes('OBJECTS_TTL_DELETE_SCHEDULE')) context.skip()
    expect(probe.status).toBe(200)
    const dated = (index: object): object => ({properties: [{dataType: ['date'], name: 'd', ...index}]})
    const cases: Array<[object, object, string]> = [
      [{defaultTtl: 59}, {}, 'Required minimum "60" seconds, given "59" seconds'],
      [{deleteOn: ''}, {}, 'missing value for "deleteOn"'],
      [{deleteOn: 'nope'}, {}, 'property "nope" set as "deleteOn" not found among collection properties'],
      [{deleteOn: 'd'}, {properties: [{dataType: ['text'], name: 'd'}]}, 'should have "date" data type, "text" given'],
      [{deleteOn: 'd'}, dated({indexFilterable: false}), 'should have filterable or rangeable index enabled'],
    ]
    for (const [config, settings, said] of cases) {
      const given = {class: named('Ttl'), objectTtlConfig: {...ttl, ...config}, ...settings}
      const answer = await target.rest('POST', '/schema', given)
      expect([answer.status, messageOf(answer)]).toEqual([422, expect.stringContaining(said)])
    }

    const given = {class: named('Ttl'), objectTtlConfig: {...ttl, defaultTtl: -5, deleteOn: 'd'}, ...dated({})}
    expect((await target.rest('POST', '/schema', given)).status).toBe(200)
  })

  it('is shown whole, and gone when it is not given', async () => {
    const name = await create('TtlOff', {objectTtlConfig: {defaultTtl: 5, enabled: false}})
    const schema = await schemaOf(name)
    const shown = {defaultTtl: 5, deleteOn: '', enabled: false, filterExpiredObjects: false}
    expect(schema.objectTtlConfig).toEqual(shown)
    delete schema.objectTtlConfig
    await target.rest('PUT', `/schema/${name}`, schema)
    expect(await schemaOf(name)).not.toHaveProperty('objectTtlConfig')
  })
})

describe('what else the clients of others found', () => {
  it('an empty tokenization of a number is none', async () => {
    const name = await create('Tokens', {properties: [{dataType: ['int'], name: 'i', tokenization: ''}]})
    const {properties} = (await target.rest('GET', `/schema/${name}`)).json as {properties: object[]}
    expect(properties[0]).not.toHaveProperty('tokenization')
  })

  it('a listing has a score of 0, and nothing to explain', async () => {
    const name = await create('Scored')
    await target.rest('POST', '/objects', {class: name, id: uuid(1)})
    const reply = (await target.grpc('search', {
      collection: name,
      metadata: {explainScore: true, score: true, uuid: true},
    })) as {results: Array<{metadata: object}>}
    expect(reply.results[0]!.metadata).toMatchObject({
      explainScore: '',
      explainScorePresent: true,
      id: uuid(1),
      score: 0,
      scorePresent: true,
    })
  })
})
