/** The last steps of a backup: it is sealed, read back and listed. */
import type {SealedArchive} from '../../archive/writer.js'
import type {TransformChain} from '../../flow/transform/transform.js'
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {BackupJob} from './job.js'
import type {TenantScope} from './journal.js'
import type {Open} from './open.js'
import type {BackupResult} from './options.js'
import type {BackupPlan} from './plan.js'
import type {Written} from './write.js'

import {type ContentDigest} from '../../archive/content-digest.js'
import {NOT_SELECTED} from '../../archive/incomplete.js'
import {BackupCatalog} from '../../catalog/catalog.js'
import {readBack} from '../../catalog/entry.js'
import {type BackupHead, type SealedTenant} from '../../codec/document.js'
import {plural} from '../../model/plural.js'
import {isMultiTenant} from '../../model/schema.js'
import {newMembersIn, sealedGuarantee} from './guarantee.js'
import {resultOf, type SealedFacts} from './result.js'
import {checkSameCollection} from './same-collection.js'

/** What is sealed, whoever has written it. */
export interface ToSeal extends Pick<Written, 'completeness' | 'settled'> {
  open: Pick<Open, 'content' | 'continued' | 'head' | 'identity' | 'scope' | 'writer'> & {
    plan: Pick<BackupPlan, 'chain' | 'job'>
  }
}

/** @throws DataOpsError SERVER_REFUSED when what was read is not of one collection. */
export async function seal({completeness, open, settled}: ToSeal): Promise<SealedArchive> {
  const {content, continued, head, identity, scope, writer} = open
  const {chain, job} = open.plan
  const {connection, options} = job
  const {schema} = job.collection
  const newMembers = await checkSameCollection(connection, schema, {identity, settles: options.settle === true})
  if (newMembers.length > 0) job.warn(schemaChanged(schema.class, newMembers))

  const tell = (bytes: number): void => {
    const {objects} = content
    options.onProgress?.({bytes, collection: schema.class, completed: objects, stage: 'seal', total: objects})
  }

  tell(writer.bytes)
  const sealed = await writer.seal({
    amendments: settled?.amendments ?? [],
    complete: completeness?.complete ?? true,
    counted: completeness?.counted,
    digest: content.hex(),
    finished: new Date().toISOString(),
    guarantee: sealedGuarantee({
      completeness,
      newMembers,
      replicas: completeness && (await job.replicas.end()),
      settled: options.settle ? settled : undefined,
    }),
    missing: completeness?.missing,
    objectCount: content.objects,
    resumed: continued,
    statistics: content.statistics,
    tenants: sealedTenants(head, content, chain ? scopeAfter(chain, scope) : scope),
  })
  // What a codec held back is written now: the number that people are left with is the whole one.
  tell(sealed.bytes)
  return sealed
}

function schemaChanged(collection: string, newMembers: string[]): Warning {
  return {
    code: 'schema-changed',
    details: {collection, newMembers},
    message: `"${collection}" got ${newMembers.join(', ')} since the backup began: what was written of them may not be in it.`,
  }
}

/** What transforms make of it. */
function scopeAfter({schema, tenants = []}: TransformChain, scope: TenantScope | undefined): TenantScope | undefined {
  if (!isMultiTenant(schema)) return undefined
  return {read: tenants.map(({name}) => name), skipped: scope?.skipped ?? []}
}

function sealedTenants(
  head: BackupHead,
  content: ContentDigest,
  scope: TenantScope | undefined,
): SealedTenant[] | undefined {
  if (!scope) return undefined
  const skipped = new Map(scope.skipped.map(({name, reason}) => [name, reason]))
  const read = new Set(scope.read)
  return (head.metadata.tenants ?? []).map(({name}) => {
    if (!read.has(name)) return {name, skipped: skipped.get(name) ?? NOT_SELECTED}
    const {digest, objectCount} = content.tenant(name)
    return {name, object_count: objectCount, digest}
  })
}

/** Lists a sealed backup, as it is read back from the disk. `resumed`: objects that an earlier run had read. */
export async function register(
  job: BackupJob,
  head: BackupHead,
  sealed: SealedArchive,
  resumed: number,
): Promise<Omit<BackupResult, 'seconds'>> {
  const {name} = sealed
  const {entry, manifest: readable} = await readBack(job.store, name)
  // What is encrypted is read back as far as it can be without its key.
  const manifest = readable ?? {bytes: entry.size, metadata: head.metadata, name, seal: sealed.seal}
  const warnings = sealed.isTheirs && !readable ? [sealUnseen(job.store, name)] : factsToWarnOf(manifest)
  for (const warning of warnings) job.warn(warning)
  await new BackupCatalog(job.store, {onProgress: job.options.onProgress}).register(entry)
  return {
    ...resultOf(job, manifest, resumed),
    ...(entry.locked_until !== undefined && {lockedUntil: entry.locked_until}),
  }
}

/** What a sealed backup itself says that is to be warned of; `schema-changed` was said before it was sealed. */
function factsToWarnOf({
  metadata: {collection},
  seal: {complete, counted, missing = [], statistics},
}: SealedFacts): Warning[] {
  const warnings: Warning[] = []
  const {non_finite_vectors: nonFinite = 0} = statistics
  if (nonFinite > 0) {
    warnings.push({
      code: 'non-finite-vectors',
      details: {objects: nonFinite},
      message: `${plural(nonFinite, 'object has', 'objects have')} vectors with components that are no finite numbers.`,
    })
  }

  if (!counted) return warnings
  const {after, before, read} = counted
  if (complete === false) {
    const named = missing.length > 0 ? `, among them ${missing[0]!.id}: ${missing[0]!.reason}` : ''
    const counts = `the server counted ${before ?? 'an unknown number'} before and ${after ?? 'an unknown number'} after, ${read} could be read${named}`
    warnings.push({
      code: 'incomplete',
      details: {counted, missing},
      message: `The backup of "${collection}" is incomplete: ${counts}.`,
    })
  } else if (before !== null && after !== null && read > Math.max(before, after)) {
    warnings.push({
      code: 'more-than-counted',
      details: {counted},
      message: `${plural(read, 'object was', 'objects were')} read; the server counted ${before} before and ${after} after.`,
    })
  }

  return warnings
}

/** All that a backup says of itself, for who finds it sealed by somebody who did not live to say it. */
export async function warningsInSeal(store: Store, name: string): Promise<Warning[]> {
  const {manifest} = await readBack(store, name)
  if (!manifest) return [sealUnseen(store, name)]
  const newMembers = newMembersIn(manifest.seal.guarantee ?? '')
  const changed = newMembers === undefined ? [] : [schemaChanged(manifest.metadata.collection, newMembers)]
  return [...changed, ...factsToWarnOf(manifest)]
}

function sealUnseen(store: Store, name: string): Warning {
  const path = store.describe(name)
  return {
    code: 'seal-unseen',
    details: {path},
    message: `What ${path} was warned of at its seal is not known: another worker sealed it and did not come to say so, and it is encrypted. See \`backup show\`, with its key.`,
  }
}
