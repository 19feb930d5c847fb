/** Which backups go: what a policy lets go, as long as a good backup that was looked at byte by byte holds the same. */
import type {UnusableFile} from './scan.js'
import type {ListedBackup} from './status.js'

import {DataOpsError} from '../model/errors.js'
import {DEFAULT_GROUPING, type Grouping, GROUPINGS} from './grouping.js'
import {type Held, type Looked} from './look.js'
import {type Retainable, type RetentionPolicy, selectForRemoval} from './retention.js'

/** Of which backups retention is asked, and how they are counted. */
export interface PruneOptions {
  /** Of this one alone. */
  collection?: string
  /** Default `server,collection`: backups that do not say their server are counted by themselves. */
  groupBy?: 'collection' | 'server,collection'
}

/** @throws DataOpsError INVALID_INPUT. */
export function checkGrouping(groupBy: string | undefined): void {
  if (groupBy === undefined || (GROUPINGS as readonly string[]).includes(groupBy)) return
  throw new DataOpsError('INVALID_INPUT', `Backups cannot be grouped by ${JSON.stringify(groupBy)}.`, {
    hint: `There are: ${GROUPINGS.join('; ')}.`,
  })
}

/** What retention came to. */
export interface PruneResult {
  /** Newest first, as is `removed`; `server` of both is what the backups themselves say. */
  kept: ListedBackup[]
  /** Keys of what killed runs left and no backup needs, and that was removed with it, or would be. */
  leftovers: string[]
  /** Why each kept backup is, by its file. */
  reasons: Record<string, string[]>
  /** What was removed, or would be. */
  removed: ListedBackup[]
  /** What could not be looked at now, and why: it stays, and nothing goes on its account. `''` is the place itself. */
  unread: UnusableFile[]
}

export interface PruneChoice<T> {
  /** Why each kept backup is, by its file. */
  reasons: Map<string, string[]>
  remove: T[]
}

export interface PruneContext<T> {
  groupBy?: Grouping | undefined
  /** What it holds, as far as can be seen without reading it; in words why nobody can vouch for it. */
  lookAt: (backup: T) => Promise<Looked | string>
  /** Why it may not be removed now, whatever the policy says. */
  obstacleTo: (backup: T) => Promise<string | undefined>
}

export const DAMAGED = 'it is damaged; remove it by hand'
const HIDDEN = 'it hides what it is a backup of: prune with an identity that opens it'

/** Why nobody can vouch for a backup, by what came of looking at it: what cannot be read now is not damaged. Other errors, and that it was stopped, are thrown on. */
export function problemOf(error: unknown): string {
  if (!(error instanceof DataOpsError) || error.code === 'INTERRUPTED') throw error
  if (error.code === 'BACKUP_DAMAGED') return DAMAGED
  return `it could not be read${error.code === 'STORAGE' ? ' now' : ''}: ${error.message}`
}

/** @throws DataOpsError INVALID_INPUT when the policy makes no sense; STORAGE. */
export async function chooseForRemoval<T extends Retainable>(
  backups: readonly T[],
  policy: RetentionPolicy,
  {groupBy = DEFAULT_GROUPING, ...context}: PruneContext<T>,
): Promise<PruneChoice<T>> {
  const candidates: Array<Candidate<T>> = []
  for (const backup of backups) {
    const found = await context.lookAt(backup)
    const [looked, problem] = typeof found === 'string' ? [undefined, found] : [found]
    const {file, timestamp} = backup
    const group = groupOf(file, looked, groupBy)
    candidates.push({backup, collection: countedAs(group, looked), file, group, looked, problem, timestamp})
  }

  const results: Results<T> = new Map(
    candidates.flatMap((candidate) => (candidate.problem === undefined ? [] : [[candidate, candidate.problem]])),
  )
  for (;;) {
    // What cannot be read, or is not whole, stays and takes nobody's place: nothing goes on its account.
    const counted = candidates.filter((candidate) => results.get(candidate) === undefined)
    const {keep, reasons, remove} = selectForRemoval(counted, policy, new Date())
    const proofs = new Proofs(keep, results)
    // Complete ones first: what an incomplete one is worth depends on them.
    const isIncomplete = ({looked}: Candidate<T>): number => Number(looked?.held.kind === 'incomplete')
    for (const candidate of remove.toSorted((a, b) => isIncomplete(a) - isIncomplete(b))) {
      const reason = (await proofs.reasonToKeep(candidate)) ?? (await context.obstacleTo(candidate.backup))
      if (reason !== undefined) reasons.set(candidate.file, [reason])
    }

    // One that was counted on proved to be none to count.
    if (keep.some((keeper) => results.get(keeper) !== undefined)) continue
    for (const [{file}, problem] of results) if (problem !== undefined) reasons.set(file, [problem])
    return {reasons, remove: remove.filter(({file}) => !reasons.has(file)).map(({backup}) => backup)}
  }
}

