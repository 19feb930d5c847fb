/* eslint-disable @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access -- answers are read as they come: a wrong shape fails the expectation */
import {describe, expect, it} from 'vitest'

import {idsOf, messageOf, useTarget, uuid} from './target.js'

const {create, named, target} = useTarget()

describe('aliases', () => {
  it('are created, moved and deleted', async () => {
    const name = await create('Class')
    const other = await create('Other')
    const alias = named('Alias')
    expect(await target.rest('POST', '/aliases', {alias, class: name})).toMatchObject({
      json: {alias, class: name},
      status: 200,
    })
    expect((await target.rest('GET', `/aliases/${alias}`)).json).toEqual({alias, class: name})
    expect((await target.rest('GET', `/aliases?class=${name}`)).json).toEqual({aliases: [{alias, class: name}]})
    expect((await target.rest('GET', '/aliases')).json.aliases).toContainEqual({alias, class: name})
    expect((await target.rest('PUT', `/aliases/${alias}`, {class: other})).json).toEqual({alias, class: other})
    expect((await target.rest('GET', `/schema/${alias}`)).json.class).toBe(other)
    expect((await target.rest('DELETE', `/aliases/${alias}`)).status).toBe(204)
    for (const method of ['GET', 'DELETE'])
      expect(await target.rest(method, `/aliases/${alias}`)).toMatchObject({status: 404, text: ''})
    expect(await target.rest('PUT', `/aliases/${alias}`, {class: name})).toMatchObject({status: 404, text: ''})
  })

  it('stand for their class in everything but changes of it', async () => {
    const name = await create('Stand')
    const alias = named('StandIn')
    await target.rest('POST', '/aliases', {alias, class: name})
    expect((await target.rest('POST', '/objects', {class: alias, id: uuid(1)})).json.class).toBe(name)
    const {errors} = await target.grpc('batchObjects', {objects: [{collection: alias, uuid: uuid(2)}]})
    expect(errors).toEqual([])
    const {json} = await target.rest('GET', `/objects?class=${alias}`)
    expect(json.objects.map((object: {class: string}) => object.class)).toEqual([name, name])
    expect((await target.rest('GET', `/objects/${alias}/${uuid(1)}`)).json.class).toBe(name)
    const found = await target.grpc('search', {collection: alias, limit: 5, metadata: {uuid: true}})
    expect(idsOf(found)).toEqual([uuid(1), uuid(2)])
    expect(found.results[0].properties.targetCollection).toBe(name)
    const property = {dataType: ['text'], name: 'x'}
    expect(messageOf(await target.rest('POST', `/schema/${alias}/properties`, property))).toBe(
      `class "${alias}": not found`,
    )
    expect((await target.rest('PUT', `/schema/${alias}`, {class: name})).status).toBe(404)
  })

  it('outlive their class, which is not dropped by them', async () => {
    const name = await create('Dropped')
    const alias = named('Outliving')
    await target.rest('POST', '/aliases', {alias, class: name})
    expect(await target.rest('DELETE', `/schema/${alias}`)).toMatchObject({status: 200, text: ''})
    expect((await target.rest('GET', `/schema/${name}`)).status).toBe(200)
    expect((await target.rest('DELETE', `/schema/${name}`)).status).toBe(200)
    expect((await target.rest('GET', `/aliases/${alias}`)).json).toEqual({alias, class: name})
    expect((await target.rest('GET', `/schema/${alias}`)).status).toBe(404)
    expect((await target.rest('GET', `/objects?class=${alias}`)).status).toBe(404)
  })

  it('are refused where a name is taken or missing', async () => {
    const name = await create('Taken')
    const other = await create('TakenToo')
    const alias = named('TakenAlias')
    await target.rest('POST', '/aliases', {alias, class: name})
    const post = async (body: unknown) => target.rest('POST', '/aliases', body)
    const none = named('TakenNone')
    const creating = 'updating schema: TYPE_CREATE_ALIAS: create alias: '
    expect(messageOf(await post({alias, class: name}))).toBe(`validation: ${creating}${alias}, alias already exists`)
    expect(await post({alias: other, class: name})).toMatchObject({
      json: {error: [{message: `${creating}class ${other} already exists`}]},
      status: 500,
    })
    expect(messageOf(await post({alias: named('Fine'), class: none}))).toBe(
      `validation: target class "${none}" does not exist`,
    )
    expect(messageOf(await post({alias: '', class: name}))).toBe("validation: '' is not a valid alias name")
    expect(messageOf(await target.rest('POST', '/schema', {class: alias}))).toBe(`alias name ${alias} already exists`)
    expect(messageOf(await target.rest('PUT', `/aliases/${alias}`, {class: none}))).toBe(
      `validation: target class "${none}" does not exist`,
    )
  })
})
