/** What stands in the clear beside an encrypted backup: what listing and pruning need, and the hashes of its files as they lie there. */
import type {Store, StoreEntry} from '../../store/store.js'
import type {Problem} from '../problem.js'

import {toHex, utf8} from '../../codec/bytes.js'
import {type BackupFormat, FORMATS} from '../../codec/codec.js'
import {type BackupHead, documentTail, FORMAT_VERSION, sealText} from '../../codec/document.js'
import {DataOpsError, throwIfAborted, throwIfOutOfMemory} from '../../model/errors.js'
import {Field, MalformedError} from '../../model/fields.js'
import {isJsonObject} from '../../model/object.js'
import {nodePlatform, sha256Hex} from '../../platform/node.js'
import {type EncryptedFile} from '../../store/age/writer.js'
import {damaged} from '../../store/damaged.js'
import {withReader} from '../../store/read-all.js'
import {decodeJson, DocumentSource} from '../document-source.js'
import {checkFile} from '../file-check.js'
import {isCollectionName, isKeyFileName, METADATA_FILE} from '../names.js'
import {type BackupKind, present, readServer} from '../sealed-fields.js'
import {anewWhereGone, keyFileProblem} from './key-file.js'
import {AGE} from './words.js'

export type CoveredFile = EncryptedFile & {file: string}

/** What a backup holds, as far as pruning asks: `some`: of its tenants, `part`: what changes on the way have left of it. */
const HELD_KINDS = ['all', 'incomplete', 'part', 'schema', 'some'] as const
export type HeldKind = (typeof HELD_KINDS)[number]

export interface Cover {
  backupId: string
  /** Absent where names are hidden. */
  collection?: string
  compress: boolean
  /** All but the cover itself and the files of its key. */
  files: CoveredFile[]
  finished: string
  format: BackupFormat
  holds: HeldKind
  /** The files of its key as it was sealed, for who may not list: `rekey` writes others. */
  keys?: string[]
  /** Absent where names are hidden. */
  objectCount?: number
  runId: string
  /** Absent where names are hidden, or the backup does not say. */
  server?: string
  timestamp: string
  toolVersion: string
}

/** A cover as it lies in a place. */
export interface ReadCover extends Cover {
  /** Bytes of all files of the backup, keys and cover included. */
  bytes: number
  /** Name of the backup in its store. */
  name: string
}

const FILE = /^[0-9A-Za-z][-.0-9A-Z_a-z]{0,199}\.age$/

/** The document. An older release reads of it that it must know what `age` is, and stops. */
export function coverDocument(cover: Cover): Uint8Array {
  const {backupId, collection, compress, files, finished, format, holds} = cover
  const {keys, objectCount, runId, server, timestamp, toolVersion} = cover
  const metadata = {
    version: FORMAT_VERSION,
    requires: [AGE],
    timestamp,
    ...(collection !== undefined && {collection}),
    options: {compress, format, include_data: holds !== 'schema'},
    backup_id: backupId,
    run_id: runId,
    ...(server !== undefined && {server}),
    tool_version: toolVersion,
  }
  const start = `{"metadata":${JSON.stringify(metadata)},"schema":{},"objects":[\n${documentTail(objectCount ?? 0)}`
  const seal = {
    finished,
    holds,
    ...(objectCount !== undefined && {object_count: objectCount}),
    files,
    ...(keys && {keys}),
    document: {bytes: utf8(start).length, sha256: sha256Hex(start)},
  }
  const text = sealText(seal as never)
  return utf8(`${start}${text},"checksum":"${sha256Hex(text)}"}}\n`)
}

type Facts = Pick<Cover, 'files' | 'finished' | 'holds' | 'keys' | 'objectCount'>

/** The facts of a head that stand in the clear. */
export function coverOf({metadata}: BackupHead, {isHidden, objectCount, ...held}: Facts & {isHidden: boolean}): Cover {
  return {
    ...held,
    backupId: metadata.backup_id,
    ...(!isHidden && {collection: metadata.collection, objectCount, server: metadata.server}),
    compress: metadata.options.compress,
    format: metadata.options.format,
    runId: metadata.run_id,
    timestamp: metadata.timestamp,
    toolVersion: metadata.tool_version,
  }
}

