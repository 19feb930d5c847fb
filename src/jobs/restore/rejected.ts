import type {WeaviateObject} from '../../model/object.js'
import type {Store} from '../../store/store.js'

import {hasPieces, pieceName} from '../../archive/names.js'
import {ByteBuffer} from '../../codec/byte-buffer.js'
import {concatBytes} from '../../codec/bytes.js'
import {decodeObjectLine, encodeObjectLine} from '../../codec/json/lines.js'
import {DataOpsError} from '../../model/errors.js'
import {forget, isForgotten} from '../../store/forget.js'
import {withReader} from '../../store/read-all.js'

/** Bytes of a piece, about: what a save writes at most, however much was refused before. */
const PIECE_BYTES = 4 * 1024 * 1024

interface Piece {
  bytes: number
  lines: Uint8Array[]
  /** From 1. */
  ordinal: number
  /** Bytes of it that are in the store. */
  saved: number
}

/** Objects (or their references) that the server refused, one JSON line each: `{"reason", "pass", "object"}`, in pieces that are each written as a whole. */
export class RejectedObjects {
  /** Of the lines so far. */
  #bytes = 0
  #count = 0
  #isCleared = false
  /** Those that are not in the store as they are here; the last one takes what comes. */
  #pieces: Piece[] = [{bytes: 0, lines: [], ordinal: 1, saved: 0}]
  #saving: Promise<void> = Promise.resolve()

  constructor(
    private readonly store: Store,
    private readonly name: string,
    private readonly className: string,
    /** Asked before each change in the store. @throws when the target is another's by now, and so is a file of that name. */
    private readonly fence: () => Promise<void> = async () => {},
  ) {}

  /** Added by this run. */
  get count(): number {
    return this.#count
  }

  /** Of the lines so far, earlier runs' included. */
  get bytes(): number {
    return this.#bytes
  }

  /** `onAppended` is called in the moment in which the line belongs to the file, and to `bytes`; in the store it is after `sync`. */
  async add(
    object: WeaviateObject,
    pass: 'objects' | 'references',
    reason: string,
    onAppended?: () => void,
  ): Promise<void> {
    const line = new ByteBuffer()
    line.text(`{"reason":${JSON.stringify(reason)},"pass":"${pass}","object":`)
    encodeObjectLine(object, this.className, line)
    line.text('}\n')
    const bytes = line.contents()
    const piece = this.#pieceFor(bytes.byteLength)
    piece.lines.push(bytes)
    piece.bytes += bytes.byteLength
    this.#count++
    this.#bytes += bytes.byteLength
    onAppended?.()
    if (this.#pieces.length > 1) await this.sync()
  }

  #pieceFor(bytes: number): Piece {
    const last = this.#pieces.at(-1)
    if (last && (last.bytes === 0 || last.bytes + bytes <= PIECE_BYTES)) return last
    const next = {bytes: 0, lines: [], ordinal: (last?.ordinal ?? 0) + 1, saved: 0}
    this.#pieces.push(next)
    return next
  }

  /** Puts the lines so far into the store. */
  async sync(): Promise<void> {
    // One after another: an older state must not land on a newer one.
    const saved = this.#saving.catch(() => {}).then(async () => this.#save())
    this.#saving = saved
    return saved
  }

  async #save(): Promise<void> {
    for (const piece of this.#pieces) {
      if (piece.bytes === piece.saved) continue
      // What an earlier restore left is none of this one's.
      if (!this.#isCleared) await this.#removeFrom(piece.ordinal + 1)
      this.#isCleared = true
      const bytes = concatBytes(piece.lines)
      await this.fence()
      await this.store.put(pieceName(this.name, piece.ordinal), bytes)
      piece.saved = bytes.byteLength
    }

    const last = this.#pieces.at(-1)
    this.#pieces = this.#pieces.filter((piece) => piece === last || piece.bytes !== piece.saved)
  }

