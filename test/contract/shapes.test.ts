import {beforeAll, describe, expect, it} from 'vitest'

import {type Answer, useTarget, uuid, withName} from './target.js'

const {create, named, target} = useTarget()
let name = ''
let tenants = ''

beforeAll(async () => {
  const properties = [
    {dataType: ['text'], name: 't'},
    {dataType: ['int'], name: 'i'},
  ]
  name = await create('Shapes', {properties})
  await target.rest('POST', `/schema/${name}/properties`, {dataType: [name], name: 'r'})
  tenants = await create('ShapesTenants', {multiTenancyConfig: {enabled: true}, properties})
  await target.rest('POST', '/objects', {class: name, id: uuid(1), properties: {t: 'kept'}})
})

const messageOf = ({json}: Answer): string => {
  const {error, message} = json as {error?: Array<{message: string}>; message?: string}
  return message ?? error![0]!.message
}

describe('a body of the wrong shape', () => {
  it.each<[string, string, unknown, string]>([
    ['POST', '/objects', {class: 5}, 'number into Go struct field Object.class of type string'],
    ['POST', '/objects', {class: 'C', vector: ['a']}, 'string into Go struct field Object.vector of type float32'],
    ['PUT', `/objects/C/nope`, {class: 'C', tenant: {}}, 'object into Go struct field Object.tenant of type string'],
    ['PATCH', `/objects/C/${uuid(1)}`, {class: 'C', vector: {}}, 'object into Go struct field Object.vector'],
    ['POST', '/batch/objects', {objects: {}}, 'object into Go struct field'],
    ['POST', `/objects/C/${uuid(1)}/references/r`, [], 'array into Go value of type models.SingleRef'],
    ['DELETE', `/objects/C/${uuid(1)}/references/r`, {beacon: 5}, 'number into Go struct field SingleRef.beacon'],
    ['POST', '/schema/T/tenants', {}, 'object into Go value of type []'],
    ['POST', '/schema/T/tenants', ['one'], 'string into Go value of type models.Tenant'],
    ['DELETE', '/schema/T/tenants', [{name: 'x'}], 'object into Go value of type string'],
    ['POST', '/schema', {class: 'C', properties: [{dataType: 'text', name: 'p'}]}, 'of type []string'],
    ['POST', '/schema', {class: 'C', replicationConfig: {factor: 'x'}}, 'of type int64'],
    ['POST', '/schema', {class: 'C', multiTenancyConfig: {enabled: 'x'}}, 'of type bool'],
    ['POST', '/schema/C/properties', {dataType: ['int'], description: 5, name: 'p'}, 'of type string'],
  ])('is refused before anything else: %s %s %j', async (method, path, body, problem) => {
    const answer = await target.rest(method, withName(withName(path, '/C', `/${name}`), '/T', `/${tenants}`), body)
    expect(answer.status).toBe(400)
    expect(messageOf(answer)).toMatch(/^parsing (?:body|objectClass|tenants) body from "" failed, because json: /)
    expect(messageOf(answer)).toContain(problem)
  })

  it('does not count null as one', async () => {
    const answer = await target.rest('POST', `/schema/${tenants}/tenants`, null)
    expect([answer.status, answer.json]).toEqual([200, []])
    const object = {class: name, id: null, properties: {t: null}, tenant: null, vector: null}
    expect((await target.rest('POST', '/objects', object)).status).toBe(200)
  })
})

describe('what is refused, and changes nothing', () => {
  const read = async (): Promise<unknown> => {
    const answer = await target.rest('GET', `/objects/${name}/${uuid(1)}`)
    return (answer.json as {properties: unknown}).properties
  }

  it('a reference that the class does not have, or to another server', async () => {
    const beacon = `weaviate://localhost/${name}/${uuid(1)}`
    const gone = await target.rest('DELETE', `/objects/${name}/${uuid(1)}/references/nope`, {beacon})
    expect([gone.status, messageOf(gone)]).toEqual([
      422,
      expect.stringContaining("bad inputs code:400 err:no such prop with name 'nope'") as string,
    ])
    const away = {beacon: `weaviate://other/${name}/${uuid(1)}`}
    const other = await target.rest('PUT', `/objects/${name}/${uuid(1)}/references/r`, [away])
    expect([other.status, messageOf(other)]).toEqual([
      422,
      'msg:bad inputs code:400 err:unrecognized cross-ref ref format',
    ])
    expect(await read()).toEqual({t: 'kept'})
  })

  it('a tenant without a name; a state that is left empty is HOT', async () => {
    const nameless = await target.rest('POST', `/schema/${tenants}/tenants`, [{}])
    expect([nameless.status, messageOf(nameless)]).toEqual([422, 'tenant name at index 0: empty tenant name'])
    await target.rest('POST', `/schema/${tenants}/tenants`, [{activityStatus: '', name: 'empty'}])
    expect((await target.rest('GET', `/schema/${tenants}/tenants`)).json).toEqual([
      {activityStatus: 'HOT', name: 'empty'},
    ])
  })

  it('a cursor beside an order', async () => {
    const listed = await target.rest('GET', `/objects?class=${name}&sort=i&after=${uuid(0)}`)
    expect([listed.status, messageOf(listed)]).toEqual([
      422,
      "msg:cursor api: invalid 'after' parameter code:400 err:sort cannot be set with after and limit parameters",
    ])
  })

  it('an object of a class that differs by capitals only', async () => {
    const lower = `${name.slice(0, 1)}${name.slice(1).toLowerCase()}`
    const answer = await target.rest('POST', '/objects', {class: lower, properties: {t: 'x'}})
    named(lower.replace(/^Contract[0-9a-f]*/, ''))
    expect(messageOf(answer)).toContain(`class already exists: found similar class "${name}"`)
    expect((await target.rest('GET', `/schema/${lower}`)).status).toBe(404)
  })
})
