/** Every file name of a backup folder, made and read back here and nowhere else (docs/format.md, "Places and names"). */

import type {BackupFormat} from '../codec/codec.js'

import {DataOpsError} from '../model/errors.js'
import {sha256Hex} from '../platform/node.js'
import {keyOfUnfinished, unfinishedName} from '../store/temporary-name.js'

export const CATALOG_FILE = '.backup_catalog.json'
export const CATALOG_LOCK_FILE = '.backup_catalog.lock'
export const METADATA_FILE = 'metadata.json'
export const SCHEMA_FILE = 'schema.json'

const JOURNAL = '.journal'
const REMOVED = '.removed.partial'
const ELSEWHERE = '-elsewhere'
const COLLECTION = /^[A-Z][_0-9A-Za-z]*$/
const BACKUP =
  /^([A-Z][_0-9A-Za-z]*)_(\d{4})-(\d\d)-(\d\d)_(\d\d)(\d\d)(\d\d)(?:-([2-9]|[1-9]\d{1,8}))?(\.json|\.json\.gz)?$/
const PART = /^objects(?:-\d{5,}(?:-\d+)?)?\.[a-z]+$/
/** What an encrypted file is called beyond the name of its text. */
export const ENCRYPTED_SUFFIX = '.age'
const ENCRYPTED = /^(?:metadata\.json|schema\.json|objects(?:-\d{5,}(?:-\d+)?)?\.[a-z]+(?:\.gz)?)\.age$/
const KEY_FILE = /^key-([1-9]\d{0,5})-([0-9a-f]{16})\.age$/

/** What a backup's name says. */
export interface ParsedBackupName {
  /** 1, or the number behind a taken name. */
  attempt: number
  collection: string
  compressed: boolean
  kind: 'directory' | 'document'
  /** Start of the backup, to the second. */
  startedAt: Date
}

/** Whether a collection's name is one that Weaviate can have, and so one that is safe in a file name. */
export function isCollectionName(name: string): boolean {
  return COLLECTION.test(name)
}

/** What the names of encrypted backups start with that hide their collection's. */
const HIDDEN_STEM = 'Encrypted'

/** Encrypted backups are folders, whatever their format. `isHidden`: their name does not say what of. */
export function encryptedName(collection: string, startedAt: Date, isHidden: boolean): string {
  return backupName(isHidden ? HIDDEN_STEM : collection, startedAt, 'parquet', false)
}

/** What makes a backup one: the document itself, or `metadata.json`. */
export function commitKey(backup: string): string {
  return parseBackupName(backup)?.kind === 'document' ? backup : `${backup}/${METADATA_FILE}`
}

/** Whether a backup's name does not say what of it is. */
export function isHiddenName(name: string): boolean {
  return parseBackupName(name)?.collection === HIDDEN_STEM
}

/**
 * `UserDocuments_2024-02-01_103000.json`, `.json.gz`, or for Parquet and Arrow the folder without extension.
 * @throws DataOpsError INVALID_INPUT for names that no collection can have.
 */
export function backupName(collection: string, startedAt: Date, format: BackupFormat, isCompressed: boolean): string {
  if (!isCollectionName(collection)) {
    throw new DataOpsError('INVALID_INPUT', `${JSON.stringify(collection)} is not a collection's name.`, {
      hint: 'A name starts with an upper-case letter and goes on with letters, digits and underscores.',
    })
  }

  const year = startedAt.getUTCFullYear()
  // Also refuses an invalid date, whose year is NaN.
  if (!(year >= 1 && year <= 9999)) throw new DataOpsError('INVALID_INPUT', 'The start time is not a usable date.')
  const [date = '', time = ''] = startedAt.toISOString().split('T', 2)
  return `${fileStem(collection)}_${date}_${time.slice(0, 8).replaceAll(':', '')}${extensionOf(format, isCompressed)}`
}

/** Bytes of a file's name at most, on most file systems. */
const MAX_NAME = 255

/** Bytes of a collection's name that a file name has room for, with all that may follow it. */
const MAX_STEM = 180

/** How the names of a collection's backups begin: its own name, or for a very long one its start and eight digits of its hash. */
export function fileStem(collection: string): string {
  if (collection.length <= MAX_STEM) return collection
  const digits = sha256Hex(collection).slice(0, 8)
  return `${collection.slice(0, MAX_STEM - 9)}_${digits}`
}