  /** Forgets what an earlier run left. */
  async clear(): Promise<void> {
    await this.#removeFrom(1)
  }

  async #removeFrom(ordinal: number): Promise<void> {
    for (let each = ordinal; ; each++) {
      const entry = await this.store.stat(pieceName(this.name, each), 'file')
      if (!entry) return
      await this.fence()
      await forget(this.store, pieceName(this.name, each))
    }
  }

  /** Goes on behind the first `bytes` of what an earlier run left, all of it unless told: what follows was never said to be done. */
  async resume(bytes = Infinity): Promise<void> {
    for (let ordinal = 1; ; ordinal++) {
      const name = pieceName(this.name, ordinal)
      const entry = await this.store.stat(name, 'file')
      if (!entry || (await isForgotten(this.store, name, entry))) return
      const kept = Math.min(entry.bytes, bytes - this.#bytes)
      this.#bytes += kept
      const isWhole = kept === entry.bytes
      // A full one stays as it is, whatever its size.
      if (isWhole && kept >= PIECE_BYTES) {
        this.#pieces = [{bytes: 0, lines: [], ordinal: ordinal + 1, saved: 0}]
        continue
      }

      const lines = [await this.#read(name, kept)]
      this.#pieces = [{bytes: kept, lines, ordinal, saved: kept}]
      if (isWhole) continue
      await this.fence()
      await (kept === 0 ? forget(this.store, name) : this.store.put(name, concatBytes(lines)))
      await this.#removeFrom(ordinal + 1)
      this.#isCleared = true
      return
    }
  }

  async #read(name: string, bytes: number): Promise<Uint8Array> {
    return withReader(this.store, name, async (reader) => reader.read(0, bytes))
  }
}

export interface RejectedLine {
  object: WeaviateObject
  /** What was refused of it: itself, or its references. */
  pass: 'objects' | 'references'
  reason: string
}

/** Reads such a file back, with the pieces in which it goes on. @throws DataOpsError INVALID_INPUT naming the line that is not one. */
export async function* readRejected(store: Store, name: string): AsyncGenerator<RejectedLine> {
  for (let piece = 1; piece === 1 || hasPieces(name); piece++) {
    const key = pieceName(name, piece)
    const entry = await store.stat(key)
    if (entry ? await isForgotten(store, key, entry) : piece > 1) return
    yield* readPiece(store, key)
  }
}

async function* readPiece(store: Store, name: string): AsyncGenerator<RejectedLine> {
  const file = await store.openRead(name)
  const decoder = new TextDecoder('utf-8', {fatal: true})
  try {
    let rest = ''
    let line = 0
    const parse = (text: string): RejectedLine => {
      line++
      try {
        const {object, pass, reason} = JSON.parse(text) as {object: unknown; pass: unknown; reason: unknown}
        // The object's own text goes through the codec: it validates, and keeps vectors exact.
        const bytes = new TextEncoder().encode(objectText(text))
        if (typeof object !== 'object' || typeof reason !== 'string') throw new TypeError('not a rejected object')
        return {object: decodeObjectLine(bytes), pass: pass === 'references' ? 'references' : 'objects', reason}
      } catch (error) {
        throw new DataOpsError('INVALID_INPUT', `Line ${line} of ${store.describe(name)} is not a rejected object.`, {
          cause: error,
          hint: 'Give a .rejected.jsonl file that a restore has written.',
        })
      }
    }

    for await (const chunk of file.stream()) {
      rest += decoder.decode(chunk, {stream: true})
      const lines = rest.split('\n')
      rest = lines.pop()!
      for (const text of lines) if (text !== '') yield parse(text)
    }

    if (rest.trim() !== '') yield parse(rest)
  } finally {
    await file.close()
  }
}

/** The text of the last member of a line as `add` writes it. */
function objectText(line: string): string {
  const marker = /,"pass":"(?:objects|references)","object":/.exec(line)
  if (!marker) throw new SyntaxError('no object')
  return line.slice(marker.index + marker[0].length, -1)
}
