/** The head and the seal of a backup: everything about it but its objects, which are not read for it. */
import {Buffer} from 'node:buffer'

import type {WeaviateClass} from '../model/schema.js'
import type {Store, StoreEntry} from '../store/store.js'

import {
  type BackupMetadata,
  type BackupSeal,
  documentTail,
  FORMAT_VERSION,
  unknownRequirement,
} from '../codec/document.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {Field, MalformedError} from '../model/fields.js'
import {isJsonObject} from '../model/object.js'
import {sha256Hex} from '../platform/node.js'
import {damaged} from '../store/damaged.js'
import {nameOf} from '../store/key.js'
import {withReader} from '../store/read-all.js'
import {decodeJson, DocumentSource, type SealPlace} from './document-source.js'
import {AGE, encrypted} from './encrypted/words.js'
import {checkFile} from './file-check.js'
import {journalName, METADATA_FILE, SCHEMA_FILE, sealedNameOf} from './names.js'
import {type BackupKind, readMetadata, readSchema, readSeal} from './sealed-fields.js'
import {type Claims, isEnded, readBackupId, readClaims, readOpening, readWhole, unsealedContent} from './unsealed.js'

/** Bytes from the start of a file, and their hash. */
export interface Extent {
  bytes: number
  sha256: string
}

export interface Manifest {
  /** Bytes of all its files. */
  bytes: number
  /** What a backup without a seal that holds says of its own content. */
  claims?: Claims
  /** Gzip; for a document only. */
  compressed: boolean
  /** The line that metadata and schema were read from; in a sealed document only. */
  head?: Extent
  kind: BackupKind
  metadata: BackupMetadata
  /** Name in the store. */
  name: string
  schema: WeaviateClass
  /** Absent from a backup that was never sealed, or was changed since (`unsealed`). */
  seal?: BackupSeal
  unsealed?: true
}

export type SealedManifest = Manifest & {seal: BackupSeal}

export interface ReadManifestOptions {
  /**
   * Also takes what other tools wrote in the same form, `{"metadata", "schema", "objects", "object_count"}` in any formatting,
   * and a backup that was edited. Whatever they lack (ids, times) is derived or empty.
   */
  acceptUnsealed?: boolean
  /** As `kindOfBackup` has just said; looked at when it is not given. */
  kind?: BackupKind
}

/**
 * Reads what a backup says of itself, in bounded memory and from both ends of its file. The seal's checksum and the place it
 * stands at are checked, the hashes of the objects are not.
 * @throws DataOpsError NOT_A_BACKUP when it is something else, unfinished or of an unknown major version; BACKUP_DAMAGED when
 * it was one; STORAGE when it cannot be read.
 */
export async function readManifest(
  store: Store,
  name: string,
  options?: ReadManifestOptions & {acceptUnsealed?: false},
): Promise<SealedManifest>
export async function readManifest(store: Store, name: string, options?: ReadManifestOptions): Promise<Manifest>
export async function readManifest(store: Store, name: string, options: ReadManifestOptions = {}): Promise<Manifest> {
  const kind = options.kind ?? (await kindOfBackup(store, name))
  return withReader(store, kind === 'directory' ? `${name}/${METADATA_FILE}` : name, async (reader) => {
    const source = await DocumentSource.open(reader, store.describe(name))
    const content = await readContent(source, kind, options.acceptUnsealed ?? false)
    const others = kind === 'directory' ? await bytesBesideMetadata(store, name, content) : 0
    return {bytes: source.bytes + others, compressed: source.isCompressed, kind, name, ...content}
  })
}

/**
 * Checks cheaply that the files of a sealed backup are there, with the sizes that were sealed. Returns what lies beside them in its folder.
 * @throws DataOpsError BACKUP_DAMAGED, naming the file.
 */
export async function checkFiles(store: Store, manifest: SealedManifest): Promise<StoreEntry[]> {
  // A document's size is checked with the place of its seal.
  if (manifest.kind === 'document') return []
  const found = new Map((await store.list(manifest.name)).map((entry) => [entry.name, entry]))
  await checkFile(store, manifest.name, {file: SCHEMA_FILE, listed: found})
  // What lies in an export is another's, and looked at when it is read.
  if (manifest.metadata.export) return []
  const own = new Set([METADATA_FILE, SCHEMA_FILE])
  for (const {bytes, file} of manifest.seal.parts) {
    if (file === null) continue
    await checkFile(store, manifest.name, {bytes, file, listed: found})
    own.add(file)
  }

  return [...found.values()].filter(({name}) => !own.has(name))
}

/** How to have a backup restored that nothing vouches for. */
const ACCEPT = 'restore it with `acceptChanged: true`'

type Content = Pick<Manifest, 'claims' | 'head' | 'metadata' | 'schema' | 'seal' | 'unsealed'>

const FINISH = 'Run the backup again with `resume: true` to finish it.'

