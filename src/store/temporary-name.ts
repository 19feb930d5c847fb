import {randomHex} from '../platform/node.js'

const TEMPORARY = /^\.elysia-[0-9a-f]{16}\.tmp$/

/** A new name for a file that is about to be renamed to its real one. */
export function temporaryName(): string {
  return `.elysia-${randomHex(8)}.tmp`
}

/** Whether a name is one of `temporaryName`. */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name)
}
