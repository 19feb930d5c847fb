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
import {DuplicateCheck} from '../../flow/duplicates.js'
import {type Slice, slicesOfTenants} from '../../flow/parallel-reader.js'
import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {removeIfAllowed} from '../../store/denied.js'
import {tenantsOf} from '../../weaviate/resolve.js'
import {becomesOne} from '../survey.js'
import {type Completeness, CompletenessCheck, type CompletenessState} from './completeness.js'
import {type Agreements, bringParts, homeOf} from './home.js'
import {readingOf} from './job.js'
import {checkParts, checkSince} from './sample.js'
import {register, seal} from './seal.js'
import {ArchiveSink} from './sink.js'

/**
 * Seals what the items came to, in their order, once what the server counts is in them; then parts that are not in it are removed.
 * Of several that seal at once, one does, and all come to its result.
 */
export async function sealItems(
  worker: BackupWorker,
  results: readonly BackupItemResult[],
  {attempt, check, places}: Pick<ItemRun, 'attempt' | 'check'> & {places: Agreements},
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
      agree: async (what, proposal) => places.agree(what, proposal),
      isSealed: async () => (await homeOf(job.store, work, {isSealing: false, places})).sealed?.file === work.name,
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

/** Goes on where it is to be sealed, with its parts: what lies in its own folder is somebody else's by now. */
export async function sealElsewhere(
  worker: BackupWorker,
  results: readonly BackupItemResult[],
  {name}: {name: string},
): Promise<BackupWorker> {
  const {job, work} = worker
  await bringParts(job.store, filesOf(work, results), {from: work.name, to: name})
  return {...worker, work: {...work, name}}
}

/** Parts as they lie in the place. */
function filesOf({encryption}: BackupWork, results: readonly BackupItemResult[]): string[] {
  const suffix = encryption ? ENCRYPTED_SUFFIX : ''
  return results.flatMap(({parts}) => parts.flatMap(({file}) => (file === null ? [] : [`${file}${suffix}`])))
}

/** Of a backup that is sealed elsewhere, or not at all: its parts, in folders that are somebody else's. */
export async function dropParts(
  store: Store,
  work: BackupWork,
  {folders, results}: {folders: readonly string[]; results: readonly BackupItemResult[]},
): Promise<Warning[]> {
  const warnings = await Promise.all(folders.map(async (folder) => removeAll(store, folder, filesOf(work, results))))
  return warnings.filter((warning) => warning !== undefined)
}

/** What other attempts have left, and will not be asked for any more. What is to be said of what may not be removed. */
export async function dropUnsealed(store: Store, name: string): Promise<undefined | Warning> {
  const files = await sealedFiles(store, name)
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
  {places, result}: {places: Agreements; result: BackupItemResult},
): Promise<undefined | Warning> {
  const {name, sealed} = await homeOf(store, work, {isSealing: false, places})
  if (!sealed) return undefined
  const files = name === work.name ? await sealedFiles(store, name) : new Set()
  return removeAll(
    store,
    work.name,
    filesOf(work, [result]).filter((file) => !files.has(file)),
  )
}

/** Where nothing may be removed, the backup is as good; but whoever verifies it is told of these. */
async function removeAll(store: Store, name: string, files: readonly string[]): Promise<undefined | Warning> {
  const kept: string[] = []
  for (const file of files) if (!(await removeIfAllowed(store, `${name}/${file}`))) kept.push(file)
  return kept.length === 0 ? undefined : partsLeft(store, name, kept)
}

/** Of what may not be removed. */
export function partsLeft(store: Store, name: string, files: readonly string[]): Warning {
  const where = store.describe(name)
  const isOne = files.length === 1
  return {
    code: 'parts-left',
    details: {files: [...files], path: where},
    message: `${plural(files.length, 'file')} of attempts that were given up ${isOne ? 'stays' : 'stay'} in ${where}, where nothing may be removed: \`backup verify\` names ${isOne ? 'it' : 'them'} as no part of the backup until somebody does.`,
  }
}

/** All files of a sealed backup but those of its key, as they lie there. */
async function sealedFiles(store: Store, name: string): Promise<Set<null | string>> {
  const cover = await readCover(store, name)
  if (cover) return new Set([METADATA_FILE, ...cover.files.map(({file}) => file)])
  const {parts} = (await readManifest(store, name)).seal
  return new Set([METADATA_FILE, SCHEMA_FILE, ...parts.map(({file}) => file)])
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
    await checkSamples(worker, results)
    if (counts.length > 0) await check.end(slicesOf(counts))

    await sink.check()
    return check.result()
  } finally {
    await check.close()
    await sink.close()
  }
}

/** What several items have read is of one collection, and a tenant of which each has read a piece of one: where the server does not tell that itself. */
async function checkSamples({job, work}: BackupWorker, results: readonly BackupItemResult[]): Promise<void> {
  if (work.identity !== undefined) return
  const asking = {connection: job.connection, plan: job.plan, signal: job.options.signal}
  const shared = new Set(work.counts.map(([tenant]) => tenant ?? undefined))
  const parts = results.map(({sample}) => sample.filter(({tenant}) => shared.has(tenant)))
  await checkParts(parts, asking)
  const tenants = await tenantsOf(job.connection, work.schema)
  if (!tenants) return
  const active = new Set(tenants.flatMap(({name, status}) => (status === 'HOT' ? [name] : [])))
  const sample = results.flatMap((result) => result.sample)
  await checkSince(Date.parse(work.head.metadata.timestamp), sample, {...asking, active})
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
