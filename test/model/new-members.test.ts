import {expect, it} from 'vitest'

import type {WeaviateClass} from '../../src/model/schema.js'

import {newMembersOf} from '../../src/model/new-members.js'

/** As a server says it of a collection without properties. */
const bare = {class: 'C', properties: null} as unknown as WeaviateClass
const withTitle: WeaviateClass = {class: 'C', properties: [{dataType: ['text'], name: 'title'}]}

it('a collection without properties has got none, and one that comes is named', () => {
  expect(newMembersOf(bare, bare)).toEqual([])
  expect(newMembersOf({class: 'C'}, bare)).toEqual([])
  expect(newMembersOf(bare, withTitle)).toEqual(['the property title'])
  expect(newMembersOf(withTitle, bare)).toEqual([])
})
