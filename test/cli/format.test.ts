import {describe, expect, it} from 'vitest'

import {backupTable} from '../../src/cli/backup-entry.js'
import {
  formatBar,
  formatBytes,
  formatMembers,
  formatRate,
  formatSeconds,
  formatTable,
  printable,
  wrapLine,
} from '../../src/cli/format.js'
import {objectLines} from '../../src/cli/objects.js'
import {displayWidth, padEnd, padStart, truncate} from '../../src/cli/width.js'
import {plural} from '../../src/model/plural.js'

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
    ).toEqual(['  id    1', '  path  p'])
  })

  it('counts columns of the terminal, not characters: of Chinese and of emoji it takes two each', () => {
    const texts = [
      'abc',
      '東京',
      'ﾊﾝ',
      'カー',
      '한글',
      'e\u{301}',
      '👩‍👩‍👧',
      '🇯🇵',
      '✔',
      '…',
      '❤\u{FE0F}',
      '（）',
      '\u{200B}',
    ]
    expect(texts.map((text) => displayWidth(text))).toEqual([3, 4, 2, 4, 4, 1, 2, 2, 1, 1, 2, 4, 0])
    expect([truncate('東京タワー', 6), truncate('東京タワー', 5), truncate('a👩‍👩‍👧b', 3), truncate('東京', 4)]).toEqual([
      '東京…',
      '東京…',
      'a…',
      '東京',
    ])
    expect([truncate('abcdef', 4, 'start'), truncate('東京タワー', 6, 'start')]).toEqual(['…def', '…ワー'])
    expect([padEnd('東', 4), padStart('東', 4), padEnd('東京', 2)]).toEqual(['東  ', '  東', '東京'])
    const rows = ['東京タワーの物語', 'plain'].map((name) => ({name}))
    const table = formatTable(
      rows,
      [
        {header: 'NAME', value: ({name}) => name},
        {header: 'X', value: () => 'x'},
      ],
      15,
    )
    expect(table).toEqual(['NAME          X', '東京タワー…   x', 'plain         x'])
    expect(table.map((line) => displayWidth(line))).toEqual([15, 15, 15])
    expect(wrapLine('  名  東京 大阪 名古屋', 14)).toEqual(['  名  東京', '      大阪', '      名古屋'])
  })

  it('shows control characters of a backup instead of sending them to the terminal', () => {
    expect(printable('a\u{1B}[2Jb\u{7}\u{202E}c\nd\u{9B}')).toBe(String.raw`a\x1b[2Jb\x07\u202ec d\x9b`)
    expect(printable('Grüße 🎉')).toBe('Grüße 🎉')
  })
})

describe('a narrow terminal', () => {
  it('leaves times and ids of a table whole, and of paths the end with what is said of a backup', () => {
    const entry = {
      bytes: 12,
      collection: 'AVeryLongCollectionName',
      complete: false,
      format: 'json',
      id: '5f0c1234-0000-4000-8000-000000000000',
      objectCount: 3,
      partial: false,
      path: 'backups/AVeryLongCollectionName_2026-02-01_103000.json',
      status: 'sealed',
      timestamp: '2026-02-01T10:30:00.000Z',
    } as const
    const [header = '', line = ''] = backupTable([entry], 110)
    expect(header).toMatch(/^ID {8}COLLECTION {2,}WHEN.*PATH$/)
    expect(line).toMatch(/^5f0c1234 {2}AVery\S* +2026-02-01 10:30:00 {2}json +3 +12 B {2}…\S* ?\(incomplete\)$/)
    expect(line).toHaveLength(110)
    // Without room for a path: what there is to say of the backup, and the whole name.
    const [short = '', without = ''] = backupTable([entry], 96)
    expect(short).toMatch(/ SIZE {2}NOTES$/)
    expect(without).toMatch(
      /^5f0c1234 {2}AVeryLongCollectionName {2}2026-02-01 10:30:00 {2}json +3 +12 B {2}\(incomplete\)$/,
    )
    expect(backupTable([{...entry, complete: true}], 80)[0]).toMatch(/ SIZE$/)
    expect(backupTable([entry], 60)).toHaveLength(7)
  })

  it('shows members of an object below their names where those are long', () => {
    const object = {id: 'an-id', properties: {aNameThatIsQuiteLong: 'a value', b: 1}}
    expect(objectLines(object, {width: 36})).toEqual(['an-id', '  aNameThatIsQuiteLong', '    a value', '  b', '    1'])
    expect(objectLines(object, {width: 60})).toHaveLength(3)
  })

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

  it('gets long values below their beginning, and words unbroken', () => {
    expect(wrapLine('  what it is  one two three four', 30)).toEqual([
      '  what it is  one two three',
      '              four',
    ])
    const path = `  path  ${'x'.repeat(80)}`
    expect(wrapLine(path, 40)).toEqual([path])
    const sentence = 'Backed up Article: 500 objects and much more to say'
    expect(wrapLine(sentence, 20)).toEqual(['Backed up Article:', '  500 objects and', '  much more to say'])
    expect(wrapLine('Backed up A: 5 objects  5f0c  backups/A', 24)).toEqual([
      'Backed up A: 5 objects',
      '  5f0c  backups/A',
    ])
    expect(wrapLine(`  ${sentence}`, 40)).toEqual(['  Backed up Article: 500 objects and', '    much more to say'])
    expect(wrapLine('  what it is  one two three four', Infinity)).toHaveLength(1)
  })
})
