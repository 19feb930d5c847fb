/** A tenant that somebody activates as soon as it was put back: by reading it, where the collection says so. */
import {afterEach, beforeEach, expect, it} from 'vitest'

import {putBackAll} from '../../../src/flow/tenants/put-back.js'
import {CHANGED_BACK} from '../../../src/weaviate/rest/tenants.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const servers = embeddedServers()
const NAME = 'PutBack'
const {ms} = CHANGED_BACK

beforeEach(() => {
  CHANGED_BACK.ms = 10
})
afterEach(() => {
  CHANGED_BACK.ms = ms
})

it('is not waited for, and is no failure where it was to be put back', async () => {
  let isMeddling = false
  const {connection, url} = await servers.start({
    async onRequest({method, path}) {
      if (!isMeddling || method !== 'GET' || path !== `/v1/schema/${NAME}/tenants/one`) return
      const body = JSON.stringify([{activityStatus: 'HOT', name: 'one'}])
      await fetch(`${url}/v1/schema/${NAME}/tenants`, {
        body,
        headers: {'content-type': 'application/json'},
        method: 'PUT',
      })
    },
  })
  await connection.createCollection({class: NAME, multiTenancyConfig: {enabled: true}, vectorizer: 'none'})
  await connection.createTenants(NAME, [
    {name: 'one', status: 'HOT'},
    {name: 'two', status: 'HOT'},
  ])
  isMeddling = true
  const both = ['one', 'two'].map((name) => ({name, status: 'COLD' as const}))
  await expect(connection.setTenantStatus(NAME, both)).rejects.toMatchObject({
    code: 'SERVER_REFUSED',
    details: {isChangedBack: true, tenants: ['one']},
  })
  await putBackAll(connection, NAME, both)
  isMeddling = false
  expect(await connection.listTenants(NAME)).toEqual([
    {name: 'one', status: 'HOT'},
    {name: 'two', status: 'COLD'},
  ])
})
