import {describe, expect, it} from 'vitest'

import {
  formatBar,
  formatBytes,
  formatMembers,
  formatRate,
  formatSeconds,
  formatTable,
  plural,
  printable,
  truncate,
  wrapMember,
} from '../../src/cli/format.js'

describe('format', () => {
  it('writes sizes in powers of 1,000', () => {
    const sizes = [0, 999, 1000, 9949, 9960, 999_499, 999_500, 12_345_678, 3e15, 5e18]
    expect(sizes.map((bytes) => formatBytes(bytes))).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '9.9 kB',
      '10 kB',
      '999 kB',
      '1.0 MB',
      '12 MB',
      '3.0 PB',
      '5000 PB',
    ])
  })

  it('writes times with two units at most', () => {
    const seconds = [0.04, 9.94, 9.96, 59.4, 59.6, 65, 3599.7, 3600, 7384]
    expect(seconds.map((value) => formatSeconds(value))).toEqual([
      '0.0 s',
      '9.9 s',
      '10 s',
      '59 s',
      '1 min 00 s',
      '1 min 05 s',
      '1 h 00 min',
      '1 h 00 min',
      '2 h 03 min',
    ])
  })

  it('writes counts, rates, bars', () => {
    expect([plural(1, 'object'), plural(1234, 'object'), formatRate(0.51), formatRate(12_345.6)]).toEqual([
      '1 object',
      '1,234 objects',
      '0.5/s',
      '12,346/s',
    ])
    expect([formatBar(0, 4), formatBar(0.5, 4), formatBar(2, 4)]).toEqual(['░░░░', '██░░', '████'])
    expect([truncate('abcdef', 4), truncate('abc', 4), truncate('abc', 0)]).toEqual(['abc…', 'abc', ''])
  })

  it('aligns tables and members', () => {
    const rows = [
      {n: 5, name: 'a'},
      {n: 12_345, name: 'long'},
    ]
    expect(
      formatTable(rows, [
        {header: 'NAME', value: ({name}) => name},
        {align: 'right', header: 'N', value: ({n}) => String(n)},
      ]),
    ).toEqual(['NAME      N', 'a         5', 'long  12345'])
    expect(
      formatMembers([
        ['id', '1'],
        ['digest', undefined],
        ['path', 'p'],
      ]),
    ).toEqual(['  id      1', '  path    p'])
  })

  it('shows control characters of a backup instead of sending them to the terminal', () => {
    expect(printable('a\u{1B}[2Jb\u{7}\u{202E}c\nd\u{9B}')).toBe(String.raw`a\x1b[2Jb\x07\u202ec d\x9b`)
    expect(printable('Grüße 🎉')).toBe('Grüße 🎉')
  })
})

describe('a narrow terminal', () => {
  const rows = [
    {name: 'a', size: 1, text: 'short'},
    {name: 'b'.repeat(30), size: 20, text: 'x'.repeat(60)},
  ]
  const table = (width?: number) =>
    formatTable(
      rows,
      [
        {header: 'NAME', value: ({name}) => name},
        {align: 'right', header: 'SIZE', value: ({size}) => String(size)},
        {header: 'TEXT', value: ({text}) => text},
      ],
      width,
    )

  it('gets tables whose widest columns are cut, and none that is wider', () => {
    expect(table()).toHaveLength(3)
    expect(table()[2]).toBe(`${'b'.repeat(30)}    20  ${'x'.repeat(60)}`)
    const cut = table(60)
    expect(cut).toHaveLength(3)
    expect(cut[2]).toBe(`${'b'.repeat(25)}…    20  ${'x'.repeat(25)}…`)
    for (let width = 24; width < 110; width++)
      for (const line of table(width)) expect(line.length, `${width}: ${line}`).toBeLessThanOrEqual(width)
  })

  it('gets a block for each row where columns could not be read', () => {
    expect(table(20)).toEqual([
      'NAME  a',
      'SIZE  1',
      'TEXT  short',
      '',
      'NAME  bbbbbbbbbbbbb…',
      'SIZE  20',
      'TEXT  xxxxxxxxxxxxx…',
    ])
  })

  it('gets long values below their beginning, unbroken words, and other lines as they are', () => {
    expect(wrapMember('  what it is  one two three four', 30)).toEqual([
      '  what it is  one two three',
      '              four',
    ])
    const path = `  path  ${'x'.repeat(80)}`
    expect(wrapMember(path, 40)).toEqual([path])
    const sentence = 'Backed up Article: 500 objects and much more to say'
    expect(wrapMember(sentence, 20)).toEqual([sentence])
    expect(wrapMember('  what it is  one two three four', Infinity)).toHaveLength(1)
  })
})
