/** The seal of a backup that many workers have written. */
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {BackupItemResult, BackupWork, BackupWorker, ItemRun} from './items.js'
import type {BackupResult} from './options.js'

import {ContentDigest} from '../../archive/content-digest.js'
import {readCover} from '../../archive/encrypted/cover.js'
import {unlockUnfinished} from '../../archive/encrypted/unlock.js'
import {readManifest} from '../../archive/manifest.js'
import {
  ENCRYPTED_SUFFIX,
  isKeyFileName,
  isOwnFile,
  itemPartName,
  METADATA_FILE,
  SCHEMA_FILE,
} from '../../archive/names.js'
import {openArchiveWriter} from '../../archive/open-writer.js'
import {readUnfinished} from '../../archive/unfinished-reader.js'
import {type ArchivePosition, type ArchiveWriter} from '../../archive/writer.js'
import {type CatalogEntry, readEntryOf} from '../../catalog/entry.js'
import {DuplicateCheck} from '../../flow/duplicates.js'
import {type Slice, slicesOfTenants} from '../../flow/parallel-reader.js'
import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {removeIfAllowed} from '../../store/denied.js'
import {becomesOne} from '../survey.js'
import {type Completeness, CompletenessCheck, type CompletenessState} from './completeness.js'
import {readingOf} from './job.js'
import {checkParts} from './sample.js'
import {register, seal} from './seal.js'
import {ArchiveSink} from './sink.js'

/**
 * Seals what the items came to, in their order, once what the server counts is in them; then parts that are not in it are removed.
 * Of several that seal at once, one does, and all come to its result.
 */
export async function sealItems(
  worker: BackupWorker,
  results: readonly BackupItemResult[],
  {attempt = 1, check}: Partial<Pick<ItemRun, 'attempt' | 'check'>> = {},
): Promise<Omit<BackupResult, 'seconds'>> {
  const {chain, job, work} = worker
  const {head, identity, schema, scope} = work
  const content = new ContentDigest(chain?.schema ?? schema)
  for (const result of results) content.merge(result.content)
  const parts = results.flatMap((result) => result.parts)
  let added = 0
  const position: ArchivePosition = {parts, rows: parts.reduce((sum, {rows}) => sum + rows, 0)}
  const writer = await openArchiveWriter({
    ...work,
    check,
    resumeAt: position,
    shared: {
      isSealed: async () => (await sealedEntry(job.store, work)) !== undefined,
      nextName: (extension: string) => itemPartName(extension, results.length + ++added, attempt),
    },
    store: job.store,
  })
  try {
    const completeness =
      job.options.includeData === false ? undefined : await judge(worker, results, {content, position, writer})
    const open = {content, continued: [], head, identity, plan: {chain, job}, scope, writer}
    const sealed = await seal({completeness, open})
    const left = await dropUnsealed(job.store, sealed.name)
    if (left) job.warn(left)
    return await register(job, head, sealed, 0)
  } finally {
    await writer.close()
  }
}

/** What the catalog says of it, once somebody has sealed it. */
export async function sealedEntry(store: Store, {head, name}: BackupWork): Promise<CatalogEntry | undefined> {
  if (!(await store.stat(`${name}/${METADATA_FILE}`))) return undefined
  const entry = await readEntryOf(store, name)
  return entry.id === head.metadata.backup_id ? entry : undefined
}

/** What other attempts have left, and will not be asked for any more. What is to be said of what may not be removed. */
export async function dropUnsealed(store: Store, name: string): Promise<undefined | Warning> {
  const {files} = await sealedFiles(store, name)
  const there = await store.list(name)
  const left = there.map((entry) => entry.name).filter((file) => isOwnFile(file) && !isKeyFileName(file))
  return removeAll(
    store,
    name,
    left.filter((file) => !files.has(file)),
  )
}

/** The parts of an attempt, unless a seal names them; where there is no seal yet, whoever seals does that. */
export async function dropLate(
  store: Store,
  work: BackupWork,
  {parts}: BackupItemResult,
): Promise<undefined | Warning> {
  if (!(await sealedEntry(store, work))) return undefined
  const {name} = work
  const {files, suffix} = await sealedFiles(store, name)
  const own = parts.map(({file}) => `${file}${suffix}`)
  return removeAll(
    store,
    name,
    own.filter((file) => !files.has(file)),
  )
}

