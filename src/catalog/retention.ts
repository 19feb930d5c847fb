/** Which backups a retention policy keeps: pure, so that it can be tried on any history. */
import {parseBackupName} from '../archive/names.js'
import {DataOpsError} from '../model/errors.js'

/** A backup is kept when any rule keeps it. Counts are per group (`Grouping`); a calendar rule keeps the newest of each day, week, month that has any. */
export interface RetentionPolicy {
  /** Days of which the newest backup is kept. */
  keepDaily?: number
  /** Newest backups; default 5, also beside other rules. */
  keepLast?: number
  /** Months of which the newest backup is kept. */
  keepMonthly?: number
  /** Everything younger than `30d`, `12h`, `2w`. */
  keepWithin?: string
  /** Weeks (from Monday) of which the newest backup is kept. */
  keepWeekly?: number
}

/** As much of a backup as retention needs. */
export interface Retainable {
  /** Or what else is counted by itself. */
  collection: string
  /** Unique. */
  file: string
  /** RFC 3339. */
  timestamp: string
}

export interface RetentionChoice<T> {
  /** Newest first, as is `remove`. */
  keep: T[]
  /** Why each kept backup is, by its file. */
  reasons: Map<string, string[]>
  remove: T[]
}

const DEFAULT_KEEP_LAST = 5
const HOUR = 3_600_000
const UNITS: Readonly<Record<string, number>> = {d: 24 * HOUR, h: HOUR, m: HOUR / 60, w: 7 * 24 * HOUR}

/**
 * Chooses what to remove. What is dated after `now` or has no readable date is kept and takes nobody's place, so that a clock
 * that was wrong, then or now, costs no backup; and the newest of each collection is always kept.
 * @throws DataOpsError INVALID_INPUT when the policy makes no sense.
 */
export function selectForRemoval<T extends Retainable>(
  entries: readonly T[],
  policy: RetentionPolicy,
  now: Date,
): RetentionChoice<T> {
  const rules = readPolicy(policy)
  const reasons = new Map<string, string[]>()
  const keep = (entry: T, reason: string): void => {
    reasons.set(entry.file, [...(reasons.get(entry.file) ?? []), reason])
  }

  const sorted = entries.toSorted(newestFirst)
  for (const ofCollection of Map.groupBy(sorted, ({collection}) => collection).values()) {
    const dated: T[] = []
    for (const entry of ofCollection) {
      // Also without a readable date, whose comparison is false.
      if (Date.parse(entry.timestamp) <= now.getTime()) dated.push(entry)
      else keep(entry, 'its date is in the future')
    }

    for (const entry of dated.slice(0, rules.last)) keep(entry, `one of the last ${rules.last}`)
    for (const entry of dated) if (isWithin(entry, rules.within, now)) keep(entry, `within ${policy.keepWithin}`)
    for (const {bucket, count, label} of rules.calendar) {
      for (const [key, entry] of newestOfEach(dated, bucket, count)) keep(entry, `${label} ${key}`)
    }

    const [newest] = ofCollection
    if (newest && ofCollection.every((entry) => !reasons.has(entry.file))) keep(newest, 'the newest')
  }

  return {
    keep: sorted.filter((entry) => reasons.has(entry.file)),
    reasons,
    remove: sorted.filter((entry) => !reasons.has(entry.file)),
  }
}

/** Orders backups by date, newest first; those of one second by the number in their name. */
export function newestFirst(a: Retainable, b: Retainable): number {
  // A date that cannot be read sorts as the oldest.
  const byTime = (Date.parse(b.timestamp) || 0) - (Date.parse(a.timestamp) || 0)
  if (byTime !== 0) return byTime
  const byAttempt = (parseBackupName(b.file)?.attempt ?? 1) - (parseBackupName(a.file)?.attempt ?? 1)
  if (byAttempt !== 0) return byAttempt
  return a.file < b.file ? -1 : Number(a.file > b.file)
}

interface CalendarRule {
  bucket: (date: Date) => string
  count: number
  label: string
}

function readPolicy(policy: RetentionPolicy): {calendar: CalendarRule[]; last: number; within: number} {
  return {
    calendar: [
      {bucket: dayOf, count: readCount('keepDaily', policy.keepDaily, 0), label: 'day'},
      {bucket: weekOf, count: readCount('keepWeekly', policy.keepWeekly, 0), label: 'week'},
      {bucket: monthOf, count: readCount('keepMonthly', policy.keepMonthly, 0), label: 'month'},
    ],
    last: readCount('keepLast', policy.keepLast, DEFAULT_KEEP_LAST),
    within: policy.keepWithin === undefined ? 0 : parseDuration(policy.keepWithin),
  }
}

function readCount(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new DataOpsError('INVALID_INPUT', `${name} must be a whole number, 0 or more.`)
}

/** Milliseconds of `12h`, `30d`, `2w`; with `minutes` of `30m` too: elsewhere `1m` might be meant as a month. @throws DataOpsError INVALID_INPUT. */
export function parseDuration(text: string, {minutes = false} = {}): number {
  const [, count, unit = ''] = (minutes ? /^(\d{1,6})([dhmw])$/ : /^(\d{1,6})([dhw])$/).exec(text) ?? []
  const milliseconds = Number(count) * (UNITS[unit] ?? NaN)
  if (milliseconds > 0) return milliseconds
  throw new DataOpsError('INVALID_INPUT', `${JSON.stringify(text)} is not a length of time.`, {
    hint: `Write a number and a unit: ${minutes ? '30m, ' : ''}12h, 30d or 2w.`,
  })
}

function isWithin(entry: Retainable, milliseconds: number, now: Date): boolean {
  return milliseconds > 0 && Date.parse(entry.timestamp) > now.getTime() - milliseconds
}

/** The first entry of each of the first `count` buckets. */
function newestOfEach<T extends Retainable>(
  entries: readonly T[],
  bucket: (date: Date) => string,
  count: number,
): Map<string, T> {
  const found = new Map<string, T>()
  for (const entry of entries) {
    const key = bucket(new Date(entry.timestamp))
    if (found.size < count && !found.has(key)) found.set(key, entry)
  }

  return found
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10)
}

function monthOf(date: Date): string {
  return date.toISOString().slice(0, 7)
}

/** ISO 8601: weeks start on Monday and belong to the year of their Thursday. */
function weekOf(date: Date): string {
  const thursday = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()))
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7))
  const year = thursday.getUTCFullYear()
  const week = Math.ceil(((thursday.getTime() - Date.UTC(year, 0, 1)) / UNITS.d! + 1) / 7)
  return `${year}-W${String(week).padStart(2, '0')}`
}
