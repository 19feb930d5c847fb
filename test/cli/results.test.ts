import {describe, expect, it} from 'vitest'

import type {CollectionComparison} from '../../src/jobs/verify/options.js'

import {comparisonLines} from '../../src/cli/results.js'

const long = {
  skip: false,
  moduleConfig: {'text2vec-openai': {model: 'text-embedding-3-large', vectorizePropertyName: true}},
}

function compared(schemaDifferences: CollectionComparison['schemaDifferences']): CollectionComparison {
  return {
    backupDigest: 'a',
    backupId: '5f0c',
    collection: 'Book',
    counts: {backup: 1, different: 0, extra: 0, live: 1, missing: 0},
    differences: [],
    equal: false,
    liveDigest: 'b',
    schemaDifferences,
    seconds: 1,
  }
}

describe('a comparison', () => {
  it('says when changes were made to one of both before', () => {
    const equal: CollectionComparison = {...compared([]), equal: true}
    const first = (changed?: 'backup' | 'live'): string | undefined => comparisonLines({...equal, changed})[0]
    expect(first()).toBe('Book equals backup 5f0c: 1 object')
    expect(first('backup')).toBe('Book equals what the changes make of backup 5f0c: 1 object')
    expect(first('live')).toBe('what the changes make of Book equals backup 5f0c: 1 object')
  })
})

it('settings that differ are named where all objects are equal, or not known to differ', () => {
  const notice = (path: string) => ({backup: 1, live: 2, path, severity: 'notice' as const})
  const some = compared(['a', 'b', 'c', 'd', 'e'].map((path) => notice(path)))
  expect(comparisonLines({...some, equal: true})).toContain('  5 settings differ: a, b, c, d and 1 more')
  const one = {...compared([notice('a')]), notCompared: ['tenant x (offloaded)']}
  expect(comparisonLines(one)).toContain('  1 setting differs: a')
})

describe('differences of schemas', () => {
  const differences: CollectionComparison['schemaDifferences'] = [
    {backup: 'word', live: 'field', path: 'properties.title.tokenization', severity: 'notice'},
    {backup: {dataType: ['text', 'x'], ...long}, live: undefined, path: 'properties.rank', severity: 'blocking'},
    {backup: long, live: {}, path: 'moduleConfig', severity: 'notice'},
  ]

  it('are a short table that fits the terminal, and says how to see the rest', () => {
    const [, ...lines] = comparisonLines(compared(differences), {width: 80})
    expect(lines).toHaveLength(5)
    expect(lines[0]).toMatch(/^ {2}SCHEMA +BACKUP +LIVE$/)
    expect(lines[1]).toMatch(/^ {2}properties\.title\.tokenization {2}"word" +"field"$/)
    expect(lines[2]).toMatch(/properties\.rank +text\|x +\(none\)$/)
    expect(lines[3]).toMatch(/^ {2}moduleConfig +\{"skip":false.*… +\{\}$/)
    expect(lines[4]).toBe('  (--full shows all of it)')
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
  })

  it('are whole where that is asked for', () => {
    const lines = comparisonLines(compared(differences), {full: true, width: 80})
    expect(lines.join('\n')).toContain(JSON.stringify(long))
    expect(lines.join('\n')).not.toContain('--full')
  })

  it('are twenty at most', () => {
    const many = Array.from({length: 50}, (_, at) => ({
      backup: at,
      live: -at,
      path: `p${at}`,
      severity: 'notice' as const,
    }))
    const lines = comparisonLines(compared(many), {width: 80})
    expect(lines).toHaveLength(1 + 1 + 20 + 2)
    expect(lines.at(-2)).toBe('  … and 30 more')
  })
})
