import type {ServerCall} from '../weaviate/connection.js'

import {secondEnvironment} from '../config/second-server.js'
import {secretsOfEnvironment} from '../config/settings.js'
import {matchesPattern} from '../model/pattern.js'
import {redact, secretsOfArguments} from './secrets.js'

const lists: Array<readonly string[]> = []

/** With DEBUG set, oclif and others print arguments and flags to stderr: from here on these secrets are masked in it. The list may grow. */
export function maskDebugOutput(secrets: readonly string[]): void {
  lists.push(secrets)
  if (lists.length > 1) return
  const write = process.stderr.write.bind(process.stderr) as (chunk: string | Uint8Array, ...rest: unknown[]) => boolean
  const masked = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
    return write(redact(text, lists.flat()), ...rest)
  }

  process.stderr.write = masked
}

/** Every secret that a command is called with, by argument or environment. */
export function secretsOfCall(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): string[] {
  return [...secretsOfArguments(argv), ...secretsOfEnvironment(env), ...secretsOfEnvironment(secondEnvironment(env))]
}

/** Whether `DEBUG` (`elysia:*`, `*,-elysia:grpc`) asks for what one part does. */
export function isDebugged(part: string, debug: string | undefined): boolean {
  const patterns = (debug ?? '').split(/[\s,]+/).filter(Boolean)
  const asks = (pattern: string): boolean => matchesPattern(part, pattern)
  if (patterns.some((pattern) => pattern.startsWith('-') && asks(pattern.slice(1)))) return false
  return patterns.some((pattern) => asks(pattern))
}

/** Prints each call to the server, without headers and bodies; undefined when nobody asks for it. */
export function callLogger(debug: string | undefined): ((call: ServerCall) => void) | undefined {
  if (!isDebugged('elysia:rest', debug) && !isDebugged('elysia:grpc', debug)) return undefined
  return ({action, bytes, ms, outcome, transport}) => {
    const part = `elysia:${transport}`
    if (!isDebugged(part, debug)) return
    const size = bytes === undefined ? '' : ` ${bytes} B`
    process.stderr.write(`${new Date().toISOString()} ${part} ${action}: ${outcome}${size} ${ms.toFixed(1)} ms\n`)
  }
}
