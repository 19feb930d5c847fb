/** Turns what oclif says about wrong arguments into one sentence and a next step. */
import {DataOpsError} from '../model/errors.js'

interface ParseError extends Error {
  args?: Array<string | {description?: string; name: string}>
  flags?: string[]
}

export interface UsageContext {
  argv: readonly string[]
  /** `elysiactl col backup` */
  command: string
  /** Long names of the command's flags. */
  flagNames: readonly string[]
}

/** @param error anything thrown while arguments were parsed */
export function usageError(error: unknown, context: UsageContext): unknown {
  if (!(error instanceof Error)) return error
  if (error.name === 'DataOpsError') return error
  const {hint, message} = sentence(error, context)
  return new DataOpsError('INVALID_INPUT', message, {hint: hint ?? `See ${context.command} --help.`})
}

function sentence(error: ParseError, {argv, command, flagNames}: UsageContext): {hint?: string; message: string} {
  switch (error.constructor.name) {
    case 'NonExistentFlagsError': {
      // A value after "=" may be a secret meant for a misspelt flag.
      const flags = (error.flags ?? []).map((flag) => flag.split('=', 1)[0]!)
      const near = flags.map((flag) => nearest(flag.replace(/^-+/, ''), flagNames)).find(Boolean)
      return {
        hint: near && `Did you mean --${near}? See ${command} --help.`,
        message: `There is no flag ${flags.join(', ')}.`,
      }
    }

    case 'RequiredArgsError': {
      const names = (error.args ?? []).map((arg) => (typeof arg === 'string' ? arg : arg.name).toUpperCase())
      return {message: `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} missing.`}
    }

    case 'UnexpectedArgsError': {
      // With an unquoted `--header Name: value` the value lands here.
      const isSecret = argv.some((argument) => /^--(api-key|header)/.test(argument))
      const args = (error.args ?? []).map(String)
      const shown = isSecret ? '' : ` (${args.join(', ')})`
      return {message: `There ${args.length === 1 ? 'is an argument' : 'are arguments'} too many${shown}.`}
    }

    default: {
      return {message: plainSentence(error.message)}
    }
  }
}

function plainSentence(text: string): string {
  const plain = text
    // eslint-disable-next-line no-control-regex -- colours
    .replaceAll(/\u{1B}\[[\d;]*m/gu, '')
    .replace(/\n?See more help with --help\s*$/, '')
    .replace(/^The following errors? occurred:/, '')
    .replace(/^\s*Missing required flag ([\w-]+)$/m, '--$1 is missing')
    .replace(/^Parsing (--[\w-]+)\s*/, '$1: ')
    .replace(/^(--[\w-]+): \1/, '$1')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/^(--[\w-]+): Expected/, '$1: expected')
  return /[.!?]$/.test(plain) ? plain : `${plain}.`
}

/** The name that is at most two edits away, or that this is the beginning of. */
function nearest(name: string, names: readonly string[]): string | undefined {
  if (name.length < 3) return undefined
  const scored = names
    .map((candidate) => ({candidate, edits: candidate.startsWith(name) ? 0 : distance(name, candidate)}))
    .toSorted((a, b) => a.edits - b.edits)
  return scored[0] && scored[0].edits <= 2 ? scored[0].candidate : undefined
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let previous = Array.from({length: b.length + 1}, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1))
    }

    previous = current
  }

  return previous[b.length]!
}
