import type {ReplicaOutcome, ReplicaReport} from './connection.js'

/** Objects named in a report. */
const EXAMPLES = 100

interface Told {
  /** When, in the order of telling. */
  at: number
  collection: string
  id: string
  outcome: ReplicaOutcome
  tenant?: string
}

/** What became of objects that differ, each counted once however often it is read. */
export class Tally {
  readonly #nodes = new Set<string>()
  readonly #told = new Map<string, Told>()
  readonly #unasked = new Map<string, number>()
  #now = 0

  /** Reports from here on leave out what was told before. */
  get now(): number {
    return this.#now
  }

  add(collection: string, id: string, tenant: string | undefined, outcome: ReplicaOutcome): void {
    const told = {at: ++this.#now, collection, id, outcome, ...(tenant !== undefined && {tenant})}
    this.#told.set(`${collection}/${id}/${tenant ?? ''}`, told)
  }

  asked(nodes: Iterable<string>, unasked: Iterable<string>): void {
    for (const node of nodes) this.#nodes.add(node)
    for (const node of unasked) this.#unasked.set(node, ++this.#now)
  }

  report(collection: string, addresses: readonly string[], since: number): ReplicaReport {
    const counts: Record<ReplicaOutcome, number> = {kept: 0, 'left out': 0, newest: 0}
    const examples: ReplicaReport['examples'] = []
    for (const {at, collection: of, id, outcome, tenant} of this.#told.values()) {
      if (at <= since || of !== collection) continue
      counts[outcome]++
      const isExample = outcome !== 'newest' && examples.length < EXAMPLES
      if (isExample) examples.push({id, outcome, ...(tenant !== undefined && {tenant})})
    }

    const unasked = [...this.#unasked].filter(([, at]) => at > since).map(([node]) => node)
    return {addresses, counts, examples, nodes: [...this.#nodes].sort(), unasked: unasked.sort()}
  }
}
