/** Results of the managers as lines for a person. Pure. */
import type {BackupResult} from '../jobs/backup/options.js'
import type {ClearResult} from '../jobs/clear/options.js'
import type {CopyResult} from '../jobs/copy/options.js'
import type {ReplaceResult} from '../jobs/replace/options.js'
import type {RestoreResult} from '../jobs/restore/options.js'
import type {ShownObject, TransformPreview} from '../jobs/survey.js'
import type {BackupVerification, CollectionComparison, Difference, ObjectDifference} from '../jobs/verify/options.js'

import {isUnknown, tenantInWords} from '../jobs/verify/unknown.js'
import {formatCount, plural} from '../model/plural.js'
import {formatBytes, formatMembers, formatRate, formatSeconds, formatTable} from './format.js'
import {displayWidth, truncate} from './width.js'

export function backupLines(backup: BackupResult): string[] {
  const name = backup.alias ? `${backup.collection} (alias ${backup.alias})` : backup.collection
  const format = `${backup.format}${backup.compressed ? ', compressed' : ''}`
  if (backup.dryRun)
    return [
      `Would back up ${name}: ${plural(backup.objectCount, 'object')} as ${format}`,
      ...changesLines(backup.changes),
      ...skippedLines(backup),
    ]
  return [
    `Backed up ${name}: ${plural(backup.objectCount, 'object')}, ${formatBytes(backup.bytes)}, ${pace(backup.objectCount - backup.resumed, backup.seconds)}`,
    ...formatMembers([
      ['id', backup.id],
      ['path', backup.path],
      ['format', format],
      ['digest', backup.digest],
      ['tenants', backup.tenants && formatCount(backup.tenants.count)],
      ['locked', backup.lockedUntil && `until ${backup.lockedUntil.slice(0, 16).replace('T', ' ')} UTC`],
      ['resumed', backup.resumed > 0 ? `${plural(backup.resumed, 'object')} of an earlier run` : undefined],
    ]),
    ...(backup.partial ? ['  A PART of the collection: objects, or members of them, were left out on purpose'] : []),
    ...incompleteLines(backup),
    ...skippedLines(backup),
  ]
}

/** One of many, on one line, without its path where that does not fit; what is missing from it below. */
export function backupLine(backup: BackupResult, width = Infinity): string[] {
  if (backup.dryRun) return backupLines(backup)
  const {bytes, collection, id, objectCount, path, resumed, seconds} = backup
  const size = `${plural(objectCount, 'object')}, ${formatBytes(bytes)}, ${pace(objectCount - resumed, seconds)}`
  const line = `Backed up ${collection}: ${size}  ${id.slice(0, 8)}`
  return [
    displayWidth(line) + displayWidth(path) + 2 > width ? line : `${line}  ${path}`,
    ...incompleteLines(backup),
    ...skippedLines(backup),
  ]
}

/** The last line of a run of several. */
export function backupSum(backups: readonly BackupResult[]): string[] {
  const done = backups.filter(({dryRun}) => !dryRun)
  if (done.length < 2) return []
  const sum = (value: (backup: BackupResult) => number): number => done.reduce((all, one) => all + value(one), 0)
  const objects = plural(
    sum(({objectCount}) => objectCount),
    'object',
  )
  return [`${plural(done.length, 'collection')}: ${objects}, ${formatBytes(sum(({bytes}) => bytes))}`]
}

function incompleteLines({complete, counted, missing = []}: BackupResult): string[] {
  if (complete || !counted) return []
  const count = (objects: null | number): string => (objects === null ? 'an unknown number' : formatCount(objects))
  return [
    `  INCOMPLETE: the server counted ${count(counted.before)} before and ${count(counted.after)} after; ${formatCount(counted.read)} could be read`,
    ...missing.map(
      ({id, reason, tenant}) => `  NOT in it: ${id}${tenant === undefined ? '' : ` (tenant ${tenant})`}: ${reason}`,
    ),
  ]
}

function skippedLines({tenants}: BackupResult): string[] {
  return (tenants?.skipped ?? []).map((tenant) => `  NOT in it: ${tenantInWords(tenant)}`)
}

/** One of many, on one line, unless there is something to say of it. */
export function restoreLine(restored: RestoreResult): string[] {
  const {backupId, collection, dryRun, rejected, seconds, verification} = restored
  if (dryRun || rejected > 0 || verification?.equal === false) return restoreLines(restored)
  const done = `${plural(restored.restored + restored.resumed, 'object')}, ${pace(restored.restored, seconds)}`
  return [`Restored ${collection}: ${done}${verification ? ', equal' : ''}  ${backupId.slice(0, 8)}`]
}

