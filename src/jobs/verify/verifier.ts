import type {Problem} from '../../archive/problem.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {
  BackupVerification,
  CollectionComparison,
  CompareOptions,
  Difference,
  DiffOptions,
  VerifyBackupOptions,
} from './options.js'

import {checkCover} from '../../archive/encrypted/cover.js'
import {incompleteWarning} from '../../archive/incomplete.js'
import {assertStillThere, whileThere} from '../../archive/removed-meanwhile.js'
import {locateExport} from '../../catalog/exports.js'
import {openArchive, type OpenedArchive} from '../../catalog/locate.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {DataOpsError} from '../../model/errors.js'
import {checkPositiveInteger} from '../../model/positive-integer.js'
import {isMultiTenant} from '../../model/schema.js'
import {resolveCollection} from '../../weaviate/resolve.js'
import {called} from '../../weaviate/which-server.js'
import {checkTenantsChosen, keptWarnings, type ManagerOptions, storeOf, tenantNotes} from '../options.js'
import {checkBackup} from './backup.js'
import {liveChain} from './changed.js'
import {compareCollection} from './compare.js'
import {progressOf, verifyCovered} from './covered.js'
import {identifyDamaged} from './damaged.js'
import {diffBackups, diffCollections} from './diff.js'
import {compareExport, verifyExport} from './exports.js'
import {isRestoredFrom} from './restored.js'

const inOne = ({file, message}: Problem): string => `${file}\n${message}`

/** Where backups lie, and the server of the collections. */
export interface VerifierOptions extends ManagerOptions {
  /** Needed to verify collections. */
  connection?: Connection
}

/** Checks backups against their seals, and live collections against backups. */
export class Verifier {
  readonly #connection?: Connection
  readonly #notes: TenantNotes
  readonly #store: Store

  constructor(options: VerifierOptions = {}) {
    this.#connection = options.connection
    this.#store = storeOf(options)
    this.#notes = tenantNotes(this.#store, options.stateDirectory)
  }

  /**
   * Verifies a backup, given by path, id or start of an id, without a server: every hash, every row decoded, counts and digests recomputed.
   * Also an export that the server has made, by its folder or URL: every CRC, every row decoded, counts.
   * Damage is in `problems`.
   * @throws DataOpsError NOT_A_BACKUP, also where it is removed meanwhile; BACKUP_DAMAGED when so little is left that it cannot be said which
   * backup it is; STORAGE; INTERRUPTED; INVALID_INPUT when it is encrypted and there is no key (with `quick` none is needed), or for `workers` that are no number of any.
   */
  async verifyBackup(backup: string, options: VerifyBackupOptions = {}): Promise<BackupVerification> {
    checkPositiveInteger(options.workers, 'number of workers')
    const started = performance.now()
    const found = await this.#verify(backup, options)
    return {...found, quick: options.quick === true, seconds: (performance.now() - started) / 1000}
  }