function extensionOf(format: BackupFormat, isCompressed: boolean): string {
  if (format !== 'json') return ''
  return isCompressed ? '.json.gz' : '.json'
}

/** What to call a backup whose name is taken: `attempt` 2 puts `-2` before the extension; 1 is the name itself. */
export function nextName(name: string, attempt: number): string {
  if (attempt <= 1) return name
  const extension = /(?:\.json(?:\.gz)?)?$/.exec(name)?.[0] ?? ''
  return `${name.slice(0, name.length - extension.length)}-${attempt}${extension}`
}

/** Reads a backup's name back; undefined for every other name, unfinished backups included. */
export function parseBackupName(name: string): ParsedBackupName | undefined {
  const match = BACKUP.exec(name)
  if (!match) return undefined
  const [, collection = '', year, month, day, hour, minute, second, attempt, extension] = match
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  const startedAt = new Date(text)
  // 30 February rolls over or is invalid: neither is a name that we gave.
  if (Number.isNaN(startedAt.getTime()) || startedAt.toISOString() !== text) return undefined
  return {
    attempt: attempt === undefined ? 1 : Number(attempt),
    collection,
    compressed: extension === '.json.gz',
    kind: extension === undefined ? 'directory' : 'document',
    startedAt,
  }
}

/** What a document is called until it is sealed, in a folder of a machine; earlier versions called folders so, too. */
export function partialName(backup: string): string {
  return unfinishedName(backup)
}

/** Held by the process that writes an unfinished backup. */
export function partialLockName(backup: string): string {
  return `${partialName(backup)}.lock`
}

/** The name that an unfinished backup will have once it is sealed; undefined when `name` is not one of an unfinished backup. */
export function sealedNameOf(name: string): string | undefined {
  const sealed = keyOfUnfinished(name)
  return sealed !== undefined && parseBackupName(sealed) ? sealed : undefined
}

/** Where an unfinished backup records what is already safe. */
export function journalName(backup: string): string {
  return `${partialName(backup)}${JOURNAL}`
}

/** The backup that an unfinished backup's journal belongs to; undefined when `name` is not one of a journal. */
export function backupOfJournal(name: string): string | undefined {
  return name.endsWith(JOURNAL) ? sealedNameOf(name.slice(0, -JOURNAL.length)) : undefined
}

/** Says that a backup's folder is being removed. Earlier versions gave the folder itself that name. */
export function removedName(backup: string): string {
  return `${backup}${REMOVED}`
}

/** The backup that a name is `removedName` of; undefined for every other name. */
export function backupOfRemoved(name: string): string | undefined {
  const backup = name.endsWith(REMOVED) ? name.slice(0, -REMOVED.length) : ''
  return parseBackupName(backup) ? backup : undefined
}

/**
 * The checkpoint of a restore: `<backup>.<target>.checkpoint`. `target` is whatever tells targets apart, the collection's
 * name or more (`Docs@http://host:8080`); what is long, or not safe in a file name, is cut and gets eight digits of its hash.
 */
export function checkpointName(backup: string, target: string): string {
  return `${backup}.${partOfTarget(target, MAX_NAME - `${backup}..checkpoint${ELSEWHERE}`.length)}.checkpoint`
}

function partOfTarget(target: string, room: number): string {
  if (/^[_0-9A-Za-z]{1,64}$/.test(target) && target.length <= room) return target
  const digits = sha256Hex(target).slice(0, 8)
  const readable = target.replaceAll(/[^_0-9A-Za-z]+/g, '-').slice(0, Math.max(0, Math.min(48, room - 9)))
  return `${readable}-${digits}`
}

/** That of a restore of an encrypted backup: it is encrypted too, and its name does not say what is restored where. */
export function encryptedCheckpointName(backup: string, checkpoint: string): string {
  return `${backup}.${sha256Hex(checkpoint).slice(0, 16)}.checkpoint${ENCRYPTED_SUFFIX}`
}

export function isCheckpoint(name: string): boolean {
  return /\.checkpoint(?:\.age)?$/.test(name)
}

