/** Which server a backup is of, as one text: the same for the same address, however it was typed. */

import {isLoopback} from './loopback.js'

/** Between an address of the machine itself and that machine's name. */
const ON = ' on '
/** Characters that a terminal shows as they are; an address has no others. */
const PRINTABLE = /^[ -~]{1,2048}$/

/**
 * The address without credentials, query and fragment; one of the machine itself with that machine's name, since every machine
 * has a `localhost`. undefined: it is none of a server.
 */
export function serverText(address: string, machine: string): string | undefined {
  // Behind a space may stand which of its nodes it is.
  const [text = ''] = address.trim().split(' ', 1)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url?.hostname || !['http:', 'https:'].includes(url.protocol)) return undefined
  const host = url.hostname.replace(/\.$/, '')
  const port = url.port && `:${url.port}`
  const server = `${url.protocol}//${host}${port}${url.pathname.replace(/\/+$/, '')}`
  const whole = isOwn(host) ? `${server}${ON}${machine.toLowerCase().replaceAll(/[^\w.-]+/g, '-')}` : server
  return isServerText(whole) ? whole : undefined
}

/** Whether a file may have said so: others may write it otherwise, but nothing that a terminal obeys. */
export function isServerText(text: string): boolean {
  return PRINTABLE.test(text)
}

/** Of each machine another one, whoever it leads to. */
function isOwn(host: string): boolean {
  return (
    isLoopback(host) ||
    host.endsWith('.localhost') ||
    ['0.0.0.0', '[::]'].includes(host) ||
    /^\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\]$/.test(host)
  )
}

/** Those of `servers` that a name stands for: as they stand, without the scheme, by host and port, by the host or machine alone; the most exact alone. */
export function serversCalled(name: string, servers: readonly string[]): string[] {
  const wanted = name.toLowerCase()
  const named = servers.map((server) => ({names: namesOf(server), server}))
  for (const level of [0, 1, 2]) {
    const found = named.filter(({names}) => names[level]?.some((each) => each.toLowerCase() === wanted))
    if (found.length > 0) return found.map(({server}) => server)
  }

  return []
}

/** The shortest name that calls this one of several; undefined where no name without a slash does. */
export function shortNameOf(server: string, servers: readonly string[]): string | undefined {
  const names = namesOf(server).flat().toReversed()
  return names.find((name) => !/[/@]/.test(name) && serversCalled(name, servers).join('\n') === server)
}

/** From the most exact on. */
function namesOf(server: string): [string[], string[], string[]] {
  const [address = '', machine] = server.split(ON)
  const url = URL.canParse(address) ? new URL(address) : undefined
  return [
    [server, address, address.replace(/^https?:\/\//, '')],
    url ? [url.host] : [],
    [...(machine === undefined ? [] : [machine]), ...(url ? [url.hostname] : [])],
  ]
}
