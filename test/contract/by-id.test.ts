import {describe, expect, it} from 'vitest'

import {useTarget} from './target.js'

const {create, target} = useTarget()

describe('an object', () => {
  it('by id without a class', async ({skip}) => {
    // Where a class has tenants the real server cannot look an id up without a class.
    const {classes} = (await target.rest('GET', '/schema')).json as {
      classes: Array<{multiTenancyConfig: {enabled: boolean}}>
    }
    if (classes.some(({multiTenancyConfig}) => multiTenancyConfig.enabled)) skip('other classes have tenants')
    const name = await create('ById', {properties: [{dataType: ['text'], name: 't'}]})
    const id = '6e1b1f2c-0000-4000-8000-00000000b1d0'
    await target.rest('POST', '/objects', {class: name, id, properties: {t: 'a'}})
    expect((await target.rest('GET', `/objects/${id}`)).json).toMatchObject({class: name, id, properties: {t: 'a'}})
    expect((await target.rest('HEAD', `/objects/${id}`)).status).toBe(204)
    expect((await target.rest('PATCH', `/objects/${id}`, {class: name, properties: {t: 'b'}})).status).toBe(204)
    expect((await target.rest('DELETE', `/objects/${id}`)).status).toBe(204)
    expect((await target.rest('GET', `/objects/${id}`)).status).toBe(404)
  })
})
