/** Turns what oclif says about wrong arguments into one sentence and a next step. */
import {DataOpsError, withContext} from '../model/errors.js'
import {meantByFlag, type TypedCommand} from './meant-flag.js'

interface ParseError extends Error {
  args?: Array<string | {description?: string; name: string}>
  flags?: string[]
}

export interface UsageContext extends TypedCommand {
  argv: readonly string[]
  /** `elysiactl col backup` */
  command: string
}

/**
 * oclif takes the value of `--dry-run=false` for an argument, and the flag for said.
 * @throws DataOpsError INVALID_INPUT for a switch that is given one.
 */
export function refuseValuesOfSwitches(
  argv: readonly string[],
  flags: Readonly<Record<string, {aliases?: string[]; type?: string}>>,
): void {
  const end = argv.indexOf('--')
  for (const argument of end === -1 ? argv : argv.slice(0, end)) {
    const [, name = '', value = ''] = /^--(?:no-)?([\w-]+)=(.*)$/s.exec(argument) ?? []
    if (flags[name]?.type !== 'boolean') continue
    const isOff = /^(?:0|false|no|off)$/i.test(value)
    throw new DataOpsError('INVALID_INPUT', `--${name} takes no value.`, {
      hint: isOff ? 'Leave the flag out.' : `Say --${name} alone.`,
    })
  }
}

/** @param error anything thrown while arguments were parsed */
export function usageError(error: unknown, context: UsageContext): unknown {
  if (!(error instanceof Error)) return error
  // What a flag's own reader throws, oclif puts its words around.
  if (error.name === 'DataOpsError')
    return error.message.startsWith('Parsing --')
      ? withContext(error as DataOpsError, {message: plainSentence(error.message)})
      : error
  const {hint, message} = sentence(error, context)
  return new DataOpsError('INVALID_INPUT', message, {hint: hint ?? `See ${context.command} --help.`})
}

function sentence(error: ParseError, context: UsageContext): {hint?: string; message: string} {
  const {argv} = context
  switch (error.constructor.name) {
    case 'NonExistentFlagsError': {
      // A value after "=" may be a secret meant for a misspelt flag.
      const flags = (error.flags ?? []).map((flag) => flag.split('=', 1)[0]!)
      const meant = flags.map((flag) => {
        const at = argv.findIndex((argument) => argument.split('=', 1)[0] === flag)
        const value = argv[argv[at]?.includes('=') ? at : at + 1]
        return meantByFlag({name: flag.replace(/^-+/, ''), value}, context)
      })
      return {hint: meant.find(Boolean), message: `There is no flag ${flags.join(', ')}.`}
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
    .replace(/^(--[\w-]+)(?:=\S*)? cannot also be provided when using (--[\w-]+)$/, '$1 and $2 cannot be said together')
    .replace(/^All of the following must be provided when using (--[\w-]+): (--[\w-]+)$/, '$1 needs $2')
  return /[.!?]$/.test(plain) ? plain : `${plain}.`
}