export function restoreLines(restored: RestoreResult, options: ShowOptions = {}): string[] {
  const {backupId, verification} = restored
  return [
    ...writtenLines(restored, {
      done: 'Restored',
      from: ['backup', backupId],
      isTimed: !options.ofSeveral,
      possible: 'Could restore',
    }),
    ...(verification ? comparisonLines(verification, options) : []),
  ]
}

export function copyLines(copied: CopyResult, options: ShowOptions = {}): string[] {
  const {gone = 0, source, tenantsLeftOut = [], verification} = copied
  const from = `${source.collection} at ${source.server}`
  return [
    ...writtenLines(copied, {done: 'Copied', from: ['from', from], possible: 'Could copy'}),
    ...(gone > 0 ? [`  GONE meanwhile: ${plural(gone, 'object')}`] : []),
    ...tenantsLeftOut.map((tenant) => `  NOT copied: ${tenantInWords(tenant)}`),
    ...copied.warnings.flatMap(({code, message}) => (code === 'incomplete-copy' ? [`  INCOMPLETE: ${message}`] : [])),
    ...(verification ? comparisonLines(verification, {...options, against: {name: from, place: 'there'}}) : []),
  ]
}

interface WrittenWords {
  done: string
  from: [label: string, name: string]
  isTimed?: boolean
  possible: string
}

/** What a restore, or a copy, has written; `from`: what of. */
function writtenLines(
  restored: Omit<RestoreResult, 'backupId'>,
  {done, from, isTimed = true, possible}: WrittenWords,
): string[] {
  const {collection, dryRun, expected, references, rejected, resumed, seconds, skipped} = restored
  const outcome = dryRun
    ? `${possible} ${collection}${expected === undefined ? '' : `: ${plural(expected, 'object')}`}`
    : `${done} ${collection}: ${plural(restored.restored, 'object')}${isTimed ? `, ${pace(restored.restored, seconds)}` : ''}`
  return [
    outcome,
    ...formatMembers([
      from,
      ['resumed', resumed > 0 ? `${plural(resumed, 'object')} of earlier runs` : undefined],
      ['skipped', skipped > 0 ? `${plural(skipped, 'object')} that were there already` : undefined],
      ['references', references > 0 ? formatCount(references) : undefined],
      ['tenants', restored.tenants === undefined ? undefined : formatCount(restored.tenants)],
      ['aliases', restored.aliases.length > 0 ? restored.aliases.join(', ') : undefined],
      [
        'refused',
        rejected > 0
          ? `${plural(rejected, 'object')}${restored.rejectedFile ? `, see ${restored.rejectedFile}` : ''}`
          : undefined,
      ],
    ]),
    ...changesLines(restored.changes),
  ]
}

/** What was there before, where something was replaced. */
export function replacedLines({dryRun, replaced}: ReplaceResult): string[] {
  if (dryRun || !replaced) return []
  const {gapMs, objectCount, saved} = replaced
  if (gapMs === 0) return [`  Before, the alias pointed at ${saved}, which is still there.`]
  const count = objectCount === undefined ? '' : ` (${plural(objectCount, 'object')})`
  const gap = gapMs === undefined ? '' : ` For ${formatSeconds(gapMs / 1000)} readers found nothing, or a part of it.`
  return [`  What was there before is in ${saved}${count}.${gap}`]
}

/** What would come of transforms: for a dry run. */
function changesLines(changes: TransformPreview | undefined): string[] {
  if (!changes) return []
  const {example, lost, objects, read, refused, transforms, withoutVector} = changes
  return [
    `  ${plural(read, 'object becomes', 'objects become')} ${formatCount(objects)}, by ${transforms.map(({kind}) => kind as string).join(', ')}`,
    ...(lost.length > 0 ? [`  LEFT BEHIND under their names: ${lost.join(', ')}`] : []),
    ...(withoutVector > 0 ? [`  WITHOUT a vector: ${plural(withoutVector, 'object')}`] : []),
    ...(refused
      ? [`  REFUSED: ${plural(refused.objects, 'object')}, ${refused.first.id} among them: ${refused.first.reason}`]
      : []),
    ...(example
      ? [`  before: ${shownObject(example.before)}`, ...example.after.map((after) => `  after:  ${shownObject(after)}`)]
      : []),
  ]
}

