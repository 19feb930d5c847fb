import type {TenantStatus} from '../../model/tenant.js'
import type {TenantNote} from './note.js'

import {throwIfAborted} from '../../model/errors.js'
import {throwIfLost} from '../../store/lease.js'
import {putBackAll, type TenantStates} from './put-back.js'
import {ACTIVATION_GROUP, MOST_ACTIVE_TENANTS} from './room.js'

/** What says on the disk what may be active. */
export type HeldNote = Pick<TenantNote, 'check' | 'leave' | 'save'>

export interface TenantOfCollection {
  collection: string
  name: string
}

interface Tenant extends TenantOfCollection {
  /** Those that need it active now. */
  holders: number
  /** Whether that is certain. */
  isActive: boolean
  /** In the end. */
  status: TenantStatus
  /** It was active, and is as it is to be in the end since. */
  wasPutBack: boolean
}

/**
 * Tenants that are to be inactive in the end, each active while somebody holds it, and only so many at the same time: an active tenant is
 * a shard that the server keeps open. Tenants that nobody holds stay active until their room is needed, or until `putBack`.
 */
export class ActiveTenants {
  readonly #admitted = new Map<string, Map<string, Tenant>>()
  /** Whatever may be active, least recently used first. */
  readonly #open = new Set<Tenant>()
  #lastTurn: Promise<unknown> = Promise.resolve()
  #onRelease?: () => void

  /** `note`: says on the disk what may be active, before it is. */
  constructor(
    private readonly connection: TenantStates,
    private readonly options: {limit?: number; note?: HeldNote} = {},
  ) {}

  /**
   * Makes tenants known that are to be inactive (or of the `status` given) in the end. Those that are active now count as such, and are
   * put back like the others.
   */
  admit(collection: string, tenants: Iterable<{isActive: boolean; name: string; status?: TenantStatus}>): void {
    const known = this.#admitted.get(collection) ?? new Map<string, Tenant>()
    this.#admitted.set(collection, known)
    for (const {isActive, name, status = 'COLD'} of tenants) {
      if (known.has(name)) continue
      const tenant: Tenant = {collection, holders: 0, isActive, name, status, wasPutBack: false}
      known.set(name, tenant)
      if (isActive) this.#open.add(tenant)
    }
  }

  isAdmitted(collection: string, name: string): boolean {
    return this.#admitted.get(collection)?.has(name) ?? false
  }

  /** Whether this run has put anything back that is not active again. */
  get hasPutBack(): boolean {
    for (const tenants of this.#admitted.values()) {
      for (const {wasPutBack} of tenants.values()) if (wasPutBack) return true
    }

    return false
  }

  /** Whether this run itself has put it back, and not activated it since. */
  wasPutBack({collection, name}: TenantOfCollection): boolean {
    return this.#admitted.get(collection)?.get(name)?.wasPutBack ?? false
  }

  /** Whether it may be active. */
  isOpen({collection, name}: TenantOfCollection): boolean {
    const tenant = this.#admitted.get(collection)?.get(name)
    return tenant !== undefined && this.#open.has(tenant)
  }

