import {DataOpsError} from '../model/errors.js'

/** A sum of object hashes modulo 2^256: the digest of a tenant or a collection. */
export class DigestSum {
  /** @throws DataOpsError BACKUP_DAMAGED when the text is not 64 lower-case hex digits. */
  static fromHex(hex: string): DigestSum {
    if (!/^[0-9a-f]{64}$/.test(hex)) {
      throw new DataOpsError('BACKUP_DAMAGED', `${JSON.stringify(hex).slice(0, 100)} is not a content digest.`)
    }

    const sum = new DigestSum()
    for (let limb = 0; limb < 8; limb++) {
      sum.#limbs[limb] = Number.parseInt(hex.slice(56 - limb * 8, 64 - limb * 8), 16)
    }

    return sum
  }

  /** 32-bit limbs, the least significant first. */
  readonly #limbs = new Uint32Array(8)

  /** Adds the 32 bytes of an object's hash. */
  add(hash: Uint8Array): void {
    const limbs = this.#limbs
    let carry = 0
    for (let limb = 0; limb < 8; limb++) {
      const total = limbs[limb]! + limbAt(hash, limb) + carry
      limbs[limb] = total
      carry = total > 0xff_ff_ff_ff ? 1 : 0
    }
  }

  /** Takes back what `add` added. */
  subtract(hash: Uint8Array): void {
    const limbs = this.#limbs
    let borrow = 0
    for (let limb = 0; limb < 8; limb++) {
      const total = limbs[limb]! - limbAt(hash, limb) - borrow
      limbs[limb] = total
      borrow = total < 0 ? 1 : 0
    }
  }

  /** Adds what another sum was made of. */
  merge(other: DigestSum): void {
    const limbs = this.#limbs
    const others = other.#limbs
    let carry = 0
    for (let limb = 0; limb < 8; limb++) {
      const total = limbs[limb]! + others[limb]! + carry
      limbs[limb] = total
      carry = total > 0xff_ff_ff_ff ? 1 : 0
    }
  }

  /** 64 lower-case hex digits. */
  hex(): string {
    let text = ''
    for (const limb of this.#limbs) text = limb.toString(16).padStart(8, '0') + text
    return text
  }
}

/** The limb of a big-endian 256-bit integer, the least significant first. */
function limbAt(hash: Uint8Array, limb: number): number {
  const at = 28 - limb * 4
  return ((hash[at]! << 24) | (hash[at + 1]! << 16) | (hash[at + 2]! << 8) | hash[at + 3]!) >>> 0
}
