/** Who can open an encrypted backup is to be able to open its copy, also where it got another key file since it was copied. */
import type {OperationOptions} from '../../model/progress.js'
import type {Store} from '../../store/store.js'

import {anewWhereGone, keyFileProblem, keyFilesOf} from '../../archive/encrypted/key-file.js'
import {putBeside} from '../../archive/locked.js'
import {readAll} from '../../store/read-all.js'
import {arrivedDamaged, type FoundBackup} from './found.js'

type BringKeysOptions = Pick<OperationOptions, 'onWarning'> & {name: string; target: Store}

/**
 * Brings key files that are newer than those of the copy. None of the copy's is removed: it may have readers of its own, and who is left
 * that the backup itself no longer has is told of (warning `other-keys`).
 * @throws DataOpsError STORAGE.
 */
export async function bringKeys(backup: FoundBackup, options: BringKeysOptions): Promise<void> {
  if (backup.cover) await anewWhereGone(async () => bring(backup, options))
}

async function bring({name: from, store}: FoundBackup, {name, onWarning, target}: BringKeysOptions): Promise<void> {
  const there = await keyFilesOf(target, name)
  const newest = there[0]?.number ?? 0
  const own = await keyFilesOf(store, from)
  const isThere = new Set(there.map((file) => file.name))
  const missing = own.filter((file) => !isThere.has(file.name))
  let brought = 0
  for (const file of missing) {
    // One that is damaged opens nothing.
    if (file.number <= newest || (await keyFileProblem(store, from, file.name)) !== undefined) continue
    await putBeside(target, `${name}/${file.name}`, await readAll(store, `${from}/${file.name}`))
    const problem = await keyFileProblem(target, name, file.name)
    if (problem !== undefined) throw arrivedDamaged({file: target.describe(`${name}/${file.name}`), message: problem})
    brought++
  }

  const isOwn = new Set(own.map((file) => file.name))
  const others = there.map((file) => file.name).filter((file) => !isOwn.has(file))
  if (others.length === 0 && brought === missing.length) return
  const where = target.describe(name)
  onWarning?.({
    code: 'other-keys',
    details: {files: others, path: where},
    message:
      brought === missing.length
        ? `Who could open ${where} before still can, by key files that the backup it was copied from no longer has. \`BackupCatalog.rekey\` there ends that.`
        : `${where} has other key files than the backup it was copied from: who can open the one need not be able to open the other.`,
  })
}
