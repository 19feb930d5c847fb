import {beforeEach, describe, expect, it} from 'vitest'

import {messageOf, useTarget} from './target.js'

const {create, target} = useTarget()

describe('an object by its id alone', () => {
  // The answers depend on all classes of the server: one of somebody else's that has tenants changes them.
  beforeEach(async (context) => {
    const {classes} = (await target.rest('GET', '/schema')).json as {
      classes: Array<{multiTenancyConfig: {enabled: boolean}}>
    }
    if (classes.some(({multiTenancyConfig}) => multiTenancyConfig.enabled)) context.skip()
  })

  it('has references, until a class has tenants', async () => {
    const name = await create('Self')
    await target.rest('POST', `/schema/${name}/properties`, {dataType: [name], name: 'r'})
    const [from, to] = [crypto.randomUUID(), crypto.randomUUID()]
    for (const id of [from, to]) await target.rest('POST', '/objects', {class: name, id})
    const beacon = `weaviate://localhost/${name}/${to}`
    const path = `/objects/${from}/references/r`
    const read = async (): Promise<unknown> => {
      const {properties} = (await target.rest('GET', `/objects/${from}`)).json as {
        properties?: {r: Array<{beacon: string}>}
      }
      return properties?.r.map((reference) => reference.beacon)
    }

    // Other tests of the same server may have a class with tenants for a moment: then it is refused, and nothing is done.
    const settles = async (method: 'DELETE' | 'POST' | 'PUT', body: unknown, status: number): Promise<void> =>
      expect.poll(async () => (await target.rest(method, path, body)).status, {timeout: 20_000}).toBe(status)
    await settles('POST', {beacon}, 200)
    await settles('PUT', [{beacon}], 200)
    await expect.poll(read, {timeout: 20_000}).toEqual([beacon])
    await settles('DELETE', {beacon}, 204)
    await expect.poll(read, {timeout: 20_000}).toEqual([])

    const tenants = await create('Tenants', {multiTenancyConfig: {enabled: true}})
    const ask = async (): Promise<[number, string]> => {
      const answer = await target.rest('GET', `/objects/${from}`)
      return [answer.status, messageOf(answer)]
    }

    // All classes are looked through: also those that other tests of the same server drop meanwhile.
    await expect
      .poll(ask)
      .toEqual([
        422,
        expect.stringContaining(`class ${tenants} has multi-tenancy enabled, but request was without tenant`),
      ])
    expect((await target.rest('POST', path, {beacon})).status).toBe(422)
  }, 60_000)
})
