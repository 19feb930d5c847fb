import {expect, it} from 'vitest'

import {nearestNames} from '../../src/model/nearest.js'

const NAMES = ['Article', 'ArticleTmp', 'Author', 'Book', 'Books', 'X']

it.each([
  ['article', ['Article', 'ArticleTmp']],
  ['Artcle', ['Article']],
  ['BOOK', ['Book', 'Books']],
  ['Autor', ['Author']],
  ['Y', []],
  ['Journal', []],
])('finds for %s %j', (name, expected) => {
  expect(nearestNames(name, NAMES)).toEqual(expected)
})
