/** A backup in place of what a name stands for now: an alias is switched; a collection, which the server cannot rename, is saved, dropped and restored. */
import type {BackupHead} from '../../codec/document.js'
import type {Warning} from '../../model/progress.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {Connection} from '../../weaviate/connection.js'
import type {BackupResult} from '../backup/options.js'
import type {RestoreOptions, RestoreResult} from '../restore/options.js'
import type {CollectionComparison} from '../verify/options.js'
import type {Replaced, ReplaceOptions, ReplaceResult} from './options.js'

import {openArchive, type OpenedArchive} from '../../catalog/locate.js'
import {refuseSeveral} from '../../catalog/of-server.js'
import {persistent} from '../../flow/persistent.js'
import {DataOpsError} from '../../model/errors.js'
import {encryptionOf, isEncrypting} from '../../store/encryption.js'
import {noticingStandstill} from '../../store/standstill.js'
import {tenantsOf} from '../../weaviate/resolve.js'
import {backUpFirst} from '../clear/backup-first.js'
import {HeldObjects, survey} from '../clear/held.js'
import {removeMarker, writeMarker} from '../clear/marker.js'
import {checkAllListed, checkDroppable, checkProtected} from '../clear/plan.js'
import {type Quiet, waitUntilQuiet} from '../clear/quiet.js'
import {DEFAULT_CONSISTENCY} from '../confirmation.js'
import {type Workplace} from '../options.js'
import {Checkpoint} from '../restore/checkpoint.js'
import {placeOfNotes, targetOf} from '../restore/job.js'
import {restoreOnly} from '../restore/restore.js'
import {TargetLeases} from '../restore/target-leases.js'
import {leavesNone} from '../survey.js'
import {compareCollection} from '../verify/compare.js'
import {readReplaceMarker, type ReplaceMarker} from './marker.js'

/** `ReplaceManager.replaceCollection`. */
export async function replaceCollection(
  at: Workplace,
  reference: string,
  options: ReplaceOptions,
): Promise<ReplaceResult> {
  const opened = await openArchive(reference, at.store, {
    acceptUnsealed: options.acceptChanged,
    onWarning(warning) {
      refuseSeveral(warning, 'replaced')
      options.onWarning?.(warning)
    },
  })
  const {metadata} = opened.archive.head
  const name = options.name ?? metadata.collection
  checkProtected(name, options)
  if (!metadata.options.include_data)
    throw new DataOpsError(
      'INVALID_INPUT',
      'A backup without objects replaces no collection: nothing would be left of it.',
    )
  const alias = at.connection.capabilities.aliases
    ? (await at.connection.listAliases()).find((candidate) => candidate.alias === name)
    : undefined
  if (alias) {
    const switching = {...options, atomic: true, verify: true}
    const restored = await restoreOpened(at, opened, switching)
    return {...restored, replaced: {gapMs: 0, saved: alias.collection}}
  }

  if (options.dryRun) return new Replacement(at, name, opened, options).foretell()
  const leases = new TargetLeases({
    backup: opened.archive.name,
    collection: name,
    onProgress: options.onProgress,
    signal: options.signal,
    stores: [at.store],
  })
  // Not the name that the restore itself takes the target under.
  await leases.take(`replace ${name}@${at.connection.describe}`)
  try {
    return await noticingStandstill(async (awake) => {
      const guard = async (): Promise<void> => {
        await leases.guard()
        // The lease keeps nobody else from writing to it.
        await awake()
      }

      return new Replacement(at, name, opened, {...options, guard}).run()
    })
  } finally {
    await leases.release()
  }
}

/** @throws DataOpsError INVALID_INPUT when transforms leave nothing of something. */
function checkSomeLeft({changes}: RestoreResult, name: string): void {
  const error = changes && leavesNone(changes, name, 'Choose others, or remove the objects with `clearCollection`.')
  if (error) throw error
}

/** The backup that was opened: what it was called by may be another one by now. */
async function restoreOpened(
  {connection, notes}: Workplace,
  {archive, store}: OpenedArchive,
  options: RestoreOptions,
): Promise<RestoreResult> {
  const source = {backup: archive.path, open: async () => ({source: archive, store})}
  return restoreOnly(connection, [source], options, notes)
}