/** In a line, its vectors as their sizes. */
function shownObject({dimensions, id, properties, tenant}: ShownObject): string {
  const sizes = Object.entries(dimensions).map(([name, numbers]) => `${name} of ${numbers}`)
  const text = JSON.stringify({id, ...(tenant !== undefined && {tenant}), ...properties})
  return `${text.length > 300 ? `${text.slice(0, 300)}…` : text}${sizes.length > 0 ? ` (${sizes.join(', ')})` : ''}`
}

export function clearLines(cleared: ClearResult): string[] {
  const notCounted = (cleared.tenantsNotCounted ?? []).map((name) => `  NOT counted: tenant ${name} (offloaded)`)
  if (cleared.dryRun)
    return [`Would clear ${cleared.collection}: ${plural(cleared.remaining, 'object')}`, ...notCounted]
  const {backup, collection, deleted, guarantee, kept, remaining, schemaFile, seconds} = cleared
  return [
    ...(backup ? backupLines(backup) : []),
    `Cleared ${collection}: ${plural(deleted, 'object')}, ${pace(deleted, seconds)}`,
    ...formatMembers([
      ['schema', schemaFile && `was put into ${schemaFile} before the drop`],
      ['kept', kept > 0 ? `${plural(kept, 'object')} that the backup does not have as they are` : undefined],
      ['remaining', remaining > kept ? `${plural(remaining - kept, 'object')} written meanwhile` : undefined],
      ['guarantee', guarantee],
    ]),
    ...notCounted,
  ]
}

export interface ShowOptions {
  /** What a collection was compared with, and where that is; default: the backup. */
  against?: {name: string; place: string}
  /** What the two columns of a schema's differences are called. */
  columns?: [string, string]
  /** Long values as a whole. */
  full?: boolean
  /** By several machines: its seconds are those of its end alone. */
  ofSeveral?: boolean
  /** Characters of a line. */
  width?: number
}

export function comparisonLines(comparison: CollectionComparison, options: ShowOptions = {}): string[] {
  const {backupId, collection, counts, schemaDifferences} = comparison
  const {against = {name: `backup ${backupId}`, place: 'in the backup'}} = options
  const made = 'what the changes make of '
  const live = `${comparison.changed === 'live' ? made : ''}${collection}`
  const other = `${comparison.changed === 'backup' ? made : ''}${against.name}`
  return outcomeLines(comparison, {
    digest: comparison.liveDigest,
    notCompared: comparison.notCompared ?? [],
    objects: counts.live,
    one: live,
    other,
    schema: schemaTable(schemaDifferences, options),
    sizes: `${formatCount(counts.live)} there, ${formatCount(counts.backup)} ${against.place}`,
  })
}

/** Rows of a schema's differences at most, and characters of a value at least. */
const SCHEMA_ROWS = 20
const VALUE_WIDTH = 16

/** Path, backup, live: a row a difference, cut to the width. */
export function schemaTable(
  differences: CollectionComparison['schemaDifferences'],
  {columns = ['BACKUP', 'LIVE'], full = false, width = 120}: ShowOptions,
): string[] {
  if (differences.length === 0) return []
  const shown = full ? differences : differences.slice(0, SCHEMA_ROWS)
  const widest = Math.max('SCHEMA'.length, ...shown.map(({path}) => displayWidth(path)))
  // Two spaces before and between; whatever the path leaves is shared by the two values.
  const room = full ? Infinity : Math.max(VALUE_WIDTH, Math.floor((width - widest - 6) / 2))
  const rows = shown.map(({backup, live, path}) => ({
    backup: truncate(schemaText(backup, full), room),
    live: truncate(schemaText(live, full), room),
    path,
  }))
  const isCut = !full && rows.some(({backup, live}) => backup.endsWith('…') || live.endsWith('…'))
  const more = differences.length - shown.length
  return [
    ...formatTable(rows, [
      {header: 'SCHEMA', value: ({path}) => path},
      {header: columns[0], value: ({backup}) => backup},
      {header: columns[1], value: ({live}) => live},
    ]).map((line) => `  ${line}`),
    ...(more > 0 ? [`  … and ${formatCount(more)} more`] : []),
    ...(more > 0 || isCut ? ['  (--full shows all of it)'] : []),
  ]
}

