/** Where the objects of a backup are: known before any is read, whether or not a seal says it. */
import type {IncrementalHash} from '../codec/codec.js'
import type {Amendment} from '../codec/document.js'
import type {Store, StoreReader} from '../store/store.js'
import type {Manifest, SealedManifest} from './manifest.js'

import {utf8} from '../codec/bytes.js'
import {readJsonDocument} from '../codec/json/document.js'
import {DataOpsError} from '../model/errors.js'
import {Field, MalformedError} from '../model/fields.js'
import {nodePlatform, sha256Hex} from '../platform/node.js'
import {withReader} from '../store/read-all.js'
import {partCodec} from './formats.js'
import {findPartNames} from './names.js'
import {type Proof, ProofMaker, ProvenReader} from './proof.js'
import {readClaims} from './unsealed.js'

export interface ArchivePart {
  /** null: the document itself. */
  file: string | null
  rows: number
}

export interface ArchiveContent {
  amendments: readonly Amendment[]
  /** Tells this content from any other: the sealed digest, or a hash of all files. */
  fingerprint: string
  parts: readonly ArchivePart[]
  /** What the files were when they were hashed; absent until they are. */
  proof?: Proof
  /** In all parts, the void ones included. */
  rows: number
}

export function sealedContent({seal}: SealedManifest): ArchiveContent {
  const {amendments, digest = '', parts, statistics} = seal
  return {amendments, fingerprint: digest, parts, rows: statistics.rows}
}

/**
 * Finds the objects of a backup without a seal that holds: by the list of its own document, or by the names of its files where it has none.
 * @throws DataOpsError BACKUP_DAMAGED when a part is missing, when it cannot be said which parts belong to it, or when it holds another number of rows than it says.
 */
export async function findContent(store: Store, manifest: Manifest): Promise<ArchiveContent> {
  const content = await (manifest.kind === 'document'
    ? contentOfDocument(store, manifest)
    : contentOfDirectory(store, manifest))
  if (content.rows > 0 && !manifest.metadata.options.include_data) {
    throw contradiction(store, manifest, `its metadata says that it has no objects, and it has ${content.rows}`)
  }

  return content
}

async function contentOfDocument(store: Store, manifest: Manifest): Promise<ArchiveContent> {
  return withReader(store, manifest.name, async (file) => {
    const maker = new ProofMaker(file.size)
    const sum = nodePlatform.createSha256()
    const bytes = hashed(file, maker, sum)
    const text = manifest.compressed ? nodePlatform.gunzip(bytes, {isPassing: true}) : bytes
    for await (const part of readJsonDocument(text, {fromRow: Infinity, platform: nodePlatform})) {
      if (part.kind !== 'end') continue
      const proof: Proof = new Map([[manifest.name, maker.finish()]])
      const {rows, seal} = part.end
      const {amendments = [], rows: sealedRows} = seal ? claimsOf(store, manifest, {seal}) : {}
      if (amendments.length > 0 && rows !== sealedRows) {
        const reason = `its seal voids rows by their number, of ${sealedRows ?? 0}, and it has ${rows}`
        throw contradiction(store, manifest, reason)
      }

      const fingerprint = fingerprintOf([{bytes: file.size, name: manifest.name, sum}])
      return {amendments, fingerprint, parts: [{file: null, rows}], proof, rows}
    }

    throw contradiction(store, manifest, 'it has no end')
  })
}

function claimsOf(store: Store, manifest: Manifest, document: unknown): ReturnType<typeof readClaims> {
  try {
    return readClaims(new Field(document, 'document'), manifest.kind)
  } catch (error) {
    if (error instanceof MalformedError) throw contradiction(store, manifest, error.message)
    throw error
  }
}

async function contentOfDirectory(store: Store, manifest: Manifest): Promise<ArchiveContent> {
  const {claims = {}, metadata, name, schema} = manifest
  const listed = claims.parts ?? (await partsByName(store, manifest))
  const codec = await partCodec(metadata.options.format)
  const proof: Proof = new Map()
  const hashedFiles: HashedFile[] = []
  const parts: ArchivePart[] = []
  for (const {file, rows: expected} of listed) {
    const where = `${name}/${file}`
    if ((await store.stat(where))?.kind !== 'file') throw contradiction(store, manifest, `${file} is missing`)
    const rows = await withReader(store, where, async (reader) => {
      const maker = new ProofMaker(reader.size)
      const sum = nodePlatform.createSha256()
      for await (const chunk of reader.stream(0, reader.size, {isPassing: true})) {
        maker.update(chunk)
        sum.update(chunk)
      }

      hashedFiles.push({bytes: reader.size, name: where, sum})
      const made = maker.finish()
      proof.set(where, made)
      const source = new ProvenReader(reader, made, store.describe(where))
      const decoder = await codec.openDecoder(source, {columns: metadata.columns, platform: nodePlatform, schema})
      if (expected !== undefined && decoder.rows !== expected) {
        throw contradiction(store, manifest, `${file} has ${decoder.rows} rows where its document says ${expected}`)
      }

      return decoder.rows
    })
    parts.push({file, rows})
  }

  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const {amendments = [], objectCount} = claims
  if (objectCount !== undefined && (amendments.length === 0 ? rows !== objectCount : rows < objectCount)) {
    throw contradiction(store, manifest, `its parts have ${rows} rows where its document says ${objectCount} objects`)
  }

  return {amendments, fingerprint: fingerprintOf(hashedFiles), parts, proof, rows}
}

async function partsByName(store: Store, manifest: Manifest): Promise<Array<{file: string; rows?: number}>> {
  const {claims, metadata, name} = manifest
  const entries = await store.list(name)
  const found = findPartNames(
    entries.filter(({kind}) => kind === 'file').map((entry) => entry.name),
    (await partCodec(metadata.options.format)).extension,
  )
  if (found.problem !== undefined) throw contradiction(store, manifest, found.problem)
  const isEmpty = claims?.objectCount === 0 || !metadata.options.include_data
  if (found.names.length === 0 && !isEmpty) throw contradiction(store, manifest, 'its parts are missing')
  return found.names.map((file) => ({file}))
}

async function* hashed(file: StoreReader, maker: ProofMaker, sum: IncrementalHash): AsyncGenerator<Uint8Array> {
  for await (const chunk of file.stream()) {
    maker.update(chunk)
    sum.update(chunk)
    yield chunk
  }
}

interface HashedFile {
  bytes: number
  name: string
  sum: IncrementalHash
}

function fingerprintOf(files: readonly HashedFile[]): string {
  return sha256Hex(...files.flatMap(({bytes, name, sum}) => [utf8(`${name}\n${bytes}\n`), sum.digest()]))
}

function contradiction(store: Store, {name}: Manifest, reason: string): DataOpsError {
  const path = store.describe(name)
  return new DataOpsError('BACKUP_DAMAGED', `${path} cannot be restored: ${reason}.`, {
    details: {path},
    hint: 'Put back what is missing, or use another backup.',
  })
}