/** Where nothing may be removed, the backup is as good; but whoever verifies it is told of these. */
async function removeAll(store: Store, name: string, files: readonly string[]): Promise<undefined | Warning> {
  const kept: string[] = []
  for (const file of files) if (!(await removeIfAllowed(store, `${name}/${file}`))) kept.push(file)
  if (kept.length === 0) return undefined
  const where = store.describe(name)
  return {
    code: 'parts-left',
    details: {files: kept, path: where},
    message: `${plural(kept.length, 'file')} of attempts that were given up ${kept.length === 1 ? 'stays' : 'stay'} in ${where}, where nothing may be removed: \`backup verify\` names ${kept.length === 1 ? 'it' : 'them'} as no part of the backup until somebody does.`,
  }
}

/** All files of a sealed backup but those of its key, as they lie there. `suffix`: of theirs. */
async function sealedFiles(store: Store, name: string): Promise<{files: Set<null | string>; suffix: string}> {
  const cover = await readCover(store, name)
  if (cover) return {files: new Set([METADATA_FILE, ...cover.files.map(({file}) => file)]), suffix: ENCRYPTED_SUFFIX}
  const {parts} = (await readManifest(store, name)).seal
  return {files: new Set([METADATA_FILE, SCHEMA_FILE, ...parts.map(({file}) => file)]), suffix: ''}
}

interface Judged {
  content: ContentDigest
  position: ArchivePosition
  writer: ArchiveWriter
}

/** What several items have read of is counted once more, and what is lacking is looked for. */
async function judge(
  worker: BackupWorker,
  results: readonly BackupItemResult[],
  {content, position, writer}: Judged,
): Promise<Completeness> {
  const {chain, job, work} = worker
  const {counts, expectedObjects} = work
  const taken = results.flatMap((result) => result.taken ?? [])
  const sink = new ArchiveSink({chain, content, expectedObjects, taken, writer})
  const check = new CompletenessCheck({
    ...readingOf(job),
    expectedObjects,
    readBack: async () => idsOf(worker, position),
    sink,
    state: stateOf(worker, results),
  })
  try {
    if (chain) await checkDuplicates(worker, position)
    if (counts.length > 0) {
      await checkSamples(worker, results)
      await check.end(slicesOf(counts))
    }

    await sink.check()
    return check.result()
  } finally {
    await check.close()
    await sink.close()
  }
}

/** What several items have read a piece of each is of one collection, or tenant: where the server does not tell that itself. */
async function checkSamples({job, work}: BackupWorker, results: readonly BackupItemResult[]): Promise<void> {
  if (work.identity !== undefined) return
  const shared = new Set(work.counts.map(([tenant]) => tenant ?? undefined))
  const parts = results.map(({sample}) => sample.filter(({tenant}) => shared.has(tenant)))
  await checkParts(parts, {connection: job.connection, plan: job.plan, signal: job.options.signal})
}

function stateOf({work}: BackupWorker, results: readonly BackupItemResult[]): CompletenessState {
  const states = results.flatMap(({completeness}) => (completeness ? [completeness] : []))
  return {
    counts: [
      ...states.flatMap(({counts}) => counts),
      ...work.counts.map(([tenant, before]) => [tenant, {before, shortfall: 0}] as CompletenessState['counts'][number]),
    ],
    found: states.reduce((sum, {found}) => sum + found, 0),
    missing: states.flatMap(({missing}) => missing),
  }
}

function slicesOf(counts: BackupWorker['work']['counts']): Slice[] {
  const names = counts.flatMap(([tenant]) => (tenant === null ? [] : [{name: tenant}]))
  return names.length > 0 ? slicesOfTenants(names) : [{...WHOLE_RANGE}]
}

/** @throws DataOpsError INVALID_INPUT when two objects have become one. */
async function checkDuplicates(worker: BackupWorker, position: ArchivePosition): Promise<void> {
  const check = new DuplicateCheck(position.rows)
  try {
    const pages = await idsOf(worker, position)
    if (!pages) {
      throw new DataOpsError('INVALID_INPUT', 'Whether changed objects have become one cannot be seen without a key.', {
        hint: 'Seal it where the identity of one of the recipients is.',
      })
    }

    for await (const objects of pages) {
      for (const object of objects) check.add(object)
      await check.settle()
    }

    const twice = await check.first()
    if (twice) throw becomesOne(twice)
  } finally {
    await check.close()
  }
}

/** What the parts hold; undefined where they are encrypted and there is no key. */
async function idsOf(
  {job, work}: BackupWorker,
  position: ArchivePosition,
): Promise<ReturnType<typeof readUnfinished> | undefined> {
  const {encryption, head, name} = work
  const files: Store | undefined = encryption ? await unlockUnfinished(job.store, name, head) : job.store
  return files && readUnfinished(files, name, {head, position}, 'ids')
}