/** What lies under that name. @throws DataOpsError NOT_A_BACKUP when it cannot be a sealed backup; STORAGE. */
export async function kindOfBackup(store: Store, name: string): Promise<BackupKind> {
  const where = store.describe(name)
  if (sealedNameOf(nameOf(name))) {
    throw notABackup(where, 'it is unfinished', FINISH)
  }

  const entry = await store.stat(name)
  if (entry?.kind === 'file') return 'document'
  // In object storage a folder is what a listing shows of it, which may be an old one: its seal is asked for by name.
  if (entry?.kind !== 'other' && (await store.stat(`${name}/${METADATA_FILE}`))?.kind === 'file') return 'directory'
  if (entry?.kind === 'directory') {
    if (await store.stat(journalName(name), 'file')) throw notABackup(where, 'it is unfinished', FINISH)
    throw notABackup(
      where,
      `it is a folder without ${METADATA_FILE}`,
      'Name a backup, not the folder that holds backups.',
    )
  }

  if (entry) throw notABackup(where, 'it is neither a file nor a folder', 'Name the backup itself.')
  const isUnfinished = name !== '' && (await store.unfinished?.stat(name)) !== undefined
  throw new DataOpsError('NOT_A_BACKUP', `${where} does not exist.`, {
    details: {path: where},
    hint: isUnfinished ? 'It is unfinished: run the backup again with `resume: true`.' : 'Check the path.',
  })
}

async function readContent(source: DocumentSource, kind: BackupKind, isUnsealedAccepted: boolean): Promise<Content> {
  const line = await source.headLine()
  if (line === undefined) return readForeign(source, kind, isUnsealedAccepted)
  const head = parseHead(source, line)
  refuseOtherVersions(source, head.metadata)
  const place = await source.seal()
  refuseUnknownRequirements(source, head.metadata, place?.seal)
  // Text that was added or taken away has moved the seal.
  if (place && !(isUnsealedAccepted && kind === 'document' && isMoved(source, place))) {
    const content = wellFormed(source, () => readSealed(source, kind, head, place))
    if (kind === 'document') return {...content, head: {bytes: line.length, sha256: sha256Hex(line)}}
    if (await isDocumentSealed(source, line, content.seal)) return content
    if (!isUnsealedAccepted) throw damaged(source.where, `${METADATA_FILE} is not what was sealed`)
  }

  const isWhole = kind === 'directory' ? (await readFolderHead(source)) !== undefined : await isEnded(source)
  if (isUnsealedAccepted && isWhole) return readUnsealed(source, kind, head)
  throw damaged(source.where, 'it does not end with a valid seal', {
    hint: `It was cut off or changed. Use another backup; if it was changed on purpose: ${ACCEPT}.`,
  })
}

function isMoved(source: DocumentSource, {seal, start}: SealPlace): boolean {
  const sealed = source.isCompressed ? seal.compressed : seal.document
  return sealed?.bytes !== start
}

interface RawHead {
  metadata?: unknown
  schema?: unknown
}

function parseHead(source: DocumentSource, line: Uint8Array): RawHead {
  try {
    // The line opens the list of objects: closed again, it is JSON.
    const value: unknown = JSON.parse(`${decodeJson(line)}]}`)
    return value as RawHead
  } catch (error) {
    throw damaged(source.where, 'its head cannot be read', {cause: error})
  }
}

function readSealed(
  source: DocumentSource,
  kind: BackupKind,
  head: RawHead,
  place: SealPlace,
): Content & {seal: BackupSeal} {
  const metadata = readMetadata(new Field(head.metadata, 'metadata'), kind)
  const schema = readSchema(new Field(head.schema, 'schema'))
  if (schema.class !== metadata.collection) throw new MalformedError('schema.class', 'is not metadata.collection')
  const seal = readSeal(new Field(place.seal, 'seal'), kind, metadata.export)
  const sealed = source.isCompressed ? seal.compressed : seal.document
  if (!sealed) throw new MalformedError('seal.compressed', 'is missing')
  if (sealed.bytes !== place.start) {
    throw new MalformedError('seal', `stands at byte ${place.start}, not at ${sealed.bytes}`)
  }

  return {metadata, schema, seal}
}

/** Without objects between head and tail the whole document is at hand, and checking its hash costs nothing. */
async function isDocumentSealed(source: DocumentSource, head: Uint8Array, seal: BackupSeal): Promise<boolean> {
  const tail = documentTail(seal.object_count)
  const end = head.length + tail.length
  if (source.isCompressed || end !== seal.document.bytes) return false
  const found = await source.read(head.length, end)
  return sha256Hex(head, found) === seal.document.sha256 && Buffer.from(tail).equals(found)
}

/** The document of a folder as JSON; undefined when it is none. */
async function readFolderHead(source: DocumentSource): Promise<Record<string, unknown> | undefined> {
  const value = await readWhole(source).catch(insteadOf(undefined, (error) => error instanceof MalformedError))
  return isJsonObject(value) ? value : undefined
}

