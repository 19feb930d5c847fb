import {readFile} from 'node:fs/promises'

import {unreadable} from '../store/storage-error.js'

/** PEM text. `from`: who named the file. @throws DataOpsError. */
export async function readCaFile(file: string, from: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw unreadable(error, `The CA file ${file} (from ${from})`)
  }
}
