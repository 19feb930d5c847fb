/** Copies of collections: restores from live sources, without an archive in between. */
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {RestoreResult} from '../restore/options.js'
import type {CopiedCollections, CopyResult, CopyRunOptions} from './options.js'

import {persistent} from '../../flow/persistent.js'
import {TemporaryFolder} from '../../flow/temporary-folder.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {DataOpsError} from '../../model/errors.js'
import {openStore} from '../../store/open.js'
import {resolveCollection} from '../../weaviate/resolve.js'
import {checkOneName} from '../options.js'
import {checkRestoreOptions} from '../restore/checks.js'
import {EndedTogether} from '../restore/ended-together.js'
import {type SourceToRestore} from '../restore/job.js'
import {type RestoredBackups, restoreSources} from '../restore/restore.js'
import {wantedCollections} from '../wanted-collections.js'
import {addEarlier, type CopyJob, isBegun, leftOutWarnings, openCopy, type OpenedCopy} from './open.js'
import {isSameServer, refuseSame} from './same.js'
import {errorOfACopy, warningOfACopy} from './words.js'

export interface CopyPlace {
  notes: TenantNotes
  source: Connection
  store: Store
  target: Connection
}

/** `CopyManager.copyCollections`, in a store that is open. */
export async function copyCollections(
  place: CopyPlace,
  names: readonly string[] | 'all',
  given: CopyRunOptions,
): Promise<CopiedCollections> {
  checkRestoreOptions(given)
  const options: CopyRunOptions = {
    ...given,
    onWarning(warning) {
      given.onWarning?.(warningOfACopy(warning))
    },
  }
  const folder = new TemporaryFolder()
  // A dry run leaves nothing behind.
  const store = options.dryRun ? openStore(await folder.path()) : place.store
  const run = new CopyRun({...place, store}, options)
  try {
    return await run.copy(names)
  } catch (error) {
    throw errorOfACopy(error)
  } finally {
    await folder.remove()
  }
}

class CopyRun {
  /** What each collection was called by. */
  readonly #given = new Map<string, string>()
  readonly #opened = new Map<string, OpenedCopy>()
  readonly #together = new EndedTogether()

  constructor(
    private readonly place: CopyPlace,
    private readonly options: CopyRunOptions,
  ) {}

  async copy(names: readonly string[] | 'all'): Promise<CopiedCollections> {
    const {notes, source, target} = this.place
    const {exclude, name, onConfirmed, ...options} = this.options
    const wanted = await wantedCollections(persistent(source, options), names, exclude)
    checkOneName(name, wanted.length, 'Copy them one by one, or leave out `name`.')
    const leavesAliases = !options.withAliases && (await isSameServer(source, target))
    // A wrong name, and a target that is the source, are said before anything is written.
    const sources: SourceToRestore[] = []
    for (const each of wanted) sources.push(await this.#sourceOf(each, leavesAliases))
    try {
      const restored = await restoreSources(
        target,
        sources,
        {
          ...options,
          ...(name !== undefined && {name}),
          onConfirmed: async (result) => {
            await this.#endOf(result)
            await onConfirmed?.(this.#resultOf(result))
          },
        },
        notes,
      )
      await this.#forget(restored.collections)
      return this.#outcome(restored)
    } catch (error) {
      // The first failure is the one to report.
      await this.#forget([]).catch(() => undefined)
      throw error
    } finally {
      for (const {leases} of this.#opened.values()) await leases.release()
    }
  }

  async #sourceOf(given: string, leavesAliases: boolean): Promise<SourceToRestore> {
    const {options, place} = this
    const {store} = place
    const source = persistent(place.source, options)
    const target = persistent(place.target, options)
    const collection = await resolveCollection(source, given)
    this.#checkOnce(collection.schema.class, given)
    const job: CopyJob = {...place, collection, leavesAliases, options, source, target, together: this.#together}
    await refuseSame(job)
    // One that cannot be read is told of when it is opened.
    if (!options.restart) await addEarlier(job).catch(() => undefined)
    return {
      backup: given,
      open: async () => {
        const opened = await openCopy(job)
        this.#opened.set(opened.list.id, opened)
        return {source: opened.source, store, warnings: opened.warnings}
      },
    }
  }

  /** @throws DataOpsError INVALID_INPUT when another name of those to copy is of the same collection: an alias of it. */
  #checkOnce(collection: string, given: string): void {
    const other = this.#given.get(collection)
    this.#given.set(collection, given)
    if (other === undefined) return
    throw new DataOpsError('INVALID_INPUT', `"${other}" and "${given}" are one collection, "${collection}".`, {
      details: {collection},
      hint: 'Leave one of them out.',
    })
  }

  /** What is done is not gone on with: the lists go, and those of copies that were refused before they began. */
  async #forget(done: readonly RestoreResult[]): Promise<void> {
    const ids = new Set(done.map(({backupId}) => backupId))
    this.#together.refresh()
    for (const [id, opened] of this.#opened) {
      if (ids.has(id) || !(await isBegun(opened))) await opened.list.remove()
    }
  }

  /** Once its objects were read. */
  async #endOf({backupId, dryRun}: RestoreResult): Promise<void> {
    if (!dryRun && !this.options.skipData) await this.#opened.get(backupId)?.replicas.watch.end()
  }

  #outcome({collections, failed}: RestoredBackups): CopiedCollections {
    return {
      collections: collections.map((result) => this.#resultOf(result)),
      ...(failed && {
        failed: failed.map(({backup, error}) => ({collection: backup, error: errorOfACopy(error) as DataOpsError})),
      }),
    }
  }

  #resultOf({backupId, ...result}: RestoreResult): CopyResult {
    const opened = this.#opened.get(backupId)
    if (!opened) throw new DataOpsError('UNEXPECTED', 'A copy has ended that was not begun.')
    const {job, leftOut, replicas, source} = opened
    const {report} = replicas.watch
    const {collection} = job
    const warnings = [...leftOutWarnings(opened), ...result.warnings, ...replicas.atTheEnd].map((warning) =>
      warningOfACopy(warning),
    )
    if (source.shortfall > 0 && !result.dryRun) {
      warnings.push({
        code: 'incomplete-copy',
        details: {objects: source.shortfall},
        message: `The server counted ${source.shortfall} more objects of "${collection.schema.class}" than it listed: they are not copied.`,
      })
    }

    const {newMembers} = source
    if (newMembers.length > 0 && !result.dryRun) {
      const {schema} = collection
      warnings.push({
        code: 'source-changed',
        details: {collection: schema.class, newMembers},
        message: `"${schema.class}" got ${newMembers.join(', ')} since the copy began: what was written of them is not in the copy.`,
      })
    }

    return {
      ...result,
      complete: source.shortfall === 0,
      source: {
        collection: collection.schema.class,
        ...(report && !result.dryRun && !job.options.skipData && {replicas: report}),
        server: job.source.describe,
      },
      ...(leftOut.length > 0 && {tenantsLeftOut: leftOut}),
      warnings,
    }
  }
}

/** The same for one. */
export async function copyCollection(place: CopyPlace, name: string, options: CopyRunOptions): Promise<CopyResult> {
  const {collections} = await copyCollections(place, [name], options)
  const [copied] = collections
  if (!copied) throw new DataOpsError('UNEXPECTED', 'The copy has ended without a result.')
  return copied
}
