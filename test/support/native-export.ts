/** The small export that a real server made (test/fixtures/native-export), and the schemas of its collections. */
import {cp} from 'node:fs/promises'
import path from 'node:path'

import type {WeaviateClass} from '../../src/model/schema.js'

import {root} from './root.js'

export const FIXTURE = path.join(root, 'test/fixtures/native-export')

const types: Record<string, string> = {
  blobProp: 'blob',
  boolArr: 'boolean[]',
  boolProp: 'boolean',
  dateArr: 'date[]',
  dateProp: 'date',
  geoProp: 'geoCoordinates',
  intArr: 'int[]',
  intProp: 'int',
  numArr: 'number[]',
  numberProp: 'number',
  phoneProp: 'phoneNumber',
  ref: 'ExpTarget',
  textArr: 'text[]',
  textProp: 'text',
  uuidArr: 'uuid[]',
  uuidProp: 'uuid',
}
const flat = {vectorIndexConfig: {distance: 'l2-squared'}, vectorIndexType: 'hnsw', vectorizer: {none: {}}}
const nested = (type: string, members: Record<string, string>, name: string) => ({
  dataType: [type],
  name,
  nestedProperties: Object.entries(members).map(([member, memberType]) => ({dataType: [memberType], name: member})),
})

/** As they were when it was made. */
export const EXPORTED_CLASSES: Record<'Exp' | 'ExpEmpty' | 'ExpMT' | 'ExpTarget', WeaviateClass> = {
  Exp: {
    class: 'Exp',
    properties: [
      ...Object.entries(types).map(([name, type]) => ({dataType: [type], name})),
      nested('object', {street: 'text', when: 'date', zip: 'int'}, 'objProp'),
      nested('object[]', {a: 'text', s: 'number'}, 'objArr'),
    ],
    vectorConfig: {
      col: {...flat, vectorIndexConfig: {distance: 'dot', multivector: {enabled: true}}},
      reg: flat,
    },
  },
  ExpEmpty: {
    class: 'ExpEmpty',
    properties: [{dataType: ['text'], name: 't'}],
    vectorIndexType: 'hnsw',
    vectorizer: 'none',
  },
  ExpMT: {
    class: 'ExpMT',
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: ['text'], name: 't'}],
    vectorIndexType: 'hnsw',
    vectorizer: 'none',
  },
  ExpTarget: {
    class: 'ExpTarget',
    properties: [{dataType: ['text'], name: 'n'}],
    vectorIndexType: 'hnsw',
    vectorizer: 'none',
  },
}

/** A copy of it in a folder, to be changed there. Returns its path. */
export async function copyExport(folder: string, name = 'nightly'): Promise<string> {
  const target = path.join(folder, name)
  await cp(FIXTURE, target, {recursive: true})
  return target
}
