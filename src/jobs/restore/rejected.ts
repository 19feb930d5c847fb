import type {WeaviateObject} from '../../model/object.js'
import type {Store, StoreWriter} from '../../store/store.js'

import {ByteBuffer} from '../../codec/byte-buffer.js'
import {decodeObjectLine, encodeObjectLine} from '../../codec/json/lines.js'
import {DataOpsError} from '../../model/errors.js'

/** Objects (or their references) that the server refused, one JSON line each: `{"reason", "pass", "object"}`. */
export class RejectedObjects {
  readonly #name: string
  readonly #className: string
  readonly #store: Store
  /** Of the lines so far. */
  #bytes = 0
  #opening?: Promise<StoreWriter>
  #count = 0

  constructor(store: Store, name: string, className: string) {
    this.#store = store
    this.#name = name
    this.#className = className
  }

  /** Added by this run. */
  get count(): number {
    return this.#count
  }

  /** Of the lines so far, earlier runs' included. */
  get bytes(): number {
    return this.#bytes
  }

  /** Where the lines stand. */
  get path(): string {
    return this.#store.describe(this.#name)
  }

  /** `onAppended` is called in the moment in which the line belongs to the file, and to `bytes`; on the disk it is after `sync`. */
  async add(
    object: WeaviateObject,
    pass: 'objects' | 'references',
    reason: string,
    onAppended?: () => void,
  ): Promise<void> {
    const line = new ByteBuffer()
    line.text(`{"reason":${JSON.stringify(reason)},"pass":"${pass}","object":`)
    encodeObjectLine(object, this.#className, line)
    line.text('}\n')
    this.#opening ??= this.#open()
    const file = await this.#opening
    const bytes = line.contents()
    const appended = file.append([bytes])
    this.#count++
    this.#bytes += bytes.byteLength
    onAppended?.()
    await appended
  }

  /** Puts the lines so far on the disk. */
  async sync(): Promise<void> {
    await (await this.#opening)?.sync()
  }

  async close(): Promise<void> {
    const file = await this.#opening
    await file?.sync()
    await file?.close()
  }

  /** Forgets what an earlier run left. */
  async clear(): Promise<void> {
    await this.#store.remove(this.#name)
  }

  /** Goes on behind the first `bytes` of what an earlier run left, all of it unless told: what follows was never said to be done. */
  async resume(bytes = Infinity): Promise<void> {
    const entry = await this.#store.stat(this.#name)
    if (!entry) return
    this.#bytes = Math.min(bytes, entry.bytes)
    if (entry.bytes > this.#bytes) await (await this.#store.openWrite(this.#name, {resumeAt: this.#bytes})).close()
  }

  async #open(): Promise<StoreWriter> {
    const isThere = (await this.#store.stat(this.#name)) !== undefined
    return this.#store.openWrite(this.#name, isThere ? {resumeAt: this.#bytes} : {create: true})
  }
}

export interface RejectedLine {
  object: WeaviateObject
  /** What was refused of it: itself, or its references. */
  pass: 'objects' | 'references'
  reason: string
}

/** Reads such a file back. @throws DataOpsError INVALID_INPUT naming the line that is not one. */
export async function* readRejected(store: Store, name: string): AsyncGenerator<RejectedLine> {
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
