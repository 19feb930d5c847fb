/** Everything that can be said of a backup without a server: hashes, every row, counts and digests. */
import type {SealedManifest} from '../../archive/manifest.js'
import type {Problem} from '../../archive/problem.js'
import type {Archive, ArchivePage} from '../../archive/reader.js'
import type {BackupSeal, SealedPart} from '../../codec/document.js'
import type {WeaviateObject} from '../../model/object.js'
import type {Store} from '../../store/store.js'
import type {VerifyBackupOptions} from './options.js'

import {ContentDigest} from '../../archive/content-digest.js'
import {checkHashes} from '../../archive/hashes.js'
import {incompleteWarning} from '../../archive/incomplete.js'
import {METADATA_FILE} from '../../archive/names.js'
import {DuplicateCheck} from '../../flow/duplicates.js'
import {DataOpsError, throwIfAborted} from '../../model/errors.js'
import {plural} from '../../model/plural.js'

/** Problems of one kind that are named one by one; of more there is the number. */
const MAX_OF_A_KIND = 20
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface CheckBackupOptions extends VerifyBackupOptions {
  /** Ids kept in memory at most, to find those that stand twice. */
  maxRecordsInMemory?: number
}

export interface BackupCheck {
  /** Recomputed; undefined with `quick`, or when not every row could be read. */
  digest?: string
  problems: Problem[]
  warnings: string[]
}

/** Verifies a sealed backup. @throws DataOpsError STORAGE, INTERRUPTED: damage is a problem, not an error. */
export async function checkBackup(
  {archive, store}: {archive: Archive; store: Store},
  options: CheckBackupOptions = {},
): Promise<BackupCheck> {
  const problems = await checkHashes({manifest: archive.manifest, store}, options)
  const {seal} = archive
  if (!seal) return {problems, warnings: []}
  const warnings = warningsOf(archive, seal)
  if (options.quick) return {problems, warnings}
  const check = new RowCheck(archive, archive.manifest as SealedManifest, store, options)
  try {
    const damaged = new Set(problems.map(({file}) => file))
    const result = await check.run(damaged)
    return {digest: result.digest, problems: [...problems, ...result.problems], warnings}
  } finally {
    await check.close()
  }
}

function warningsOf(archive: Archive, seal: BackupSeal): string[] {
  const incomplete = incompleteWarning(archive.path, seal)
  const warnings: string[] = incomplete ? [incomplete.message] : []
  if (!archive.head.metadata.options.include_data) warnings.push('It holds the schema only, no objects.')
  const {non_finite_vectors: nonFinite = 0} = seal.statistics
  if (nonFinite > 0) {
    warnings.push(
      `${plural(nonFinite, 'object has', 'objects have')} vectors with components that are no finite numbers: restoring them must be allowed.`,
    )
  }

  const skipped = (seal.tenants ?? []).filter((tenant) => tenant.skipped !== undefined)
  for (const tenant of skipped.slice(0, MAX_OF_A_KIND)) {
    warnings.push(`Tenant "${tenant.name}" is not in it: ${tenant.skipped}.`)
  }

  if (skipped.length > MAX_OF_A_KIND) warnings.push(`${skipped.length - MAX_OF_A_KIND} more tenants are not in it.`)
  return warnings
}

/** What has been seen of a part. */
interface PartState {
  file: string
  firstId?: string
  lastId?: string
  /** Rows that were read, the void ones not among them. */
  objects: number
  part: SealedPart
  /** Ordinals of its rows: `[from, to)`. */
  from: number
  to: number
}

class RowCheck {
  readonly #content: ContentDigest
  readonly #counts = new Map<string, number>()
  readonly #duplicates: DuplicateCheck
  readonly #parts: PartState[]
  readonly #problems: Problem[] = []
  readonly #tenants?: ReadonlyMap<string, {skipped?: string}>
  #isComplete = true

