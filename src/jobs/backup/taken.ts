/** What was taken of a collection, each object as of which update: where changes on the way make others of them, nothing else tells what was. */
import type {WeaviateObject} from '../../model/object.js'

import {utf8} from '../../codec/bytes.js'
import {DigestSum} from '../../codec/digest-sum.js'
import {nodePlatform} from '../../platform/node.js'

/** Of objects in any order. */
export class TakenSum {
  readonly #sum: DigestSum

  constructor(hex?: string) {
    this.#sum = hex === undefined ? new DigestSum() : DigestSum.fromHex(hex)
  }

  add(objects: ReadonlyArray<Pick<WeaviateObject, 'id' | 'lastUpdateTimeUnix' | 'tenant'>>): void {
    for (const {id, lastUpdateTimeUnix, tenant = ''} of objects)
      this.#sum.add(nodePlatform.sha256(utf8(`${id} ${lastUpdateTimeUnix ?? ''} ${tenant}`)))
  }

  /** What another one has, of other objects. */
  merge(hex: string): void {
    this.#sum.merge(DigestSum.fromHex(hex))
  }

  /** 64 hex digits. */
  hex(): string {
    return this.#sum.hex()
  }
}