/** A property by its type, anything else as JSON. */
function schemaText(value: unknown, full: boolean): string {
  if (value === undefined) return '(none)'
  const type: unknown = typeof value === 'object' && value !== null && 'dataType' in value ? value.dataType : undefined
  return !full && Array.isArray(type) ? type.join('|') : JSON.stringify(value)
}

interface OutcomeWords {
  digest?: string
  notCompared: readonly string[]
  objects: number
  /** What was compared, by its name. */
  one: string
  /** And what with. */
  other: string
  /** Lines of the schemas' differences. */
  schema: readonly string[]
  sizes: string
}

/** That two are equal, or not known to be; or how many objects differ, of how many, and those that are listed. */
export function outcomeLines(
  compared: CollectionComparison | Difference,
  {digest, notCompared, objects, one, other, schema, sizes}: OutcomeWords,
): string[] {
  const unknown = notCompared.map((what) => `  NOT compared: ${what}`)
  if (compared.equal)
    return [
      `${one} equals ${other}: ${plural(objects, 'object')}`,
      ...formatMembers([['digest', digest]]),
      ...settingsLine(compared),
      ...unknown,
    ]
  if (isUnknown(compared))
    return [
      `${one} is not known to equal ${other}: what was compared is the same, and not everything could be (${sizes})`,
      ...settingsLine(compared),
      ...unknown,
    ]
  const {different, extra, missing} = compared.counts
  const unlisted = missing + extra + different - compared.differences.length
  return [
    `${one} differs from ${other}: ${formatCount(missing)} missing, ${formatCount(extra)} extra, ${formatCount(different)} different (${sizes})`,
    ...compared.differences.map((difference) => `  ${differenceText(difference)}`),
    ...(unlisted > 0 ? [`  … and ${formatCount(unlisted)} more (--differences)`] : []),
    ...schema,
    ...unknown,
  ]
}

/** What keeps no object from being the same is no reason to say nothing of it. */
function settingsLine({schemaDifferences}: {schemaDifferences: ReadonlyArray<{path: string}>}): string[] {
  if (schemaDifferences.length === 0) return []
  const paths = schemaDifferences.slice(0, 4).map(({path}) => path)
  const more = schemaDifferences.length - paths.length
  return [
    `  ${plural(schemaDifferences.length, 'setting differs', 'settings differ')}: ${paths.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
  ]
}

function differenceText({id, members, state, tenant}: ObjectDifference): string {
  const where = tenant === undefined ? id : `${id} (tenant ${tenant})`
  return `${state.padEnd(9)} ${where}${members?.length ? `: ${members.join(', ')}` : ''}`
}

/** One of many, on one line, unless there is something to say of it. */
export function verificationLine(verification: BackupVerification): string[] {
  if (verification.problems.length > 0 || verification.warnings.length > 0) return verificationLines(verification)
  return [`${verificationLines(verification)[0] ?? ''}  ${verification.path}`]
}

export function verificationLines(verification: BackupVerification): string[] {
  const {id, path, problems} = verification
  const scope = verification.quick
    ? `${formatBytes(verification.bytes)} hashed`
    : `${verification.objectCount === undefined ? 'an unknown number of objects' : plural(verification.objectCount, 'object')}, ${formatBytes(verification.bytes)} decoded`
  return [
    problems.length === 0
      ? `Backup ${id} is whole: ${scope}, ${formatSeconds(verification.seconds)}`
      : `Backup ${id} is damaged: ${plural(problems.length, 'problem')}${verification.objectCount === undefined ? ', the number of its objects is unknown' : ''}`,
    ...formatMembers([
      ['path', path],
      ['digest', verification.digest],
    ]),
    ...problems.map(({file, message}) => `  ${file}: ${message}`),
    ...verification.warnings.map((warning) => `  note: ${warning}`),
  ]
}

/** Whether a comparison found more than refused objects explain: those are missing, or differ in what of them was refused. */
export function differsBeyondRefusals({
  rejected,
  rejectedButKept = 0,
  verification,
}: Pick<RestoreResult, 'rejected' | 'rejectedButKept' | 'verification'>): boolean {
  if (verification?.equal !== false || isUnknown(verification)) return false
  const {different, extra, missing} = verification.counts
  return extra > 0 || missing > rejected - rejectedButKept || missing + different > rejected || rejected === 0
}

function pace(objects: number, seconds: number): string {
  return `${formatSeconds(seconds)}${objects > 0 && seconds > 0 ? ` (${formatRate(objects / seconds)})` : ''}`
}
