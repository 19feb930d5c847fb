import type {ObjectContent} from '../../archive/content-digest.js'
import type {WeaviateObject} from '../../model/object.js'

import {uuidOfHex} from '../../model/uuid-range.js'

const VECTORS: ReadonlyArray<ObjectContent['vectors']> = ['missing', 'finite', 'non-finite']
/** Slots are doubled when more than this share is taken. */
const LOAD = 0.7
const HASH_BYTES = 32

/** What a backup holds of one object. */
export interface IndexedObject {
  content: ObjectContent
  id: string
  tenant?: string
  /** Milliseconds since 1970. */
  updated: number
}

/** Every object of a backup with its update time and what it added to the digest: an open-addressed table in typed arrays, some 100 bytes an object. */
export class ObjectIndex {
  #capacity = 1024
  #size = 0
  #ids = new Uint32Array(this.#capacity * 4)
  /** Index into `#tenants` + 1; 0: the slot is free. */
  #owners = new Uint32Array(this.#capacity)
  #updated = new Float64Array(this.#capacity)
  #hashes = new Uint8Array(this.#capacity * HASH_BYTES)
  #references = new Uint32Array(this.#capacity)
  /** Index into VECTORS + 1; 0: removed. */
  #states = new Uint8Array(this.#capacity)
  #rounds = new Uint8Array(this.#capacity)
  readonly #tenants: Array<string | undefined> = []
  readonly #tenantNumbers = new Map<string | undefined, number>()

  set(object: WeaviateObject, content: ObjectContent): void {
    if (this.#size >= this.#capacity * LOAD) this.#grow()
    const slot = this.#slot(object.tenant, object.id)
    if (this.#owners[slot] === 0) {
      this.#size++
      this.#owners[slot] = this.#tenantNumber(object.tenant) + 1
      writeId(object.id, this.#ids, slot * 4)
    }

    this.#updated[slot] = object.lastUpdateTimeUnix ?? 0
    this.#hashes.set(content.hash, slot * HASH_BYTES)
    this.#references[slot] = content.references
    this.#states[slot] = VECTORS.indexOf(content.vectors) + 1
  }

  /** undefined: never there, or removed. */
  get(tenant: string | undefined, id: string): IndexedObject | undefined {
    const slot = this.#slot(tenant, id)
    return this.#states[slot] === 0 ? undefined : this.#read(slot)
  }

  /** Marks an object as seen in a round of scanning (1 to 255). */
  see(tenant: string | undefined, id: string, round: number): void {
    this.#rounds[this.#slot(tenant, id)] = round
  }

  remove(tenant: string | undefined, id: string): void {
    // The slot stays taken: others may lie behind it.
    this.#states[this.#slot(tenant, id)] = 0
  }

  /** Objects not seen in that round. */
  *unseen(round: number): Generator<IndexedObject> {
    for (let slot = 0; slot < this.#capacity; slot++) {
      if (this.#states[slot] !== 0 && this.#rounds[slot] !== round) yield this.#read(slot)
    }
  }

  #read(slot: number): IndexedObject {
    return {
      content: {
        hash: this.#hashes.slice(slot * HASH_BYTES, (slot + 1) * HASH_BYTES),
        references: this.#references[slot]!,
        vectors: VECTORS[this.#states[slot]! - 1]!,
      },
      id: readId(this.#ids, slot * 4),
      tenant: this.#tenants[this.#owners[slot]! - 1],
      updated: this.#updated[slot]!,
    }
  }

  /** Where the object is, or where it would go. */
  #slot(tenant: string | undefined, id: string): number {
    const key = new Uint32Array(4)
    writeId(id, key, 0)
    return this.#find(key, this.#tenantNumber(tenant) + 1)
  }

  #find(key: Uint32Array, owner: number): number {
    let slot = mix(key, owner) & (this.#capacity - 1)
    for (;;) {
      const at = slot * 4
      if (this.#owners[slot] === 0) return slot
      if (
        this.#owners[slot] === owner &&
        this.#ids[at] === key[0] &&
        this.#ids[at + 1] === key[1] &&
        this.#ids[at + 2] === key[2] &&
        this.#ids[at + 3] === key[3]
      ) {
        return slot
      }

      slot = (slot + 1) & (this.#capacity - 1)
    }
  }

  #tenantNumber(tenant: string | undefined): number {
    let number = this.#tenantNumbers.get(tenant)
    if (number === undefined) {
      number = this.#tenants.length
      this.#tenants.push(tenant)
      this.#tenantNumbers.set(tenant, number)
    }

    return number
  }

  /** Twice the slots. What was removed is left behind. */
  #grow(): void {
    const old = {
      capacity: this.#capacity,
      hashes: this.#hashes,
      ids: this.#ids,
      owners: this.#owners,
      references: this.#references,
      rounds: this.#rounds,
      states: this.#states,
      updated: this.#updated,
    }
    this.#capacity *= 2
    this.#size = 0
    this.#ids = new Uint32Array(this.#capacity * 4)
    this.#owners = new Uint32Array(this.#capacity)
    this.#updated = new Float64Array(this.#capacity)
    this.#hashes = new Uint8Array(this.#capacity * HASH_BYTES)
    this.#references = new Uint32Array(this.#capacity)
    this.#states = new Uint8Array(this.#capacity)
    this.#rounds = new Uint8Array(this.#capacity)
    for (let from = 0; from < old.capacity; from++) {
      if (old.states[from] === 0) continue
      const key = old.ids.subarray(from * 4, from * 4 + 4)
      const slot = this.#find(key, old.owners[from]!)
      this.#size++
      this.#ids.set(key, slot * 4)
      this.#owners[slot] = old.owners[from]!
      this.#updated[slot] = old.updated[from]!
      this.#hashes.set(old.hashes.subarray(from * HASH_BYTES, (from + 1) * HASH_BYTES), slot * HASH_BYTES)
      this.#references[slot] = old.references[from]!
      this.#states[slot] = old.states[from]!
      this.#rounds[slot] = old.rounds[from]!
    }
  }
}

function writeId(id: string, target: Uint32Array, at: number): void {
  const hex = id.replaceAll('-', '')
  for (let word = 0; word < 4; word++) target[at + word] = Number.parseInt(hex.slice(word * 8, word * 8 + 8), 16)
}

function readId(source: Uint32Array, at: number): string {
  let hex = ''
  for (let word = 0; word < 4; word++) hex += source[at + word]!.toString(16).padStart(8, '0')
  return uuidOfHex(hex)
}

/** Spreads ids of any making over the slots. */
function mix(key: Uint32Array, owner: number): number {
  let hash = Math.imul(owner, 0x9e_37_79_b1)
  for (const word of key) {
    hash = Math.imul(hash ^ word, 0x85_eb_ca_6b)
    hash ^= hash >>> 13
  }

  hash = Math.imul(hash ^ (hash >>> 16), 0xc2_b2_ae_35)
  return (hash ^ (hash >>> 15)) >>> 0
}