/** What says beside a backup that a checkpoint of that name lies in another place. */
export function checkpointNoteName(checkpoint: string): string {
  return `${checkpoint}${ELSEWHERE}`
}

export function isCheckpointNote(name: string): boolean {
  return name.endsWith(ELSEWHERE) && isCheckpoint(name.slice(0, -ELSEWHERE.length))
}

/** Whether a name is that of a checkpoint of this backup, or of a note of one, whatever the target. */
export function isCheckpointOf(backup: string, name: string): boolean {
  const rest = name.slice(backup.length + 1)
  return name.startsWith(`${backup}.`) && /^[-_0-9A-Za-z]+\.checkpoint(?:\.age)?(?:-elsewhere)?$/.test(rest)
}

const MARKERS = {
  activated: /^\.activated-.*\.json$/,
  drop: /^\.drop-.*\.json$/,
  export: /^\.export-.*\.json$/,
  replace: /^\.replace-.*\.json$/,
}

export type MarkerKind = keyof typeof MARKERS

/** Says what a run that is killed leaves to be finished: of which collection, unless that is hidden. */
export function markerName(kind: Exclude<MarkerKind, 'export'>, collection: string, isHidden: boolean): string {
  return `.${kind}-${isHidden ? `hidden-${sha256Hex(collection).slice(0, 16)}` : fileStem(collection)}.json`
}

/** Of one that a server makes: `id`, as the server knows it. */
export function exportNoteName(id: string): string {
  return `.export-${id}.json`
}

export function isMarker(name: string, kind: MarkerKind): boolean {
  return MARKERS[kind].test(name)
}

const TARGET_LEASE = /^(\.restore-[0-9a-f]{16}\.lock)\.\d+$/

/** Held by the process that restores into a target, whatever tells targets apart. */
export function targetLeaseName(target: string): string {
  return `.restore-${sha256Hex(target).slice(0, 16)}.lock`
}

/** Folder of all jobs of several machines, in the place of the backups. */
export const JOBS_FOLDER = '.jobs'

/** Says which job of several machines restores into the target of a lease. */
export function targetReservationName(lease: string): string {
  return `${lease.slice(0, -'.lock'.length)}.job.json`
}

/** The lease of a target that a file is a generation of; undefined for every other name. */
export function targetLeaseOf(name: string): string | undefined {
  return TARGET_LEASE.exec(name)?.[1]
}

const NOTE_LEASE = /^(\.tenants-.+\.lease)\.\d+$/

/** The lease of a backup, of a target or of a note of tenants that a file is a generation of; undefined for every other name. */
export function jobLeaseOf(name: string): string | undefined {
  const unfinished = /^(.+)\.lock\.\d+$/.exec(name)?.[1] ?? ''
  const backup = sealedNameOf(unfinished)
  return backup === undefined ? (targetLeaseOf(name) ?? NOTE_LEASE.exec(name)?.[1]) : partialLockName(backup)
}

/** What follows a backup and a target in the name of a file of refused objects, or of one of its pieces. */
const REJECTED = /\.(?:still-)?rejected(?:-\d+)?\.jsonl$/

/** Objects that the server refused, one JSON line each: `<backup>.<target>.rejected.jsonl`, with `target` as for a checkpoint. */
export function rejectedName(backup: string, target: string): string {
  return `${backup}.${rejectedPart(backup, target)}.rejected.jsonl`
}

/** Objects that the server refused once more when they were sent again: not the file that is being read. */
export function stillRejectedName(backup: string, target: string): string {
  return `${backup}.${rejectedPart(backup, target)}.still-rejected.jsonl`
}

function rejectedPart(backup: string, target: string): string {
  return partOfTarget(target, MAX_NAME - `${backup}..still-rejected-9999.jsonl`.length)
}

/** Those of an encrypted backup: encrypted too, and the name does not say what is restored where. */
export function encryptedRejectedName(backup: string, rejected: string): string {
  const [ending = ''] = REJECTED.exec(rejected) ?? []
  const target = rejected.slice(backup.length + 1, -ending.length)
  return `${backup}.${sha256Hex(target).slice(0, 16)}${ending}${ENCRYPTED_SUFFIX}`
}

