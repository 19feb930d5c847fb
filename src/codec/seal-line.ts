/** Where the seal of a document stands: in its last line, or gzip member. */
import type {ByteSource} from './codec.js'

import {locateSealMember, readStoredMember} from './gzip.js'

const FIRST_READ = 64 * 1024
const NEWLINE = 10

/** `start`: where the line, or its gzip member, starts in the file. */
export interface SealLine {
  line: Uint8Array
  start: number
}

/** What the last bytes of a file hold where a seal may stand; undefined: none of `maxBytes` at most does. */
export async function findSealLine(
  file: ByteSource,
  isCompressed: boolean,
  maxBytes = Infinity,
): Promise<SealLine | undefined> {
  const {size} = file
  if (isCompressed) {
    const place = locateSealMember(await file.read(Math.max(0, size - 4), size), size)
    if (!place || place.end - place.start > maxBytes) return undefined
    const line = readStoredMember(await file.read(place.start, place.end))
    return line && {line, start: place.start}
  }

  for (let length = FIRST_READ; ; length *= 4) {
    const from = Math.max(0, size - length)
    const tail = await file.read(from, size)
    if (tail.at(-1) !== NEWLINE) return undefined
    const before = tail.lastIndexOf(NEWLINE, -2)
    if (before !== -1) return {line: tail.subarray(before + 1), start: from + before + 1}
    if (from === 0 || length >= maxBytes) return undefined
  }
}
