/** Changes of the schema that are given for several collections at once: each gets those that it has a place for. */
import type {Warning} from '../../model/progress.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {RestoreRunOptions} from './options.js'

import {assertUsed, fittingOverrides} from '../../model/schema-prepare.js'

export class SharedOverrides {
  readonly #isShared: boolean
  readonly #options: RestoreRunOptions
  readonly #used = new Set<string>()

  constructor(options: RestoreRunOptions, sources: number) {
    this.#options = options
    this.#isShared = sources > 1 && options.overrides !== undefined
  }

  /** The options of one collection, with a warning of what was not meant for it. */
  of(schema: WeaviateClass): {options: RestoreRunOptions; warning?: Warning} {
    const {overrides} = this.#options
    if (!this.#isShared || !overrides) return {options: this.#options}
    const {fitting, others} = fittingOverrides(schema, overrides)
    for (const path of Object.keys(fitting)) this.#used.add(path)
    const options = {...this.#options, overrides: fitting}
    if (others.length === 0) return {options}
    return {
      options,
      warning: {
        code: 'overrides-left-out',
        details: {collection: schema.class, paths: others},
        message: `"${schema.class}" has no place for ${others.join(', ')}, and is restored without that change.`,
      },
    }
  }

  /** Once all could be asked that could be opened. @throws DataOpsError INVALID_INPUT when a change fits none. */
  check(opened: number): void {
    if (this.#isShared && opened > 0) assertUsed(this.#options.overrides ?? {}, this.#used)
  }
}