/**
 * The cover of a backup; undefined when it is not encrypted, or nothing that can be read as a backup.
 * `kind`: as `kindOfBackup` has just said; looked at when it is not given.
 * @throws DataOpsError BACKUP_DAMAGED when it is one that was changed; STORAGE.
 */
export async function readCover(store: Store, name: string, kind?: BackupKind): Promise<ReadCover | undefined> {
  const key = `${name}/${METADATA_FILE}`
  const isFolder = async (): Promise<boolean> =>
    (await store.stat(name))?.kind === 'directory' && (await store.stat(key))?.kind === 'file'
  if (kind === 'document' || (kind === undefined && !(await isFolder()))) return undefined
  return withReader(store, key, async (reader) => {
    const source = await DocumentSource.open(reader, store.describe(key))
    const line = source.isCompressed ? undefined : await source.headLine()
    const head = line && parseHead(line)
    if (!head || !isJsonObject(head.metadata)) return undefined
    const {requires} = head.metadata
    if (!Array.isArray(requires) || !requires.includes(AGE)) return undefined
    const cover = await parseCover(source, line, head.metadata)
    const bytes = await bytesOf(store, name, cover, reader.size)
    return {...cover, bytes, name}
  })
}

interface HashOptions {
  onBytes?: (bytes: number) => void
  signal?: AbortSignal
}

/** Every file against its hash in the cover: no key is needed. */
export async function checkCover(store: Store, cover: ReadCover, options: HashOptions = {}): Promise<Problem[]> {
  const problems = await anewWhereGone(async () => folderProblems(store, cover))
  for (const covered of cover.files) {
    const problem = await fileProblem(store, cover.name, covered, options)
    if (problem) problems.push({file: store.describe(`${cover.name}/${covered.file}`), message: problem})
  }

  return problems
}

/** Of the key files, and of what is no part of it. */
async function folderProblems(store: Store, cover: ReadCover): Promise<Problem[]> {
  const problems: Problem[] = []
  const add = (file: string, message: string): void => {
    problems.push({file: store.describe(`${cover.name}/${file}`), message})
  }

  const known = new Map(cover.files.map((file) => [file.file, file]))
  let keys = 0
  for (const {name} of await store.list(cover.name)) {
    if (isKeyFileName(name)) {
      keys++
      const problem = await keyFileProblem(store, cover.name, name)
      if (problem) add(name, problem)
    } else if (!known.has(name) && name !== METADATA_FILE) add(name, 'It is not part of the backup.')
  }

  if (keys === 0) add('', 'Its key file is missing: nobody can open it.')
  return problems
}

async function fileProblem(
  store: Store,
  folder: string,
  {bytes, file, sha256}: CoveredFile,
  options: HashOptions,
): Promise<string | undefined> {
  const key = `${folder}/${file}`
  const entry = await store.stat(key)
  if (entry?.kind !== 'file') return entry ? 'It is not a file.' : 'It is missing.'
  if (entry.bytes !== bytes) return `It has ${entry.bytes} bytes, the cover says ${bytes}.`
  const found = await hashFile(store, key, options)
  return found.sha256 === sha256 ? undefined : `Its SHA-256 is ${found.sha256}, the cover says ${sha256}.`
}

/** Size and hash of a file as it lies there. */
export async function hashFile(store: Store, key: string, {onBytes, signal}: HashOptions = {}): Promise<EncryptedFile> {
  return withReader(store, key, async (reader) => {
    const hash = nodePlatform.createSha256()
    for await (const chunk of reader.stream()) {
      throwIfAborted(signal)
      hash.update(chunk)
      onBytes?.(chunk.length)
    }

    return {bytes: reader.size, sha256: toHex(hash.digest())}
  })
}

