import type {OperationOptions, Warning} from '../../model/progress.js'
import type {TenantStatus} from '../../model/tenant.js'
import type {Store, StoreEntry} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'

import {utf8} from '../../codec/bytes.js'
import {DataOpsError, insteadOf} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {isDenied} from '../../store/denied.js'
import {forget} from '../../store/forget.js'
import {nameOf} from '../../store/key.js'
import {Lease} from '../../store/lease.js'
import {readOwnJson} from '../../store/own-json.js'
import {waitsToldTo} from '../../store/waiting.js'
import {isNoteName, newNoteName, withTenantNotes} from './encrypted-notes.js'
import {putBackActive, type TenantStates} from './put-back.js'

/** A tenant that a run has activated, or is about to, with the state to put back. */
export interface NotedTenant {
  collection: string
  name: string
  status: TenantStatus
}

/** Tenants that a killed run may have left active. */
export interface LeftTenants {
  /** Where the note lies. */
  path: string
  server: string
  /** When they were activated, ISO 8601. */
  since: string
  tenants: NotedTenant[]
}

/** A note whose tenants nobody knows. */
export interface UnreadableNote {
  path: string
  reason: string
}

interface FoundNotes {
  /** Leases of notes that are not there: their holders were killed before they had written it, or behind its end. */
  leases: Array<{lease: string; store: Store}>
  /** Places whose names nobody here may see. */
  unlisted: UnreadableNote[]
  readable: Array<{name: string; note: NoteFile; store: Store}>
  unreadable: Array<{name: string; reason: string; store: Store}>
}

type Acquire = (store: Store, lease: string) => Promise<Lease | undefined>

interface HeldNoteFile {
  lease: Lease
  name: string
  store: Store
}

interface NoteFile {
  /** The piece of a job's work, where it is of one: whoever has that now puts its tenants back. */
  of?: string
  server: string
  since: string
  tenants: NotedTenant[]
  version: 1
}

const MAX_NOTE_BYTES = 64 * 1024 * 1024
const STATES = ['COLD', 'FROZEN', 'HOT'] as const

/**
 * Notes of the tenants that runs hold active: each is on the disk before the first of its tenants is activated, and goes once all are
 * put back. One that nobody holds any more is a killed run's: the next run of any job on that collection puts its tenants back.
 */
export class TenantNotes {
  readonly #stores: readonly Store[]

  /** Notes are looked for in all of the stores, and written into the first that is there and can be written. */
  constructor(stores: ReadonlyArray<Store | undefined>) {
    const places = stores
      .filter((store) => store !== undefined)
      .map((store) => [store.describe(''), withTenantNotes(store)] as const)
    this.#stores = [...new Map(places.toReversed()).values()].toReversed()
  }

