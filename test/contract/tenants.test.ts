/* eslint-disable @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return -- answers are read as they come: a wrong shape fails the expectation */

import {beforeAll, describe, expect, it} from 'vitest'

import {TenantActivityStatus} from '../../src/weaviate/proto/generated/weaviate.js'
import {EVERYTHING, idsOf, messageOf, useTarget, uuid} from './target.js'

const {create, named, target} = useTarget()

describe('tenants', () => {
  let name: string
  let plain: string
  const path = () => `/schema/${name}/tenants`
  beforeAll(async () => {
    name = await create('Tenants', {multiTenancyConfig: {enabled: true}})
    plain = await create('Plain')
    const answer = await target.rest('POST', path(), [
      {name: 'hot'},
      {activityStatus: 'COLD', name: 'cold'},
      {activityStatus: 'ACTIVE', name: 'other'},
    ])
    expect(answer.status).toBe(200)
  })

  it('are listed with their states', async () => {
    const {json} = await target.rest('GET', path())
    const byName = (a: {name: string}, b: {name: string}) => (a.name < b.name ? -1 : 1)
    expect(json.toSorted(byName)).toEqual([
      {activityStatus: 'COLD', name: 'cold'},
      {activityStatus: 'HOT', name: 'hot'},
      {activityStatus: 'HOT', name: 'other'},
    ])
    expect((await target.rest('GET', `${path()}/cold`)).json).toEqual({activityStatus: 'COLD', name: 'cold'})
    expect(await target.rest('GET', `${path()}/none`)).toMatchObject({status: 404, text: ''})
    expect((await target.rest('HEAD', `${path()}/cold`)).status).toBe(200)
    expect((await target.rest('HEAD', `${path()}/none`)).status).toBe(404)
    const all = await target.grpc('tenantsGet', {collection: name})
    expect(all.tenants.toSorted(byName)).toEqual([
      {activityStatus: TenantActivityStatus.TENANT_ACTIVITY_STATUS_COLD, name: 'cold'},
      {activityStatus: TenantActivityStatus.TENANT_ACTIVITY_STATUS_HOT, name: 'hot'},
      {activityStatus: TenantActivityStatus.TENANT_ACTIVITY_STATUS_HOT, name: 'other'},
    ])
    const some = await target.grpc('tenantsGet', {
      collection: name,
      params: {$case: 'names', value: {values: ['none', 'cold']}},
    })
    expect(some.tenants.map((tenant: {name: string}) => tenant.name)).toEqual(['cold'])
  })

  it('keep their objects apart', async () => {
    for (const tenant of ['hot', 'other']) {
      const {errors} = await target.grpc('batchObjects', {
        objects: [{collection: name, properties: {nonRefProperties: {t: tenant}}, tenant, uuid: uuid(1)}],
      })
      expect(errors).toEqual([])
    }

    const {errors} = await target.grpc('batchObjects', {objects: [{collection: name, tenant: 'hot', uuid: uuid(2)}]})
    expect(errors).toEqual([])
    const search = async (tenant: string) =>
      idsOf(await target.grpc('search', {collection: name, limit: 9, metadata: {uuid: true}, tenant}))
    expect(await search('hot')).toEqual([uuid(1), uuid(2)])
    expect(await search('other')).toEqual([uuid(1)])
    const {json} = await target.rest('GET', `/objects/${name}/${uuid(1)}?tenant=other`)
    expect(json).toMatchObject({properties: {t: 'other'}, tenant: 'other'})
    const listed = await target.rest('GET', `/objects?class=${name}&tenant=other`)
    expect(listed.json.objects[0]).not.toHaveProperty('tenant')
    const count = await target.grpc('aggregate', {collection: name, objectsCount: true, tenant: 'hot'})
    expect(count.result.value.objectsCount).toBe(2n)
    const query = `{Aggregate{${name}(tenant:"hot"){meta{count}}}}`
    const graphql = await target.rest('POST', '/graphql', {query})
    expect(graphql.json).toEqual({data: {Aggregate: {[name]: [{meta: {count: 2}}]}}})
    const deleted = await target.grpc('batchDelete', {collection: name, filters: EVERYTHING, tenant: 'other'})
    expect(deleted).toMatchObject({matches: 1n, successful: 1n})
    expect(await search('hot')).toHaveLength(2)
  })

  it('change between active and inactive, and keep their objects', async () => {
    await target.rest('POST', path(), [{name: 'turn'}])
    await target.grpc('batchObjects', {objects: [{collection: name, tenant: 'turn', uuid: uuid(7)}]})
    const turn = async (activityStatus: string) => target.rest('PUT', path(), [{activityStatus, name: 'turn'}])
    expect((await turn('INACTIVE')).json).toEqual([{activityStatus: 'COLD', name: 'turn'}])
    expect((await target.rest('GET', `${path()}/turn`)).json.activityStatus).toBe('COLD')
    expect((await turn('HOT')).json).toEqual([{activityStatus: 'HOT', name: 'turn'}])
    const {json} = await target.rest('GET', `/objects?class=${name}&tenant=turn`)
    expect(json.objects.map((object: {id: string}) => object.id)).toEqual([uuid(7)])
    expect((await target.rest('DELETE', path(), ['turn', 'none'])).status).toBe(200)
    expect((await target.rest('GET', `${path()}/turn`)).status).toBe(404)
  })

  it('come in thousands, and change in hundreds', async () => {
    const many = await create('Many', {multiTenancyConfig: {enabled: true}})
    const tenants = Array.from({length: 101}, (_, index) => ({activityStatus: 'COLD', name: `t${index}`}))
    expect((await target.rest('POST', `/schema/${many}/tenants`, tenants)).status).toBe(200)
    expect((await target.rest('GET', `/schema/${many}/tenants`)).json).toHaveLength(101)
    const all = await target.rest('PUT', `/schema/${many}/tenants`, tenants)
    expect(messageOf(all)).toBe(
      'maximum number of tenants allowed to be updated simultaneously is 100. Please reduce the number of tenants in your request and try again',
    )
    expect((await target.rest('PUT', `/schema/${many}/tenants`, tenants.slice(1))).status).toBe(200)
  })

  it('must be there, and active', async () => {
    const outcome = async (tenant: string) => {
      const search = await target.grpcFailure('search', {collection: name, limit: 1, tenant})
      const count = await target.grpcFailure('aggregate', {collection: name, objectsCount: true, tenant})
      const deleted = await target.grpcFailure('batchDelete', {collection: name, filters: EVERYTHING, tenant})
      const {errors} = await target.grpc('batchObjects', {objects: [{collection: name, tenant, uuid: uuid(1)}]})
      const query = tenant && `&tenant=${tenant}`
      const list = await target.rest('GET', `/objects?class=${name}${query}`)
      const one = await target.rest('GET', `/objects/${name}/${uuid(1)}?x${query}`)
      const gone = await target.rest('DELETE', `/objects/${name}/${uuid(1)}?x${query}`)
      return [
        search.details,
        count.details,
        deleted.details,
        errors[0].error as string,
        messageOf(list),
        messageOf(one),
        messageOf(gone),
      ]
    }

    const index = name.toLowerCase()
    const expected = (reason: string) => [
      `explorer: list class: search: object search at index ${index}: ${reason}`,
      `aggregate: ${reason}`,
      `batch delete: cannot find objects: ${reason}`,
      reason,
      `msg:search index ${index} code:422 err:${reason}`,
      `repo: object by id: search index ${index}: determine shard: ${reason}`,
      `delete object from vector repo: delete from index "${index}": determine shard: ${reason}`,
    ]
    expect(await outcome('')).toEqual(
      expected(`class ${name} has multi-tenancy enabled, but request was without tenant`),
    )
    expect(await outcome('none')).toEqual(expected('tenant not found: "none"'))
    expect(await outcome('cold')).toEqual(expected("tenant not active: 'cold'"))
  })

  it('are created by writing where the collection says so', async () => {
    const automatic = await create('Automatic', {
      multiTenancyConfig: {autoTenantActivation: true, autoTenantCreation: true, enabled: true},
    })
    const write = async () =>
      target.grpc('batchObjects', {objects: [{collection: automatic, tenant: 'new', uuid: uuid(1)}]})
    expect((await write()).errors).toEqual([])
    const {json} = await target.rest('GET', `/schema/${automatic}/tenants`)
    expect(json).toEqual([{activityStatus: 'HOT', name: 'new'}])
    await target.rest('PUT', `/schema/${automatic}/tenants`, [{activityStatus: 'COLD', name: 'new'}])
    expect((await write()).errors).toEqual([])
    expect((await target.rest('GET', `/schema/${automatic}/tenants`)).json[0].activityStatus).toBe('HOT')
  })

  it('are refused with the reason', async () => {
    const refuse = async (method: string, body: unknown, collection = name) =>
      messageOf(await target.rest(method, `/schema/${collection}/tenants`, body))
    expect(await refuse('POST', [{name: 't 5'}])).toBe(
      "tenant name at index 0:  't 5' is not a valid tenant name. should only contain alphanumeric characters (a-z, A-Z, 0-9), underscore (_), and hyphen (-), with a length between 1 and 64 characters",
    )
    expect(await refuse('PUT', [{activityStatus: 'COLD', name: 'none'}])).toBe(
      'updating schema: TYPE_UPDATE_TENANT: shard not found: none',
    )
    expect(await refuse('PUT', [{name: 'hot'}])).toBe('invalid activity status \'\' for tenant "hot"')
    const offloaded = "can't offload tenants, because offload-s3 module is not enabled"
    expect(await refuse('PUT', [{activityStatus: 'FROZEN', name: 'hot'}])).toBe(offloaded)
    expect(await refuse('POST', [{activityStatus: 'FROZEN', name: 'frozen'}])).toBe(offloaded)
    const what = await target.rest('PUT', path(), [{activityStatus: 'WHAT', name: 'hot'}])
    expect(what).toMatchObject({json: {code: 606}, status: 422})
    const not = `multi-tenancy is not enabled for class "${plain}"`
    const listing = 'failed to execute query: could not get tenants: could not get tenants: '
    expect(await refuse('GET', undefined, plain)).toBe(`${listing}${not}`)
    expect(await refuse('POST', [{name: 'x'}], plain)).toBe(`updating schema: TYPE_ADD_TENANT: ${not}`)
    const none = named('None')
    expect(await refuse('GET', undefined, none)).toBe(`${listing}class not found`)
    expect(await refuse('POST', [{name: 'x'}], none)).toBe('updating schema: TYPE_ADD_TENANT: class not found')
    expect(await refuse('DELETE', ['x'], none)).toBe('updating schema: TYPE_DELETE_TENANT: class not found')
    expect((await target.grpcFailure('tenantsGet', {collection: plain})).details).toBe(`get tenants: ${listing}${not}`)
    expect((await target.grpcFailure('tenantsGet', {collection: none})).details).toBe(
      `get tenants: ${listing}class not found`,
    )
  })
})
