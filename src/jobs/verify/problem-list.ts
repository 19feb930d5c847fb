import type {Problem} from '../../archive/problem.js'

import {MAX_OF_A_KIND} from './options.js'

/** Problems by kind and file: each named, up to some of a kind; of more there is the number. */
export class ProblemList {
  readonly #counts = new Map<string, {count: number; file: string; kind: string}>()
  readonly #named: Problem[] = []

  add(file: string, kind: string, message: string): void {
    const key = `${kind}\n${file}`
    const counted = this.#counts.get(key) ?? {count: 0, file, kind}
    this.#counts.set(key, counted)
    if (++counted.count <= MAX_OF_A_KIND) this.#named.push({file, message})
  }

  all(): Problem[] {
    const more = [...this.#counts.values()].filter(({count}) => count > MAX_OF_A_KIND)
    return [
      ...this.#named,
      ...more.map(({count, file, kind}) => ({
        file,
        message: `${count - MAX_OF_A_KIND} more problems of this kind: ${kind}.`,
      })),
    ]
  }
}
