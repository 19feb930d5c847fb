import {randomHex} from '../platform/node.js'

const TEMPORARY = /^\.elysia-[0-9a-f]{16}\.tmp$/
const UNFINISHED = '.partial'
/** What is written, and removed, to see whether a place keeps the conditions of writes. */
export const CONDITIONS_PROBE = '.elysia-conditions'

/** A new name for a file that is about to be renamed to its real one. */
export function temporaryName(): string {
  return `.elysia-${randomHex(8)}.tmp`
}

/** Whether a name is one of `temporaryName`, or what a killed run left that was looking at the place. */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name) || name === CONDITIONS_PROBE
}

/** What a file is called in a folder of a machine until it is complete. */
export function unfinishedName(key: string): string {
  return `${key}${UNFINISHED}`
}

/** The key that an unfinished file is to have; undefined for every other name. */
export function keyOfUnfinished(name: string): string | undefined {
  return name.endsWith(UNFINISHED) ? name.slice(0, -UNFINISHED.length) : undefined
}
