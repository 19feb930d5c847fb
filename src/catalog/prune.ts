/** Which backups go: what a policy lets go, as long as a good backup that was looked at byte by byte holds the same. */
import type {SealedManifest} from '../archive/manifest.js'

import {type Held, heldBy} from './held.js'
import {type Retainable, type RetentionPolicy, selectForRemoval} from './retention.js'

export interface PruneChoice<T> {
  /** Why each kept backup is, by its file. */
  reasons: Map<string, string[]>
  remove: T[]
}

export interface PruneContext<T> {
  /** Every byte is what was sealed. */
  isWhole: (manifest: SealedManifest) => Promise<boolean>
  /** When it is there, as far as can be seen without reading it. */
  manifestOf: (backup: T) => Promise<SealedManifest | undefined>
  /** Why it may not be removed now, whatever the policy says. */
  obstacleTo: (backup: T) => Promise<string | undefined>
}

const DAMAGED = 'it is damaged; remove it by hand'

/** @throws DataOpsError INVALID_INPUT when the policy makes no sense; STORAGE. */
export async function chooseForRemoval<T extends Retainable>(
  backups: readonly T[],
  policy: RetentionPolicy,
  context: PruneContext<T>,
): Promise<PruneChoice<T>> {
  const candidates: Array<Candidate<T>> = []
  for (const backup of backups) {
    const manifest = await context.manifestOf(backup)
    const held = manifest && heldBy(manifest)
    const {collection, file, timestamp} = backup
    // One that cannot be read is counted with those it was once counted with.
    candidates.push({backup, collection: `${collection} ${held?.kind ?? 'all'}`, file, held, manifest, timestamp})
  }

  const {keep, reasons, remove} = selectForRemoval(candidates, policy, new Date())
  const proofs = new Proofs(keep, context.isWhole)
  // Complete ones first: what an incomplete one is worth depends on them.
  const isIncomplete = ({held}: Candidate<T>): number => Number(held?.kind === 'incomplete')
  for (const candidate of remove.toSorted((a, b) => isIncomplete(a) - isIncomplete(b))) {
    const reason = (await proofs.reasonToKeep(candidate)) ?? (await context.obstacleTo(candidate.backup))
    if (reason !== undefined) reasons.set(candidate.file, [reason])
  }

  for (const {file} of proofs.damaged) reasons.set(file, [...(reasons.get(file) ?? []), DAMAGED])
  return {reasons, remove: remove.filter(({file}) => !reasons.has(file)).map(({backup}) => backup)}
}

interface Candidate<T> extends Retainable {
  backup: T
  held?: Held
  manifest?: SealedManifest
}

/** The kept backups, each read to its last byte once others are to go on its account. */
class Proofs<T> {
  readonly #isWhole: (manifest: SealedManifest) => Promise<boolean>
  readonly #keepers: Array<Candidate<T>>
  readonly #results = new Map<Candidate<T>, boolean>()

  constructor(keepers: ReadonlyArray<Candidate<T>>, isWhole: (manifest: SealedManifest) => Promise<boolean>) {
    this.#isWhole = isWhole
    this.#keepers = [...keepers]
  }

  /** Found to be so on the way. */
  get damaged(): Array<Candidate<T>> {
    return this.#keepers.filter((keeper) => !keeper.held || this.#results.get(keeper) === false)
  }

  async reasonToKeep(candidate: Candidate<T>): Promise<string | undefined> {
    const {held} = candidate
    if (!held) return DAMAGED
    for (const keeper of this.#keepers) {
      const isOfCollection = keeper.manifest?.metadata.collection === candidate.manifest?.metadata.collection
      if (isOfCollection && keeper.held && standsInFor(keeper.held, held) && (await this.#prove(keeper)))
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
    const isWhole = candidate.manifest !== undefined && (await this.#isWhole(candidate.manifest))
    this.#results.set(candidate, isWhole)
    return isWhole
  }
}

/** Whether nothing is lost with the second while the first is there. */
function standsInFor(keeper: Held, other: Held): boolean {
  if (other.kind === 'schema') return keeper.kind !== 'incomplete'
  if (keeper.kind === 'all') return true
  return keeper.kind === 'some' && other.kind === 'some' && [...other.tenants].every((name) => keeper.tenants.has(name))
}
