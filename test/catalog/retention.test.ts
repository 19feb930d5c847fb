import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import {backupName, nextName} from '../../src/archive/names.js'
import {newestFirst, parseDuration, type RetentionPolicy, selectForRemoval} from '../../src/catalog/retention.js'
import {DataOpsError} from '../../src/model/errors.js'

interface Entry {
  collection: string
  file: string
  timestamp: string
}

function backup(timestamp: string, collection = 'Docs', attempt = 1): Entry {
  return {collection, file: nextName(backupName(collection, new Date(timestamp), 'json', false), attempt), timestamp}
}

/** Days kept, newest first. */
function kept(entries: Entry[], policy: RetentionPolicy, now = '2024-03-01T00:00:00Z'): string[] {
  return selectForRemoval(entries, policy, new Date(now)).keep.map(({timestamp}) => timestamp)
}

const noLast = {keepLast: 0}

describe('retention', () => {
  const days = Array.from({length: 10}, (_, index) => backup(`2024-02-${String(index + 1).padStart(2, '0')}T12:00:00Z`))

  it('keeps the last five unless told', () => {
    const {keep, reasons, remove} = selectForRemoval(days, {}, new Date('2024-03-01T00:00:00Z'))
    expect(keep).toEqual(days.slice(5).toReversed())
    expect(remove).toEqual(days.slice(0, 5).toReversed())
    expect(reasons.get(days[9]?.file ?? '')).toEqual(['one of the last 5'])
    expect(kept(days, {keepLast: 2})).toEqual(['2024-02-10T12:00:00Z', '2024-02-09T12:00:00Z'])
    expect(kept(days, {keepLast: 100})).toHaveLength(10)
  })

  it('counts collections apart', () => {
    const entries = [...days, backup('2020-01-01T00:00:00Z', 'Old'), backup('2020-01-02T00:00:00Z', 'Old')]
    const {remove} = selectForRemoval(entries, {keepLast: 1}, new Date('2024-03-01T00:00:00Z'))
    expect(remove.filter(({collection}) => collection === 'Old').map(({timestamp}) => timestamp)).toEqual([
      '2020-01-01T00:00:00Z',
    ])
    expect(remove.filter(({collection}) => collection === 'Docs')).toHaveLength(9)
  })

  it('always keeps the newest', () => {
    expect(kept(days, noLast)).toEqual(['2024-02-10T12:00:00Z'])
    expect(kept(days, {keepLast: 0, keepWithin: '1h'})).toEqual(['2024-02-10T12:00:00Z'])
  })

  it('keeps the newest of each UTC day, whatever the gaps', () => {
    const entries = [
      '2024-02-01T00:00:00Z',
      '2024-02-01T23:59:59Z',
      '2024-02-02T00:00:00Z',
      '2024-02-09T01:00:00Z',
    ].map((timestamp) => backup(timestamp))
    expect(kept(entries, {...noLast, keepDaily: 2})).toEqual(['2024-02-09T01:00:00Z', '2024-02-02T00:00:00Z'])
    expect(kept(entries, {...noLast, keepDaily: 3})).toEqual([
      '2024-02-09T01:00:00Z',
      '2024-02-02T00:00:00Z',
      '2024-02-01T23:59:59Z',
    ])
  })

  it('counts weeks as ISO 8601 does', () => {
    // 2020-12-28 … 2021-01-03 is week 53 of 2020; 2024-12-30 belongs to week 1 of 2025.
    const entries = [
      '2020-12-28T00:00:00Z',
      '2021-01-03T23:59:59Z',
      '2021-01-04T00:00:00Z',
      '2024-12-29T12:00:00Z',
      '2024-12-30T00:00:00Z',
      '2025-01-01T00:00:00Z',
    ].map((timestamp) => backup(timestamp))
    const {keep, reasons} = selectForRemoval(entries, {...noLast, keepWeekly: 9}, new Date('2026-01-01T00:00:00Z'))
    expect(keep.map((entry) => [entry.timestamp, reasons.get(entry.file)])).toEqual([
      ['2025-01-01T00:00:00Z', ['week 2025-W01']],
      ['2024-12-29T12:00:00Z', ['week 2024-W52']],
      ['2021-01-04T00:00:00Z', ['week 2021-W01']],
      ['2021-01-03T23:59:59Z', ['week 2020-W53']],
    ])
  })

  it('keeps the newest of each month', () => {
    const entries = [
      '2024-01-01T00:00:00Z',
      '2024-01-31T23:00:00Z',
      '2024-02-29T00:00:00Z',
      '2023-02-28T00:00:00Z',
    ].map((timestamp) => backup(timestamp))
    expect(kept(entries, {...noLast, keepMonthly: 2})).toEqual(['2024-02-29T00:00:00Z', '2024-01-31T23:00:00Z'])
  })

  it('keeps what is younger than a length of time', () => {
    expect(kept(days, {...noLast, keepWithin: '2d'}, '2024-02-10T13:00:00Z')).toEqual([
      '2024-02-10T12:00:00Z',
      '2024-02-09T12:00:00Z',
    ])
    expect(kept(days, {...noLast, keepWithin: '12h'}, '2024-02-10T13:00:00Z')).toHaveLength(1)
    expect(kept(days, {...noLast, keepWithin: '1w'}, '2024-02-10T13:00:00Z')).toHaveLength(7)
  })

  it('keeps what any rule keeps, with all the reasons', () => {
    const policy = {keepDaily: 2, keepLast: 1, keepMonthly: 1, keepWithin: '30d'}
    const {reasons} = selectForRemoval(days, policy, new Date('2024-02-10T13:00:00Z'))
    expect(reasons.get(days[9]?.file ?? '')).toEqual([
      'one of the last 1',
      'within 30d',
      'day 2024-02-10',
      'month 2024-02',
    ])
  })

  it('loses nothing to a clock that was wrong', () => {
    // Made while the clock was ahead: they take no place of the true ones.
    const ahead = Array.from({length: 5}, (_, index) => backup(`2031-01-0${index + 1}T00:00:00Z`))
    expect(kept([...days, ...ahead], {keepLast: 2})).toEqual([
      ...ahead.map(({timestamp}) => timestamp).toReversed(),
      '2024-02-10T12:00:00Z',
      '2024-02-09T12:00:00Z',
    ])
    // The clock is behind now: nothing is old.
    expect(kept(days, {keepLast: 1}, '1970-01-01T00:00:00Z')).toHaveLength(10)
    expect(kept([...days, {...backup('2024-01-01T00:00:00Z'), timestamp: 'never'}], {keepLast: 1})).toEqual([
      '2024-02-10T12:00:00Z',
      'never',
    ])
  })

  it('tells backups of one second apart by their number', () => {
    const same = [1, 2, 10].map((attempt) => backup('2024-02-01T00:00:00Z', 'Docs', attempt))
    expect(same.toSorted(newestFirst)).toEqual(same.toReversed())
  })

  it('refuses a policy that makes no sense', () => {
    for (const policy of [{keepLast: -1}, {keepDaily: 1.5}, {keepWeekly: NaN}, {keepWithin: '30'}, {keepWithin: ''}]) {
      expect(() => selectForRemoval([], policy, new Date())).toThrow(DataOpsError)
    }

    expect(parseDuration('2w')).toBe(14 * 86_400_000)
    for (const text of ['0d', '-1d', '1m', '1.5h', 'd', '1d2h', '9999999d'])
      expect(() => parseDuration(text), text).toThrow(DataOpsError)
  })

  it('splits any history without loss, leaves each collection one, and removes less the more is kept', () => {
    const date = fc.date({max: new Date('2026-01-01'), min: new Date('2022-01-01'), noInvalidDate: true})
    const entry = fc.tuple(fc.constantFrom('A', 'B', 'C'), date, fc.integer({max: 9, min: 1}))
    const count = fc.option(fc.nat(6), {nil: undefined})
    const policy = fc.record({keepDaily: count, keepLast: count, keepMonthly: count, keepWeekly: count})
    fc.assert(
      fc.property(fc.array(entry), policy, date, (history, rules, now) => {
        const made = history.map(([name, at, attempt]) => backup(at.toISOString(), name, attempt))
        const entries = made.filter(({file}, index) => made.findIndex((other) => other.file === file) === index)
        const {keep, reasons, remove} = selectForRemoval(entries, rules, now)
        expect([...keep, ...remove].toSorted(newestFirst)).toEqual(entries.toSorted(newestFirst))
        expect(new Set(keep.map(({collection}) => collection))).toEqual(
          new Set(entries.map(({collection}) => collection)),
        )
        for (const {file} of keep) expect(reasons.get(file)?.length).toBeGreaterThan(0)
        for (const {timestamp} of remove) expect(Date.parse(timestamp)).toBeLessThanOrEqual(now.getTime())
        const more = selectForRemoval(entries, {...rules, keepLast: (rules.keepLast ?? 5) + 1}, now)
        for (const removed of more.remove) expect(remove).toContain(removed)
        // What a second run finds is what the first one left.
        expect(selectForRemoval(keep, rules, now).remove).toEqual([])
      }),
    )
  })
})
