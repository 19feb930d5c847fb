/** Which objects were chosen, in little memory: where others come beside them meanwhile, a bound alone would choose those too. */
import {sha256Hex} from '../../platform/node.js'

/** Bytes of a digest that are kept: two objects that share them are not to be met with. */
const BYTES = 16

export class ChosenKeys {
  private constructor(private readonly digests: Buffer) {}

  static of(keys: readonly string[]): ChosenKeys {
    const digests = Buffer.alloc(keys.length * BYTES)
    const sorted = keys.map((key) => digestOf(key)).sort()
    for (const [index, digest] of sorted.entries()) digests.write(digest, index * BYTES, 'hex')
    return new ChosenKeys(digests)
  }

  /** From what `sent` has made. */
  static received(text: string): ChosenKeys {
    return new ChosenKeys(Buffer.from(text, 'base64'))
  }

  has(key: string): boolean {
    const wanted = Buffer.from(digestOf(key), 'hex')
    let low = 0
    let high = this.digests.length / BYTES
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = wanted.compare(this.digests, middle * BYTES, (middle + 1) * BYTES)
      if (order === 0) return true
      if (order < 0) high = middle
      else low = middle + 1
    }

    return false
  }

  /** Base64. */
  get sent(): string {
    return this.digests.toString('base64')
  }
}

function digestOf(key: string): string {
  return sha256Hex(key).slice(0, BYTES * 2)
}