const isChanging = ({overrides, transforms = []}: ReplaceOptions): boolean =>
  transforms.length > 0 || overrides !== undefined

/** Of one collection, while it runs. */
class Replacement {
  readonly #at: Workplace
  /** Without retries of its own. */
  readonly #direct: Connection
  readonly #guard?: () => Promise<void>
  private readonly options: ReplaceOptions

  constructor(
    at: Workplace,
    private readonly name: string,
    private readonly opened: OpenedArchive,
    {guard, ...options}: ReplaceOptions & {guard?: () => Promise<void>},
  ) {
    const {consistency = DEFAULT_CONSISTENCY} = options
    this.options = options
    this.#guard = guard
    // Another may have replaced it, and more, while this process stood still.
    this.#at = {...at, connection: persistent(at.connection, {...options, consistency, guard})}
    this.#direct = at.connection
  }

  get #id(): string {
    return this.opened.archive.head.metadata.backup_id
  }

  /** Everything about the restore that can be checked beforehand, under a name that is free. */
  async foretell(): Promise<ReplaceResult> {
    const {connection, store} = this.#at
    await readReplaceMarker(store, this.name, connection.describe)
    const name = targetOf(this.name, this.#id, {atomic: true})
    const there = await connection.getCollection(this.name)
    if (there) checkAllListed(connection, there, 'restore under another name (`name`)')
    if (there && !this.options.includeOffloaded) checkDroppable(this.name, (await tenantsOf(connection, there)) ?? [])
    const foretold = await this.#restore({dryRun: true, name, restart: true})
    checkSomeLeft(foretold, this.name)
    return {...foretold, collection: this.name, dryRun: true}
  }

  async run(): Promise<ReplaceResult> {
    const {connection, store} = this.#at
    const marker = await readReplaceMarker(store, this.name, connection.describe)
    const schema = await connection.getCollection(this.name)
    const replaced = marker && {...(marker.earlier && {earlier: marker.earlier}), saved: marker.saved}
    if (!schema) return this.#finish(marker, replaced)
    if (marker?.backup === this.#id && replaced && !this.options.restart) {
      if (await this.#isBegun()) return this.#finish(marker, replaced)
      // The earlier run may have ended right before it could say that it was done.
      const comparison = await this.#compare(schema)
      if (comparison?.equal) {
        await removeMarker('replace', this.name, store)
        return this.#confirmed(comparison, replaced)
      }
    }

    return this.#replace(schema, marker)
  }

  /** Whether the restore was begun by an earlier run: what is there is a part of it. */
  async #isBegun(): Promise<boolean> {
    const place = placeOfNotes(this.opened.store, this.options)
    const where = {server: this.#at.connection.describe, target: this.name}
    return Checkpoint.exists(place, this.opened.archive.name, where)
  }

  /**
   * As it is: of what a partial backup was chosen from, the same choice would be equal to it. What would be changed on the way is not compared:
   * then it is done again, with all that belongs to it.
   */
  async #compare(schema: WeaviateClass): Promise<CollectionComparison | undefined> {
    const {onProgress, signal} = this.options
    if (isChanging(this.options)) return undefined
    const {connection, notes} = this.#at
    return compareCollection(connection, this.opened.archive, {collection: schema.class, notes, onProgress, signal})
  }

  /** `unfinished`: an earlier run has dropped what was there, and what is there now came to be since. */
  async #replace(schema: WeaviateClass, unfinished?: ReplaceMarker): Promise<ReplaceResult> {
    const {connection, store} = this.#at
    const name = schema.class
    await this.foretell()
    const plain = this.#savedInTheClear()
    if (plain) this.options.onWarning?.(plain)
    const backup = await this.#save(name)
    const {archive} = await openArchive(backup.id, store)
    const held = await HeldObjects.of(archive, this.options.signal)
    const {started} = await this.#waitUntilQuiet(schema, archive.head, held)
    const {path} = this.opened.archive
    // Where that is what comes back, it need not be told of.
    const before = unfinished ? [...(unfinished.earlier ?? []), unfinished.saved].filter((each) => each !== path) : []
    const earlier = before.length > 0 ? {earlier: before} : {}
    const marker: ReplaceMarker = {backup: this.#id, ...earlier, path, saved: backup.path, server: connection.describe}
    // A marker would speak of a drop that never was.
    await this.#guard?.()
    await writeMarker('replace', this.name, {marker, store})
    await connection.deleteCollection(name)
    const replaced = {...earlier, objectCount: backup.objectCount, saved: backup.path}
    const finished = await this.#finish(marker, replaced, {started})
    return {...finished, warnings: [...(plain ? [plain] : []), ...finished.warnings]}
  }

  /** What was worth encrypting is about to lie there for anybody to read. */
  #savedInTheClear(): undefined | Warning {
    const {archive, cover} = this.opened
    if (!cover || isEncrypting(encryptionOf(this.#at.store))) return undefined
    return {
      code: 'saved-in-the-clear',
      details: {backup: archive.path, collection: this.name},
      message: `${archive.path} is encrypted; what "${this.name}" holds now is saved in the clear, as nobody is named to encrypt it to.`,
    }
  }

  async #save(name: string): Promise<BackupResult> {
    const {includeOffloaded, maxRetries, onProgress, onWarning, retryMaxWaitMs, signal} = this.options
    const calling = {maxRetries, onProgress, onWarning, retryMaxWaitMs, signal}
    return backUpFirst({...this.#at, connection: this.#direct}, name, {
      ...calling,
      backupFirst: {includeOffloaded, replacedBy: this.#id},
    })
  }

  async #waitUntilQuiet(schema: WeaviateClass, head: BackupHead, held: HeldObjects): Promise<Quiet> {
    const {connection, notes} = this.#at
    const looking = {connection, head, held, notes, schema, signal: this.options.signal}
    try {
      return await waitUntilQuiet(schema.class, async () => survey(looking), this.options)
    } catch (error) {
      if (!(error instanceof DataOpsError) || error.code !== 'CONTENT_DIFFERS') throw error
      throw error.with({hint: 'Stop the programs that write to it, and run it again.'})
    }
  }

  /** From here on nothing is there, or a part of the backup. `started`: when it was last there, where this run has dropped it. */
  async #finish(
    marker: ReplaceMarker | undefined,
    replaced: Replaced | undefined,
    {started}: {started?: number} = {},
  ): Promise<ReplaceResult> {
    try {
      // A checkpoint of a collection that is gone is none to continue.
      const isGone = !(await this.#at.connection.getCollection(this.name))
      const restored = await this.#restore({restart: isGone})
      if (marker) await removeMarker('replace', this.name, this.#at.store)
      if (!replaced) return restored
      const gapMs = started === undefined ? {} : {gapMs: Math.ceil(performance.now() - started)}
      return {...restored, replaced: {...replaced, ...gapMs}}
    } catch (error) {
      throw marker ? this.#wayBack(error, marker) : error
    }
  }

  #wayBack(error: unknown, {earlier = [], saved: last}: ReplaceMarker): Error {
    // What was there before anything was dropped.
    const [saved = last] = earlier
    const others =
      isChanging(this.options) || (error instanceof DataOpsError && error.code === 'CHECKPOINT')
        ? ' with the options of the run that dropped it (others need `restart: true`)'
        : ''
    const since = saved === last ? '' : ` What came to be there since is in ${[...earlier.slice(1), last].join(', ')}.`
    const known = error instanceof DataOpsError ? error : new DataOpsError('UNEXPECTED', String(error), {cause: error})
    return known.with({
      details: {saved, ...(saved !== last && {since: [...earlier.slice(1), last]})},
      hint: `"${this.name}" was dropped, and what it held is in ${saved}.${since} Go on with \`replaceCollection\` ${this.opened.archive.path}${others}, or go back with \`replaceCollection\` ${saved}.`,
    })
  }

  #confirmed(verification: CollectionComparison, replaced: Replaced): ReplaceResult {
    return {
      aliases: [],
      backupId: this.#id,
      collection: this.name,
      dryRun: false,
      references: 0,
      rejected: 0,
      replaced,
      restored: 0,
      resumed: verification.counts.live,
      seconds: verification.seconds,
      skipped: 0,
      verification,
      warnings: [],
    }
  }

  async #restore(more: Pick<RestoreOptions, 'dryRun' | 'name' | 'restart'>): Promise<ReplaceResult> {
    const options = {...this.options, name: this.name, verify: true, ...more}
    return restoreOpened({...this.#at, connection: this.#direct}, this.opened, options)
  }
}
