/** What can be said of a backup whose head or seal cannot be read: enough to report it instead of giving up. */
import type {Problem} from '../../archive/problem.js'
import type {Store, StoreReader} from '../../store/store.js'

import {DocumentSource, MAX_LINE, MAX_SEAL, type SealPlace} from '../../archive/document-source.js'
import {inflateMembers} from '../../archive/gzip-members.js'
import {checkDocument} from '../../archive/hashes.js'
import {readManifest} from '../../archive/manifest.js'
import {METADATA_FILE, parseBackupName} from '../../archive/names.js'
import {BackupCatalog} from '../../catalog/catalog.js'
import {type BackupPlace, locateBackup} from '../../catalog/locate.js'
import {concatBytes} from '../../codec/bytes.js'
import {type BackupSeal, parseDocumentHead, parseSealLine} from '../../codec/document.js'
import {findSealLine} from '../../codec/seal-line.js'
import {DataOpsError} from '../../model/errors.js'
import {sha256Hex} from '../../platform/node.js'
import {damageSaid} from '../../store/damaged.js'
import {withReader} from '../../store/read-all.js'
import {asFarAsKnown} from './covered.js'

export interface DamagedBackup {
  /** Bytes of all its files. */
  bytes: number
  id: string
  /** As its seal or the catalog says; absent when neither does. */
  objectCount?: number
  path: string
  problems: Problem[]
}

const NEWLINE = 10
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Looks at a backup that could not be opened with `error`.
 * @throws `error` when nothing shows that a backup was there once; DataOpsError BACKUP_DAMAGED when one was, but not which.
 */
export async function identifyDamaged(reference: string, store: Store, error: unknown): Promise<DamagedBackup> {
  if (!(error instanceof DataOpsError && ['BACKUP_DAMAGED', 'NOT_A_BACKUP'].includes(error.code))) throw error
  const place = await placeOf(reference, store)
  const entry = place && (await place.store.stat(place.name))
  if (!place || (entry?.kind !== 'file' && entry?.kind !== 'directory')) throw error
  const document = entry.kind === 'directory' ? `${place.name}/${METADATA_FILE}` : place.name
  const remains = await readRemains(place.store, document)
  if (error.code !== 'BACKUP_DAMAGED' && !(await wasBackup(place, remains))) throw error
  const path = place.store.describe(place.name)
  const id = place.listed?.id ?? remains.id
  const file = place.store.describe(document)
  const problems = [{file, message: damageSaid(file, error)}, ...remains.problems]
  if (id === undefined) throw asDamaged(error, path, problems)
  const bytes = entry.kind === 'directory' ? await bytesIn(place.store, place.name) : entry.bytes
  const objectCount = remains.seal?.object_count ?? place.listed?.object_count
  return {bytes, id, ...(objectCount !== undefined && {objectCount}), path, problems}
}

/** Whether a backup was at a place that is none now. */
async function wasBackup({listed, name, store}: BackupPlace, {problems, seal}: Remains): Promise<boolean> {
  // A seal that holds is of a version that is not understood; one that does not has other bytes before it than it was made for.
  if (seal) return problems.length > 0
  if (listed && listed.status !== 'unlisted') return true
  if (!parseBackupName(name)) return false
  try {
    await readManifest(store, name, {acceptUnsealed: true})
    // Another tool's, which never had a seal.
    return false
  } catch (error) {
    if (error instanceof DataOpsError && error.code !== 'STORAGE') return true
    throw error
  }
}

function asDamaged(error: DataOpsError, path: string, problems: Problem[]): DataOpsError {
  if (error.code === 'BACKUP_DAMAGED') return error.with({details: {path, problems}})
  return error.with({
    code: 'BACKUP_DAMAGED',
    details: {path, problems},
    hint: 'Use another backup.',
    message: `${path} is damaged: its head cannot be read.`,
  })
}

async function bytesIn(store: Store, directory: string): Promise<number> {
  return (await store.list(directory)).reduce((sum, {bytes}) => sum + bytes, 0)
}

async function placeOf(reference: string, store: Store): Promise<BackupPlace | undefined> {
  const place = await asFarAsKnown(locateBackup(reference, store))
  if (!place || place.listed) return place
  // A catalog that cannot be read knows nothing.
  return {...place, listed: await asFarAsKnown(new BackupCatalog(place.store).find(place.name))}
}

interface Remains {
  /** `metadata.backup_id`, when the head can be read. */
  id?: string
  /** What is wrong with the document by its own seal. */
  problems: Problem[]
  seal?: BackupSeal
}

async function readRemains(store: Store, document: string): Promise<Remains> {
  if ((await store.stat(document))?.kind !== 'file') return {problems: []}
  return withReader(store, document, async (reader) => {
    const source = await DocumentSource.open(reader, store.describe(document))
    const place = (await source.seal()) ?? (await compressedSeal(reader))
    const id = await readId(reader, source.isCompressed)
    if (!place) return {id, problems: []}
    const {seal} = place
    return {id, problems: await checkDocument({file: document, seal, store}), seal}
  })
}

/** The seal of a gzipped document that no longer starts like one. */
async function compressedSeal(reader: StoreReader): Promise<SealPlace | undefined> {
  const found = await findSealLine(reader, true, MAX_SEAL)
  const seal = found && parseSealLine(new TextDecoder().decode(found.line), sha256Hex)
  return seal && {seal, start: found.start}
}

/** What stands in the head, as long as its own bytes can be read: damage further on does not matter. */
async function readId(reader: StoreReader, isCompressed: boolean): Promise<string | undefined> {
  const text = isCompressed ? inflateMembers(reader.stream()) : reader.stream()
  const pieces: Uint8Array[] = []
  try {
    let bytes = 0
    for await (const piece of text) {
      const end = piece.indexOf(NEWLINE)
      pieces.push(new Uint8Array(end === -1 ? piece : piece.subarray(0, end + 1)))
      bytes += piece.length
      if (end !== -1 || bytes > MAX_LINE) break
    }

    const id: unknown = parseDocumentHead(new TextDecoder().decode(concatBytes(pieces))).metadata.backup_id
    return typeof id === 'string' && UUID.test(id) ? id : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    if (error instanceof DataOpsError && error.code === 'BACKUP_DAMAGED') return undefined
    throw error
  }
}