/** Where a long file of refused objects goes on: `….rejected.jsonl`, `….rejected-2.jsonl`, … */
export function pieceName(rejected: string, piece: number): string {
  return piece === 1 ? rejected : `${rejected.slice(0, -'.jsonl'.length)}-${piece}.jsonl`
}

/** Whether a file, or one of its pieces, holds refused objects of this backup, whatever the target. */
export function isRejectedOf(backup: string, name: string): boolean {
  const [ending] = REJECTED.exec(name) ?? []
  if (ending === undefined || !name.startsWith(`${backup}.`)) return false
  return /^[-_0-9A-Za-z]+$/.test(name.slice(backup.length + 1, -ending.length))
}

/** Whether a file of refused objects may go on in further pieces: one that somebody else has named does not. */
export function hasPieces(name: string): boolean {
  return /\.(?:still-)?rejected\.jsonl$/.test(name)
}

/** By its ordinal, from 1: `objects.parquet`, `objects-00002.parquet`, … Earlier versions called the first of several `objects-00001.parquet`. */
export function partName(extension: string, ordinal: number): string {
  return ordinal === 1 ? `objects.${extension}` : `objects-${String(ordinal).padStart(5, '0')}.${extension}`
}

/** Of an attempt (from 1) at an item (from 1) of a backup that several machines write. */
export function itemPartName(extension: string, item: number, attempt: number): string {
  return `objects-${String(item).padStart(5, '0')}-${attempt}.${extension}`
}

/**
 * The parts among the files of a folder, in their order. `problem`: why it cannot be said which they are. A part that is
 * there twice under names of its own (two attempts, of which one may have been given up) is one such.
 */
export function findPartNames(files: readonly string[], extension: string): {names: string[]; problem?: string} {
  const byOrdinal = new Map<number, string>()
  for (const file of files) {
    if (!file.startsWith('objects') || !file.endsWith(`.${extension}`)) continue
    const rest = file.slice('objects'.length, -extension.length - 1)
    const ordinal = rest === '' ? 1 : Number(/^-(\d{5,})(?:[-.].*)?$/.exec(rest)?.[1] ?? NaN)
    if (Number.isNaN(ordinal)) continue
    const other = byOrdinal.get(ordinal)
    if (other !== undefined) return {names: [], problem: `both ${other} and ${file} claim the same rows`}
    byOrdinal.set(ordinal, file)
  }

  const ordinals = [...byOrdinal.keys()].sort((a, b) => a - b)
  const names = ordinals.map((ordinal) => byOrdinal.get(ordinal) ?? '')
  const gap = ordinals.findIndex((ordinal, index) => ordinal !== index + 1)
  if (gap === -1) return {names}
  return {names: [], problem: `${partName(extension, gap + 1)} is missing`}
}

/** The file of a backup's key: the newest has the highest number, and the name says the start of its hash. */
export function keyFileName(number: number, sha256: string): string {
  return `key-${number}-${sha256.slice(0, 16)}${ENCRYPTED_SUFFIX}`
}

/** Reads the name of a key's file back; undefined for every other name. `hash`: 16 hex digits. */
export function parseKeyFileName(name: string): undefined | {hash: string; number: number} {
  const [, number, hash] = KEY_FILE.exec(name) ?? []
  return number === undefined || hash === undefined ? undefined : {hash, number: Number(number)}
}

/** Whether a file holds the key of the encrypted backup in whose folder it lies. */
export function isKeyFileName(name: string): boolean {
  return KEY_FILE.test(name)
}

/** Whether a file of that name, in the folder of a backup, is one that we put there. */
export function isBackupFile(name: string): boolean {
  return (
    name === METADATA_FILE || name === SCHEMA_FILE || PART.test(name) || ENCRYPTED.test(name) || isKeyFileName(name)
  )
}

/** The same, or one that was not complete. */
export function isOwnFile(name: string): boolean {
  return isBackupFile(name) || isBackupFile(keyOfUnfinished(name) ?? '')
}

/** Where a catalog that could not be read is kept. `attempt` as in `nextName`. */
export function damagedCatalogName(at: Date, attempt = 1): string {
  const stamp = at.toISOString().slice(0, 19).replaceAll(':', '')
  return `${CATALOG_FILE}.damaged-${stamp}Z${attempt > 1 ? `-${attempt}` : ''}`
}
