import {describe, expect, it} from 'vitest'

import {parseOverrides, parseRate} from '../../src/cli/flags.js'

describe('--max-rate', () => {
  it('takes objects or bytes a second', () => {
    expect(parseRate('500')).toEqual({objectsPerSecond: 500})
    expect(parseRate('0.5/s')).toEqual({objectsPerSecond: 0.5})
    expect(parseRate('20MB')).toEqual({bytesPerSecond: 20e6})
    expect(parseRate('1.5 MiB/s')).toEqual({bytesPerSecond: 1.5 * 2 ** 20})
    for (const text of ['', '0', '-1', '5 apples', 'MB', '1e3'])
      expect(() => parseRate(text)).toThrow(/objects a second/)
  })
})

describe('--set', () => {
  it('takes JSON values, and any other text as it stands', () => {
    expect(parseOverrides(['replicationConfig.factor=1', 'a.b={"c":[1]}', 'description=a=b', 'x='])).toEqual({
      'a.b': {c: [1]},
      description: 'a=b',
      'replicationConfig.factor': 1,
      x: '',
    })
  })

  it('refuses two values for one path', () => {
    expect(parseOverrides(['a.b=1', 'a.b=1'])).toEqual({'a.b': 1})
    expect(() => parseOverrides(['a.b=1', 'a.b="1"'])).toThrow('--set gives "a.b" two values.')
  })

  it('refuses what has no path, or one that leads into a prototype', () => {
    for (const text of ['factor', '=1', 'a..b=1', '__proto__.polluted=1', 'a.__proto__=1'])
      expect(() => parseOverrides([text])).toThrow(expect.objectContaining({code: 'INVALID_INPUT'}))
  })
})
