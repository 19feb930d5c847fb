/** Settings read from the text of a flag or an environment variable. */
import {secretsInUserInfo} from '../model/user-info.js'

/** What may be passwords in addresses; a node has two, `URL,gRPC address`. */
export function passwordsOf(addresses: readonly string[]): string[] {
  const all = new Set(addresses.flatMap((text) => [text, ...text.split(',')]))
  return [...all].flatMap((address) => secretsInUserInfo(address, {isAddress: true}))
}

/**
 * An address as `connect` takes it: with a scheme, without `/v1` and without a trailing slash. Without a scheme, local hosts, IP addresses
 * and hosts with a port are http, others, and port 443, https.
 * @throws Error when it is no http address.
 */
export function normalizeUrl(text: string, scheme?: 'https'): string {
  const trimmed = text.trim()
  const hasScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(trimmed)
  const isPlain = /^(localhost|\[|\d+\.\d+\.\d+\.\d+|[^/]*:\d+(\/|$))/i.test(trimmed)
  const isTls = !isPlain || /^[^/]*:443(\/|$)/.test(trimmed)
  const candidate = hasScheme ? trimmed : `${scheme ?? (isTls ? 'https' : 'http')}://${trimmed}`
  if (!URL.canParse(candidate) || !/^https?:\/\/[^/]/i.test(candidate))
    throw new Error('gives an address that is not http or https')
  // A mistyped scheme (`http:/me:key@host`) makes a path of the password.
  if (new URL(candidate).pathname.includes('@')) throw new Error('gives an address that is not http or https')
  return candidate.replace(/\/+$/, '').replace(/\/v1$/, '')
}

/** `Name: value` texts. @throws Error that never repeats a value. */
export function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of lines) {
    if (line.trim() === '') continue
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).trim()
    const value = line.slice(colon + 1).trim()
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || value === '') throw new Error('needs "Name: value" in one quoted text')
    headers[name] = value
  }

  return headers
}

/** Of a file that people write: without comments and empty lines. */
export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/** Seconds from text. @throws Error when it is no positive number. */
export function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds <= 0)
    throw new Error('needs a positive number of seconds')
  return seconds
}

/** @throws Error. */
export function parseBoolean(text: string): boolean {
  if (/^(1|true|yes)$/i.test(text.trim())) return true
  if (/^(0|false|no)$/i.test(text.trim())) return false
  throw new Error('needs true or false')
}

export function parsePositiveInteger(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text.trim())) throw new Error('needs a positive integer')
  return Number(text)
}