  constructor(
    private readonly archive: Archive,
    private readonly manifest: SealedManifest,
    private readonly store: Store,
    private readonly options: CheckBackupOptions,
  ) {
    const {name, schema, seal} = manifest
    this.#content = new ContentDigest(schema)
    this.#tenants = seal.tenants && new Map(seal.tenants.map((tenant) => [tenant.name, tenant]))
    let from = 0
    this.#parts = seal.parts.map((part) => {
      const to = from + part.rows
      const state = {
        file: store.describe(part.file === null ? name : `${name}/${part.file}`),
        from,
        objects: 0,
        part,
        to,
      }
      from = to
      return state
    })
    this.#duplicates = new DuplicateCheck(seal.object_count, options.maxRecordsInMemory)
  }

  async #readPart(state: PartState): Promise<void> {
    const {signal} = this.options
    const isDirectory = this.manifest.kind === 'directory'
    let next = state.from
    try {
      for await (const page of this.archive.pages({fromRow: state.from, signal})) {
        if (isDirectory && page.firstRow >= state.to) break
        if (page.firstRow !== next) this.#add(state.file, 'rows', `Row ${page.firstRow} follows row ${next - 1}.`)
        next = page.endRow
        this.#takePage(state, page)
        await this.#duplicates.settle()
        throwIfAborted(signal)
        if (isDirectory && next >= state.to) break
      }
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#isComplete = false
      this.#add(state.file, 'unreadable', error.message)
      return
    }

    if (next !== state.to) {
      this.#isComplete = false
      this.#add(state.file, 'rows', `It has ${next - state.from} rows, the seal says ${state.part.rows}.`)
    }

    this.#checkExtent(state)
  }

  #takePage(state: PartState, page: ArchivePage): void {
    for (const [index, object] of page.objects.entries()) {
      state.objects++
      const {id} = object
      if (UUID.test(id)) {
        if (state.firstId === undefined || id < state.firstId) state.firstId = id
        if (state.lastId === undefined || id > state.lastId) state.lastId = id
        this.#duplicates.add(object)
      } else this.#add(state.file, 'id', `Row ${page.rows[index]}: ${JSON.stringify(id).slice(0, 60)} is not a UUID.`)

      const reason = this.#tenantProblem(object)
      if (reason) this.#add(state.file, 'tenant', `Row ${page.rows[index]}: object ${id} ${reason}.`)
      this.#content.add(object)
    }

    const {metadata, seal} = this.manifest
    this.options.onProgress?.({
      collection: metadata.collection,
      completed: this.#content.objects,
      stage: 'verify',
      total: seal.object_count,
    })
  }

  #tenantProblem({tenant}: WeaviateObject): string | undefined {
    if (!this.#tenants) return tenant === undefined ? undefined : 'has a tenant, and the collection has none'
    if (tenant === undefined) return 'has no tenant'
    const sealed = this.#tenants.get(tenant)
    if (!sealed) return `is of the tenant "${tenant}", which the seal does not list`
    return sealed.skipped === undefined ? undefined : `is of the tenant "${tenant}", which was skipped`
  }

  #checkExtent({file, firstId, lastId, objects, part}: PartState): void {
    const {first_id: sealedFirst, last_id: sealedLast} = part
    // Void rows count for the extent, and are not seen here: then it can only be said what must lie within.
    const isExact = objects === part.rows
    const isFits = isExact
      ? firstId === sealedFirst && lastId === sealedLast
      : firstId === undefined ||
        (sealedFirst !== undefined && sealedLast !== undefined && firstId >= sealedFirst && lastId! <= sealedLast)
    if (isFits) return
    this.#add(
      file,
      'extent',
      `Its ids go from ${firstId ?? 'none'} to ${lastId ?? 'none'}, the seal says from ${sealedFirst ?? 'none'} to ${sealedLast ?? 'none'}.`,
    )
  }

  async #checkDuplicates(): Promise<void> {
    const file = this.store.describe(this.manifest.name)
    for await (const {id, tenant} of this.#duplicates.all(this.options.signal)) {
      const where = tenant === undefined ? '' : ` of tenant "${tenant}"`
      this.#add(file, 'duplicate', `Object ${id}${where} stands in it more than once.`)
    }
  }

  #checkContent(): void {
    const {kind, name, seal} = this.manifest
    const file = this.store.describe(kind === 'directory' ? `${name}/${METADATA_FILE}` : name)
    const content = this.#content
    const compare = (what: string, found: number | string, sealed: number | string): void => {
      if (found !== sealed) this.#add(file, what, `The ${what} is ${found}, the seal says ${sealed}.`)
    }

    compare('number of objects', content.objects, seal.object_count)
    compare('content digest', content.hex(), seal.digest ?? 'none')
    for (const member of ['non_finite_vectors', 'objects_without_vector', 'references'] as const) {
      compare(`statistic ${member}`, content.statistics[member], seal.statistics[member] ?? 'none')
    }

    for (const tenant of seal.tenants ?? []) {
      if (tenant.skipped !== undefined) continue
      const {digest, objectCount} = content.tenant(tenant.name)
      if (digest === tenant.digest && objectCount === tenant.object_count) continue
      this.#add(
        file,
        'tenant content',
        `Tenant "${tenant.name}" has ${plural(objectCount, 'object')} with the digest ${digest}, the seal says ${tenant.object_count} with ${tenant.digest}.`,
      )
    }
  }

  /** Names a problem, unless there are enough of its kind. */
  #add(file: string, kind: string, message: string): void {
    const key = `${kind}\n${file}`
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, count)
    if (count <= MAX_OF_A_KIND) this.#problems.push({file, message})
  }

  #summarize(): void {
    for (const [key, count] of this.#counts) {
      if (count <= MAX_OF_A_KIND) continue
      const [kind, file] = key.split('\n', 2) as [string, string]
      this.#problems.push({file, message: `${count - MAX_OF_A_KIND} more problems of this kind: ${kind}.`})
    }
  }

  async close(): Promise<void> {
    await this.#duplicates.close()
  }

  async run(damagedFiles: ReadonlySet<string>): Promise<{digest?: string; problems: Problem[]}> {
    for (const state of this.#parts) {
      // Text names the line that is wrong; of a damaged binary part nothing that is read can be relied on.
      if (this.manifest.kind === 'directory' && damagedFiles.has(state.file)) this.#isComplete = false
      else await this.#readPart(state)
    }

    await this.#checkDuplicates()
    if (this.#isComplete) this.#checkContent()
    this.#summarize()
    return {problems: this.#problems, ...(this.#isComplete && {digest: this.#content.hex()})}
  }
}

/** Errors that speak of the content, not of the disk or of an interruption. */
function isDamage(error: unknown): error is DataOpsError {
  return error instanceof DataOpsError && ['BACKUP_DAMAGED', 'INVALID_INPUT', 'NOT_A_BACKUP'].includes(error.code)
}