  async #verify(backup: string, options: VerifyBackupOptions): Promise<Omit<BackupVerification, 'quick' | 'seconds'>> {
    const exported = await verifyExport(backup, this.#store, options)
    if (exported) return exported
    let opened: OpenedArchive
    const told = keptWarnings()
    try {
      opened = await openArchive(backup, this.#store, told)
    } catch (error) {
      const covered = await verifyCovered(backup, this.#store, {...options, error})
      if (covered) return covered
      return {...(await identifyDamaged(backup, this.#store, error)), warnings: []}
    }

    const at = {name: opened.archive.name, place: opened.place}
    return whileThere(at, async () => {
      const found = await this.#check(opened, options)
      // What somebody removes meanwhile is missing and not damaged.
      if (found.problems.length > 0) await assertStillThere(at)
      return {...found, warnings: [...told.warnings.map(({message}) => message), ...found.warnings]}
    })
  }

  async #check(
    {archive, cover, place, store}: OpenedArchive,
    options: VerifyBackupOptions,
  ): Promise<Omit<BackupVerification, 'quick' | 'seconds'>> {
    const {digest, problems, warnings} = await checkBackup({archive, place, store}, options)
    // What those without a key go by must be right as well.
    if (cover && !options.quick) {
      const covered = await checkCover(place, cover, progressOf(cover, options))
      // A file that neither names is said once.
      const said = new Set(problems.map((problem) => inOne(problem)))
      problems.push(...covered.filter((problem) => !said.has(inOne(problem))))
    }

    return {
      bytes: archive.manifest.bytes,
      ...(digest !== undefined && {digest}),
      id: archive.head.metadata.backup_id,
      ...(archive.objectCount !== undefined && {objectCount: archive.objectCount}),
      path: archive.path,
      problems,
      warnings,
    }
  }

  /**
   * Compares two live collections, given by name or alias: on this Verifier's server, the second on another one where `other` is given.
   * @throws DataOpsError as `verifyCollection`.
   */
  async diffCollections(
    a: string,
    b: string,
    {other, ...options}: DiffOptions & {other?: Connection} = {},
  ): Promise<Difference> {
    checkTenantsChosen(options.tenants)
    const first = this.#needConnection()
    return diffCollections(
      other
        ? {a: {connection: called(first, 'first'), name: a}, b: {connection: called(other, 'second'), name: b}}
        : {a: {connection: first, name: a}, b: {connection: first, name: b}},
      this.#notes,
      options,
    )
  }

  /** Compares two backups, given as for `verifyBackup`. @throws DataOpsError NOT_A_BACKUP; BACKUP_DAMAGED; STORAGE; INTERRUPTED. */
  async diffBackups(a: string, b: string, options: DiffOptions = {}): Promise<Difference> {
    checkTenantsChosen(options.tenants)
    return diffBackups({a, b}, this.#store, options)
  }

  /**
   * Compares a live collection, given by name or alias, with a backup, given by path, id or start of an id.
   * @throws DataOpsError INVALID_INPUT without a connection or with unknown tenants; COLLECTION_MISSING; NOT_A_BACKUP; BACKUP_DAMAGED; STORAGE;
   * INTERRUPTED; or what the server answered once retries are used up.
   */
  async verifyCollection(name: string, against: string, options: CompareOptions = {}): Promise<CollectionComparison> {
    checkTenantsChosen(options.tenants)
    const connection = this.#needConnection()
    const exported = await locateExport(against, this.#store)
    if (!exported && options.schemaFrom?.length) {
      throw new DataOpsError('INVALID_INPUT', `"${against}" is no export: a backup holds its schema.`, {
        hint: 'Leave out `schemaFrom`.',
      })
    }

    const archive = exported ? undefined : (await openArchive(against, this.#store, options)).archive
    const incomplete = archive && incompleteWarning(archive.path, archive.seal)
    if (incomplete) options.onWarning?.(incomplete)
    const {schema} = await resolveCollection(connection, name)
    if (isMultiTenant(schema)) await this.#notes.putBack(connection, schema.class, options.onWarning, options)

    const compared = {...options, collection: schema.class, notes: this.#notes}
    if (exported) {
      const {schemaFrom} = options
      return compareExport(connection, {place: exported, schemaFrom, store: this.#store}, {...compared, schema})
    }

    if (!archive) throw new DataOpsError('UNEXPECTED', 'There is neither a backup nor an export to compare with.')
    const isRestored = async (): Promise<boolean> => isRestoredFrom(archive, {connection, schema}, compared)
    const chain = await liveChain(archive, schema, {...options, isRestored})
    return compareCollection(connection, archive, {...compared, chain})
  }

  #needConnection(): Connection {
    if (this.#connection) return this.#connection
    throw new DataOpsError('INVALID_INPUT', 'Comparing a collection needs a connection.', {
      hint: 'Make the Verifier with a connection.',
    })
  }
}
