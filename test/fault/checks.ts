/** What must hold of a folder of backups after anything. */
import {readdir} from 'node:fs/promises'
import path from 'node:path'

import {BackupCatalog, LocalStore, Verifier} from '../../src/index.js'

export interface FolderState {
  /** Listed, and good: paths. */
  good: string[]
  /** Names that are neither backups nor ours to explain. */
  left: string[]
  /** Listed, and not good: what is wrong. */
  wrong: string[]
}

/** Reads every listed backup whole, and compares it with the digest that it should have. */
export async function checkFolder(directory: string, digest: string): Promise<FolderState> {
  const store = new LocalStore(directory)
  const state: FolderState = {good: [], left: [], wrong: []}
  for (const {file, status} of await new BackupCatalog(store).list()) {
    const verification = await new Verifier({store}).verifyBackup(store.describe(file))
    const isGood =
      (status === 'sealed' || status === 'unlisted') &&
      verification.problems.length === 0 &&
      verification.digest === digest
    if (isGood) state.good.push(store.describe(file))
    else
      state.wrong.push(
        `${file} (${status}): ${verification.problems.map(({message}) => message).join('; ') || verification.digest}`,
      )
  }

  const listed = new Set(state.good.map((file) => file.slice(directory.length + 1)))
  for (const entry of await readdir(directory, {withFileTypes: true}).catch(() => [])) {
    if (listed.has(entry.name)) continue
    const isUnfinished =
      entry.isDirectory() && !(await readdir(path.join(directory, entry.name))).includes('metadata.json')
    state.left.push(isUnfinished ? `${entry.name}/` : entry.name)
  }

  return state
}

/** What a killed process may leave: unfinished files and folders with their journal and lease, temporary ones, and the catalog's own. */
export const LEFT_BY_A_KILL =
  /^(\.backup_catalog\.(json|lock\.\d+)|[A-Z]\w*_\d{4}-\d\d-\d\d_\d{6}(-\d+)?\/|.+\.partial(\.journal|\.lock\.\d+)?|\.tenants-[-\da-f]{36}\.json(\.age)?(\.lease\.\d+)?|\.elysia-[\da-f]{16}\.tmp)$/
