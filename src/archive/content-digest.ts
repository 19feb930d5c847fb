import type {BackupStatistics} from '../codec/document.js'
import type {WeaviateObject} from '../model/object.js'

import {DigestSum} from '../codec/digest-sum.js'
import {createDigester} from '../codec/digest.js'
import {hasFiniteVectors, hasVector} from '../codec/vectors.js'
import {isMultiTenant, referenceProperties, type WeaviateClass} from '../model/schema.js'
import {lacksVectorOf, type Vectorizer, vectorizersOf} from '../model/vectorizers.js'
import {nodePlatform} from '../platform/node.js'

/** Digest and number of the objects of one tenant. */
interface TenantContent {
  objects: number
  sum: DigestSum
}

/** A content digest that can be carried over a restart. */
export interface ContentState {
  objects: number
  statistics: ContentStatistics
  sum: string
  tenants?: Array<[name: string, objects: number, sum: string]>
}

export type ContentStatistics = Omit<BackupStatistics, 'bytes' | 'rows'>

/** What one object adds to the digest and the statistics. */
export interface ObjectContent {
  /** 32 bytes. */
  hash: Uint8Array
  references: number
  /** `missing`: no vector at all, or not one of those that a vectorizer of the class makes. */
  vectors: 'finite' | 'missing' | 'non-finite'
}

/** The content digest of a collection and of each of its tenants, and what else is counted on the way (docs/format.md, "The content digest"). */
export class ContentDigest {
  readonly #digester: {hash: (object: WeaviateObject) => Uint8Array}
  readonly #references: string[]
  readonly #sum: DigestSum
  readonly #tenants?: Map<string, TenantContent>
  readonly #vectorizers: Vectorizer[]
  #objects = 0
  readonly statistics: ContentStatistics = {non_finite_vectors: 0, objects_without_vector: 0, references: 0}

  constructor(schema: WeaviateClass, state?: ContentState) {
    this.#digester = createDigester(schema, nodePlatform)
    this.#references = referenceProperties(schema).map((property) => property.name)
    this.#vectorizers = vectorizersOf(schema)
    this.#sum = state ? DigestSum.fromHex(state.sum) : new DigestSum()
    if (isMultiTenant(schema)) this.#tenants = new Map()
    if (!state) return
    this.#objects = state.objects
    Object.assign(this.statistics, state.statistics)
    for (const [name, objects, sum] of state.tenants ?? []) {
      this.#tenants?.set(name, {objects, sum: DigestSum.fromHex(sum)})
    }
  }

  get objects(): number {
    return this.#objects
  }

  /** Counts an object in. */
  add(object: WeaviateObject): ObjectContent {
    const content = this.#contentOf(object)
    this.#sum.add(content.hash)
    const tenant = this.#tenant(object.tenant)
    if (tenant) {
      tenant.sum.add(content.hash)
      tenant.objects++
    }

    this.#count(content, 1)
    return content
  }

  /** Takes out again what `add` returned. */
  subtract(content: ObjectContent, tenantName?: string): void {
    this.#sum.subtract(content.hash)
    const tenant = this.#tenant(tenantName)
    if (tenant) {
      tenant.sum.subtract(content.hash)
      tenant.objects--
    }

    this.#count(content, -1)
  }

  /** Counts in what another one has counted, of other objects. */
  merge({objects, statistics, sum, tenants = []}: ContentState): void {
    this.#objects += objects
    this.#sum.merge(DigestSum.fromHex(sum))
    this.statistics.non_finite_vectors += statistics.non_finite_vectors
    this.statistics.objects_without_vector += statistics.objects_without_vector
    this.statistics.references += statistics.references
    for (const [name, count, theirs] of tenants) {
      const tenant = this.#tenant(name)
      if (!tenant) continue
      tenant.sum.merge(DigestSum.fromHex(theirs))
      tenant.objects += count
    }
  }

  /** 64 hex digits. */
  hex(): string {
    return this.#sum.hex()
  }

  /** A tenant without objects has a digest too. */
  tenant(name: string): {digest: string; objectCount: number} {
    const tenant = this.#tenants?.get(name)
    return {digest: (tenant?.sum ?? new DigestSum()).hex(), objectCount: tenant?.objects ?? 0}
  }

  state(): ContentState {
    return {
      objects: this.#objects,
      statistics: {...this.statistics},
      sum: this.#sum.hex(),
      ...(this.#tenants && {
        tenants: [...this.#tenants].map(
          ([name, {objects, sum}]) => [name, objects, sum.hex()] as [string, number, string],
        ),
      }),
    }
  }

  #tenant(name: string | undefined): TenantContent | undefined {
    if (!this.#tenants || name === undefined) return undefined
    let tenant = this.#tenants.get(name)
    if (!tenant) {
      tenant = {objects: 0, sum: new DigestSum()}
      this.#tenants.set(name, tenant)
    }

    return tenant
  }

  #contentOf(object: WeaviateObject): ObjectContent {
    let references = 0
    for (const name of this.#references) {
      const value = object.properties[name]
      if (Array.isArray(value)) references += value.length
    }

    return {
      hash: this.#digester.hash(object),
      references,
      vectors: this.#vectorsOf(object),
    }
  }

  #vectorsOf(object: WeaviateObject): ObjectContent['vectors'] {
    // What cannot be restored without leave comes first.
    if (!hasFiniteVectors(object)) return 'non-finite'
    return !hasVector(object) || lacksVectorOf(object, this.#vectorizers) ? 'missing' : 'finite'
  }

  #count({references, vectors}: ObjectContent, by: 1 | -1): void {
    this.#objects += by
    this.statistics.references += by * references
    if (vectors === 'missing') this.statistics.objects_without_vector += by
    else if (vectors === 'non-finite') this.statistics.non_finite_vectors += by
  }
}
