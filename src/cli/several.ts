/** Several things done by one command: what each came to, and what the whole. */
import {DataOpsError} from '../model/errors.js'
import {asTyped} from './hints.js'

/** Exit codes, the gravest first. */
const GRAVITY = [130, 1, 6, 2, 4, 5, 3, 0]

/** The gravest of several outcomes counts. */
export function exitAtLeast(code: number): void {
  const current = Number(process.exitCode ?? 0)
  process.exitCode = GRAVITY.indexOf(code) < GRAVITY.indexOf(current) ? code : current
}

/** One of several that was not done, as `--json` shows it. */
export interface LeftOut {
  /** The backup, as it was given. */
  backup?: string
  code: string
  collection?: string
  exitCode: number
  hint?: string
  message: string
}

export function leftOut(one: {backup?: string; collection?: string; error: DataOpsError}): LeftOut {
  const {code, exitCode, hint, message} = one.error
  return {
    ...(one.backup !== undefined && {backup: one.backup}),
    code,
    ...(one.collection !== undefined && {collection: one.collection}),
    exitCode,
    ...(hint !== undefined && {hint: asTyped(hint)}),
    message: asTyped(message),
  }
}

/** `what`: `NOT restored`. */
export function leftOutLines({backup, collection, hint, message}: LeftOut, what: string): string[] {
  return [`${what}: ${backup ?? collection ?? ''}: ${message}`, ...(hint === undefined ? [] : [`  ${hint}`])]
}

/** What a command is to work on. `argument`: what its names are called in its help. @throws DataOpsError INVALID_INPUT unless there are names, or `all`. */
export function namesOrAll(names: readonly string[], all: boolean | undefined, argument = 'NAME'): 'all' | string[] {
  if (all ? names.length > 0 : names.length === 0)
    throw new DataOpsError('INVALID_INPUT', all ? '--all takes no names.' : `${argument} is missing.`, {
      hint: 'Name the collections, or say --all.',
    })
  return all ? 'all' : [...names]
}