  /** Tenants that may be active. */
  get open(): TenantOfCollection[] {
    return Array.from(this.#open, ({collection, name}) => ({collection, name}))
  }

  /**
   * Resolves with the function that ends it once all of these are active; tenants that were never admitted are not its business. Whoever
   * holds some asks for no more before they are released: two could wait for each other. One call that asks for more than the limit gets
   * them once nobody else holds any.
   * @throws DataOpsError INTERRUPTED, or what the server answered to a change of states; nothing is held then.
   */
  async hold(wanted: Iterable<TenantOfCollection>, signal?: AbortSignal): Promise<() => void> {
    const tenants = this.#find(wanted)
    // In the same tick as the look: nothing that is held is put back.
    if (tenants.every(({isActive}) => isActive)) return this.#pin(tenants)
    return this.#inTurn(async () => {
      throwIfAborted(signal)
      const release = this.#pin(tenants)
      try {
        const missing = tenants.filter(({isActive}) => !isActive)
        await this.#makeRoom(tenants, missing)
        await this.#activate(missing, signal)
        return release
      } catch (error) {
        release()
        throw error
      }
    })
  }

  /** Makes everything inactive that nobody holds. Heeds no signal. @throws DataOpsError the first failure, once all was tried; as `TenantNote.check`, and then nothing was. */
  async putBack(): Promise<void> {
    await this.#inTurn(async () => {
      try {
        await this.#deactivate(() => this.#idle())
      } catch (error) {
        await this.options.note?.leave()
        throw error
      }
    })
  }

  #find(wanted: Iterable<TenantOfCollection>): Tenant[] {
    const found = new Set<Tenant>()
    for (const {collection, name} of wanted) {
      const tenant = this.#admitted.get(collection)?.get(name)
      if (tenant) found.add(tenant)
    }

    return [...found]
  }

  #idle(): Tenant[] {
    return [...this.#open].filter(({holders}) => holders === 0)
  }

  #pin(tenants: readonly Tenant[]): () => void {
    for (const tenant of tenants) tenant.holders++
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      for (const tenant of tenants) {
        tenant.holders--
        // Now the most recently used.
        if (this.#open.delete(tenant)) this.#open.add(tenant)
      }

      this.#onRelease?.()
    }
  }

  /** Puts others back, or waits for those who hold them, until `missing` fit in beside the rest of `own`. */
  async #makeRoom(own: readonly Tenant[], missing: readonly Tenant[]): Promise<void> {
    const isOwn = new Set(own)
    const isHeldByOthers = (): boolean => [...this.#open].some((tenant) => tenant.holders > 0 && !isOwn.has(tenant))
    for (;;) {
      const more = missing.filter((tenant) => !this.#open.has(tenant)).length
      const excess = this.#open.size + more - (this.options.limit ?? MOST_ACTIVE_TENANTS)
      if (more === 0 || excess <= 0) return
      if (this.#idle().length >= excess || !isHeldByOthers()) {
        // A whole group: that takes the server no longer than one, and there is room for the next.
        await this.#deactivate(() => this.#idle().slice(0, Math.max(excess, ACTIVATION_GROUP)))
        if (!isHeldByOthers()) return
        // Others may have taken some of them meanwhile.
        continue
      }

      await new Promise<void>((resolve) => {
        this.#onRelease = resolve
      })
    }
  }

  async #activate(tenants: readonly Tenant[], signal?: AbortSignal): Promise<void> {
    if (tenants.length === 0) return
    // On the disk first: a crash in between must not leave tenants active for good.
    await this.options.note?.save([...this.#open, ...tenants])
    // Also when it fails: nobody knows what became of it.
    for (const tenant of tenants) {
      this.#open.add(tenant)
      tenant.wasPutBack = false
    }

    for (const [collection, group] of byCollection(tenants)) {
      await this.connection.setTenantStatus(
        collection,
        group.map(({name}) => ({name, status: 'HOT'})),
        signal,
      )
      for (const tenant of group) tenant.isActive = true
    }
  }

  async #deactivate(choose: () => readonly Tenant[]): Promise<void> {
    // Who stood still for too long puts nothing back: another run may be reading just these.
    if (choose().length > 0) await throwIfLost(async () => this.options.note?.check())
    // In the same tick as the choice: from now on nobody takes them for active.
    const tenants = choose()
    for (const tenant of tenants) tenant.isActive = false
    let failure: undefined | {error: unknown}
    for (const [collection, group] of byCollection(tenants)) {
      try {
        const states = group.map(({name, status}) => ({name, status}))
        await putBackAll(this.connection, collection, states)
        for (const tenant of group) {
          this.#open.delete(tenant)
          tenant.wasPutBack = true
        }
      } catch (error) {
        failure ??= {error}
      }
    }

    await this.options.note?.save([...this.#open])
    if (failure) throw failure.error
  }

  /** One change of states after another. */
  async #inTurn<T>(body: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(body)
    this.#lastTurn = turn.catch(() => undefined)
    return turn
  }
}

function byCollection(tenants: readonly Tenant[]): Map<string, Tenant[]> {
  return Map.groupBy(tenants, ({collection}) => collection)
}