  /** The same, and in another store before the others. */
  beside(store: Store): TenantNotes {
    return new TenantNotes([store, ...this.#stores])
  }

  /** The note of one run, not on the disk yet. `of`: the piece of a job's work that it is of, by a name that no other has. */
  begin(server: string, of?: string): TenantNote {
    return new TenantNote(this.#stores, {of, server})
  }

  /**
   * For who has a piece of work by now: what earlier attempts at it have noted is taken off, where it was put back since. Whoever held such
   * a note has lost the piece, and puts nothing back; a later run would, also what somebody has activated meanwhile.
   */
  async settle(isOf: (of: string) => boolean, isPutBack: (tenant: NotedTenant) => boolean): Promise<void> {
    for (const {name, note, store} of (await this.#notes()).readable) {
      if (note.of === undefined || !isOf(note.of)) continue
      const tenants = note.tenants.filter((tenant) => !isPutBack(tenant))
      if (tenants.length === note.tenants.length) continue
      if (tenants.length === 0) await Lease.takeAway(store, leaseOf(name))
      await keep(store, name, {...note, tenants})
    }
  }

  /** What killed runs left, and the notes of which nobody knows what they say. Changes nothing. */
  async left(): Promise<{tenants: LeftTenants[]; unreadable: UnreadableNote[]}> {
    const notes = await this.#notes()
    const tenants: LeftTenants[] = []
    for (const {name, note, store} of notes.readable) {
      if (await Lease.isHeld(store, leaseOf(name))) continue
      tenants.push({path: store.describe(name), server: note.server, since: note.since, tenants: note.tenants})
    }

    return {tenants, unreadable: await leftUnreadable(notes)}
  }

  /**
   * Puts tenants of a collection back that killed runs left active, and says so. When that fails, it says that too: the notes stay, for
   * the next run. Whether a run on another machine lives is to be seen within half a minute. @throws DataOpsError INTERRUPTED.
   */
  async putBack(
    connection: Pick<Connection, 'describe' | 'listTenants' | 'setTenantStatus'>,
    collection: string,
    onWarning: ((warning: Warning) => void) | undefined,
    {onProgress, signal}: Pick<OperationOptions, 'onProgress' | 'signal'> = {},
  ): Promise<void> {
    const onWait = waitsToldTo(onProgress, collection)
    const acquire: Acquire = async (store, lease) => Lease.watchAndAcquire(store, lease, {onWait, signal})
    await this.#putBack(acquire, connection, collection, onWarning)
  }

  /** As `putBack`, of those alone that are known to be dead by now: for who goes on with what a killed run has left, with its tenants as they are. */
  async putBackOfDead(...[connection, collection, onWarning]: Parameters<TenantNotes['putBack']>): Promise<void> {
    await this.#putBack(async (store, lease) => Lease.tryAcquire(store, lease), connection, collection, onWarning)
  }

  async #putBack(
    acquire: Acquire,
    ...[connection, collection, onWarning]: Parameters<TenantNotes['putBack']>
  ): Promise<void> {
    const notes = await this.#notes()
    for (const {lease, store} of notes.leases) await removeDead(store, lease)
    for (const {path, reason} of await leftUnreadable(notes)) {
      onWarning?.({
        code: 'tenant-note-unreadable',
        details: {path, reason},
        message: isNoteName(nameOf(path))
          ? `Which tenants a killed run has left active is not known: ${path} cannot be read (${reason}). Remove it once they are as they should be.`
          : `Whether a killed run has left tenants active is not known: ${reason}`,
      })
    }

    const own = notes.readable.filter(
      ({note}) =>
        note.server === connection.describe && note.tenants.some((tenant) => tenant.collection === collection),
    )
    // Seen from now on: one after the other they would be watched for longer.
    for (const {name, store} of own) await Lease.isHeld(store, leaseOf(name))
    for (const {name, note, store} of own) {
      try {
        const count = await putBackOf(connection, collection, {acquire, name, store})
        if (count === 0) continue
        onWarning?.({
          code: 'tenants-put-back',
          details: {collection, since: note.since, tenants: count},
          message: `${plural(count, 'tenant')} of "${collection}", left active by a killed run (since ${note.since}), ${count === 1 ? 'is as it was' : 'are as they were'} again.`,
        })
      } catch (error) {
        if (!(error instanceof DataOpsError) || error.code === 'INTERRUPTED') throw error
        onWarning?.({
          code: 'tenants-left-active',
          details: {collection, note: store.describe(name), reason: error.message},
          message: `Tenants of "${collection}" that a killed run had left active could not be put back: ${error.message}`,
        })
      }
    }
  }

  async #notes(): Promise<FoundNotes> {
    const found: FoundNotes = {leases: [], readable: [], unlisted: [], unreadable: []}
    for (const store of this.#stores) {
      const entries = await listed(store, found)
      const names = new Set(entries.map(({name}) => name))
      for (const {kind, name} of entries) {
        const noted = noteOfLease(name)
        if (noted !== undefined && !names.has(noted)) found.leases.push({lease: leaseOf(noted), store})
        if (kind !== 'file' || !isNoteName(name)) continue
        try {
          const note = await readNote(store, name)
          if (note) found.readable.push({name, note, store})
        } catch (error) {
          if (!(error instanceof DataOpsError)) throw error
          found.unreadable.push({name, reason: error.message, store})
        }
      }
    }

    return found
  }
}

/** What may not be listed may hold some: that is told, and keeps nobody from anything. */
async function listed(store: Store, {unlisted}: FoundNotes): Promise<StoreEntry[]> {
  try {
    return await store.list('')
  } catch (error) {
    if (!isDenied(error)) throw error
    unlisted.push({path: store.describe(''), reason: error.message})
    return []
  }
}

/** What cannot be taken, or not be removed, is left. */
async function removeDead(store: Store, lease: string): Promise<void> {
  const taken = await Lease.tryAcquire(store, lease).catch(insteadOf(undefined, 'STORAGE'))
  await taken?.release()
}

/** Not those of runs that live: they know themselves. */
async function leftUnreadable({unlisted, unreadable}: FoundNotes): Promise<UnreadableNote[]> {
  const found = [...unlisted]
  for (const {name, reason, store} of unreadable) {
    if (!(await Lease.isHeld(store, leaseOf(name)))) found.push({path: store.describe(name), reason})
  }

  return found
}

/** What one run holds active, kept on the disk. */
export class TenantNote {
  readonly #since = new Date().toISOString()
  #held?: HeldNoteFile

  constructor(
    private readonly stores: readonly Store[],
    private readonly about: Pick<NoteFile, 'of' | 'server'>,
  ) {}

  /** Before tenants are put back. @throws DataOpsError STORAGE with `details.leaseLost` when another run has taken the note: its tenants are that one's by now. */
  async check(): Promise<void> {
    await this.#held?.lease.check()
  }

  /**
   * Resolves once the disk says that just these may be active; none: the note goes.
   * @throws DataOpsError STORAGE when nowhere can be written, and as `check`.
   */
  async save(tenants: readonly NotedTenant[]): Promise<void> {
    if (tenants.length === 0 && !this.#held) return
    await this.check()
    this.#held ??= await this.#hold()
    const held = this.#held
    const noted = tenants.map(({collection, name, status}) => ({collection, name, status}))
    const note: NoteFile = {...this.about, since: this.#since, tenants: noted, version: 1}
    await keep(held.store, held.name, note)
    if (tenants.length === 0) await this.leave()
  }

  /** Leaves what the note says for the next run to put back. */
  async leave(): Promise<void> {
    await this.#held?.lease.release()
    this.#held = undefined
  }

  async #hold(): Promise<HeldNoteFile> {
    let failure: unknown
    for (const store of await inOrder(this.stores)) {
      try {
        // Its name is nobody else's: there is nothing to wait for.
        const name = newNoteName(store)
        const lease = await Lease.tryAcquire(store, leaseOf(name))
        if (lease) return {lease, name, store}
      } catch (error) {
        failure ??= error
      }
    }

    if (failure instanceof Error) throw failure
    throw new DataOpsError('STORAGE', 'There is no folder for a note of the tenants that are activated.')
  }
}

/** Folders that are there first: none is made for a note where another can take it. */
async function inOrder(stores: readonly Store[]): Promise<Store[]> {
  const there = new Map<Store, boolean>()
  for (const store of stores) there.set(store, (await store.stat('').catch(() => undefined)) !== undefined)
  return stores.toSorted((a, b) => Number(there.get(b)) - Number(there.get(a)))
}

/** Of one note, as it is once nobody holds it; how many they are. None where somebody does: whoever holds it lives, and puts its tenants back itself. */
async function putBackOf(
  connection: TenantStates,
  collection: string,
  {acquire, name, store}: {acquire: Acquire; name: string; store: Store},
): Promise<number> {
  const lease = await acquire(store, leaseOf(name))
  if (!lease) return 0
  try {
    // Whoever held it may have put some back, and all.
    const note = await readNote(store, name)
    if (!note) return 0
    const count = await putBackNoted(connection, collection, note.tenants)
    await keep(store, name, {...note, tenants: note.tenants.filter((tenant) => tenant.collection !== collection)})
    return count
  } finally {
    await lease.release()
  }
}

async function putBackNoted(
  connection: TenantStates,
  collection: string,
  noted: readonly NotedTenant[],
): Promise<number> {
  const own = noted.filter((tenant) => tenant.collection === collection && tenant.status !== 'HOT')
  const changes = own.map(({name, status}) => ({name, status}))
  return putBackActive(connection, collection, changes)
}

async function keep(store: Store, name: string, note: NoteFile): Promise<void> {
  await (note.tenants.length === 0 ? forget(store, name) : store.put(name, utf8(JSON.stringify(note))))
}

/** undefined: it is gone meanwhile. @throws DataOpsError CHECKPOINT when it cannot be understood; STORAGE when it cannot be read now. */
async function readNote(store: Store, name: string): Promise<NoteFile | undefined> {
  return readOwnJson(store, name, {
    maxBytes: MAX_NOTE_BYTES,
    name: 'note',
    read: (file) => ({
      of: file.member('of').optional((item) => item.text()),
      server: file.member('server').text(),
      since: file.member('since').text(),
      tenants: file.member('tenants').listOf((tenant) => ({
        collection: tenant.member('collection').text(),
        name: tenant.member('name').text(),
        status: tenant.member('status').oneOf(STATES),
      })),
      version: file.member('version').exactly(1),
    }),
  })
}

function leaseOf(note: string): string {
  return `${note}.lease`
}

/** The note of whose lease a file is a generation; undefined for every other name. */
function noteOfLease(name: string): string | undefined {
  const note = /^(.+)\.lease\.\d+$/.exec(name)?.[1]
  return note !== undefined && isNoteName(note) ? note : undefined
}
