import {expect, test} from 'vitest'

import type {WeaviateClass} from '../../src/model/schema.js'

import {grpcPlan, planCollection} from '../../src/weaviate/collection-plan.js'

const schema: WeaviateClass = {
  class: 'Article',
  multiTenancyConfig: {enabled: true},
  properties: [
    {dataType: ['text'], name: 'title'},
    {dataType: ['blob'], name: 'image'},
    {dataType: ['Author', 'Article'], name: 'wrote'},
    {
      dataType: ['object[]'],
      name: 'chapters',
      nestedProperties: [
        {dataType: ['int'], name: 'number'},
        {dataType: ['object'], name: 'deep', nestedProperties: [{dataType: ['blob'], name: 'scan'}]},
      ],
    },
  ],
  vectorConfig: {colbert: {}, title: {}},
  vectorIndexType: 'hnsw',
}

test('names every property that is no reference, blobs and nested ones too', () => {
  const plan = planCollection(schema)
  expect(plan.propertiesRequest).toEqual({
    nonRefProperties: ['title', 'image'],
    objectProperties: [
      {
        objectProperties: [{objectProperties: [], primitiveProperties: ['scan'], propName: 'deep'}],
        primitiveProperties: ['number'],
        propName: 'chapters',
      },
    ],
    refProperties: [],
    returnAllNonrefProperties: false,
  })
  expect(plan).toMatchObject({
    className: 'Article',
    hasReferences: true,
    losesNestedNames: false,
    metadataRequest: {vector: true, vectors: ['colbert', 'title']},
    multiTenant: true,
    namedVectors: ['colbert', 'title'],
    unnamedVector: true,
  })
  expect([...plan.referenceNames]).toEqual(['wrote'])
})

test('asks for no vector where there is none', () => {
  const plan = planCollection({class: 'Bare'})
  expect(plan).toMatchObject({
    hasReferences: false,
    metadataRequest: {uuid: true, vector: false, vectors: []},
    multiTenant: false,
    unnamedVector: false,
  })
})

test('sees nested names that gRPC would lose, at any depth', () => {
  const deep = {dataType: ['object'], name: 'deep', nestedProperties: [{dataType: ['text'], name: 'Upper'}]}
  const properties = [{dataType: ['object'], name: 'top', nestedProperties: [deep]}]
  expect(planCollection({class: 'C', properties}).losesNestedNames).toBe(true)
})

test('grpcPlan takes a plan made elsewhere', () => {
  const plan = planCollection(schema)
  expect(grpcPlan(plan)).toBe(plan)
  const {className, hasReferences, multiTenant, namedVectors, referenceNames, unnamedVector} = plan
  expect(
    grpcPlan({className, hasReferences, multiTenant, namedVectors, referenceNames, schema, unnamedVector}),
  ).toEqual(plan)
})
