/** As a server of 1.39 shows what it was sent over gRPC. */
import {expect, it} from 'vitest'

import type {JsonObject} from '../../src/model/object.js'

import {planCollection} from '../../src/weaviate/collection-plan.js'
import {toObject} from '../../src/weaviate/rest/object-json.js'

it('an int that REST shows as -0 is 0, as over gRPC; numbers and coordinates are not touched', () => {
  const plan = planCollection({
    class: 'Any',
    properties: [
      {dataType: ['int'], name: 'int'},
      {dataType: ['int[]'], name: 'ints'},
      {dataType: ['number'], name: 'number'},
      {dataType: ['number[]'], name: 'numbers'},
      {dataType: ['geoCoordinates'], name: 'place'},
      {
        dataType: ['object[]'],
        name: 'inside',
        nestedProperties: [
          {dataType: ['object'], name: 'deep', nestedProperties: [{dataType: ['int'], name: 'int'}]},
          {dataType: ['number'], name: 'number'},
        ],
      },
    ],
  })
  const place = {latitude: -0, longitude: -0}
  const properties: JsonObject = {
    inside: [{deep: {int: -0}, number: -0}, {deep: null}, {}],
    int: -0,
    ints: [-0, 5],
    number: -0,
    numbers: [-0],
    place,
  }
  const {properties: shown} = toObject({id: '00000000-0000-4000-8000-000000000001', properties}, plan)
  expect(shown).toStrictEqual({
    inside: [{deep: {int: 0}, number: -0}, {deep: null}, {}],
    int: 0,
    ints: [0, 5],
    number: -0,
    numbers: [-0],
    place,
  })
})
