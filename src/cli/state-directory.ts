/** Where a user's programs keep what they must remember from run to run. */
import type {Interfaces} from '@oclif/core'

import path from 'node:path'

export function stateDirectoryOf({dataDir, home}: Pick<Interfaces.Config, 'dataDir' | 'home'>): string {
  const {XDG_STATE_HOME: given} = process.env
  if (given) return path.join(given, 'elysia-data-ops')
  if (process.platform === 'win32') return path.join(dataDir, 'state')
  return path.join(home, '.local', 'state', 'elysia-data-ops')
}
