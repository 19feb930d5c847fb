/** What is in one list of records and not, or in another form, in the other. */
import {type Buffer} from 'node:buffer'

import type {CollectionComparison, ObjectDifference} from './options.js'

import {HASH_BYTES, KEY_BYTES, keyAt, type Keyed, type RecordList, type TenantNumbers} from '../../flow/records.js'
import {throwIfAborted} from '../../model/errors.js'

const RECORD_BYTES = KEY_BYTES + HASH_BYTES
/** In place of where a record is: one of the other side was held against it. */
const MATCHED = -1

export interface Differences {
  /** Whatever is listed. */
  counts: Pick<CollectionComparison['counts'], 'different' | 'extra' | 'missing'>
  /** The first ones by tenant and id. */
  listed: ObjectDifference[]
  /** The first few that are on one side twice or more: each that has no partner is in `counts`. */
  twice: Keyed[]
}

/** Of those that are listed twice that many are named. */
const TWICE_NAMED = 10

export interface CompareRecordsOptions {
  /** Differences to list at most. */
  limit: number
  signal?: AbortSignal
  tenants: TenantNumbers
}

/** Compares two lists with the same number of partitions, one partition after another. */
export async function compareRecords(
  backup: RecordList,
  live: RecordList,
  {limit, signal, tenants}: CompareRecordsOptions,
): Promise<Differences> {
  const counts = {different: 0, extra: 0, missing: 0}
  const first = new FirstDifferences(limit)
  const twice = new Set<string>()
  const add = (state: ObjectDifference['state'], key: string): void => {
    counts[state]++
    first.add({...tenants.keyedBy(key), state})
  }

  // One side has it once more.
  const addTwice = (state: ObjectDifference['state'], key: string): void => {
    add(state, key)
    if (twice.size < TWICE_NAMED) twice.add(key)
  }

  for (let index = 0; index < backup.partitions; index++) {
    throwIfAborted(signal)
    const [ours, theirs] = [await backup.read(index), await live.read(index)]
    const unmatched = new Map<string, number>()
    for (let at = 0; at < theirs.length; at += RECORD_BYTES) {
      const key = keyAt(theirs, at)
      if (unmatched.has(key)) addTwice('extra', key)
      else unmatched.set(key, at)
    }

    for (let at = 0; at < ours.length; at += RECORD_BYTES) {
      const key = keyAt(ours, at)
      const other = unmatched.get(key)
      if (other === undefined) add('missing', key)
      else if (other === MATCHED) addTwice('missing', key)
      else if (!isSameHash(ours, at, theirs, other)) add('different', key)
      if (other !== undefined) unmatched.set(key, MATCHED)
    }

    for (const [key, at] of unmatched) if (at !== MATCHED) add('extra', key)
  }

  return {counts, listed: first.sorted(), twice: Array.from(twice, (key) => tenants.keyedBy(key))}
}

function isSameHash(a: Buffer, atA: number, b: Buffer, atB: number): boolean {
  return a.compare(b, atB + KEY_BYTES, atB + RECORD_BYTES, atA + KEY_BYTES, atA + RECORD_BYTES) === 0
}

/** Keeps the least of all that are added, and little more than that in memory. */
class FirstDifferences {
  #kept: ObjectDifference[] = []

  constructor(private readonly limit: number) {}

  add(difference: ObjectDifference): void {
    if (this.limit <= 0) return
    this.#kept.push(difference)
    if (this.#kept.length >= this.limit * 2 + 1000) this.#kept = this.sorted()
  }

  sorted(): ObjectDifference[] {
    return this.#kept.toSorted(byTenantAndId).slice(0, this.limit)
  }
}

function byTenantAndId(a: ObjectDifference, b: ObjectDifference): number {
  return compareText(a.tenant ?? '', b.tenant ?? '') || compareText(a.id, b.id)
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
