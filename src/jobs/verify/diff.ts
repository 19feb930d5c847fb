/** What of one collection, or backup, is not as in another. */
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {ComparedThing, Difference, DiffOptions} from './options.js'
import type {ComparedSide} from './side.js'

import {incompleteWarning} from '../../archive/incomplete.js'
import {locateExport} from '../../catalog/exports.js'
import {openArchive} from '../../catalog/locate.js'
import {persistent} from '../../flow/persistent.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {DataOpsError} from '../../model/errors.js'
import {checkPositiveInteger} from '../../model/positive-integer.js'
import {compareSchemas} from '../../model/schema-compare.js'
import {isMultiTenant} from '../../model/schema.js'
import {resolveCollection} from '../../weaviate/resolve.js'
import {ReplicaWatch} from '../replica-watch.js'
import {type ComparedSides, compareSides, SCHEMA_ONLY} from './compare.js'
import {LiveSide} from './live-side.js'
import {SourceSide} from './source-side.js'
import {tenantInWords} from './unknown.js'

interface Both<T> {
  a: T
  b: T
}

interface OpenedSide {
  side: ComparedSide
  thing: Omit<ComparedThing, 'digest' | 'objects'>
  /** What is known of it once it was read. */
  watch?: ReplicaWatch
}

/** `Verifier.diffCollections`. */
export async function diffCollections(
  {a, b}: Both<{connection: Connection; name: string}>,
  notes: TenantNotes,
  options: DiffOptions,
): Promise<Difference> {
  checkPositiveInteger(options.concurrency, 'concurrency')
  const first = await openLive(a.connection, a.name, {...options, notes})
  const second = await openLive(b.connection, b.name, {...options, notes})
  return diff({a: first, b: second}, options)
}

/** `Verifier.diffBackups`. */
export async function diffBackups({a, b}: Both<string>, store: Store, options: DiffOptions): Promise<Difference> {
  return diff({a: await openBackup(a, store, options), b: await openBackup(b, store, options)}, options)
}

async function openLive(
  direct: Connection,
  name: string,
  options: DiffOptions & {notes: TenantNotes},
): Promise<OpenedSide> {
  const {notes, onWarning, signal} = options
  const connection = persistent(direct, {onWarning, signal})
  const {schema} = await resolveCollection(connection, name)
  if (isMultiTenant(schema)) await notes.putBack(connection, schema.class, onWarning, options)
  const watch = new ReplicaWatch(connection, schema, {...options, warn: onWarning})
  await watch.begin()
  return {
    side: new LiveSide(connection, schema, {...options, notes}),
    thing: {collection: schema.class, server: connection.describe},
    watch,
  }
}

async function openBackup(backup: string, store: Store, {onWarning, signal}: DiffOptions): Promise<OpenedSide> {
  const {archive} = await openArchive(backup, store, {onWarning}).catch(async (error: unknown) => {
    throw (await locateExport(backup, store)) ? isExport(backup) : error
  })
  const incomplete = incompleteWarning(archive.path, archive.seal)
  if (incomplete) onWarning?.(incomplete)
  const {backup_id: backupId, collection} = archive.head.metadata
  return {side: new SourceSide(archive, {signal}), thing: {backupId, collection, path: archive.path}}
}

function isExport(path: string): DataOpsError {
  return new DataOpsError(
    'INVALID_INPUT',
    `${path} is an export that the server has made: only backups are compared.`,
    {
      details: {path},
      hint: 'Compare it with a collection: `verifyCollection`.',
    },
  )
}

/** Two names may be of one thing: an alias, or two days of which only one has a backup. That it equals itself says nothing of another. */
function warnOfOne({a, b}: Both<OpenedSide['thing']>, {onWarning}: DiffOptions): void {
  if (a.collection !== b.collection || a.server !== b.server || a.path !== b.path) return
  const what = a.path === undefined ? `The collection "${a.collection}"` : `The backup ${a.path}`
  onWarning?.({
    code: 'compared-with-itself',
    details: {collection: a.collection, ...(a.path !== undefined && {path: a.path})},
    message: `${what} is compared with itself: both names are of it.`,
  })
}

async function diff({a, b}: Both<OpenedSide>, options: DiffOptions): Promise<Difference> {
  const started = performance.now()
  warnOfOne({a: a.thing, b: b.thing}, options)
  const compared = await compareSides(a.side, b.side, options)
  const {counts, differences, digests, equal, objects} = compared
  const tenantsLeftOut = compared.tenantsLeftOut?.map(({name, reason}) => ({name, reason: inEither(reason)}))
  const notCompared = new Set(compared.notCompared?.map((what) => inEither(what)))
  // Which of both lacks a tenant, and why, makes no difference.
  for (const tenant of tenantsLeftOut ?? []) notCompared.add(tenantInWords(tenant))
  // Also beside one without objects: nobody knows how many the other's collection had.
  if (a.side.hasObjects !== b.side.hasObjects) notCompared.add(SCHEMA_ONLY)
  const schemaDifferences = [...schemasOf(a.side, b.side), ...tenantsOf(compared)]
  const read = async ({thing, watch}: OpenedSide, as: 'first' | 'second'): Promise<ComparedThing> => {
    const ended = await watch?.end()
    return {...thing, digest: digests[as], objects: objects[as], ...(ended?.report && {replicas: ended.report})}
  }

  return {
    a: await read(a, 'first'),
    b: await read(b, 'second'),
    counts,
    differences,
    // What was not looked at on both sides is not known to be equal.
    equal:
      equal &&
      !tenantsLeftOut &&
      a.side.hasObjects === b.side.hasObjects &&
      schemaDifferences.every(({severity}) => severity !== 'blocking'),
    ...(notCompared.size > 0 && {notCompared: [...notCompared]}),
    schemaDifferences,
    seconds: (performance.now() - started) / 1000,
    ...(tenantsLeftOut && {tenantsLeftOut}),
  }
}

/** Where there are two, or none, "the backup" says nothing. */
function inEither(text: string): string {
  return text.replace('not in the backup: ', '')
}

/** What either cannot take of the other is blocking: which of both is called A makes no difference. */
function schemasOf(a: ComparedSide, b: ComparedSide): Difference['schemaDifferences'] {
  const back = compareSchemas(b.schema, a.schema, {ignoreName: true})
  const isBlocking = new Set(back.flatMap(({path, severity}) => (severity === 'blocking' ? [path] : [])))
  return compareSchemas(a.schema, b.schema, {ignoreName: true}).map(({backup, live, path, severity}) => ({
    a: backup,
    b: live,
    path,
    severity: isBlocking.has(path) ? 'blocking' : severity,
  }))
}

/** Tenants that one of both lacks, whichever it is. */
function tenantsOf({schemaDifferences}: ComparedSides): Difference['schemaDifferences'] {
  return schemaDifferences
    .filter(({path}) => path.startsWith('tenants.'))
    .map(({backup, live, path}) => ({a: backup, b: live, path, severity: 'blocking'}))
}