/** Those that do not say their server are a group of their own: whatever they are of, none of another goes on their account. */
function groupOf(file: string, looked: Looked | undefined, groupBy: Grouping): string {
  const collection = looked?.collection ?? `hidden ${file}`
  return JSON.stringify(groupBy === 'collection' ? [collection] : [collection, looked?.server])
}

/** Within its group too, what cannot stand in for the rest is counted apart. */
function countedAs(group: string, looked: Looked | undefined): string {
  if (!looked) return group
  const {held, isReplaced} = looked
  return `${group} ${held.kind}${held.transforms ?? ''}${isReplaced ? ' replaced' : ''}`
}

interface Candidate<T> extends Retainable {
  backup: T
  /** Nothing goes but on account of another of it. */
  group: string
  looked?: Looked
  /** Why it was not looked at. */
  problem?: string
}

/** Why those that were read, or could not be, are not whole; undefined: they are. */
type Results<T> = Map<Candidate<T>, string | undefined>

/** The kept backups, each read to its last byte once others are to go on its account. */
class Proofs<T> {
  readonly #keepers: Array<Candidate<T>>

  constructor(
    keepers: ReadonlyArray<Candidate<T>>,
    private readonly results: Results<T>,
  ) {
    this.#keepers = [...keepers]
  }

  async reasonToKeep(candidate: Candidate<T>): Promise<string | undefined> {
    const {group, looked, problem = DAMAGED} = candidate
    if (!looked) return problem
    const {collection, held} = looked
    if (collection === undefined) return HIDDEN
    for (const keeper of this.#keepers) {
      if (keeper.group !== group || !keeper.looked || !standsInFor(keeper.looked.held, held)) continue
      if ((await this.#prove(keeper, keeper.looked)) === undefined) return undefined
    }

    if (held.kind === 'incomplete') return 'it is incomplete, and there is no whole one'
    const own = await this.#prove(candidate, looked)
    if (own !== undefined) return own
    this.#keepers.push(candidate)
    return 'the last good one'
  }

  /** Why it is not whole; undefined: it is. */
  async #prove(candidate: Candidate<T>, {isWhole}: Looked): Promise<string | undefined> {
    if (!this.results.has(candidate)) {
      const problem = await isWhole()
        .then((isSo) => (isSo ? undefined : DAMAGED))
        .catch(problemOf)
      this.results.set(candidate, problem)
    }

    return this.results.get(candidate)
  }
}

/** Whether nothing is lost with the second while the first is there. */
function standsInFor(keeper: Held, other: Held): boolean {
  // Only what was changed in the same way holds the same.
  if (
    (keeper.kind === 'part' || other.kind === 'part') &&
    (keeper.kind !== other.kind || keeper.transforms === undefined || keeper.transforms !== other.transforms)
  )
    return false

  if (other.kind === 'schema') return keeper.kind !== 'incomplete'
  // A tenant that was backed up by itself may be gone from the collection since.
  if (keeper.kind === 'all' && other.kind !== 'some') return true
  const {tenants} = keeper
  // Which they are is not known of one whose key nobody gave: it stands in for none, and none for it.
  const isComparable = keeper.kind === 'all' || keeper.kind === other.kind
  if (keeper.kind === 'incomplete' || !isComparable || !tenants || !other.tenants) return false
  return [...other.tenants].every((name) => tenants.has(name))
}
