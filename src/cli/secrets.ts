/** Keeps secrets out of everything that is printed. */
import {mapValues} from '../model/map-values.js'

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
    else if (!SECRET_FLAGS.has(flag)) kept.push(withoutUserInfo(argument))
  }

  return kept
}

/** A flag that stands in one word with its value, and that value. */
const FLAG_AND_VALUE = /^(--[\w-]+=|-[a-z]=?)?(.*)$/is
/** Places have no passwords, but for who takes them for addresses; what follows their name may hold colons and @. */
const PLACE = /^(?:az|file|gs|s3):/i
const IN_PLACE = /^((?:az|gs|s3):\/\/)([^/]*(?::.*)?)@/is
/** Up to the last @: a password may hold anything. */
const ADDRESS = /^[a-z][a-z\d+.-]*:\//i
const IN_ADDRESS = /^([a-z][a-z\d+.-]*:\/{1,2})(.*)@/is
/** Without a scheme. No path begins so, and no filter: they have slashes, spaces and quotes. */
const BEFORE_HOST = /^()([^\s"'#/=?]*:[^\s"']*)@/

/** What of a value is user and password, and what stands before them. */
function userInfoOf(value: string): undefined | {before: string; info: string} {
  const pattern = PLACE.test(value) ? IN_PLACE : ADDRESS.test(value) ? IN_ADDRESS : BEFORE_HOST
  const [, before, info] = pattern.exec(value) ?? []
  return before === undefined || info === undefined ? undefined : {before, info}
}

/** `--url=http://me:key@host` → `--url=http://host`; what holds no user and password stays as it is. */
function withoutUserInfo(argument: string): string {
  const [, flag = '', value = ''] = FLAG_AND_VALUE.exec(argument) ?? []
  const found = userInfoOf(value)
  return found ? flag + found.before + value.slice(found.before.length + found.info.length + 1) : argument
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

    // The whole of it where there is no colon: it may be a token. Of several colons one may be of a mistyped scheme.
    const {info} = userInfoOf(FLAG_AND_VALUE.exec(argument)?.[2] ?? '') ?? {}
    if (info) secrets.push(...(info.includes(':') ? endsBehindColons(info) : [info]))
  }

  return secrets
}

function endsBehindColons(text: string): string[] {
  return [...text.matchAll(/:/g)].map(({index}) => text.slice(index + 1))
}

/** Replaces every secret in a text. */
export function redact(text: string, secrets: Iterable<string>): string {
  let clean = text
  // The longest first, so that one that contains another leaves nothing behind.
  for (const secret of [...secrets].filter((item) => item.length >= MIN_LENGTH).toSorted((a, b) => b.length - a.length))
    clean = clean.split(secret).join(MASK)
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
