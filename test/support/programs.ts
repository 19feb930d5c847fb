/** Where the programs lie that tests start: they start several times faster than from their sources. */
import path from 'node:path'
import {inject} from 'vitest'

import type {Program} from './make-programs.js'

export function programFile(program: Program): string {
  return path.join(inject('programs'), `${program}.mjs`)
}
