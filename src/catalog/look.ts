import type {Problem} from '../archive/problem.js'
import type {Store, StoreEntry} from '../store/store.js'

import {checkCover, checkCoveredFiles, type HeldKind, readCover} from '../archive/encrypted/cover.js'
import {heldKind} from '../archive/encrypted/held.js'
import {unlock} from '../archive/encrypted/unlock.js'
import {checkHashes} from '../archive/hashes.js'
import {checkFiles, readManifest, type SealedManifest} from '../archive/manifest.js'
import {isKeyFileName, isOwnFile} from '../archive/names.js'
import {insteadOf, throwIfAborted} from '../model/errors.js'
import {canOpen, encryptionOf} from '../store/encryption.js'
import {isAbandoned} from './tidy.js'

/** What a backup holds, and so what it may stand in for. */
export interface Held {
  /** Counted apart: none of one kind takes the place of one of another. */
  kind: HeldKind
  /** Of which there are objects; in a backup of some tenants. undefined: nobody knows without a key. */
  tenants?: ReadonlySet<string>
  /** What was changed on the way into it, as text; absent when nothing was, or nobody knows without a key. */
  transforms?: string
}

interface LookOptions {
  /** By the clock of the place, or a little before. Absent: nothing in the backup's folder counts as old. */
  now?: number
  signal?: AbortSignal
}

/** A backup that is there. */
export interface Looked {
  /** undefined: it is hidden. */
  collection?: string
  held: Held
  /** Of the backup. */
  id: string
  /** Another backup has taken the place of what it holds. */
  isReplaced?: true
  /** Every byte is what was sealed. */
  isWhole: () => Promise<boolean>
  /** Which it was taken from; undefined: it does not say, or hides it. */
  server?: string
  /** Keys of old files of ours in its folder that its seal does not name: of attempts that were given up. */
  unnamed: string[]
}

/**
 * What a backup holds, and whether it is whole. Of an encrypted one what stands in the clear is enough, but for the name of its
 * collection, where it hides that.
 * @throws DataOpsError when it is none, or damaged as far as can be seen without reading it.
 */
export async function lookAt(store: Store, file: string, {now, signal}: LookOptions = {}): Promise<Looked> {
  throwIfAborted(signal)
  const othersAmong = (entries: readonly StoreEntry[]): Others => new Others(store, {entries, folder: file, now})
  const cover = await readCover(store, file)
  if (!cover) {
    const manifest = await readManifest(store, file)
    const others = othersAmong(await checkFiles(store, manifest))
    return lookedAt(store, manifest, {others, signal})
  }

  const others = othersAmong(await checkCoveredFiles(store, cover))
  const isWhole = async (): Promise<boolean> => others.areAll(await checkCover(store, cover, {signal}))
  const {unnamed} = others
  if (cover.collection === undefined && canOpen(encryptionOf(store))) {
    // It may be somebody else's.
    const opened = await unlock(store, file).catch(insteadOf(undefined, 'INVALID_INPUT'))
    if (opened) return {...lookedAt(opened.store, await readManifest(opened.store, file), {others, signal}), isWhole}
  }

  // Which of its tenants it holds stands inside.
  const held: Held = {kind: cover.holds, ...(cover.holds !== 'some' && {tenants: new Set<string>()})}
  const {backupId: id, collection, server} = cover
  return {collection, held, id, isWhole, server, unnamed}
}

/** Looks at each backup of a place once, but for one that could not be looked at. */
export class Looks {
  readonly #known = new Map<string, Promise<Looked>>()

  constructor(readonly store: Store) {}

  /** @throws as `lookAt`. */
  async at(file: string): Promise<Looked> {
    const known = this.#known.get(file) ?? lookAt(this.store, file)
    this.#known.set(file, known)
    known.catch(() => this.#known.delete(file))
    return known
  }
}

function lookedAt(
  store: Store,
  manifest: SealedManifest,
  {others, signal}: {others: Others; signal: AbortSignal | undefined},
): Looked {
  const {metadata, seal} = manifest
  const tenants = (seal.tenants ?? []).flatMap(({name, skipped}) => (skipped === undefined ? [name] : []))
  return {
    collection: metadata.collection,
    held: {
      kind: heldKind(manifest, seal),
      tenants: new Set(tenants),
      ...(metadata.transforms && {transforms: JSON.stringify(metadata.transforms)}),
    },
    id: metadata.backup_id,
    ...(metadata.replaced_by !== undefined && {isReplaced: true as const}),
    isWhole: async () => others.areAll(await checkHashes({manifest, store}, {signal})),
    server: metadata.server,
    unnamed: others.unnamed,
  }
}

/** Files of ours in the folder of a backup that its seal does not name: it is as whole with them. */
class Others {
  readonly #paths: Set<string>
  readonly unnamed: string[]

  constructor(
    store: Store,
    {entries, folder, now = 0}: {entries: readonly StoreEntry[]; folder: string; now?: number},
  ) {
    const own = entries.filter(({kind, name}) => kind === 'file' && isOwnFile(name) && !isKeyFileName(name))
    this.#paths = new Set(own.map(({name}) => store.describe(`${folder}/${name}`)))
    this.unnamed = own.filter(({modified}) => isAbandoned(modified, now)).map(({name}) => `${folder}/${name}`)
  }

  /** Whether nothing is wrong but that they are there. */
  areAll(problems: readonly Problem[]): boolean {
    return problems.every(({file}) => this.#paths.has(file))
  }
}
