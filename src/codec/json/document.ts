import type {Platform, RowPage} from '../codec.js'

import {DataOpsError} from '../../model/errors.js'
import {isJsonObject} from '../../model/object.js'
import {toHex, utf8} from '../bytes.js'
import {type BackupHead, type BackupSeal, parseSealLine} from '../document.js'
import {type ReadDocumentOptions} from './options.js'
import {Pager} from './pager.js'
import {concat, damaged, Source} from './source.js'

/** What stands in a document, in its order; see `readJsonDocument`. */
export type DocumentPart =
  {kind: 'end'; end: DocumentEnd} | {kind: 'head'; head: BackupHead} | {kind: 'rows'; page: RowPage}

/** What stands in a document behind its objects. */
export interface DocumentEnd {
  /** False for a document that has been reformatted: its seal says nothing about its bytes. */
  canonical: boolean
  /** Whether the seal line's own checksum holds; what it says of parts and document is for the caller to compare. */
  checksumHolds: boolean
  /** Bytes before the seal line (canonical documents only). */
  documentBytes: number
  /** `object_count` as the document says it. */
  objectCount?: number
  /** Bytes of the object lines, separators included (canonical documents only). */
  objectsBytes: number
  /** Objects that were there, those before `fromRow` included. */
  rows: number
  /** As the document says it; undefined when it has none. */
  seal?: BackupSeal
}

/**
 * Reads a document: its head, pages of rows from `fromRow` on (lines before that are passed over unparsed), its end.
 * In a document that someone reordered the head comes when it is known, at the latest before the end: read it first with
 * `readDocumentHead` where it matters.
 * @throws DataOpsError BACKUP_DAMAGED, naming the line, on anything that is not a whole document.
 */
export async function* readJsonDocument(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadDocumentOptions,
): AsyncGenerator<DocumentPart> {
  const source = new Source(chunks, options)
  try {
    const opening = await readOpening(source)
    yield* opening ? readLines(source, opening, options) : readMembers(source, options)
  } finally {
    await source.close()
  }
}

/** Reads the head alone, wherever in the document it stands. @throws DataOpsError BACKUP_DAMAGED when there is none. */
export async function readDocumentHead(
  chunks: AsyncIterable<Uint8Array>,
  options: Omit<ReadDocumentOptions, 'columns' | 'fromRow' | 'hash' | 'pageBytes'>,
): Promise<BackupHead> {
  for await (const part of readJsonDocument(chunks, {...options, fromRow: Infinity})) {
    if (part.kind === 'head') return part.head
  }

  throw damaged('has no metadata and schema')
}

function notBackup(): DataOpsError {
  return new DataOpsError('NOT_A_BACKUP', 'The document is no backup: it has no metadata, schema and objects.')
}

const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})

function parseJson(bytes: Uint8Array, line: number): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (error) {
    throw damaged('is not JSON in UTF-8', line, error)
  }
}

function checkHead(metadata: unknown, schema: unknown): BackupHead {
  if (!isJsonObject(metadata) || !isJsonObject(schema) || typeof schema.class !== 'string') {
    throw notBackup()
  }

  return {metadata, schema} as unknown as BackupHead
}

// The canonical form, line by line

interface Opening {
  bytes: Uint8Array
  head: BackupHead
}

/**
 * Reads the first line of a canonical document. Undefined when the document is of another form: then all that was read
 * is given back to the source.
 */
async function readOpening(source: Source): Promise<Opening | undefined> {
  const taken: Uint8Array[] = []
  const literal = async (text: string) => {
    const bytes = await source.take(text.length)
    taken.push(bytes)
    return bytes.length === text.length && utf8(text).every((byte, index) => byte === bytes[index])
  }

  const value = async () => {
    const bytes = await source.value()
    taken.push(bytes)
    return bytes
  }

  if (await literal('{"metadata":')) {
    const metadata = await value()
    if (await literal(',"schema":')) {
      const schema = await value()
      if ((await literal(',"objects":[\n')) && !metadata.includes(10) && !schema.includes(10)) {
        source.line = 2
        return {bytes: concat(taken), head: checkHead(parseJson(metadata, 1), parseJson(schema, 1))}
      }
    }
  }

  source.giveBack(concat(taken))
  source.line = 1
  return undefined
}

