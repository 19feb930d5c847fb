/** One backup among those of a place. */
import path from 'node:path'

import type {BackupStatus} from './status.js'

import {DataOpsError} from '../model/errors.js'

/**
 * The one of that id, start of an id (4 characters or more), name or path; undefined when there is none.
 * @throws DataOpsError INVALID_INPUT when several ids start like that.
 */
export function findAmong<T extends {file: string; id: string; status: BackupStatus}>(
  backups: readonly T[],
  reference: string,
  describe: (file: string) => string,
): T | undefined {
  const asPath = path.resolve(reference)
  const named = backups.find(({file}) => file === reference || path.resolve(describe(file)) === asPath)
  if (named) return named
  const id = reference.toLowerCase()
  const exact = backups.filter((backup) => backup.id === id)
  // A copy of a backup has its id; the one that is listed is meant.
  if (exact.length > 0) return exact.find(({status}) => status === 'sealed') ?? exact[0]
  if (!/^[-0-9a-f]{4,}$/.test(id)) return undefined
  const matches = backups.filter((backup) => backup.id.startsWith(id))
  const ids = [...new Set(matches.map((backup) => backup.id))]
  if (ids.length > 1) {
    throw new DataOpsError('INVALID_INPUT', `${ids.length} backups have an id that starts with ${reference}.`, {
      details: {ids},
      hint: `Give more of it: ${ids.slice(0, 3).join(', ')}.`,
    })
  }

  return matches.find(({status}) => status === 'sealed') ?? matches[0]
}
