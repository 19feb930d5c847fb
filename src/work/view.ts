/** What one worker knows of a job's items: what its last look showed, and for how long it has not changed. */
import type {PhaseState, PlannedItem, QueueEnd, QueueState} from './queue.js'

import {FOLDER_ITEMS, type ItemRecord, type ListedItem} from './place.js'

/** The record of an item that somebody has, read while the listing showed `signature`. */
export interface Inspected<R> {
  record: ItemRecord<R>
  signature: string | undefined
  tag: string
}

interface Seen<R> {
  inspected?: Inspected<R>
  listed: ListedItem
  /** When the look ended that showed this signature for the first time. */
  since: number
  /** Milliseconds for which it was seen unchanged. */
  unchangedMs: number
  /** `listed.opened` of the attempt that it was found to be held again after; 0: none. */
  heldAfter: number
}

const UNTOUCHED: ListedItem = {isAside: false, isDone: false, opened: 0}

export class ItemsView<P, R> {
  readonly #seen: Array<Seen<R>>
  /** The phase that each group is in; absent: it is done. */
  #phases = new Map<number, number>()

  constructor(private readonly items: ReadonlyArray<PlannedItem<P>>) {
    this.#seen = items.map(() => ({heldAfter: 0, listed: UNTOUCHED, since: 0, unchangedMs: 0}))
    this.advance()
  }

  /** Lets groups go on to their next phase, by what is known to be done. Whether one has. */
  advance(): boolean {
    const phases = new Map<number, number>()
    for (const [number, {group, phase}] of this.items.entries())
      if (!this.#at(number).listed.isDone) phases.set(group, Math.min(phase, phases.get(group) ?? phase))
    const isChanged =
      phases.size !== this.#phases.size || [...phases].some(([group, phase]) => this.#phases.get(group) !== phase)
    this.#phases = phases
    return isChanged
  }

  /** Whether it is its turn. */
  #isDue(number: number): boolean {
    const {group, phase} = this.#planned(number)
    return this.#phases.get(group) === phase
  }

  /** Takes in a listing of a folder that was made from `began` to `ended`, by the monotonic clock of this worker. Whether anything has changed. */
  update(
    folder: number,
    listed: ReadonlyMap<number, ListedItem>,
    {began, ended}: {began: number; ended: number},
  ): boolean {
    let isChanged = false
    const first = folder * FOLDER_ITEMS
    for (const [index, seen] of this.#seen.slice(first, first + FOLDER_ITEMS).entries()) {
      const now = listed.get(first + index) ?? UNTOUCHED
      const {listed: before} = seen
      if (now.signature === before.signature) seen.unchangedMs = began - seen.since
      else {
        seen.since = ended
        seen.unchangedMs = 0
      }

      isChanged ||= now.isDone !== before.isDone || now.isAside !== before.isAside || now.opened !== before.opened
      seen.listed = now
    }

    return isChanged
  }

  /** Folders with items whose turn it is, and that are not known to be done. */
  unfinishedFolders(): number[] {
    return foldersOf(this.#due(({listed}) => !listed.isDone))
  }

  /** Somebody has it, and its tag is not known before the next look. */
  begun(number: number): void {
    const seen = this.#at(number)
    seen.listed = {...seen.listed, signature: ''}
  }

  inspected(number: number, found: Omit<Inspected<R>, 'signature'>): void {
    const seen = this.#at(number)
    seen.inspected = {...found, signature: seen.listed.signature}
    if (found.record.state === 'taken') seen.heldAfter = seen.listed.opened
  }

  /** What was read of an item that has not changed since, or undefined. */
  inspection(number: number): Inspected<R> | undefined {
    const {inspected, listed} = this.#at(number)
    return inspected && inspected.signature === listed.signature ? inspected : undefined
  }

  unchangedMs(number: number): number {
    return this.#at(number).unchangedMs
  }

  payload(number: number): P {
    return this.#planned(number).payload
  }

  /** Whether it is its turn, and nobody has had it. */
  isUntouched(number: number): boolean {
    return number < this.items.length && this.#at(number).listed.signature === undefined && this.#isDue(number)
  }

  /** Of those whose turn it is, and of a folder where one is given, what nobody has had. */
  untouched(folder?: number): number[] {
    const first = folder === undefined ? 0 : folder * FOLDER_ITEMS
    const end = folder === undefined ? this.items.length : Math.min(first + FOLDER_ITEMS, this.items.length)
    const numbers: number[] = []
    for (let number = first; number < end; number++) if (this.isUntouched(number)) numbers.push(number)
    return numbers
  }

  isOpen(number: number): boolean {
    return isOpen(this.#at(number))
  }

  /** Of those whose turn it is: given back, or failed. */
  opened(): number[] {
    return this.#due((seen) => isOpen(seen))
  }

  /** Of those whose turn it is: that somebody has, as far as is known. */
  held(): number[] {
    return this.#due((seen) => isHeld(seen))
  }

  state(isCancelled: boolean): QueueState {
    const numbers = (holds: (seen: Seen<R>) => boolean): number[] =>
      this.#seen.flatMap((seen, number) => (holds(seen) ? [number] : []))
    const phases = new Map<string, PhaseState>()
    for (const [number, {group, phase, weight = 1}] of this.items.entries()) {
      const seen = this.#at(number)
      const key = `${group} ${phase}`
      const state = phases.get(key) ?? {aside: 0, done: 0, group, held: 0, items: 0, phase, weight: 0, weightDone: 0}
      phases.set(key, state)
      const {isAside, isDone} = seen.listed
      state.items++
      state.weight += weight
      if (isDone) {
        state.done++
        state.weightDone += weight
      } else if (isAside) state.aside++
      else if (isHeld(seen)) state.held++
    }

    return {
      aside: numbers(({listed}) => listed.isAside && !listed.isDone),
      end: this.end(isCancelled),
      held: numbers((seen) => isHeld(seen)),
      phases: [...phases.values()].sort((a, b) => a.group - b.group || a.phase - b.phase),
    }
  }

  end(isCancelled: boolean): QueueEnd {
    if (this.#phases.size === 0) return 'done'
    if (isCancelled) return 'cancelled'
    return this.#due(({listed}) => !listed.isDone && !listed.isAside).length === 0 ? 'stuck' : 'open'
  }

  #due(holds: (seen: Seen<R>) => boolean): number[] {
    return this.#seen.flatMap((seen, number) => (this.#isDue(number) && holds(seen) ? [number] : []))
  }

  #at(number: number): Seen<R> {
    return inBounds(this.#seen, number)
  }

  #planned(number: number): PlannedItem<P> {
    return inBounds(this.items, number)
  }
}

export function foldersOf(numbers: readonly number[]): number[] {
  return [...new Set(numbers.map((number) => Math.floor(number / FOLDER_ITEMS)))]
}

function inBounds<T>(all: readonly T[], number: number): T {
  const found = all[number]
  if (found === undefined) throw new RangeError(`There is no item ${number}.`)
  return found
}

function isOpen<R>({heldAfter, listed}: Seen<R>): boolean {
  return listed.signature !== undefined && !listed.isDone && !listed.isAside && listed.opened > heldAfter
}

function isHeld<R>(seen: Seen<R>): boolean {
  const {isAside, isDone, signature} = seen.listed
  return signature !== undefined && !isDone && !isAside && !isOpen(seen)
}