/** Cheaply: the files are there, with their sizes, and there is a key. Returns what lies beside them in its folder. @throws DataOpsError BACKUP_DAMAGED. */
export async function checkCoveredFiles(store: Store, cover: ReadCover): Promise<StoreEntry[]> {
  const found = new Map((await store.list(cover.name)).map((entry) => [entry.name, entry]))
  let isOld = false
  for (const {bytes, file} of cover.files)
    if (!(await checkFile(store, cover.name, {bytes, file, listed: found}))) isOld = true
  const entries = [...found.values()]
  if (entries.every(({name}) => !isKeyFileName(name)))
    throw isOld ? oldListing(store, cover.name) : damaged(store.describe(cover.name), 'its key file is missing')
  const own = new Set([METADATA_FILE, ...cover.files.map(({file}) => file)])
  return entries.filter(({name}) => !own.has(name) && !isKeyFileName(name))
}

/** Names of key files are known by a listing alone. */
function oldListing(store: Store, name: string): DataOpsError {
  return new DataOpsError('STORAGE', `The listing of ${store.describe(name)} is older than what is there.`, {
    hint: 'Try again in a while.',
    retryable: true,
  })
}

function parseHead(line: Uint8Array): undefined | {metadata?: unknown} {
  try {
    return JSON.parse(`${decodeJson(line)}]}`) as {metadata?: unknown}
  } catch (error) {
    throwIfOutOfMemory(error)
    return undefined
  }
}

async function parseCover(source: DocumentSource, line: Uint8Array, metadata: Record<string, unknown>): Promise<Cover> {
  const place = await source.seal()
  if (!place) throw damaged(source.where, 'it does not end with a valid seal')
  try {
    const cover = readFields(new Field(metadata, 'metadata'), new Field(place.seal, 'seal'))
    const start = await source.read(0, place.start)
    const tail = documentTail(cover.objectCount ?? 0)
    const document = new Field(place.seal, 'seal').member('document')
    const isSealed =
      document.member('bytes').count() === place.start &&
      document.member('sha256').sha256() === sha256Hex(start) &&
      new TextDecoder().decode(start.subarray(line.length)) === tail
    if (!isSealed) throw new MalformedError('its text', 'is not what was sealed')
    return cover
  } catch (error) {
    if (error instanceof MalformedError) throw damaged(source.where, error.message)
    throw error
  }
}

function readFields(metadata: Field, seal: Field): Cover {
  const options = metadata.member('options')
  const collection = metadata.member('collection').optional((item) => item.text())
  const objectCount = seal.member('object_count').optional((item) => item.count())
  if (collection !== undefined && !isCollectionName(collection))
    throw new MalformedError('metadata.collection', 'is not the name of a collection')
  return {
    backupId: metadata.member('backup_id').uuid(),
    ...(collection !== undefined && {collection}),
    compress: options.member('compress').boolean(),
    files: seal.member('files').listOf(readFile),
    finished: seal.member('finished').time(),
    format: options.member('format').oneOf(FORMATS),
    holds: seal.member('holds').oneOf(HELD_KINDS),
    ...(objectCount !== undefined && {objectCount}),
    runId: metadata.member('run_id').uuid(),
    ...present({server: metadata.member('server').optional(readServer)}),
    timestamp: metadata.member('timestamp').time(),
    toolVersion: metadata.member('tool_version').text(),
  }
}

function readFile(field: Field): CoveredFile {
  const file = field.member('file').text()
  if (!FILE.test(file) || file.includes('..'))
    throw new MalformedError(field.path, 'is not the name of an encrypted file')
  return {bytes: field.member('bytes').count(), file, sha256: field.member('sha256').sha256()}
}

async function bytesOf(store: Store, name: string, cover: Cover, coverBytes: number): Promise<number> {
  let bytes = coverBytes
  for (const file of cover.files) bytes += file.bytes
  for (const {bytes: size, name: file} of await store.list(name)) if (isKeyFileName(file)) bytes += size
  return bytes
}