/** What can be known of a backup without a seal that holds. */
async function readUnsealed(source: DocumentSource, kind: BackupKind, head: RawHead): Promise<Content> {
  // The objects of a document stand between its head and what it says of them: there it is read with them.
  const whole = kind === 'directory' ? await readFolderHead(source) : undefined
  return wellFormed(source, () => ({
    ...unsealedContent(source, kind, head),
    claims: {
      ...readBackupId(head.metadata),
      ...(whole && readClaims(new Field(whole, 'metadata.json'), kind)),
    },
    unsealed: true,
  }))
}

/** What does not start like a document of ours: another tool's, reformatted, or something else altogether. */
async function readForeign(source: DocumentSource, kind: BackupKind, isAccepted: boolean): Promise<Content> {
  // The objects of a folder are in its parts, so that its document can be read whole, in whatever order.
  const whole = kind === 'directory' ? await readFolderHead(source) : undefined
  const {isCut, isWhole, value} = whole ? {isCut: false, isWhole: true, value: whole} : await readOpening(source)
  if (isCut && (source.isCompressed || /^(?:\u{EF}\u{BB}\u{BF})?\s*\{\s*"metadata"/u.test(await source.start()))) {
    throw damaged(source.where, 'it is cut off before its objects')
  }

  const hasObjects = !isWhole || kind === 'directory'
  if (!hasObjects || !isJsonObject(value?.metadata) || !isJsonObject(value.schema))
    throw notABackup(source.where, await looksLike(source))

  refuseOtherVersions(source, value.metadata)
  refuseUnknownRequirements(source, value.metadata, value.seal)
  if (!isWhole && !(await isEnded(source))) throw damaged(source.where, 'it is cut off')
  if (!isAccepted) {
    // One that was reformatted may show a seal: it was of other bytes.
    const reason =
      'it has no seal that holds, as when another program has written or reformatted it, so nothing proves that it is whole and unchanged'
    throw notABackup(source.where, reason, `If you trust it, ${ACCEPT}.`)
  }

  return readUnsealed(source, kind, value)
}

const SIGNATURES: ReadonlyArray<[start: string, reason: string]> = [
  ['PAR1', 'it is a single Parquet file'],
  ['ARROW1', 'it is a single Arrow file'],
  ['PK\u{3}\u{4}', 'it is a zip archive'],
  ['{', 'it is some other JSON'],
  ['[', 'it is some other JSON'],
]

async function looksLike(source: DocumentSource): Promise<string> {
  if (source.isCompressed) return 'it is some other compressed file'
  if (source.bytes === 0) return 'it is empty'
  const start = await source.start()
  return (
    SIGNATURES.find(([signature]) => start.trimStart().startsWith(signature))?.[1] ?? 'it is some other kind of file'
  )
}

function refuseOtherVersions({where}: DocumentSource, metadata: unknown): void {
  const version = isJsonObject(metadata) && Object.hasOwn(metadata, 'version') ? metadata.version : undefined
  const text = typeof version === 'string' && /^[-+.\w]{1,32}$/.test(version) ? version : undefined
  const [major] = FORMAT_VERSION.split('.', 1)
  if (text?.split('.', 1)[0] === major) return
  throw new DataOpsError(
    'NOT_A_BACKUP',
    text === undefined
      ? `${where} does not say which version of the backup format it has.`
      : `${where} has version ${text} of the backup format, which is not understood.`,
    {details: {path: where, version: text}, hint: `This release reads version ${major}; a newer one may read more.`},
  )
}

/** A later release may write what this one would misread: it says so in a word that this one does not know. */
function refuseUnknownRequirements({where}: DocumentSource, ...holders: unknown[]): void {
  const word = unknownRequirement(...holders)
  if (word === undefined) return
  // The cover of an encrypted backup: whoever can open it reads another document.
  if (word === JSON.stringify(AGE)) throw encrypted(where)
  throw new DataOpsError('NOT_A_BACKUP', `${where} requires ${word} of its reader, which this release does not know.`, {
    details: {path: where, requires: word},
    hint: 'Use a newer release to read it.',
  })
}

/** Whether a backup is of a version, or requires something, that this release does not know: which says nothing of its bytes. */
export function isNotUnderstood(error: unknown): boolean {
  if (!(error instanceof DataOpsError) || error.code !== 'NOT_A_BACKUP') return false
  return typeof error.details.version === 'string' || typeof error.details.requires === 'string'
}

function wellFormed<T>({where}: DocumentSource, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof MalformedError) throw damaged(where, error.message, {cause: error})
    throw error
  }
}

/** In its own folder. */
async function bytesBesideMetadata(store: Store, name: string, {metadata, seal}: Content): Promise<number> {
  let bytes = 0
  if (seal) {
    bytes += (await store.stat(`${name}/${SCHEMA_FILE}`))?.bytes ?? 0
    if (!metadata.export) for (const part of seal.parts) bytes += part.bytes
  } else {
    for (const entry of await store.list(name)) if (entry.name !== METADATA_FILE) bytes += entry.bytes
  }

  return bytes
}

function notABackup(where: string, reason: string, hint = 'Name a backup that this tool has written.'): DataOpsError {
  return new DataOpsError('NOT_A_BACKUP', `${where} is not a backup: ${reason}.`, {details: {path: where}, hint})
}
