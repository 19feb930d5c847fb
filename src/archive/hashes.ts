/** Every byte of a backup against what the seal says of it. Nothing is decoded but gzip. */
import {Buffer} from 'node:buffer'
import {isDeepStrictEqual} from 'node:util'

import type {OperationOptions} from '../model/progress.js'
import type {WeaviateClass} from '../model/schema.js'
import type {Store, StoreReader} from '../store/store.js'
import type {Extent, Manifest, SealedManifest} from './manifest.js'
import type {Problem} from './problem.js'

import {toHex, utf8} from '../codec/bytes.js'
import {type BackupSeal, documentTail, parseSealLine, type SealedPart} from '../codec/document.js'
import {readStoredMember} from '../codec/gzip.js'
import {DataOpsError, throwIfAborted, throwIfOutOfMemory} from '../model/errors.js'
import {inParallel} from '../model/in-parallel.js'
import {plural} from '../model/plural.js'
import {nodePlatform, sha256Hex} from '../platform/node.js'
import {damageSaid} from '../store/damaged.js'
import {withReader} from '../store/read-all.js'
import {MAX_SEAL} from './document-source.js'
import {inflateMembers} from './gzip-members.js'
import {METADATA_FILE, SCHEMA_FILE} from './names.js'
import {partsPlace, type PartsPlace} from './parts-place.js'
import {type FileProof, type Proof, ProofMaker} from './proof.js'
import {sealContradictions} from './seal-checks.js'

/** Bytes of the document's last line before the seal at most. */
const TAIL_BYTES = 64

/** A backup as it lies in a store; an `Archive` with its store is one. */
export interface BackupFiles {
  manifest: Manifest
  store: Store
}

export interface CheckHashesOptions extends Pick<OperationOptions, 'onProgress' | 'signal'> {
  /** Checks the parts in place of this thread. */
  parts?: PartChecker
  /** Gets the hashes of the files that hold objects, for reading them again. */
  proof?: Proof
}

interface OnBytes {
  /** Is told of bytes that were hashed. */
  onBytes?: (bytes: number) => void
}

/** What was found of one part. */
export interface CheckedPart {
  problems: Problem[]
  /** Where it was asked for, and the file can be read. */
  proof?: FileProof
}

export interface CheckPartOptions extends Required<OnBytes> {
  isProven?: boolean
}

/** Parts of a backup that are checked at the same time, as `partCheckOf` does it. */
export interface PartChecker {
  atOnce: number
  /** `index`: among the parts of the seal. `isProven`: with what the file can be read again by. */
  check: (index: number, options: CheckPartOptions) => Promise<CheckedPart>
}

/**
 * Compares every byte of a backup with the hashes of its seal, and the numbers of the seal with each other. None: no byte was changed,
 * cut off or added since it was sealed.
 * @throws DataOpsError STORAGE when a file cannot be read; INTERRUPTED.
 */
export async function checkHashes(files: BackupFiles, options: CheckHashesOptions = {}): Promise<Problem[]> {
  const {manifest, store} = files
  if (!manifest.seal) return [{file: store.describe(manifest.name), message: 'It has no seal to check it by.'}]
  const sealed = manifest as SealedManifest
  const check = new HashCheck(store, sealed.seal, manifest.schema.class, options)
  check.head = sealed.head
  const document = manifest.kind === 'directory' ? `${manifest.name}/${METADATA_FILE}` : manifest.name
  await check.document(document)
  for (const message of sealContradictions(sealed)) check.add(document, message)
  if (manifest.kind === 'directory') await check.directory(sealed)
  return check.problems
}

/** The same for single parts of it. @throws DataOpsError STORAGE where they lie in an export that nobody could read. */
export function partCheckOf(
  {manifest, store}: {manifest: SealedManifest; store: Store},
  {signal}: Pick<CheckHashesOptions, 'signal'> = {},
): PartChecker['check'] {
  const {metadata, name, seal} = manifest
  const place = partsPlace(store, name, metadata)
  return async (index, {isProven, onBytes}) => {
    const proofs: Proof | undefined = isProven ? new Map() : undefined
    const check = new HashCheck(store, seal, metadata.collection, {onBytes, proof: proofs, signal})
    const part = seal.parts[index]
    if (!part) throw new TypeError(`there is no part ${index}`)
    const file = `${name}/${part.file}`
    await check.part(file, part, place)
    const proof = proofs?.get(file)
    return {problems: check.problems, ...(proof && {proof})}
  }
}

/** The same for the file that holds the head and the seal alone, whatever its head says. */
export async function checkDocument(
  {file, seal, store}: {file: string; seal: BackupSeal; store: Store},
  options: CheckHashesOptions = {},
): Promise<Problem[]> {
  const check = new HashCheck(store, seal, file, options)
  await check.document(file)
  return check.problems
}

/**
 * Makes sure that a backup is whole before anything is done with it.
 * @throws DataOpsError BACKUP_DAMAGED, with `details.problems`; STORAGE; INTERRUPTED.
 */
