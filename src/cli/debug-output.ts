import {secretsOfEnvironment} from '../config/settings.js'
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
  return [...secretsOfArguments(argv), ...secretsOfEnvironment(env)]
}
