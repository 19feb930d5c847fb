import {describe, expect, it} from 'vitest'

import {isPattern, matchesPattern} from '../../src/model/pattern.js'

describe('patterns of names', () => {
  it.each([
    ['Art*', 'Article', true],
    ['Art*', 'Art', true],
    ['Art*', 'MyArt', false],
    ['*Tmp', 'ArticleTmp', true],
    ['A?c', 'Abc', false],
    ['A.c', 'Abc', false],
    ['A+(b)*', 'A+(b)c', true],
    ['art*', 'Article', false],
  ])('%s and %s: %s', (pattern, name, isMatch) => {
    expect(matchesPattern(name, pattern)).toBe(isMatch)
  })

  it('may leave case out of account', () => {
    expect(matchesPattern('Article', 'art*', {ignoreCase: true})).toBe(true)
  })

  it('are told from names', () => {
    expect(['Article', 'Art*'].map((text) => isPattern(text))).toEqual([false, true])
  })
})
