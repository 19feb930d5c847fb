/** Everything that can be said of a backup without a server: hashes, every row, counts and digests. */
import type {SealedManifest} from '../../archive/manifest.js'
import type {Problem} from '../../archive/problem.js'
import type {Archive} from '../../archive/reader.js'
import type {BackupSeal} from '../../codec/document.js'
import type {Store} from '../../store/store.js'

import {ContentDigest} from '../../archive/content-digest.js'
import {checkHashes} from '../../archive/hashes.js'
import {incompleteWarning} from '../../archive/incomplete.js'
import {METADATA_FILE} from '../../archive/names.js'
import {DuplicateCheck} from '../../flow/duplicates.js'
import {inParallel} from '../../model/in-parallel.js'
import {plural} from '../../model/plural.js'
import {MAX_OF_A_KIND, type VerifyBackupOptions} from './options.js'
import {checkPartRows, type PartReader, type PartRowsOptions} from './part-rows.js'
import {startPartThreads} from './part-threads.js'
import {ProblemList} from './problem-list.js'

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

/**
 * Verifies a sealed backup. `place`: what its store lies in, as it was opened.
 * @throws DataOpsError STORAGE, INTERRUPTED: damage is a problem, not an error.
 */
export async function checkBackup(
  {archive, place, store}: {archive: Archive; place: Store; store: Store},
  options: CheckBackupOptions = {},
): Promise<BackupCheck> {
  const threads = await startPartThreads({archive, place}, options)
  try {
    const {onProgress, signal} = options
    const problems = await checkHashes({manifest: archive.manifest, store}, {onProgress, parts: threads, signal})
    const {seal} = archive
    if (!seal) return {problems, warnings: []}
    const warnings = warningsOf(archive, seal)
    if (options.quick) return {problems, warnings}
    const here = {
      atOnce: 1,
      rows: async (...[index, to]: Parameters<PartReader['rows']>) => checkPartRows(archive, index, to),
    }
    const result = await checkRows({archive, parts: threads ?? here, store}, problems, options)
    return {digest: result.digest, problems: [...problems, ...result.problems], warnings}
  } finally {
    await threads?.close()
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

/** What all rows of a backup are, together. `problems`: of its files, so far. */
async function checkRows(
  {archive, parts, store}: {archive: Archive; parts: PartReader; store: Store},
  problems: readonly Problem[],
  {maxRecordsInMemory, onProgress, signal}: CheckBackupOptions,
): Promise<{digest?: string; problems: Problem[]}> {
  const manifest = archive.manifest as SealedManifest
  const {kind, metadata, name, seal} = manifest
  const damaged = new Set(problems.map(({file}) => file))
  const duplicates = new DuplicateCheck(seal.object_count, maxRecordsInMemory)
  let completed = 0
  const take: PartRowsOptions['onPage'] = async ({keys, objects}) => {
    for (const key of keys) duplicates.add(key)
    completed += objects
    onProgress?.({collection: metadata.collection, completed, stage: 'verify', total: seal.object_count})
    await duplicates.settle()
  }

  // One after another, whichever parts they are of: nothing may be added to a list that is being written into files.
  let last: Promise<void> = Promise.resolve()
  const onPage: PartRowsOptions['onPage'] = async (page) => {
    last = last.then(async () => take(page))
    return last
  }

  try {
    const {atOnce} = parts
    const read = await inParallel(seal.parts.entries(), {atOnce, signal}, async ([index, {file}]) => {
      // Text names the line that is wrong; of a damaged binary part nothing that is read can be relied on.
      const isUnreliable = kind === 'directory' && damaged.has(store.describe(`${name}/${file}`))
      return isUnreliable ? undefined : parts.rows(index, {onPage, signal})
    })
    const found = new ProblemList()
    const where = store.describe(name)
    for await (const {id, tenant} of duplicates.all(signal)) {
      const of = tenant === undefined ? '' : ` of tenant "${tenant}"`
      found.add(where, 'duplicate', `Object ${id}${of} stands in it more than once.`)
    }

    const content = new ContentDigest(manifest.schema)
    for (const part of read) if (part) content.merge(part.content)
    const isComplete = read.every((part) => part?.isComplete)
    if (isComplete)
      compareContent(content, manifest, (what, message) => {
        found.add(store.describe(kind === 'directory' ? `${name}/${METADATA_FILE}` : name), what, message)
      })
    return {
      problems: [...read.flatMap((part) => part?.problems ?? []), ...found.all()],
      ...(isComplete && {digest: content.hex()}),
    }
  } finally {
    await duplicates.close()
  }
}

function compareContent(
  content: ContentDigest,
  {seal}: SealedManifest,
  add: (kind: string, message: string) => void,
): void {
  const compare = (what: string, found: number | string, sealed: number | string): void => {
    if (found !== sealed) add(what, `The ${what} is ${found}, the seal says ${sealed}.`)
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
    add(
      'tenant content',
      `Tenant "${tenant.name}" has ${plural(objectCount, 'object')} with the digest ${digest}, the seal says ${tenant.object_count} with ${tenant.digest}.`,
    )
  }
}
