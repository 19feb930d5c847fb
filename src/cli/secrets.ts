/** Keeps secrets out of everything that is printed. */
import {mapValues} from '../model/map-values.js'
import {isBeforeHost, secretsInUserInfo, withoutUserInfo} from '../model/user-info.js'

/** Flags whose value is a secret. */
const SECRET_FLAGS: ReadonlySet<string> = new Set(['--api-key', '--header', '--to-api-key', '--to-header'])

const MASK = '***'
/** Shorter texts are masked in arguments, but not searched for in sentences: they would hit ordinary words. */
const MIN_LENGTH = 6

/** The arguments without secret flags (their values included) and without passwords in addresses. */
export function withoutSecrets(argv: readonly string[]): string[] {
  const kept: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!
    if (argument === '--') return [...kept, ...argv.slice(index)]
    const [flag = ''] = argument.split('=', 1)
    if (SECRET_FLAGS.has(argument)) index++
    else if (!SECRET_FLAGS.has(flag)) kept.push(withoutPassword(argument))
  }

  return kept
}

/** A flag that stands in one word with its value, and that value. */
const FLAG_AND_VALUE = /^(--[\w-]+=|-[a-z]=?)?(.*)$/is
/** `--url=http://me:key@host` → `--url=http://host`; what holds no user and password stays as it is. */
function withoutPassword(argument: string): string {
  const [, flag = '', value = argument] = FLAG_AND_VALUE.exec(argument) ?? []
  return flag + withoutUserInfo(value)
}

/** Values of secret flags in the arguments, also where the rest cannot be parsed. */
export function secretsOfArguments(argv: readonly string[]): string[] {
  const secrets: string[] = []
  for (const [index, argument] of argv.entries()) {
    const [flag = '', ...inline] = argument.split('=')
    if (SECRET_FLAGS.has(flag)) {
      const value = inline.length > 0 ? inline.join('=') : (argv[index + 1] ?? '')
      secrets.push(value, value.slice(value.indexOf(':') + 1).trim())
    }

    secrets.push(...secretsInUserInfo(FLAG_AND_VALUE.exec(argument)?.[2] ?? ''))
  }

  return secrets
}

/** Replaces every secret in a text. */
export function redact(text: string, secrets: Iterable<string>): string {
  let clean = text
  // The longest first, so that one that contains another leaves nothing behind.
  const sought = [...secrets].filter((item) => item.length >= MIN_LENGTH || isBeforeHost(item))
  for (const secret of sought.toSorted((a, b) => b.length - a.length)) clean = clean.split(secret).join(MASK)
  return clean
}

/** The same for every text in a JSON-like value. */
export function redactDeep(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return redact(value, secrets)
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map((item) => redactDeep(item, secrets))
  if (value instanceof Error) return redact(value.message, secrets)
  if (typeof value === 'object' && value !== null)
    return mapValues(value as Record<string, unknown>, (member) => redactDeep(member, secrets))
  return value
}

/** A command line that a POSIX shell reads back. */
export function shellLine(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
    .join(' ')
}
