/** A restore's own words speak of a backup, which a copy has none of. */
import type {Warning} from '../../model/progress.js'

import {DataOpsError} from '../../model/errors.js'
import {OTHER_WAYS} from '../restore/begin-anew.js'

const WORDS: ReadonlyArray<[backup: RegExp, copy: string]> = [
  [/\bThe backup of\b/g, 'The collection'],
  // Values of a schema beside each other.
  [/(?<=\(|: )backup (?=[[{"\w])/g, 'source '],
  [/\bthe backup\b/g, 'the source'],
  [/\bThe backup\b/g, 'The source'],
  [/\banother backup\b/g, 'another source'],
  [/\bthe same restore\b/g, 'the same copy'],
  [/\bthis restore\b/g, 'this copy'],
  [/\bthe restore\b/g, 'the copy'],
  [/\bRestore those first\b/g, 'Copy those first'],
  [/\bRestore\b/g, 'Copy'],
  [new RegExp(OTHER_WAYS, 'g'), 'under another name, or into it with `merge: true`'],
  [/\bto restore\b/g, 'to copy'],
  [/\bor restore\b/g, 'or copy'],
]

export function inWordsOfACopy(text: string): string {
  let said = text
  for (const [backup, copy] of WORDS) said = said.replaceAll(backup, () => copy)
  return said
}

export function warningOfACopy(warning: Warning): Warning {
  return {...warning, message: inWordsOfACopy(warning.message)}
}

export function errorOfACopy(error: unknown): unknown {
  if (!(error instanceof DataOpsError)) return error
  return error.with({
    message: inWordsOfACopy(error.message),
    ...(error.hint !== undefined && {hint: inWordsOfACopy(error.hint)}),
  })
}
