/** Functions that change a live source must answer the same when they are asked again for references: whether they do, where the object is the same. */
import type {SourcePage} from '../../flow/source.js'
import type {RowsOfPage} from '../../flow/transform/transform.js'
import type {WeaviateObject} from '../../model/object.js'

import {isReference, type WeaviateClass} from '../../model/schema.js'
import {sha256Hex} from '../../platform/node.js'

/** Of a row of the source: the object, and which came of it. */
interface Answer {
  asked: string
  ids: string
}

export class SameAnswers {
  readonly #answers = new Map<number, Answer>()
  readonly #references: readonly string[]

  constructor(schema: WeaviateClass) {
    this.#references = (schema.properties ?? []).filter((each) => isReference(each)).map(({name}) => name)
  }

  /** False where what refers to something becomes another one, or is left out, and came otherwise the first time that it was asked for. */
  areIn(page: SourcePage, changed: RowsOfPage): boolean {
    if (this.#references.length === 0) return true
    const idsOf = Map.groupBy(changed.objects, (_, index) => changed.rows[index])
    for (const [index, row] of page.rows.entries()) {
      const object = page.objects[index]!
      if (this.#references.every((name) => object.properties[name] === undefined)) continue
      const known = this.#answers.get(row)
      const ids = shortHash((idsOf.get(row) ?? []).map(({id, tenant}) => [id, tenant ?? null]))
      if (!known) this.#answers.set(row, {asked: stateOf(object), ids})
      else if (known.ids !== ids && known.asked === stateOf(object)) return false
    }

    return true
  }
}

/** The time of its last change is not that of its references on every server. */
function stateOf({lastUpdateTimeUnix, properties}: WeaviateObject): string {
  return shortHash([lastUpdateTimeUnix ?? null, properties])
}

function shortHash(value: unknown): string {
  return sha256Hex(JSON.stringify(value)).slice(0, 16)
}