export async function assertWhole(files: BackupFiles, options: CheckHashesOptions = {}): Promise<void> {
  const problems = await checkHashes(files, options)
  const [first] = problems
  if (!first) return
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more problems)` : ''
  throw new DataOpsError('BACKUP_DAMAGED', `${first.file} is damaged: ${first.message}${more}`, {
    details: {path: files.store.describe(files.manifest.name), problems},
    hint: 'Use another backup. If it was changed on purpose, restore it with `acceptChanged: true`.',
  })
}

class HashCheck {
  #bytes = 0
  /** What the head was that the manifest was made of. */
  head?: Extent
  readonly problems: Problem[] = []

  constructor(
    private readonly store: Store,
    private readonly seal: BackupSeal,
    private readonly collection: string,
    private readonly options: CheckHashesOptions & OnBytes,
  ) {}

  async #checkDocument(file: string, reader: StoreReader): Promise<void> {
    const {seal} = this
    const sealed = seal.compressed ?? seal.document
    const text = new TextDigest(this.head?.bytes)
    const proof = this.options.proof && new ProofMaker(reader.size)
    const isWhole = await this.#checkBytes(file, reader, sealed, {proof, text: seal.compressed ? undefined : text})
    if (seal.compressed) {
      try {
        for await (const piece of inflateMembers(reader.stream(0, Math.min(sealed.bytes, reader.size)))) {
          throwIfAborted(this.options.signal)
          text.update(piece)
        }

        const problem = differenceFrom(text, seal.document, 'the decompressed text')
        if (problem) this.add(file, problem)
      } catch (error) {
        this.#addDamage(file, error)
      }
    }

    // In damaged text it would be a second message for the same.
    if (isWhole && !text.endsWith(documentTail(seal.object_count))) {
      this.add(file, `The line before the seal does not say that it has ${plural(seal.object_count, 'object')}.`)
    }

    if (isWhole && this.head && text.startSha256() !== this.head.sha256) {
      this.add(file, 'Its head is another than a moment ago: the file is being changed.')
    }

    if (reader.size > sealed.bytes) await this.#checkSeal(file, reader, sealed.bytes, proof)
    if (proof) this.options.proof?.set(file, proof.finish())
  }

  /** What stands behind the sealed bytes is the seal, and nothing else. */
  async #checkSeal(file: string, reader: StoreReader, start: number, proof?: ProofMaker): Promise<void> {
    const where = `Bytes ${start} to ${reader.size}`
    if (reader.size - start > MAX_SEAL) {
      this.add(file, `${where} are too many for a seal.`)
      return
    }

    const bytes = await reader.read(start, reader.size)
    proof?.update(bytes)
    this.#count(bytes.length)
    const seal = readSeal(bytes, this.seal.compressed !== undefined)
    if (!seal) this.add(file, `${where} are not a valid seal.`)
    else if (seal.checksum !== this.seal.checksum) {
      this.add(file, `${where} are another seal than a moment ago: the file is being changed.`)
    }
  }

  async #checkListing(name: string): Promise<void> {
    const {seal} = this
    const expected = new Set<string>([METADATA_FILE, SCHEMA_FILE])
    for (const {file} of seal.parts) if (file !== null) expected.add(file)
    for (const entry of await this.store.list(name)) {
      if (!expected.has(entry.name)) this.add(`${name}/${entry.name}`, 'It is not part of the backup.')
    }

    let bytes = seal.document.bytes + ((await this.store.stat(`${name}/${SCHEMA_FILE}`))?.bytes ?? 0)
    for (const part of seal.parts) bytes += part.bytes
    if (bytes !== seal.statistics.bytes) {
      this.add(`${name}/${METADATA_FILE}`, `seal.statistics.bytes is ${seal.statistics.bytes}, not ${bytes}.`)
    }
  }

  async part(file: string, part: SealedPart, {keyOf, store}: PartsPlace): Promise<void> {
    await this.#withFile(
      file,
      async (reader) => {
        const proof = this.options.proof && new ProofMaker(reader.size)
        await this.#checkBytes(file, reader, part, {proof})
        if (proof) this.options.proof?.set(file, proof.finish())
        if (reader.size > part.bytes) {
          this.add(
            file,
            `It has ${reader.size} bytes, the seal says ${part.bytes}: something was added at byte ${part.bytes}.`,
          )
        }
      },
      {key: keyOf(part.file ?? ''), store},
    )
  }

  async #checkSchema(file: string, reader: StoreReader, schema: WeaviateClass): Promise<void> {
    const {seal} = this
    const bytes = await reader.read(0, reader.size)
    this.#count(bytes.length)
    const sha256 = sha256Hex(bytes)
    if (sha256 !== seal.schema_sha256) {
      this.add(file, `The SHA-256 of bytes 0 to ${reader.size} is ${sha256}, the seal says ${seal.schema_sha256}.`)
    }

    let content: unknown
    try {
      content = JSON.parse(new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes))
    } catch (error) {
      throwIfOutOfMemory(error)
      this.add(file, 'It is not JSON.')
      return
    }

    if (!isDeepStrictEqual(content, schema)) this.add(file, 'It is not the schema that stands in the document.')
  }

  /** Hashes the first `extent.bytes` bytes of a file. Returns whether they are what was sealed. */
  async #checkBytes(
    file: string,
    reader: StoreReader,
    extent: Extent,
    {proof, text = new TextDigest()}: {proof?: ProofMaker; text?: TextDigest},
  ): Promise<boolean> {
    const end = Math.min(extent.bytes, reader.size)
    for await (const chunk of reader.stream(0, end, {isPassing: true})) {
      throwIfAborted(this.options.signal)
      text.update(chunk)
      proof?.update(chunk)
      this.#count(chunk.length)
    }

    if (reader.size < extent.bytes) {
      this.add(file, `It ends at byte ${reader.size}, of ${extent.bytes} that were sealed.`)
      return false
    }

    const problem = differenceFrom(text, extent, `bytes 0 to ${extent.bytes}`)
    if (problem) this.add(file, problem)
    return problem === undefined
  }

  /** What cannot be read because it is not there is a problem of the backup; a failing disk is an error. */
  async #withFile(
    file: string,
    check: (reader: StoreReader) => Promise<void>,
    elsewhere?: {key: string; store: Store},
  ): Promise<void> {
    const {key, store} = elsewhere ?? {key: file, store: this.store}
    const entry = await store.stat(key)
    if (entry?.kind !== 'file') {
      this.add(file, entry ? 'It is not a file.' : 'It is missing.')
      return
    }

    try {
      // An encrypted one is looked at when it is opened.
      await withReader(store, key, check)
    } catch (error) {
      this.#addDamage(file, error)
    }
  }

  #addDamage(file: string, error: unknown): void {
    if (!(error instanceof DataOpsError && error.code === 'BACKUP_DAMAGED')) throw error
    this.add(file, damageSaid(this.store.describe(file), error))
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.options.onBytes?.(bytes)
    this.options.onProgress?.({bytes: this.#bytes, collection: this.collection, completed: 0, stage: 'verify'})
  }

  add(file: string, message: string): void {
    this.problems.push({file: this.store.describe(file), message})
  }

  /** Parts, schema and listing of a directory. */
  async directory(manifest: SealedManifest): Promise<void> {
    const {name, schema, seal} = manifest
    await this.#checkListing(name)
    const onBytes = (bytes: number): void => {
      this.#count(bytes)
    }

    const {proof: proofs, signal} = this.options
    // Made in any case: an export that nobody could read is refused, whether or not it has parts.
    const check = partCheckOf({manifest, store: this.store}, {signal})
    const checker: PartChecker = this.options.parts ?? {atOnce: 1, check}
    const found = await inParallel(seal.parts.entries(), {atOnce: checker.atOnce, signal}, async ([index, {file}]) => {
      const {problems, proof} = await checker.check(index, {isProven: proofs !== undefined, onBytes})
      if (proof) proofs?.set(`${name}/${file}`, proof)
      return problems
    })
    this.problems.push(...found.flat())
    const file = `${name}/${SCHEMA_FILE}`
    await this.#withFile(file, async (reader) => this.#checkSchema(file, reader, schema))
  }

  async document(file: string): Promise<void> {
    await this.#withFile(file, async (reader) => this.#checkDocument(file, reader))
  }
}

/** Hash, length and end of a text that streams by. */
class TextDigest {
  readonly #hash = nodePlatform.createSha256()
  readonly #start = nodePlatform.createSha256()
  #hex?: string
  #tail: Uint8Array = new Uint8Array(0)
  bytes = 0

  /** `startBytes`: bytes of the start, which has a hash of its own. */
  constructor(private readonly startBytes = 0) {}

  /** Once, at the end. */
  startSha256(): string {
    return toHex(this.#start.digest())
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes)
    if (this.bytes < this.startBytes) this.#start.update(bytes.subarray(0, this.startBytes - this.bytes))
    this.bytes += bytes.length
    const joined = bytes.length >= TAIL_BYTES ? bytes : Buffer.concat([this.#tail, bytes])
    this.#tail = new Uint8Array(joined.subarray(-TAIL_BYTES))
  }

  sha256(): string {
    this.#hex ??= toHex(this.#hash.digest())
    return this.#hex
  }

  endsWith(text: string): boolean {
    const expected = utf8(text)
    return Buffer.compare(this.#tail.subarray(-expected.length), expected) === 0
  }
}

function differenceFrom(text: TextDigest, sealed: Extent, what: string): string | undefined {
  if (text.bytes !== sealed.bytes) return `The length of ${what} is ${text.bytes}, the seal says ${sealed.bytes}.`
  const sha256 = text.sha256()
  return sha256 === sealed.sha256 ? undefined : `The SHA-256 of ${what} is ${sha256}, the seal says ${sealed.sha256}.`
}

/** The seal of the last line, or the last gzip member; undefined when the bytes are anything but that. */
function readSeal(bytes: Uint8Array, isCompressed: boolean): BackupSeal | undefined {
  const line = isCompressed ? readStoredMember(bytes) : bytes
  if (!line) return undefined
  try {
    const text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(line)
    return parseSealLine(text, sha256Hex)
  } catch (error) {
    throwIfOutOfMemory(error)
    return undefined
  }
}
