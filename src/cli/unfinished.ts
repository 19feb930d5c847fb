/** A command that nothing will ever finish, or that code of others has ended: the program must not end as if all were well. */
import {writeSync} from 'node:fs'
import process from 'node:process'

import type {FailureDescription} from './failure.js'

import {EXIT_CODES} from '../model/errors.js'

const MESSAGE = 'The program ended before the command was done: what it should have done is not done, or not all of it.'
const HINT =
  'Look for code of your own, such as a transform or a hook, that calls process.exit, or waits for what never comes.'

/** Watches over a command until what it returns is called. `isJson`: the failure is printed as the others are. */
export function watchOver(isJson: () => boolean): () => void {
  const onExit = (code: number): void => {
    if (code !== 0) return
    process.exitCode = EXIT_CODES.UNEXPECTED
    const {UNEXPECTED: exitCode} = EXIT_CODES
    const error: FailureDescription = {code: 'UNEXPECTED', details: {}, exitCode, hint: HINT, message: MESSAGE}
    try {
      // Nothing else is written once a program ends.
      if (isJson()) writeSync(1, `${JSON.stringify({error}, null, 2)}\n`)
      else writeSync(2, `Error: ${MESSAGE}\n${HINT}\n`)
    } catch {
      // Nobody reads it any more; the exit code says it.
    }
  }

  process.on('exit', onExit)
  return () => process.off('exit', onExit)
}
