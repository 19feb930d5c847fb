/** Which backups go: what a policy lets go, as long as a good backup that was looked at byte by byte holds the same. */
import {type Held, type Looked} from './held.js'
import {type Retainable, type RetentionPolicy, selectForRemoval} from './retention.js'

export interface PruneChoice<T> {
  /** Why each kept backup is, by its file. */
  reasons: Map<string, string[]>
  remove: T[]
}

export interface PruneContext<T> {
  /** When it is there, as far as can be seen without reading it. */
  lookAt: (backup: T) => Promise<Looked | undefined>
  /** Why it may not be removed now, whatever the policy says. */
  obstacleTo: (backup: T) => Promise<string | undefined>
}

const DAMAGED = 'it is damaged; remove it by hand'
const HIDDEN = 'it hides what it is a backup of: prune with an identity that opens it'

/** @throws DataOpsError INVALID_INPUT when the policy makes no sense; STORAGE. */
export async function chooseForRemoval<T extends Retainable>(
  backups: readonly T[],
  policy: RetentionPolicy,
  context: PruneContext<T>,
): Promise<PruneChoice<T>> {
  const candidates: Array<Candidate<T>> = []
  for (const backup of backups) {
    const looked = await context.lookAt(backup)
    const {file, timestamp} = backup
    // One that cannot be read is counted with those it was once counted with; one whose collection nobody knows, alone.
    const known = looked ? looked.collection : backup.collection
    const collection = known === undefined || known === '' ? `hidden ${file}` : known
    candidates.push({
      backup,
      collection: `${collection} ${looked?.held.kind ?? 'all'}${looked?.held.transforms ?? ''}`,
      file,
      looked,
      timestamp,
    })
  }

  const {keep, reasons, remove} = selectForRemoval(candidates, policy, new Date())
  const proofs = new Proofs(keep)
  // Complete ones first: what an incomplete one is worth depends on them.
  const isIncomplete = ({looked}: Candidate<T>): number => Number(looked?.held.kind === 'incomplete')
  for (const candidate of remove.toSorted((a, b) => isIncomplete(a) - isIncomplete(b))) {
    const reason = (await proofs.reasonToKeep(candidate)) ?? (await context.obstacleTo(candidate.backup))
    if (reason !== undefined) reasons.set(candidate.file, [reason])
  }

  for (const {file} of proofs.damaged) reasons.set(file, [...(reasons.get(file) ?? []), DAMAGED])
  return {reasons, remove: remove.filter(({file}) => !reasons.has(file)).map(({backup}) => backup)}
}

interface Candidate<T> extends Retainable {
  backup: T
  looked?: Looked
}

/** The kept backups, each read to its last byte once others are to go on its account. */
class Proofs<T> {
  readonly #keepers: Array<Candidate<T>>
  readonly #results = new Map<Candidate<T>, boolean>()

  constructor(keepers: ReadonlyArray<Candidate<T>>) {
    this.#keepers = [...keepers]
  }

  /** Found to be so on the way. */
  get damaged(): Array<Candidate<T>> {
    return this.#keepers.filter((keeper) => !keeper.looked || this.#results.get(keeper) === false)
  }

  async reasonToKeep(candidate: Candidate<T>): Promise<string | undefined> {
    const {looked} = candidate
    if (!looked) return DAMAGED
    const {collection, held} = looked
    if (collection === undefined) return HIDDEN
    for (const keeper of this.#keepers) {
      const isOfCollection = keeper.looked?.collection === collection
      if (isOfCollection && keeper.looked && standsInFor(keeper.looked.held, held) && (await this.#prove(keeper)))
        return undefined
    }

    if (held.kind === 'incomplete') return 'it is incomplete, and there is no whole one'
    if (!(await this.#prove(candidate))) return DAMAGED
    this.#keepers.push(candidate)
    return 'the last good one'
  }

  async #prove(candidate: Candidate<T>): Promise<boolean> {
    const known = this.#results.get(candidate)
    if (known !== undefined) return known
    const isWhole = candidate.looked !== undefined && (await candidate.looked.isWhole())
    this.#results.set(candidate, isWhole)
    return isWhole
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
  if (keeper.kind === 'all') return true
  const {tenants} = keeper
  // Which they are is not known of one whose key nobody gave: it stands in for none, and none for it.
  const isSome = keeper.kind === 'some' || keeper.kind === 'part'
  if (!isSome || keeper.kind !== other.kind || !tenants || !other.tenants) return false
  return [...other.tenants].every((name) => tenants.has(name))
}