async function* readLines(
  source: Source,
  opening: Opening,
  options: ReadDocumentOptions,
): AsyncGenerator<DocumentPart> {
  yield {head: opening.head, kind: 'head'}
  const {hash, platform} = options
  hash?.document?.update(opening.bytes)
  let documentBytes = opening.bytes.length
  let objectsBytes = 0
  const pager = new Pager(options, opening.head)

  // The separator belongs to the line before: only the last object line has none.
  let isSeparated = true
  for (;;) {
    const line = source.lineInHand() ?? (await source.nextLine())
    const number = source.line - 1
    if (line.at(-1) !== 10) throw damaged('is where the backup ends early', number)
    hash?.document?.update(line)
    documentBytes += line.length
    if (line[0] === 93) {
      if (isSeparated && pager.rows > 0) throw damaged('follows a separator without an object', number)
      const page = pager.take()
      if (page) yield {kind: 'rows', page}
      const objectCount = readTail(line, number)
      const end = await readSeal(source, platform)
      yield {
        end: {...end, canonical: true, documentBytes, objectCount, objectsBytes, rows: pager.rows},
        kind: 'end',
      }
      return
    }

    if (!isSeparated) throw damaged('follows an object without a separator', number)
    isSeparated = line.at(-2) === 44
    hash?.objects?.update(line)
    objectsBytes += line.length
    const page = pager.add(line.subarray(0, isSeparated ? -2 : -1), number)
    if (page) yield {kind: 'rows', page}
  }
}

function readTail(line: Uint8Array, number: number): number {
  const match = /^\],"object_count":(0|[1-9]\d{0,15}),\n$/.exec(line.length < 64 ? String.fromCodePoint(...line) : '')
  if (!match) throw damaged('is neither an object nor the end of the objects', number)
  return Number(match[1])
}

async function readSeal(
  source: Source,
  platform: Pick<Platform, 'sha256'>,
): Promise<Pick<DocumentEnd, 'checksumHolds' | 'seal'>> {
  const number = source.line
  const bytes = await source.nextLine()
  if ((await source.take(1)).length > 0) throw damaged('is not the last, as the seal is', number)
  let line: string
  try {
    line = decoder.decode(bytes)
  } catch (error) {
    throw damaged('is not UTF-8', number, error)
  }

  const seal = parseSealLine(line, (text) => toHex(platform.sha256(utf8(text))))
  if (isJsonObject(seal)) return {checksumHolds: true, seal}
  const broken = parseJson(utf8(`{${line}`), number) as {seal?: unknown}
  return {checksumHolds: false, seal: isJsonObject(broken.seal) ? (broken.seal as unknown as BackupSeal) : undefined}
}

// Any other form of the same JSON

async function* readMembers(source: Source, options: ReadDocumentOptions): AsyncGenerator<DocumentPart> {
  await source.skipByteOrderMark()
  if ((await source.peek()) !== 123) throw notBackup()
  await source.expect(123)
  const members = new Map<string, unknown>()
  let pager: Pager | undefined
  let head: BackupHead | undefined
  for (let isFirst = true; (await source.peek()) !== 125; isFirst = false) {
    if (!isFirst) await source.expect(44)
    if ((await source.peek()) !== 34) throw damaged('is not JSON', source.line)
    const key = parseJson(await source.value(), source.line) as string
    await source.expect(58)
    if (members.has(key)) throw damaged(`holds ${JSON.stringify(key.slice(0, 40))} twice`)
    members.set(key, undefined)
    if (key === 'objects') {
      pager = new Pager(options, head)
      await source.expect(91)
      for (let isFirstItem = true; (await source.peek()) !== 93; isFirstItem = false) {
        if (!isFirstItem) await source.expect(44)
        await source.peek()
        const number = source.line
        const page = pager.add(await source.value(), number)
        if (page) yield {kind: 'rows', page}
      }

      await source.expect(93)
      const page = pager.take()
      if (page) yield {kind: 'rows', page}
    } else {
      members.set(key, parseJson(await source.value(), source.line))
      if (!head && members.get('metadata') !== undefined && members.get('schema') !== undefined) {
        head = checkHead(members.get('metadata'), members.get('schema'))
        yield {head, kind: 'head'}
      }
    }
  }

  await source.expect(125)
  if ((await source.peek()) !== undefined) throw damaged('goes on after its end', source.line)
  if (!head || !pager) throw notBackup()
  const objectCount = members.get('object_count')
  const seal = members.get('seal')
  yield {
    end: {
      canonical: false,
      checksumHolds: false,
      documentBytes: 0,
      objectCount: typeof objectCount === 'number' ? objectCount : undefined,
      objectsBytes: 0,
      rows: pager.rows,
      seal: isJsonObject(seal) ? (seal as unknown as BackupSeal) : undefined,
    },
    kind: 'end',
  }
}
